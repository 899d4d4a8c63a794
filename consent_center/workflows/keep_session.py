"""A signed-in browser comes back, acts for somebody, or leaves.

Laws: a session ends 30 minutes after the member was last seen and 8 hours after she signed in, whichever is first;
"sign out everywhere" ends all of them at once; a revoked passkey signs nobody in, and she sees that it was revoked;
acting for somebody ends with the delegation.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from consent_center.consent.delegation import Delegation, check_actor
from consent_center.consent.grant import MEMBER, Actor, ActorKind
from consent_center.errors import ActorError
from consent_center.events import Event
from consent_center.storage import delegations, members, sessions
from consent_center.storage.sessions import Passkey, SignedIn
from consent_center.storage.transaction import Transaction

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=8)
TOUCH_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class InForce:
    """A session in force.

    Attributes:
        member: whose pages are shown: her own, or those of whom she acts for.
        actor: as whom she speaks there.
    """

    session: SignedIn
    member: str
    actor: Actor


def session_in_force(tx: Transaction, *, fingerprint: bytes, at: datetime) -> InForce | None:
    """The session of a browser if it has not ended, else None."""
    found = sessions.session(tx, fingerprint)
    if found is None or at >= found.seen_at + IDLE or at >= found.signed_in_at + ABSOLUTE:
        return None
    if found.acting is not None:
        held = delegations.find(tx, [found.acting]).get(found.acting)
        if held is not None and held.delegate == found.member and held.window.holds(at):
            return InForce(found, held.member, Actor(ActorKind(held.kind.value), held.id))
    return InForce(found, found.member, MEMBER)


def touch_session(tx: Transaction, *, fingerprint: bytes, at: datetime) -> None:
    """The browser was here; called with every form, else at most once a minute, as a write costs more than a page."""
    sessions.touch_session(tx, fingerprint, at=at)


def act_for(tx: Transaction, *, session: SignedIn, delegation: str | None, at: datetime) -> None:
    """Look at the pages of somebody who let her, or at her own again.

    Raises:
        ActorError: she may not act for anybody under this delegation now.
    """
    if delegation is not None:
        held = delegations.find(tx, [delegation]).get(delegation)
        if held is None or held.delegate != session.member:
            raise ActorError("nobody let you act under this delegation: see your family page")
        actor = Actor(ActorKind(held.kind.value), held.id)
        until = members.get(tx, held.member).guarded_until
        check_actor(actor, held, member=held.member, guarded_until=until, at=at)
    sessions.set_acting(tx, session.fingerprint, delegation=delegation)


def family_of(tx: Transaction, *, member: str) -> tuple[list[Delegation], list[Delegation]]:
    """For whom a member may speak, and who may speak for her; ended ones included."""
    number = members.get(tx, member).no
    return delegations.of_delegate(tx, member), delegations.of_members(tx, [number]).get(number, [])


def sign_out(tx: Transaction, *, fingerprint: bytes) -> None:
    """End the session of this browser."""
    sessions.drop_session(tx, fingerprint)


def sign_out_everywhere(tx: Transaction, *, member: str, but: bytes | None = None) -> None:
    """End every session of a member, except the one she does it from if she wants to stay here."""
    sessions.drop_sessions_of(tx, member, but=but)


def sign_in_ways(tx: Transaction, *, member: str) -> tuple[list[SignedIn], list[Passkey]]:
    """Where a member is signed in, and with which passkeys she can."""
    return sessions.sessions_of(tx, member), sessions.passkeys_of(tx, member)


def revoke_passkey(tx: Transaction, *, credential: bytes, member: str, at: datetime) -> bool:
    """Take one of her passkeys out of force and end what it may have signed in; False if she has no such passkey."""
    known = sessions.passkey(tx, credential)
    revoked = sessions.revoke_passkey(tx, credential, member=member, at=at)
    if revoked:
        private = {"way": "passkey", "act": "removed", "label": "" if known is None else known.label}
        tx.append(Event.of("sign_in.changed", private=private, member=members.get(tx, member).no), at=at)
        for one in sessions.sessions_of(tx, member):
            if one.method == "passkey":
                sessions.drop_session(tx, one.fingerprint)
    return revoked
