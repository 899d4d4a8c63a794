"""Whom a caller means, thousands at once: identifiers, or pseudonyms of one site, to numbers in the order asked."""

import json
from collections.abc import Sequence

from consent_center.storage.bulk import driver_of
from consent_center.storage.transaction import Transaction

_PLACED_IDENTIFIERS = "SELECT key, no FROM json_each(:asked) LEFT JOIN member ON member.member = value"
_PLACED_PSEUDONYMS = """SELECT key, member_no FROM json_each(:asked) LEFT JOIN enrolment
    ON pseudonym = unhexed(value) AND site = :site AND ended IS NULL"""
"""Left joins, so that SQLite looks each of the asked up in turn; given a set, it would sort it first."""


def numbers(tx: Transaction, references: Sequence[str], *, site: str = "") -> list[int | None]:
    """The number of each of these members, in this order; None for one who is not known.

    Args:
        tx: the transaction.
        references: identifiers, 32 hexadecimal digits each; under a site, pseudonyms of members linked there now.
        site: whose pseudonyms they are; empty if they are identifiers.
    """
    driver = driver_of(tx)
    if tx.dialect == "sqlite":
        driver.create_function("unhexed", 1, bytes.fromhex, deterministic=True)  # its own came with 3.41
        query = _PLACED_PSEUDONYMS if site else _PLACED_IDENTIFIERS
        found: list[int | None] = [None] * len(references)
        for place, number in driver.execute(query, {"asked": json.dumps(list(references)), "site": site}):
            found[place] = number
        return found
    with driver.cursor() as cursor:
        if not site:
            rows = cursor.execute("SELECT member, no FROM member WHERE member = ANY(%s)", (list(references),))
            return list(map(dict(rows.fetchall()).get, references))
        keys = [bytes.fromhex(one) for one in references]
        query = "SELECT pseudonym, member_no FROM enrolment WHERE pseudonym = ANY(%s) AND site = %s AND ended IS NULL"
        return list(map(dict(cursor.execute(query, (keys, site)).fetchall()).get, keys))
