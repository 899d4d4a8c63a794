"""Counts of acts per item, notice version and language."""

from dataclasses import dataclass

from sqlalchemy import text

from consent_center.storage.definitions import catalogue
from consent_center.storage.statements import acts_of_numbers
from consent_center.storage.transaction import Transaction

FEWEST = 20
"""Groups of fewer statements show no rates: they would tell about single members."""


@dataclass(frozen=True, slots=True)
class Rate:
    """What was said about one item under one notice version in one language.

    Attributes:
        name: item, notice, version and language, for paging.
        asked: statements that answer the question (yes, no, later); None if fewer than `FEWEST`.
        consent: share of them that are a yes; None likewise.
        withdrawal: withdrawals per yes; None likewise, or without a yes.
    """

    name: str
    item: str
    notice: str
    version: int
    language: str
    asked: int | None
    consent: float | None
    withdrawal: float | None


def of_statements(tx: Transaction) -> list[Rate]:
    """The rates of everything that was ever said, by name."""
    query = text(
        "SELECT i.item_no, d.code, d.version, s.language, i.act, count(*) FROM statement_item i"
        " JOIN statement s ON s.entry_id = i.entry_id JOIN definition d ON d.entry_id = i.notice_no"
        " GROUP BY i.item_no, d.code, d.version, s.language, i.act"
    )
    acts = acts_of_numbers()
    names = {number: str(item) for item, number in catalogue(tx).items.items()}
    counts: dict[tuple[str, str, int, str], dict[str, int]] = {}
    for item, code, version, language, act, number in tx.session.connection().execute(query):
        if item in names:
            counts.setdefault((names[item], code, version, language), {})[acts[act].value] = number
    return sorted((_rate(key, of) for key, of in counts.items()), key=lambda one: one.name)


def _rate(key: tuple[str, str, int, str], counts: dict[str, int]) -> Rate:
    item, code, version, language = key
    yes = counts.get("given", 0) + counts.get("renewed", 0)
    asked = yes + counts.get("refused", 0) + counts.get("deferred", 0)
    withdrawn = counts.get("withdrawn", 0)
    told = asked >= FEWEST
    return Rate(
        name=f"{item} {code}.{version:07d} {language}",
        item=item,
        notice=code,
        version=version,
        language=language,
        asked=asked if told else None,
        consent=yes / asked if told else None,
        withdrawal=withdrawn / yes if told and yes >= FEWEST else None,
    )
