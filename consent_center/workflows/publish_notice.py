"""Publish one version of a notice; from now on members can answer it."""

from datetime import datetime

from consent_center.consent.lint import lint
from consent_center.consent.notice import Notice
from consent_center.errors import NoticeError, NoticeHeldError
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
    return _publish(tx, notice, at=at)


def publish_reviewed(tx: Transaction, digest: str, *, at: datetime) -> Notice:
    """Publish a held notice exactly as a reviewer let it through.

    Raises:
        NoticeError: nobody let it through, its day has passed, or it is not the next version any more.
        NoticeHeldError: a reviewer has not let it through.
    """
    body = reviews.body(tx, digest)
    if not body:
        raise NoticeError("no such notice was held: hand it to a reviewer first")
    notice = definitions.notice_of(body)
    if notice.published_at < at:
        raise NoticeError("the day on which it was to take effect has passed: hand it to a reviewer again")
    return _publish(tx, notice, at=at)


def _publish(tx: Transaction, notice: Notice, *, at: datetime) -> Notice:
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
