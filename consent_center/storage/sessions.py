"""Sign-in, as rows: who is signed in where, one-time links and passkeys.

Laws: of every secret only the SHA-256 is kept; of an e-mail address only a keyed tag, so that a stolen database names
nobody; a link is used once. These rows are about browsers, not consent: they go when they have ended, without entries.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, update
from sqlmodel import Field, SQLModel, col, select

from consent_center.storage.begun import BegunRow
from consent_center.storage.columns import moment, text
from consent_center.storage.transaction import Transaction


class SessionRow(SQLModel, table=True):
    """One signed-in browser."""

    __tablename__ = "browser_session"
    fingerprint: bytes = Field(primary_key=True)
    member: str = Field(index=True)
    method: str
    signed_in_at: str
    seen_at: str
    last_visit_at: str | None = None
    acting: str | None = None


class VisitRow(SQLModel, table=True):
    """When a member was last here; outlives her sessions, so that "since your last visit" stays true."""

    __tablename__ = "last_visit"
    member: str = Field(primary_key=True)
    seen_at: str


class AddressRow(SQLModel, table=True):
    """Who receives one-time links under which address; the address itself is not kept."""

    __tablename__ = "sign_in_address"
    tag: bytes = Field(primary_key=True)
    member: str = Field(index=True)


class IdentityRow(SQLModel, table=True):
    """Who an identity provider means by a subject."""

    __tablename__ = "sign_in_identity"
    issuer: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    member: str = Field(index=True)


class LinkRow(SQLModel, table=True):
    """One one-time link; `member` is empty if nobody has the address, so that the two look the same."""

    __tablename__ = "sign_in_link"
    fingerprint: bytes = Field(primary_key=True)
    tag: bytes = Field(index=True)
    visit: bytes = Field(index=True)
    member: str | None = None
    made_at: str = Field(index=True)
    used_at: str | None = None


class PasskeyRow(SQLModel, table=True):
    """One passkey of a member, as WebAuthn names and checks it."""

    __tablename__ = "passkey"
    credential: bytes = Field(primary_key=True)
    member: str = Field(index=True)
    public_key: bytes
    sign_count: int
    label: str
    added_at: str
    used_at: str | None = None
    revoked_at: str | None = None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A signed-in browser.

    Attributes:
        method: "link", "passkey" or "oidc".
        last_visit_at: when she was last here before this sign-in; None on her first visit.
        acting: the delegation under which she looks at somebody else's pages; None for her own.
    """

    fingerprint: bytes
    member: str
    method: str
    signed_in_at: datetime
    seen_at: datetime
    last_visit_at: datetime | None
    acting: str | None


@dataclass(frozen=True, slots=True)
class Link:
    """A one-time link as it was asked for."""

    member: str | None
    visit: bytes
    made_at: datetime
    used: bool


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey, in force unless `revoked_at`."""

    credential: bytes
    member: str
    public_key: bytes
    sign_count: int
    label: str
    added_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


def add_session(tx: Transaction, fingerprint: bytes, *, member: str, method: str, at: datetime) -> None:
    """Sign a browser in; it remembers when the member was last seen anywhere."""
    before = tx.session.get(VisitRow, member)
    tx.session.add(
        SessionRow(
            fingerprint=fingerprint,
            member=member,
            method=method,
            signed_in_at=text(at),
            seen_at=text(at),
            last_visit_at=None if before is None else before.seen_at,
        )
    )
    tx.session.merge(VisitRow(member=member, seen_at=text(at)))


def session(tx: Transaction, fingerprint: bytes) -> SignedIn | None:
    """The session of a browser, ended or not, or None."""
    row = tx.session.get(SessionRow, fingerprint)
    return None if row is None else _signed_in(row)


def sessions_of(tx: Transaction, member: str) -> list[SignedIn]:
    """Every session of a member, latest first; at most 100."""
    query = select(SessionRow).where(SessionRow.member == member).order_by(col(SessionRow.seen_at).desc()).limit(100)
    return [_signed_in(row) for row in tx.session.exec(query)]


def touch_session(tx: Transaction, fingerprint: bytes, *, at: datetime) -> None:
    """Remember that the browser was just here."""
    row = tx.session.get(SessionRow, fingerprint)
    if row is not None:
        row.seen_at = text(at)
        tx.session.add(row)
        tx.session.merge(VisitRow(member=row.member, seen_at=row.seen_at))


def set_acting(tx: Transaction, fingerprint: bytes, *, delegation: str | None) -> None:
    """Let the browser look at somebody else's pages, or at her own again."""
    tx.session.exec(update(SessionRow).where(col(SessionRow.fingerprint) == fingerprint).values(acting=delegation))


def drop_session(tx: Transaction, fingerprint: bytes) -> None:
    """Sign one browser out."""
    tx.session.exec(delete(SessionRow).where(col(SessionRow.fingerprint) == fingerprint))


def drop_sessions_of(tx: Transaction, member: str, *, but: bytes | None = None) -> None:
    """Sign a member out everywhere, except for the browser she does it from."""
    query = delete(SessionRow).where(col(SessionRow.member) == member)
    tx.session.exec(query if but is None else query.where(col(SessionRow.fingerprint) != but))


def drop_ended(tx: Transaction, *, sessions_before: datetime, begun_before: datetime) -> None:
    """Forget what ended long ago: sessions not seen and beginnings not finished since then."""
    tx.session.exec(delete(SessionRow).where(col(SessionRow.seen_at) < text(sessions_before)))
    tx.session.exec(delete(LinkRow).where(col(LinkRow.made_at) < text(begun_before)))
    tx.session.exec(delete(BegunRow).where(col(BegunRow.made_at) < text(begun_before)))


def put_address(tx: Transaction, tag: bytes, *, member: str) -> None:
    """Let a member receive links under the address with this tag; it replaces whoever had it."""
    tx.session.merge(AddressRow(tag=tag, member=member))


def member_at_address(tx: Transaction, tag: bytes) -> str | None:
    """Who receives links under this address, or None."""
    row = tx.session.get(AddressRow, tag)
    return None if row is None else row.member


def put_identity(tx: Transaction, *, issuer: str, subject: str, member: str) -> None:
    """Let an identity provider's subject sign in as a member."""
    tx.session.merge(IdentityRow(issuer=issuer, subject=subject, member=member))


def member_of_identity(tx: Transaction, *, issuer: str, subject: str) -> str | None:
    """Who the subject of an identity provider is, or None."""
    row = tx.session.get(IdentityRow, (issuer, subject))
    return None if row is None else row.member


def add_link(
    tx: Transaction, fingerprint: bytes, *, tag: bytes, visit: bytes, member: str | None, at: datetime
) -> None:
    """Keep a one-time link."""
    tx.session.add(LinkRow(fingerprint=fingerprint, tag=tag, visit=visit, member=member, made_at=text(at)))


def links_since(tx: Transaction, *, since: datetime, tag: bytes | None = None, visit: bytes | None = None) -> int:
    """How many links were asked for since then for an address, or from a browser."""
    query = select(func.count()).select_from(LinkRow).where(LinkRow.made_at > text(since))
    if tag is not None:
        query = query.where(LinkRow.tag == tag)
    if visit is not None:
        query = query.where(LinkRow.visit == visit)
    return tx.session.exec(query).one()


def link(tx: Transaction, fingerprint: bytes) -> Link | None:
    """A one-time link, or None."""
    row = tx.session.get(LinkRow, fingerprint)
    if row is None:
        return None
    return Link(member=row.member, visit=row.visit, made_at=moment(row.made_at), used=row.used_at is not None)


def use_link(tx: Transaction, fingerprint: bytes, *, at: datetime) -> bool:
    """Use a link up; False if somebody else was first."""
    query = update(LinkRow).where(col(LinkRow.fingerprint) == fingerprint, col(LinkRow.used_at).is_(None))
    return bool(tx.session.exec(query.values(used_at=text(at))).rowcount)


def add_passkey(tx: Transaction, passkey: Passkey) -> None:
    """Keep a new passkey."""
    tx.session.add(
        PasskeyRow(
            credential=passkey.credential,
            member=passkey.member,
            public_key=passkey.public_key,
            sign_count=passkey.sign_count,
            label=passkey.label,
            added_at=text(passkey.added_at),
        )
    )


def passkey(tx: Transaction, credential: bytes) -> Passkey | None:
    """A passkey by its credential id, in force or revoked, or None."""
    row = tx.session.get(PasskeyRow, credential)
    return None if row is None else _passkey(row)


def passkeys_of(tx: Transaction, member: str) -> list[Passkey]:
    """Every passkey of a member, oldest first; at most 100."""
    query = select(PasskeyRow).where(PasskeyRow.member == member).order_by(col(PasskeyRow.added_at)).limit(100)
    return [_passkey(row) for row in tx.session.exec(query)]


def use_passkey(tx: Transaction, credential: bytes, *, sign_count: int, at: datetime) -> None:
    """Remember a use and the authenticator's own counter."""
    query = update(PasskeyRow).where(col(PasskeyRow.credential) == credential)
    tx.session.exec(query.values(sign_count=sign_count, used_at=text(at)))


def revoke_passkey(tx: Transaction, credential: bytes, *, member: str, at: datetime) -> bool:
    """Take a passkey out of force; False if the member has no such passkey in force."""
    query = update(PasskeyRow).where(
        col(PasskeyRow.credential) == credential, col(PasskeyRow.member) == member, col(PasskeyRow.revoked_at).is_(None)
    )
    return bool(tx.session.exec(query.values(revoked_at=text(at))).rowcount)


def _signed_in(row: SessionRow) -> SignedIn:
    return SignedIn(
        fingerprint=row.fingerprint,
        member=row.member,
        method=row.method,
        signed_in_at=moment(row.signed_in_at),
        seen_at=moment(row.seen_at),
        last_visit_at=None if row.last_visit_at is None else moment(row.last_visit_at),
        acting=row.acting,
    )


def _passkey(row: PasskeyRow) -> Passkey:
    return Passkey(
        credential=row.credential,
        member=row.member,
        public_key=row.public_key,
        sign_count=row.sign_count,
        label=row.label,
        added_at=moment(row.added_at),
        used_at=None if row.used_at is None else moment(row.used_at),
        revoked_at=None if row.revoked_at is None else moment(row.revoked_at),
    )
