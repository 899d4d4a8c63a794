"""Who may be used, at one site, for the uses of one plan.

Law: a member is in a site's cohort if and only if she is enrolled there and the single verdict allows every item of
the plan's use 0; bit i of `uses` says the same of use i.

Whole cohorts are answered from packed bits of what is committed; members that this very transaction touched, or who
spoke after the moment that is asked about, are answered by single verdicts.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyroaring import BitMap
from sqlmodel import col, func, select

from consent_center.consent.scope import Item
from consent_center.consent.verdict import verdict
from consent_center.storage import bits, entries, members, runs
from consent_center.storage.facts import facts_of
from consent_center.storage.members import EnrolmentRow, MemberRow
from consent_center.storage.transaction import Transaction
from federated.cohort import unpack
from federated.plan import Plan

_RUNS_KEPT_WARM = 8


@dataclass(frozen=True, slots=True)
class Eligible:
    """A member who may be used at one site.

    Attributes:
        member: her public identifier; never leaves the consent centre.
        pseudonym: hers at this site, 16 bytes.
        cohort_key: hers at this site, 32 bytes.
        uses: bit i is set if every item of the plan's use i is allowed; bit 0 always is.
    """

    member: str
    pseudonym: bytes
    cohort_key: bytes
    uses: int


def current_epoch(tx: Transaction) -> int:
    """The number of the consent state: a cohort of epoch E saw everything whose entry number is below E."""
    return entries.last_id(tx) + 1


def cohort_members(tx: Transaction, site: str, plan: Plan, *, at: datetime) -> list[Eligible]:
    """The members of a site who may be used for the plan's use 0, with the other uses they allow."""
    uses = uses_at(tx, site, plan, at=at)
    query = (
        select(MemberRow.no, MemberRow.member, EnrolmentRow.pseudonym, EnrolmentRow.cohort_key)
        .join(EnrolmentRow, col(EnrolmentRow.member_no) == col(MemberRow.no))
        .where(EnrolmentRow.site == site, col(EnrolmentRow.ended).is_(None))
    )
    found = []
    for number, member, pseudonym, key in tx.session.connection().execute(query):
        allowed = uses(number)
        if allowed & 1:
            found.append(Eligible(member, pseudonym, key, allowed))
    return found


def removed_since(tx: Transaction, run: str, plan: Plan, *, since: int, at: datetime) -> dict[str, list[bytes]]:
    """Site -> pseudonyms of the run's members who allow less now than when the run was admitted.

    Args:
        tx: the transaction.
        run: the run.
        plan: its plan.
        since: the epoch of its admission.
        at: now; a yes that has expired since is a removal too.
    """
    del since  # expiries and contracts change without an entry, so all members are looked at
    removed: dict[str, list[bytes]] = {}
    for site, cohort in _cohorts_of(tx, run).items():
        linked = _linked(tx, run, site, cohort)
        uses = uses_at(tx, site, plan, at=at)
        if uses.members is None:
            gone = {number for number, pseudonym in linked.items() if cohort[pseudonym] & ~uses(number)}
        else:
            taken = _taken(tx, run, site, cohort, linked)
            gone = set(BitMap.union(BitMap(), *(of_use - uses.members[index] for index, of_use in taken.items())))
        left = cohort.keys() - linked.values() | {linked[number] for number in gone}
        if left:
            removed[site] = sorted(left)
    return removed


def _cohorts_of(tx: Transaction, run: str) -> dict[str, dict[bytes, int]]:
    """Site -> pseudonym -> uses, exactly as signed; it never changes, so it is kept warm."""
    warm = _warm_run(tx, run)
    if "signed" not in warm:
        warm["signed"] = {
            site: {one.pseudonym: one.uses for one in unpack(body)} for site, (_, body) in runs.cohorts(tx, run).items()
        }
    signed: dict[str, dict[bytes, int]] = warm["signed"]
    return signed


def _linked(tx: Transaction, run: str, site: str, cohort: dict[bytes, int]) -> dict[int, bytes]:
    """Number -> pseudonym of the cohort's members who are still linked at the site; all others are removed.

    Read again only if a link of the site was made, ended or erased since: then its count or its last entry differs.
    """
    now = tx.session.exec(
        select(func.count(), func.max(EnrolmentRow.entry_id)).where(
            EnrolmentRow.site == site, col(EnrolmentRow.ended).is_(None)
        )
    ).one()
    warm = _warm_run(tx, run)
    seen, linked = warm.get(("linked", site), (None, {}))
    if seen != tuple(now):
        query = select(EnrolmentRow.member_no, EnrolmentRow.pseudonym).where(
            EnrolmentRow.site == site, col(EnrolmentRow.ended).is_(None)
        )
        linked = {number: pseudonym for number, pseudonym in tx.session.exec(query) if pseudonym in cohort}
        warm["linked", site] = tuple(now), linked
        warm.pop(("taken", site), None)
    return dict(linked)


def _taken(
    tx: Transaction, run: str, site: str, cohort: dict[bytes, int], linked: dict[int, bytes]
) -> dict[int, BitMap]:
    """Use -> the numbers of the linked members who allowed it at admission."""
    warm = _warm_run(tx, run)
    if ("taken", site) not in warm:
        used = {number: cohort[pseudonym] for number, pseudonym in linked.items()}
        warm["taken", site] = {
            index: BitMap([number for number, uses in used.items() if uses >> index & 1]) for index in range(8)
        }
    taken: dict[int, BitMap] = warm["taken", site]
    return {index: numbers for index, numbers in taken.items() if numbers}


def _warm_run(tx: Transaction, run: str) -> dict[Any, Any]:
    kept: dict[str, dict[Any, Any]] = tx.warm.setdefault("run-cohorts", {})
    if run not in kept:
        while len(kept) >= _RUNS_KEPT_WARM:
            kept.pop(next(iter(kept)))
        kept[run] = {}
    return kept[run]


@dataclass(frozen=True, slots=True)
class Uses:
    """A member's number -> the plan's uses that she allows, one bit each, or of any lists of items.

    Attributes:
        members: use -> everybody who allows it; None if single verdicts answer.
    """

    answer: Callable[[int], int]
    members: list[BitMap] | None = None

    def __call__(self, number: int) -> int:
        """The uses of one member."""
        return self.answer(number)


def uses_at(tx: Transaction, site: str, plan: Plan, *, at: datetime) -> Uses:
    """What members allow of the plan's uses at this site now."""
    return allowing(tx, items_of(plan, site), at=at)


def allowing(tx: Transaction, wanted: list[list[Item]], *, at: datetime) -> Uses:
    """Which of these lists of items each member allows now, every item of it."""
    flat = list(dict.fromkeys(item for of_use in wanted for item in of_use))
    warm = bits.fresh(tx, flat, at=at)
    with warm.lock:
        later = warm.bits.later(flat, at=at)
        if later is None:
            return Uses(_one_by_one(tx, wanted, None, at=at))
        allowed = [warm.bits.allowed_all(of_use, at=at) for of_use in wanted]
        own = later | (bits.touched_since(tx, warm.mark) if tx.writing else set())
    if own:
        single, mine = _one_by_one(tx, wanted, own, at=at), BitMap(own)
        for index, of_use in enumerate(allowed):
            allowed[index] = of_use - mine | BitMap([one for one in own if single(one) >> index & 1])

    def uses(number: int) -> int:
        return sum(1 << index for index, of_use in enumerate(allowed) if number in of_use)

    return Uses(uses, allowed)


def items_of(plan: Plan, site: str) -> list[list[Item]]:
    """The items that each of a plan's uses rests on at a site."""
    return [[Item(scope, use.purpose, site, plan.country) for scope in use.scopes] for use in plan.uses]


def _one_by_one(
    tx: Transaction, wanted: list[list[Item]], numbers: Iterable[int] | None, *, at: datetime
) -> Callable[[int], int]:
    """The same answer by single verdicts, for these members, or for all if None."""
    listed = members.by_number(tx, numbers)
    flat = list(dict.fromkeys(item for of_use in wanted for item in of_use))
    allowed = {
        (member.no, item) for member, item, facts in facts_of(tx, listed, flat) if verdict(item, facts, at=at).allowed
    }

    def uses(number: int) -> int:
        return sum(
            1 << index
            for index, of_use in enumerate(wanted)
            if of_use and all((number, item) in allowed for item in of_use)
        )

    return uses


def count_allowed(tx: Transaction, site: str, items: Sequence[Item], *, at: datetime) -> int:
    """How many members linked at a site allow all of these items."""
    warm = bits.fresh(tx, items, at=at)
    with warm.lock:
        allowed = warm.bits.allowed_all(list(items), at=at)
    linked = select(EnrolmentRow.member_no).where(EnrolmentRow.site == site, col(EnrolmentRow.ended).is_(None))
    return len(allowed & BitMap(list(tx.session.exec(linked))))
