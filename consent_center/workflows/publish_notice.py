"""Publish one version of a notice; from now on members can answer it."""

from datetime import datetime

from consent_center.consent.lint import lint
from consent_center.consent.notice import Notice
from consent_center.errors import NoticeHeldError
from consent_center.events import Event
from consent_center.storage import definitions, reviews
from consent_center.storage.transaction import Transaction


def publish_notice(tx: Transaction, notice: Notice, *, at: datetime) -> Notice:
    """Publish a notice. A material change sends the items it asks for back to *requested*.

    Raises:
        NoticeError: a legal field is empty, the version is not the next one, or an item could never be allowed.
        NoticeHeldError: the lint holds it back; open a review with `hold_notice`.
        UnknownDefinitionError: an item names something that is not defined.
    """
    known = definitions.catalogue(tx)
    known.check(notice)
    _, digest = definitions.written(notice)
    blocking = [finding for finding in lint(notice, known) if finding.blocks]
    review = reviews.find(tx, digest) if blocking else None
    if blocking and (review is None or not review.passed):
        raise NoticeHeldError(tuple(f"{finding.rule} {finding.where}" for finding in blocking))
    public = {"notice": notice.code, "version": notice.version, "digest": digest, "material": notice.material}
    entry = tx.append(Event.of("notice.published", public=public), at=at)
    definitions.add(tx, notice, version=notice.version, entry=entry, at=at)
    return notice
