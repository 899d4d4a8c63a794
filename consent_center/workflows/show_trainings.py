"""Which trainings used a member's data: under which statement, in which rounds, and what it cost her privacy.

An exchange between two holders is part of a run; a run counts once, however she was in it.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from consent_center.consent.catalogue import Catalogue
from consent_center.consent.grant import YES, Act, Said, latest_choice
from consent_center.consent.scope import Item
from consent_center.storage import definitions, entries, members, runs, statements, studies, trainings
from consent_center.storage.transaction import Transaction
from consent_center.workflows._exchanged import Exchanged, exchanges_of
from federated.plan import Plan
from privacy.quantities import Cost


@dataclass(frozen=True, slots=True)
class Training:
    """One run that a member was admitted to.

    Attributes:
        items: what she had allowed for it, at the site that used her.
        under: entry of the statement that it rests on; None if none is found.
        rounds: how many rounds were settled.
        at_most: the last round that can have used her: settled before she took her yes back, or running then.
        left_at: when she took it back; None if she did not.
        cost: what the run was charged: the most that one member's privacy can have lost by it.
        outcome: how it ended; None while it has not.
        index: place of the admission in the log; None as long as it has none.
        leaf: the exact bytes of its leaf.
    """

    run: str
    title: str
    site: str
    at: datetime
    items: tuple[Item, ...]
    under: int | None
    notice: int | None
    rounds: int
    at_most: int
    left_at: datetime | None
    cost: Cost
    outcome: str | None
    index: int | None
    leaf: bytes


@dataclass(frozen=True, slots=True)
class Trainings:
    """All of them, and all exchanges, newest first, with what their runs cost together."""

    catalogue: Catalogue
    trainings: tuple[Training, ...]
    exchanges: tuple[Exchanged, ...]
    cost: Cost


def show_trainings(tx: Transaction, member: str) -> Trainings:
    """A query for `store.read`: the runs a member was admitted to.

    Raises:
        UnknownMemberError: no such member.
    """
    number = members.get(tx, member).no
    known = definitions.catalogue(tx)
    found = tuple(_training(tx, known, number, run, used) for run, used in reversed(runs.runs_of(tx, member)))
    exchanged = exchanges_of(tx, known, number)
    total = Cost.zero()
    for cost in ({one.run: one.cost for one in found} | {one.run: one.cost for one in exchanged}).values():
        total += cost
    return Trainings(known, found, exchanged, total)


def _training(tx: Transaction, known: Catalogue, number: int, run: str, used: runs.RunMember) -> Training:
    kept = runs.get(tx, run)
    study = studies.get(tx, kept.study)
    permit = json.loads(kept.permit.payload)
    admitted_at = datetime.fromisoformat(permit["issued_at"])
    items = _items(study.parsed(), used)
    said = _said(tx, known, number, items)
    choice = latest_choice([one for one in said if one.act in YES], at=admitted_at)
    left_at = min((one.at for one in said if one.at > admitted_at and _takes_away(one)), default=None)
    settled = trainings.settled_at(tx, run)
    outcome = runs.outcome(tx, run)
    entry = trainings.admission_entry(tx, run)
    versions = {number: version for (_, version), number in known.notice_numbers.items()}
    return Training(
        run=run,
        title=study.title,
        site=used.site,
        at=admitted_at,
        items=tuple(items),
        under=choice.entry if choice else None,
        notice=versions.get(choice.notice) if choice else None,
        rounds=len(settled),
        at_most=last_round(settled, left_at=left_at),
        left_at=left_at,
        cost=Cost(**permit["charge"]),
        outcome=outcome.outcome if outcome else None,
        index=None if entry is None else entries.leaf_index(tx, entry),
        leaf=b"" if entry is None else entries.leaf(tx, entry),
    )


def last_round(settled: list[datetime], *, left_at: datetime | None) -> int:
    """The last round that can have used somebody who left then: one that was settled before, or was running."""
    if left_at is None:
        return len(settled)
    return min(len(settled), sum(at <= left_at for at in settled) + 1)


def _takes_away(one: Said) -> bool:
    return one.act not in YES and one.act is not Act.RESUMED


def _said(tx: Transaction, known: Catalogue, number: int, items: list[Item]) -> list[Said]:
    numbers = [known.items[item] for item in items if item in known.items]
    found = statements.said_about(tx, [number], numbers)
    return [one for some in found.values() for one in some]


def _items(plan: Plan, used: runs.RunMember) -> list[Item]:
    return [
        Item(scope, use.purpose, used.site, plan.country)
        for place, use in enumerate(plan.uses)
        if used.uses >> place & 1
        for scope in use.scopes
    ]
