"""Members, and their enrolments at sites.

A member has a random public identifier (`member`, 32 hexadecimal digits) and a small number (`no`) that only storage
and bitmaps use. At each site she is known by a random pseudonym that says nothing of either; unlinking ends it, and
linking again draws a new pseudonym and a new cohort key.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Column, Index, LargeBinary, func, text
from sqlmodel import Field, SQLModel, col, select

from consent_center.errors import EnrolmentError, UnknownMemberError
from consent_center.storage.bulk import chunks, driver_of, insert_rows, rows_among
from consent_center.storage.columns import EntryId, EntryRef, from_seconds, seconds
from consent_center.storage.transaction import Transaction

_FEW = 5000


class MemberRow(SQLModel, table=True):
    """One member."""

    __tablename__ = "member"
    no: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    member: str = Field(unique=True)
    registered_at: int = Field(sa_type=BigInteger)
    guarded_until: int | None = Field(default=None, sa_type=BigInteger)
    entry_id: EntryRef


class EnrolmentRow(SQLModel, table=True):
    """A member's link to her account at one site."""

    __tablename__ = "enrolment"
    __table_args__ = (
        Index(
            "enrolment_current",
            "site",
            "member_no",
            unique=True,
            sqlite_where=text("ended IS NULL"),
            postgresql_where=text("ended IS NULL"),
        ),
        Index("enrolment_member", "member_no"),
    )
    pseudonym: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    member_no: int = Field(foreign_key="member.no", sa_type=BigInteger)
    site: str
    cohort_key: bytes
    since: int = Field(sa_type=BigInteger)
    ended: int | None = Field(default=None, sa_type=BigInteger)
    entry_id: EntryRef


@dataclass(frozen=True, slots=True)
class Member:
    """A member as storage knows her.

    Attributes:
        no: her number in this database.
        member: her public identifier.
        guarded_until: until when she needs a guardian; None if never.
    """

    no: int
    member: str
    guarded_until: datetime | None


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a site is given when a member links her account there.

    Attributes:
        pseudonym: 16 random bytes, hers at this site alone.
        cohort_key: 32 bytes, her place in this site's cohorts.
    """

    site: str
    pseudonym: bytes
    cohort_key: bytes


def new_identifier() -> str:
    """A fresh public identifier."""
    return secrets.token_hex(16)


def next_numbers(tx: Transaction, count: int) -> range:
    """Numbers for new members; concurrent writers wait for one another."""
    if tx.dialect == "postgresql":
        tx.session.connection().execute(text("SELECT pg_advisory_xact_lock(hashtext('accord.member.no'))"))
    first = tx.session.exec(select(func.coalesce(func.max(MemberRow.no), 0))).one() + 1
    return range(first, first + count)


def add_many(tx: Transaction, members: Sequence[Member], entries: Sequence[EntryId], *, at: datetime) -> None:
    """Keep new members, each with its entry."""
    when = seconds(at)
    insert_rows(
        tx,
        MemberRow,
        ("no", "member", "registered_at", "guarded_until", "entry_id"),
        [
            (one.no, one.member, when, None if one.guarded_until is None else _seconds_up(one.guarded_until), entry)
            for one, entry in zip(members, entries, strict=True)
        ],
    )


def _seconds_up(until: datetime) -> int:
    """Rounded up, so that a fraction of a second never ends her protection early."""
    return seconds(until) + bool(until.microsecond)


def get(tx: Transaction, member: str) -> Member:
    """A member.

    Raises:
        UnknownMemberError: no such member, or no longer.
    """
    return get_many(tx, [member])[member]


def get_many(tx: Transaction, identifiers: Iterable[str]) -> dict[str, Member]:
    """Members by their identifiers.

    Raises:
        UnknownMemberError: one of them is not known.
    """
    wanted = set(identifiers)
    found = find_many(tx, wanted)
    if missing := wanted - set(found):
        raise UnknownMemberError(min(missing), "register her first")
    return found


def find_many(tx: Transaction, identifiers: Iterable[str]) -> dict[str, Member]:
    """Members by their identifiers; unknown ones are left out."""
    query = "SELECT no, member, guarded_until FROM member WHERE member IN {values}"
    return {
        member: Member(no, member, None if guarded is None else from_seconds(guarded))
        for no, member, guarded in rows_among(tx, query, sorted(set(identifiers)))
    }


def by_number(tx: Transaction, numbers: Iterable[int] | None = None) -> list[Member]:
    """Members by their numbers, everybody if None; unknown ones are left out."""
    if numbers is None:
        rows = list(driver_of(tx).execute("SELECT no, member, guarded_until FROM member").fetchall())
    else:
        query = "SELECT no, member, guarded_until FROM member WHERE no IN {values}"
        rows = rows_among(tx, query, sorted(set(numbers)))
    return [Member(no, member, None if until is None else from_seconds(until)) for no, member, until in rows]


def count(tx: Transaction) -> int:
    """How many members there are."""
    return tx.session.exec(select(func.count()).select_from(MemberRow)).one()


def times_enrolled(tx: Transaction, numbers: Iterable[int], site: str) -> dict[int, tuple[int, bool]]:
    """Member number -> how often she ever linked at this site, and whether she is linked now."""
    found: dict[int, tuple[int, bool]] = {}
    for some in chunks(sorted(set(numbers))):
        query = (
            select(EnrolmentRow.member_no, EnrolmentRow.ended)
            .where(EnrolmentRow.site == site)
            .where(col(EnrolmentRow.member_no).in_(some))
        )
        for number, ended in tx.session.exec(query):
            times, linked = found.get(number, (0, False))
            found[number] = times + 1, linked or ended is None
    return found


def enrol_many(
    tx: Transaction, made: Sequence[tuple[int, Enrolment]], entries: Sequence[EntryId], *, at: datetime
) -> None:
    """Keep enrolments, given with the members' numbers."""
    when = seconds(at)
    insert_rows(
        tx,
        EnrolmentRow,
        ("pseudonym", "member_no", "site", "cohort_key", "since", "entry_id"),
        [
            (one.pseudonym, number, one.site, one.cohort_key, when, entry)
            for (number, one), entry in zip(made, entries, strict=True)
        ],
    )


def anyone(tx: Transaction) -> str:
    """The identifier of the first member; empty if there is none."""
    return tx.session.exec(select(MemberRow.member).order_by(col(MemberRow.no)).limit(1)).first() or ""


def enrolled_at(tx: Transaction, site: str) -> list[tuple[bytes, bytes]]:
    """Pseudonym and cohort key of every member who is linked at a site now, by pseudonym."""
    query = (
        select(EnrolmentRow.pseudonym, EnrolmentRow.cohort_key)
        .where(EnrolmentRow.site == site, col(EnrolmentRow.ended).is_(None))
        .order_by(col(EnrolmentRow.pseudonym))
    )
    return [(pseudonym, key) for pseudonym, key in tx.session.exec(query)]


def end_enrolment(tx: Transaction, number: int, site: str, *, at: datetime) -> None:
    """End a member's current link at a site.

    Raises:
        EnrolmentError: she has none.
    """
    query = select(EnrolmentRow).where(EnrolmentRow.site == site, EnrolmentRow.member_no == number)
    row = tx.session.exec(query.where(col(EnrolmentRow.ended).is_(None))).first()
    if row is None:
        raise EnrolmentError("the member is not enrolled at this site")
    row.ended = seconds(at)
    tx.session.add(row)
    tx.session.flush()


def enrolments(tx: Transaction, member: str) -> list[Enrolment]:
    """A member's current enrolments, by site."""
    query = (
        select(EnrolmentRow)
        .join(MemberRow, col(MemberRow.no) == col(EnrolmentRow.member_no))
        .where(MemberRow.member == member, col(EnrolmentRow.ended).is_(None))
        .order_by(EnrolmentRow.site)
    )
    return [Enrolment(row.site, row.pseudonym, row.cohort_key) for row in tx.session.exec(query)]


def by_pseudonym(tx: Transaction, site: str, pseudonyms: Iterable[bytes]) -> dict[bytes, str]:
    """Pseudonym -> member, for those that are currently linked at this site."""
    found: dict[bytes, str] = {}
    for some in chunks(set(pseudonyms)):
        query = (
            select(EnrolmentRow.pseudonym, MemberRow.member)
            .join(MemberRow, col(MemberRow.no) == col(EnrolmentRow.member_no))
            .where(EnrolmentRow.site == site, col(EnrolmentRow.ended).is_(None))
            .where(col(EnrolmentRow.pseudonym).in_(some))
        )
        found |= dict(tx.session.exec(query).all())
    return found


def every_link(tx: Transaction, member: str) -> list[Enrolment]:
    """A member's enrolments, ended ones included, oldest first."""
    query = (
        select(EnrolmentRow)
        .join(MemberRow, col(MemberRow.no) == col(EnrolmentRow.member_no))
        .where(MemberRow.member == member)
        .order_by(col(EnrolmentRow.entry_id))
    )
    return [Enrolment(row.site, row.pseudonym, row.cohort_key) for row in tx.session.exec(query)]


def cohort_keys(tx: Transaction, site: str, pseudonyms: Iterable[bytes]) -> dict[bytes, bytes]:
    """Pseudonym -> cohort key at a site, ended links included."""
    wanted = set(pseudonyms)
    query = select(EnrolmentRow.pseudonym, EnrolmentRow.cohort_key).where(EnrolmentRow.site == site)
    if len(wanted) > _FEW:  # then one look at the whole site is sooner done than many at parts of it
        return {name: key for name, key in tx.session.connection().execute(query) if name in wanted}
    found: dict[bytes, bytes] = {}
    for some in chunks(wanted):
        found |= dict(tx.session.exec(query.where(col(EnrolmentRow.pseudonym).in_(some))).all())
    return found
