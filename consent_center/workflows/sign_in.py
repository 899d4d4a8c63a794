"""A member signs in: by a one-time link, a passkey, or an identity provider. No passwords.

Laws: whether an address belongs to a member shows nowhere, neither in the answer nor in what is written; a link works
once, for ten minutes, in the browser that asked for it; every sign-in makes a new session under a new secret; who can
sign in as her changes only with an entry that she sees.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from consent_center.errors import RuleError
from consent_center.events import Event
from consent_center.storage import begun, members, sessions
from consent_center.storage.sessions import Passkey
from consent_center.storage.transaction import Transaction

LINK_LIVES = timedelta(minutes=10)
PENDING_LIVES = timedelta(minutes=10)
LINKS_AN_HOUR_PER_ADDRESS = 5
LINKS_AN_HOUR_PER_BROWSER = 10
PASSKEYS_MOST = 10
ANY_BROWSER = b""
"""Of a link that was handed over in person, or printed by a development server: no browser asked for it."""


class SignInError(RuleError):
    """Not signed in.

    SignInError
    ├── LinkUsedError          used already
    ├── LinkGoneError          expired, never made, or for nobody: they look the same
    ├── OtherBrowserError      opened in another browser than the one that asked
    ├── TooManyLinksError      wait an hour
    ├── PasskeyRefusedError    unknown, revoked, not fresh or not signed by its key
    ├── TooManyPasskeysError   remove one first
    └── IdentityRefusedError   the identity provider's answer cannot be believed, or nobody is known by it
    """


class LinkUsedError(SignInError):
    """The link was used already."""


class LinkGoneError(SignInError):
    """The link does not work, or not any more."""


class OtherBrowserError(SignInError):
    """The link was opened in a browser that did not ask for it."""


class TooManyLinksError(SignInError):
    """More links were asked for than are sent in an hour."""


class PasskeyRefusedError(SignInError):
    """The passkey's answer does not sign anybody in."""


class TooManyPasskeysError(SignInError):
    """The member has as many passkeys as she can have.

    Attributes:
        limit: how many.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} passkeys are in force; remove one first")
        self.limit = limit


class IdentityRefusedError(SignInError):
    """The identity provider's answer does not sign anybody in."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What a checked answer of an authenticator says: its own counter after this use."""

    sign_count: int


def ask_for_link(tx: Transaction, *, link: bytes, tag: bytes, visit: bytes, at: datetime) -> bool:
    """Keep a one-time link for an address, known or not.

    Args:
        tx: the transaction.
        link: fingerprint of the link's secret.
        tag: keyed tag of the address.
        visit: fingerprint of the browser that asks.
        at: now.

    Returns:
        Whether a mail is to be sent; the caller must not show it.

    Raises:
        TooManyLinksError: too many from this browser. Too many for one address are swallowed: saying so would tell
            a stranger that somebody uses it.
    """
    hour = at - timedelta(hours=1)
    if sessions.links_since(tx, since=hour, visit=visit) >= LINKS_AN_HOUR_PER_BROWSER:
        raise TooManyLinksError("too many links were asked for from this browser: wait an hour, or call us")
    crowded = sessions.links_since(tx, since=hour, tag=tag) >= LINKS_AN_HOUR_PER_ADDRESS
    member = None if crowded else sessions.member_at_address(tx, tag)
    sessions.add_link(tx, link, tag=tag, visit=visit, member=member, at=at)
    return member is not None


def receive_links_at(tx: Transaction, *, member: str, tag: bytes, at: datetime) -> None:
    """Let a member receive links at the address with this tag; whoever had it before no longer does, and sees it.

    Raises:
        UnknownMemberError: no such member.
    """
    before = sessions.member_at_address(tx, tag)
    if before == member:
        return
    if before is not None:
        _way_changed(tx, before, way="address", act="removed", at=at)
    _way_changed(tx, member, way="address", act="added", at=at)
    sessions.put_address(tx, tag, member=member)


def hand_out_link(tx: Transaction, *, link: bytes, member: str, at: datetime) -> None:
    """Keep a link that is handed over and not mailed; it works in the one browser that uses it first."""
    sessions.add_link(tx, link, tag=b"", visit=ANY_BROWSER, member=member, at=at)


def check_link(tx: Transaction, *, link: bytes, visit: bytes | None, at: datetime) -> str:
    """Who a link would sign in now.

    Raises:
        LinkUsedError, LinkGoneError, OtherBrowserError: nobody.
    """
    found = sessions.link(tx, link)
    if found is None or found.member is None or not found.made_at <= at < found.made_at + LINK_LIVES:
        raise LinkGoneError("this link does not work any more: ask for a new one")
    if found.visit not in (visit, ANY_BROWSER):
        raise OtherBrowserError("open the link in the browser in which you asked for it, or ask for a new one here")
    if found.used:
        raise LinkUsedError("this link was used already: ask for a new one")
    return found.member


def sign_in_by_link(tx: Transaction, *, link: bytes, visit: bytes | None, session: bytes, at: datetime) -> str:
    """Use a link up and sign its browser in.

    Raises:
        LinkUsedError, LinkGoneError, OtherBrowserError: see `check_link`.
    """
    member = check_link(tx, link=link, visit=visit, at=at)
    if not sessions.use_link(tx, link, at=at):
        raise LinkUsedError("this link was used already: ask for a new one")
    return _signed_in(tx, member, session=session, method="link", at=at)


def begin(tx: Transaction, *, holder: bytes, kind: str, payload: str, at: datetime) -> None:
    """Remember a challenge or a state that this browser must bring back within ten minutes."""
    begun.put(tx, holder, kind, payload, at=at)


def take_begun(tx: Transaction, *, holder: bytes, kind: str, at: datetime) -> str | None:
    """What this browser had begun, once; None if nothing or too long ago."""
    return _taken(tx, holder, kind, at=at)


def sign_in_by_passkey(
    tx: Transaction,
    *,
    credential: bytes,
    check: Callable[[str, Passkey], Answered],
    holder: bytes,
    session: bytes,
    at: datetime,
) -> str:
    """Sign in with a passkey.

    Args:
        tx: the transaction.
        credential: which passkey answers.
        check: verifies the answer against the challenge and the passkey; raises PasskeyRefusedError.
        holder: fingerprint of the browser that got the challenge.
        session: fingerprint of the new session's secret.
        at: now.

    Raises:
        PasskeyRefusedError: not signed in.
    """
    challenge = _taken(tx, holder, "passkey-get", at=at)
    known = sessions.passkey(tx, credential)
    if challenge is None or known is None or known.revoked_at is not None:
        raise PasskeyRefusedError("this passkey does not sign anybody in: use a link, or another passkey")
    answered = check(challenge, known)
    sessions.use_passkey(tx, credential, sign_count=answered.sign_count, at=at)
    return _signed_in(tx, known.member, session=session, method="passkey", at=at)


def add_passkey(tx: Transaction, *, make: Callable[[str], Passkey], holder: bytes, at: datetime) -> Passkey:
    """Keep a new passkey of a signed-in member.

    Raises:
        PasskeyRefusedError: the answer does not fit the challenge, or the passkey is known already.
        TooManyPasskeysError: she has as many as she can have.
    """
    challenge = _taken(tx, holder, "passkey-add", at=at)
    if challenge is None:
        raise PasskeyRefusedError("the passkey took too long: start again")
    made = replace(make(challenge), added_at=at)
    if sessions.passkey(tx, made.credential) is not None:
        raise PasskeyRefusedError("this passkey is known already: use it, or make another")
    if sum(one.revoked_at is None for one in sessions.passkeys_of(tx, made.member)) >= PASSKEYS_MOST:
        raise TooManyPasskeysError(PASSKEYS_MOST)
    _way_changed(tx, made.member, way="passkey", act="added", label=made.label, at=at)
    sessions.add_passkey(tx, made)
    return made


def sign_in_by_identity(
    tx: Transaction,
    *,
    identify: Callable[[str], tuple[str, str]],
    holder: bytes,
    session: bytes,
    at: datetime,
) -> str:
    """Sign in with what an identity provider said.

    Args:
        tx: the transaction.
        identify: checks the answer against what the browser had begun, returns issuer and subject.
        holder: fingerprint of the browser that was sent there.
        session: fingerprint of the new session's secret.
        at: now.

    Raises:
        IdentityRefusedError: the answer is not believed, or nobody is known by it.
    """
    remembered = _taken(tx, holder, "oidc", at=at)
    if remembered is None:
        raise IdentityRefusedError("the sign-in took too long, or began in another browser: start again")
    issuer, subject = identify(remembered)
    member = sessions.member_of_identity(tx, issuer=issuer, subject=subject)
    if member is None:
        raise IdentityRefusedError("nobody here is known by this sign-in: use a link first")
    return _signed_in(tx, member, session=session, method="oidc", at=at)


def _way_changed(tx: Transaction, member: str, *, way: str, act: str, label: str = "", at: datetime) -> None:
    private = {"way": way, "act": act, "label": label}
    tx.append(Event.of("sign_in.changed", private=private, member=members.get(tx, member).no), at=at)


def _taken(tx: Transaction, holder: bytes, kind: str, *, at: datetime) -> str | None:
    taken = begun.take(tx, holder, kind)
    if taken is None or not taken[1] <= at < taken[1] + PENDING_LIVES:
        return None
    return taken[0]


def _signed_in(tx: Transaction, member: str, *, session: bytes, method: str, at: datetime) -> str:
    sessions.drop_ended(tx, sessions_before=at - timedelta(days=30), begun_before=at - timedelta(days=1))
    sessions.add_session(tx, session, member=member, method=method, at=at)
    return member
