"""Whom each site of a run may have used in a round, from the cohort that was signed and the statements that were.

The same rule that the site applied (`federated.used`), on the bytes that the site was sent: what comes out must be what
the site says it used, to the bit.
"""

from collections.abc import Set
from typing import Any

from consent_center.storage import links, runs
from consent_center.storage.transaction import Transaction
from federated.cohort import Cohort, members_digest, parse_header
from federated.linkage.tokens import pseudonyms_in
from federated.models.model import Exchange
from federated.models.registry import exchanges
from federated.plan import Plan, parts_of
from federated.used import used_members

_KEPT_WARM = 24


def digest_of(tx: Transaction, run: str, plan: Plan, *, site: str, number: int, removed: Set[bytes]) -> tuple[str, int]:
    """The digest of the members whom a round may use at one site, and how many they are.

    Kept warm, because round follows round with nobody removed: nothing it is made of ever changes.

    Args:
        tx: the transaction.
        run: an admitted run.
        plan: its plan.
        site: one of its sites.
        number: of the round, 1 to the plan's last.
        removed: pseudonyms that the statements named so far.
    """
    exchange = exchanges(plan)[number - 1]
    known = (run, site, exchange.release.part, exchange.release.kind, frozenset(removed))
    warm: dict[Any, tuple[str, int]] = tx.warm.setdefault("used-members", {})
    if known not in warm:
        of = _linked if exchange.release.kind == "exchange" else _of_cohort
        members = of(tx, run, plan, exchange, site, removed)
        while len(warm) >= _KEPT_WARM:
            warm.pop(next(iter(warm)))
        warm[known] = members_digest(members), len(members)
    return warm[known]


def _of_cohort(
    tx: Transaction, run: str, plan: Plan, exchange: Exchange, site: str, removed: Set[bytes]
) -> tuple[bytes, ...]:
    header, body = runs.cohorts(tx, run)[site]
    cohort = Cohort(parse_header(header.payload), body)
    return used_members(
        plan,
        exchange,
        pseudonyms=cohort.pseudonyms,
        uses=cohort.uses,
        parts=parts_of(plan, run, cohort.pseudonyms),
        removed=removed,
    )


def _linked(tx: Transaction, run: str, plan: Plan, _: Exchange, site: str, removed: Set[bytes]) -> tuple[bytes, ...]:
    """Everybody on the site's lists of link tokens who was not removed."""
    lists = [links.find(tx, run, pairing) for pairing in plan.pairings if site in (pairing.holder, pairing.helper)]
    listed = {own for one in lists if one is not None for own in pseudonyms_in(one.of_site[site][1])}
    return tuple(listed - removed)
