"""Which studies concern a site: read from their plans, which never change, and so kept by each process for ever."""

from collections.abc import Collection

from sqlmodel import col, select

from consent_center.storage import studies
from consent_center.storage.studies import StudyRow
from consent_center.storage.transaction import Transaction

_KEY = "studies/sites"


def concerning(tx: Transaction, sites: Collection[str]) -> frozenset[str]:
    """The studies whose plan runs at one of these sites, or is helped by one."""
    kept: dict[str, frozenset[str]] = {} if tx.writing else tx.warm.setdefault(_KEY, {})
    names = list(tx.session.exec(select(col(StudyRow.id))))
    if new := [name for name in names if name not in kept]:
        kept |= {one.id: frozenset(one.parsed().concerned) for one in studies.some(tx, new)}
    return frozenset(name for name in names if not kept[name].isdisjoint(sites))
