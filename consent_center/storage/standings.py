"""Which state of the tables the standings of studies follow from, as numbers that every process reads in one statement.

Law: rows of these tables are only ever added, and a later snapshot sees all that an earlier one saw; so their counts
name a state.
"""

from datetime import datetime

from sqlalchemy import text

from consent_center.storage import columns
from consent_center.storage.transaction import Transaction

Said = tuple[int, ...]
"""How many assessments, answers and steps of one study there are."""

AROUND = ("definition", "governance", "scope_decision", "staff")
"""What all studies have in common: definitions, policy, schemas, contracts, tools, committee, accounts."""

SAID = ("study", "assessment", "approval", "study_step")
"""What is said about single studies."""


def version(tx: Transaction, tables: tuple[str, ...] = AROUND) -> tuple[int, ...]:
    """The state of these tables in this snapshot."""
    counts = ", ".join(f"(SELECT count(*) FROM {one})" for one in tables)
    return tuple(tx.session.connection().execute(text(f"SELECT {counts}")).one())


def said(tx: Transaction, *, at: datetime) -> dict[str, Said]:
    """Study -> the state of what was said about it, for every study whose closing date lies ahead, oldest first."""
    of_study = ", ".join(f"(SELECT count(*) FROM {one} WHERE study = s.id)" for one in SAID if one != "study")
    query = text(f"SELECT s.id, {of_study} FROM study s WHERE s.closes_at > :at ORDER BY s.filed_at, s.id")
    return {row[0]: tuple(row[1:]) for row in tx.session.connection().execute(query, {"at": columns.text(at)})}
