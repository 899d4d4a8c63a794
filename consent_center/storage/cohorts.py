"""Who may be used, at one site, for the uses of one plan.

Law: a member is in a site's cohort if and only if she is enrolled there and the single verdict allows every item of
the plan's use 0; bit i of `uses` says the same of use i.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select

from consent_center.consent.scope import Item
from consent_center.consent.verdict import verdict
from consent_center.storage import entries, runs
from consent_center.storage.bulk import chunks
from consent_center.storage.columns import from_seconds
from consent_center.storage.facts import facts_of
from consent_center.storage.members import EnrolmentRow, Member, MemberRow
from consent_center.storage.transaction import Transaction
from federated.plan import Plan


@dataclass(frozen=True, slots=True)
class Eligible:
    """A member who may be used at one site.

    Attributes:
        member: her public identifier; never leaves the consent centre.
        pseudonym, cohort_key: hers at this site.
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
    query = (
        select(MemberRow.no, MemberRow.member, MemberRow.guarded_until, EnrolmentRow.pseudonym, EnrolmentRow.cohort_key)
        .join(EnrolmentRow, col(EnrolmentRow.member_no) == col(MemberRow.no))
        .where(EnrolmentRow.site == site, col(EnrolmentRow.ended).is_(None))
        .order_by(col(MemberRow.no))
    )
    found: list[Eligible] = []
    for some in chunks(tx.session.exec(query), 5000):
        members = [Member(no, name, None if until is None else from_seconds(until)) for no, name, until, _, _ in some]
        uses = uses_now(tx, site, plan, members, at=at)
        found.extend(
            Eligible(name, pseudonym, key, uses[name]) for _, name, _, pseudonym, key in some if uses[name] & 1
        )
    return found


def uses_now(tx: Transaction, site: str, plan: Plan, members: Iterable[Member], *, at: datetime) -> dict[str, int]:
    """Member -> which of the plan's uses she allows at this site now, one bit each."""
    listed = list(members)
    items = [[Item(scope, use.purpose, site, plan.country) for scope in use.scopes] for use in plan.uses]
    allowed: set[tuple[str, Item]] = set()
    for member, item, facts in facts_of(tx, listed, (item for of_use in items for item in of_use)):
        if verdict(item, facts, at=at).allowed:
            allowed.add((member.member, item))
    return {
        member.member: sum(
            1 << index
            for index, of_use in enumerate(items)
            if of_use and all((member.member, item) in allowed for item in of_use)
        )
        for member in listed
    }


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
    taken: dict[str, list[runs.RunMember]] = {}
    for one in runs.members(tx, run):
        taken.setdefault(one.site, []).append(one)
    removed: dict[str, list[bytes]] = {}
    for site, used in taken.items():
        linked = _linked(tx, site)
        present = [linked[one.pseudonym] for one in used if one.pseudonym in linked]
        uses = uses_now(tx, site, plan, present, at=at)
        gone = [
            one.pseudonym
            for one in used
            if one.pseudonym not in linked or one.uses & ~uses[linked[one.pseudonym].member]
        ]
        if gone:
            removed[site] = gone
    return removed


def _linked(tx: Transaction, site: str) -> dict[bytes, Member]:
    query = (
        select(EnrolmentRow.pseudonym, MemberRow.no, MemberRow.member, MemberRow.guarded_until)
        .join(MemberRow, col(MemberRow.no) == col(EnrolmentRow.member_no))
        .where(EnrolmentRow.site == site, col(EnrolmentRow.ended).is_(None))
    )
    return {
        pseudonym: Member(no, name, None if until is None else from_seconds(until))
        for pseudonym, no, name, until in tx.session.exec(query)
    }
