"""The staff: who is here in which roles, and how they sign in, as rows.

Laws: an account is a list of versions of which the newest counts, each with its entry; of every secret only the
SHA-256 is kept; a sign-in link works once.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, update
from sqlmodel import Field, SQLModel, col, select

from consent_center.storage.columns import EntryId, EntryRef, moment, text
from consent_center.storage.transaction import Transaction
from consent_center.studies.errors import UnknownPersonError
from consent_center.studies.person import Person, StandIn
from consent_center.studies.roles import Role


class StaffRow(SQLModel, table=True):
    """One version of one account."""

    __tablename__ = "staff"
    id: int | None = Field(default=None, primary_key=True)
    person: str = Field(index=True)
    name: str
    organisation: str
    roles: str
    site: str
    ends_at: str | None
    entry_id: EntryRef


class StaffSessionRow(SQLModel, table=True):
    """One signed-in browser of the staff."""

    __tablename__ = "staff_session"
    fingerprint: bytes = Field(primary_key=True)
    person: str = Field(index=True)
    method: str
    signed_in_at: str
    seen_at: str


class StaffLinkRow(SQLModel, table=True):
    """One one-time link, printed where the service was started."""

    __tablename__ = "staff_link"
    fingerprint: bytes = Field(primary_key=True)
    person: str
    made_at: str
    used_at: str | None = None


class StaffIdentityRow(SQLModel, table=True):
    """Who an identity provider means by a subject."""

    __tablename__ = "staff_identity"
    issuer: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    person: str = Field(index=True)


class StandInRow(SQLModel, table=True):
    """Somebody answers in a reviewer's role while she is away."""

    __tablename__ = "stand_in"
    id: int | None = Field(default=None, primary_key=True)
    reviewer: str = Field(index=True)
    role: str
    stand_in: str = Field(index=True)
    begins: str
    ends: str
    entry_id: EntryRef


@dataclass(frozen=True, slots=True)
class StaffSession:
    """A signed-in browser of the staff."""

    person: str
    method: str
    signed_in_at: datetime
    seen_at: datetime


def add(tx: Transaction, person: Person, *, entry: EntryId) -> None:
    """Keep a new version of an account."""
    tx.session.add(
        StaffRow(
            person=person.id,
            name=person.name,
            organisation=person.organisation,
            roles=json.dumps(sorted(person.roles)),
            site=person.site,
            ends_at=None if person.ends_at is None else text(person.ends_at),
            entry_id=entry,
        )
    )
    tx.session.flush()


def find(tx: Transaction, person: str) -> Person | None:
    """Somebody of the staff, still here or not, or None."""
    query = select(StaffRow).where(StaffRow.person == person).order_by(col(StaffRow.id).desc()).limit(1)
    row = tx.session.exec(query).first()
    return None if row is None else _person(row)


def get(tx: Transaction, person: str) -> Person:
    """Somebody of the staff.

    Raises:
        UnknownPersonError: nobody is called this.
    """
    if (known := find(tx, person)) is None:
        raise UnknownPersonError(person)
    return known


def everybody(tx: Transaction) -> list[Person]:
    """All of the staff, those who left included, by name."""
    rows = {row.person: row for row in tx.session.exec(select(StaffRow).order_by(col(StaffRow.id)))}
    return sorted((_person(row) for row in rows.values()), key=lambda one: one.name)


def add_session(tx: Transaction, fingerprint: bytes, *, person: str, method: str, at: datetime) -> None:
    """Sign a browser in."""
    tx.session.add(
        StaffSessionRow(fingerprint=fingerprint, person=person, method=method, signed_in_at=text(at), seen_at=text(at))
    )
    tx.session.flush()


def session(tx: Transaction, fingerprint: bytes) -> StaffSession | None:
    """The session of a browser, ended or not, or None."""
    row = tx.session.get(StaffSessionRow, fingerprint)
    if row is None:
        return None
    return StaffSession(row.person, row.method, moment(row.signed_in_at), moment(row.seen_at))


def touch_session(tx: Transaction, fingerprint: bytes, *, at: datetime) -> None:
    """Remember that the browser was just here."""
    query = update(StaffSessionRow).where(col(StaffSessionRow.fingerprint) == fingerprint)
    tx.session.exec(query.values(seen_at=text(at)))


def drop_session(tx: Transaction, fingerprint: bytes) -> None:
    """Sign one browser out."""
    tx.session.exec(delete(StaffSessionRow).where(col(StaffSessionRow.fingerprint) == fingerprint))


def drop_sessions_of(tx: Transaction, person: str) -> None:
    """Sign somebody out everywhere."""
    tx.session.exec(delete(StaffSessionRow).where(col(StaffSessionRow.person) == person))


def add_link(tx: Transaction, fingerprint: bytes, *, person: str, at: datetime) -> None:
    """Keep a one-time link."""
    tx.session.add(StaffLinkRow(fingerprint=fingerprint, person=person, made_at=text(at)))
    tx.session.flush()


def link(tx: Transaction, fingerprint: bytes) -> tuple[str, datetime, bool] | None:
    """Whom a link signs in, when it was made, and whether it was used; None if there is none."""
    row = tx.session.get(StaffLinkRow, fingerprint)
    return None if row is None else (row.person, moment(row.made_at), row.used_at is not None)


def use_link(tx: Transaction, fingerprint: bytes, *, at: datetime) -> bool:
    """Use a link up; False if somebody else was first."""
    query = update(StaffLinkRow).where(
        col(StaffLinkRow.fingerprint) == fingerprint, col(StaffLinkRow.used_at).is_(None)
    )
    return bool(tx.session.exec(query.values(used_at=text(at))).rowcount)


def put_identity(tx: Transaction, *, issuer: str, subject: str, person: str) -> None:
    """Let an identity provider's subject sign in as somebody of the staff."""
    tx.session.merge(StaffIdentityRow(issuer=issuer, subject=subject, person=person))
    tx.session.flush()


def person_of_identity(tx: Transaction, *, issuer: str, subject: str) -> str | None:
    """Who the subject of an identity provider is, or None."""
    row = tx.session.get(StaffIdentityRow, (issuer, subject))
    return None if row is None else row.person


def add_stand_in(tx: Transaction, given: StandIn, *, entry: EntryId) -> None:
    """Keep that somebody answers in a reviewer's role for a time."""
    tx.session.add(
        StandInRow(
            reviewer=given.reviewer,
            role=given.role,
            stand_in=given.stand_in,
            begins=text(given.begins),
            ends=text(given.ends),
            entry_id=entry,
        )
    )
    tx.session.flush()


def stand_ins(tx: Transaction, *, at: datetime, stand_in: str = "") -> list[StandIn]:
    """Who answers for whom now; of one stand-in, or all."""
    query = select(StandInRow).where(StandInRow.begins <= text(at), StandInRow.ends > text(at))
    if stand_in:
        query = query.where(StandInRow.stand_in == stand_in)
    given = [
        StandIn(row.id or 0, row.reviewer, row.role, row.stand_in, moment(row.begins), moment(row.ends))
        for row in tx.session.exec(query.order_by(col(StandInRow.id)))
    ]
    return [one for one in given if one.counts(find(tx, one.reviewer), at=at)]


def end_stand_in(tx: Transaction, number: int, *, at: datetime) -> None:
    """Let a role that was lent be answered by its own reviewer alone from now on."""
    tx.session.exec(update(StandInRow).where(col(StandInRow.id) == number).values(ends=text(at)))


def _person(row: StaffRow) -> Person:
    return Person(
        id=row.person,
        name=row.name,
        organisation=row.organisation,
        roles=frozenset(Role(one) for one in json.loads(row.roles)),
        site=row.site,
        ends_at=None if row.ends_at is None else moment(row.ends_at),
    )
