"""Publish one version of a notice; from now on members can answer it."""

from datetime import datetime

from consent_center.consent.notice import Notice
from consent_center.events import Event
from consent_center.storage import definitions
from consent_center.storage.transaction import Transaction


def publish_notice(tx: Transaction, notice: Notice, *, at: datetime) -> Notice:
    """Publish a notice. A material change sends the items it asks for back to *requested*.

    Raises:
        NoticeError: a legal field is empty, the version is not the next one, or an item could never be allowed.
        UnknownDefinitionError: an item names something that is not defined.
    """
    definitions.catalogue(tx).check(notice)
    _, digest = definitions.written(notice)
    public = {"notice": notice.code, "version": notice.version, "digest": digest, "material": notice.material}
    entry = tx.append(Event.of("notice.published", public=public), at=at)
    definitions.add(tx, notice, version=notice.version, entry=entry, at=at)
    return notice
