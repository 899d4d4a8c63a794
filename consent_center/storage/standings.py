"""Which state of the tables the standings of studies follow from, as numbers that every process reads in one statement.

Law: rows of these tables are only ever added, and a later snapshot sees all that an earlier one saw; so their counts
name a state.
"""

from sqlalchemy import text

from consent_center.storage.transaction import Transaction

AROUND = ("definition", "governance", "scope_decision", "staff")
"""What all studies have in common: definitions, policy, schemas, contracts, tools, committee, accounts."""

SAID = ("study", "assessment", "approval", "study_step")
"""What is said about single studies."""


def version(tx: Transaction, tables: tuple[str, ...] = AROUND) -> tuple[int, ...]:
    """The state of these tables in this snapshot."""
    counts = ", ".join(f"(SELECT count(*) FROM {one})" for one in tables)
    return tuple(tx.session.connection().execute(text(f"SELECT {counts}")).one())
