"""Somebody is allowed to speak for a member, on evidence, for a time; and that ends."""

from dataclasses import asdict
from datetime import datetime

from consent_center.consent.delegation import Delegation, DelegationKind
from consent_center.consent.grant import whole_second
from consent_center.errors import ActorError
from consent_center.events import Event
from consent_center.storage import delegations, members
from consent_center.storage.columns import seconds
from consent_center.storage.transaction import Transaction


def delegate(
    tx: Transaction,
    member: str,
    *,
    kind: DelegationKind,
    to: str,
    evidence: str,
    ends: datetime,
    at: datetime,
) -> Delegation:
    """Let somebody speak for a member.

    Args:
        tx: the transaction.
        member: for whom.
        kind: delegate or guardian.
        to: identifier of the person.
        evidence: SHA-256 of the document that shows it, hexadecimal.
        ends: until when.
        at: now.

    Raises:
        UnknownMemberError: no such member.
        ActorError: no evidence, no other person, no end, or a guardian for somebody who needs none.
    """
    known = members.get(tx, member)
    made = Delegation(members.new_identifier(), member, kind, to, evidence, whole_second(at), whole_second(ends))
    if kind is DelegationKind.GUARDIAN and (known.guarded_until is None or at >= known.guarded_until):
        raise ActorError("this member decides for herself: she may name a delegate instead")
    private = {name: str(value) for name, value in asdict(made).items()}
    entry = tx.append(Event.of("delegation.given", private=private, member=known.no), at=at)
    delegations.add(tx, made, member_no=known.no, entry=entry)
    return made


def show_delegations(tx: Transaction, member: str) -> list[Delegation]:
    """A query for `store.read`: every delegation about a member, ended ones included, oldest first.

    Raises:
        UnknownMemberError: no such member.
    """
    number = members.get(tx, member).no
    return delegations.of_members(tx, [number]).get(number, [])


def end_delegation(tx: Transaction, delegation: str, *, member: str | None = None, at: datetime) -> None:
    """Take a delegation back; nothing can be said under it any more, and a guardian's yes no longer counts.

    Args:
        tx: the transaction.
        delegation: its identifier.
        member: about whom it must be; None if the caller knows.
        at: now.

    Raises:
        ActorError: no such delegation, or it was taken back already.
    """
    made = delegations.find(tx, [delegation]).get(delegation)
    if made is None or made.ended_at is not None or member not in (None, made.member):
        raise ActorError("no such delegation, or it was taken back already")
    number = members.get(tx, made.member).no
    entry = tx.append(Event.of("delegation.ended", private={"delegation": delegation}, member=number), at=at)
    delegations.end(tx, delegation, at=seconds(at), entry=entry)
