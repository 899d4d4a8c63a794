"""Which exchanges between two holders a member was part of: under which two yeses, and what crossed about her.

Not a workflow itself: her trainings and the copy of what is held about her share it.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from consent_center.consent.catalogue import Catalogue
from consent_center.consent.grant import YES, Act, Said, latest_choice
from consent_center.consent.scope import Item
from consent_center.storage import entries, links, runs, statements, studies
from consent_center.storage.columns import EntryId
from consent_center.storage.transaction import Transaction
from federated.linkage.pairing import Pairing
from federated.linkage.randomised import Exchange
from federated.plan import Plan
from federated.plan_exchange import numbers_of
from privacy.quantities import Cost


@dataclass(frozen=True, slots=True)
class Exchanged:
    """One list of link tokens that a member was on.

    Attributes:
        run: for which run it was issued.
        title: of the study.
        pairing: who asked, who helped, for which linkage, in which quarter.
        at: when it was issued.
        at_holder, at_helper: what she had allowed at either end.
        under: entries of the statements it rests on, at the holder and at the helper.
        left_at: when she took either of them back; None if she did not.
        numbers: how what crossed was randomised; None if nothing crossed, and answers of an earlier run were read.
        cost: what the whole run was charged.
        index: place of the issue in the log; None as long as it has none.
        leaf: the exact bytes of its leaf.
    """

    run: str
    title: str
    pairing: Pairing
    at: datetime
    at_holder: tuple[Item, ...]
    at_helper: tuple[Item, ...]
    under: tuple[int, ...]
    left_at: datetime | None
    numbers: Exchange | None
    cost: Cost
    index: int | None
    leaf: bytes

    @property
    def name(self) -> str:
        """By what it is listed."""
        return f"{self.run}-{self.pairing.helper}"


def exchanges_of(tx: Transaction, known: Catalogue, number: int) -> tuple[Exchanged, ...]:
    """Every exchange of a member, newest first."""
    return tuple(_exchanged(tx, known, number, *one) for one in reversed(links.of_member(tx, number)))


def _exchanged(tx: Transaction, known: Catalogue, number: int, run: str, pairing: Pairing, entry: EntryId) -> Exchanged:
    kept = runs.get(tx, run)
    study = studies.get(tx, kept.study)
    permit = json.loads(kept.permit.payload)
    plan, at = study.parsed(), datetime.fromisoformat(permit["issued_at"])
    ends = [_items(known, pairing, site, plan.country) for site in (pairing.holder, pairing.helper)]
    said = [_said(tx, known, number, items) for items in ends]
    rests_on = [latest_choice([one for one in some if one.act in YES], at=at) for some in said]
    later = [one for some in said for one in some if one.at > at]
    left = [one.at for one in later if one.act not in YES and one.act is not Act.RESUMED]
    return Exchanged(
        run=run,
        title=study.title,
        pairing=pairing,
        at=at,
        at_holder=ends[0],
        at_helper=ends[1],
        under=tuple(one.entry for one in rests_on if one is not None),
        left_at=min(left, default=None),
        numbers=_numbers(plan, pairing),
        cost=Cost(**permit["charge"]),
        index=entries.leaf_index(tx, entry),
        leaf=entries.leaf(tx, entry),
    )


def _items(known: Catalogue, pairing: Pairing, site: str, country: str) -> tuple[Item, ...]:
    wanted = (pairing.purpose, site, country)
    return tuple(sorted(item for item in known.items if (item.purpose, item.recipient, item.country) == wanted))


def _said(tx: Transaction, known: Catalogue, number: int, items: tuple[Item, ...]) -> list[Said]:
    found = statements.said_about(tx, [number], [known.items[item] for item in items])
    return [one for some in found.values() for one in some]


def _numbers(plan: Plan, pairing: Pairing) -> Exchange | None:
    helpers = [one for one in plan.helpers if one.site == pairing.helper]
    return numbers_of(plan.releases, helpers[0]) if helpers and plan.releases_of("exchange") else None
