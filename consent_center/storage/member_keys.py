"""One secret per member, wrapped; destroying it is erasure.

From the secret come four keys that cannot be told from one another: the tag key (finds her entries), the data key
(opens their payloads), the cohort key (places her in cohorts, see `federated.cohort`), and the link key (makes her
link tokens, see `federated.linkage.tokens`). Number 0 is the programme's own secret, for payloads about nobody and as
the root of link tokens; number -1 the one under which addresses are looked up.
"""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, text
from sqlmodel import Field, SQLModel

from consent_center.errors import UnknownMemberError
from consent_center.storage.bulk import insert_rows, rows_among
from consent_center.storage.handle import Handle
from privacy.envelope import Key, place

PROGRAMME = 0
LOOKUP = -1


class MemberKeyRow(SQLModel, table=True):
    """A member's wrapped secret."""

    __tablename__ = "member_key"
    member_no: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class MemberKeys:
    """What comes from a member's secret, made when it is asked for. Never printed."""

    secret: Key

    @property
    def tag(self) -> bytes:
        """Finds her entries."""
        return hmac.digest(self.secret.secret, b"accord/tag/v1", "sha256")

    @property
    def data(self) -> Key:
        """Opens their payloads."""
        return Key(self.secret.id, hmac.digest(self.secret.secret, b"accord/data/v1", "sha256"))

    @property
    def cohort(self) -> bytes:
        """Places her in cohorts."""
        return hmac.digest(self.secret.secret, b"accord/cohort/v1", "sha256")

    @property
    def link(self) -> bytes:
        """Makes her link tokens; the programme's makes the keys of pairs."""
        return hmac.digest(self.secret.secret, b"accord/link/v1", "sha256")


def site_key(keys: MemberKeys, site: str, *, again: int = 0) -> bytes:
    """The cohort key that a site is given for a member; one per site, and a new one each time she links again."""
    name = site if not again else f"{site}\n{again}"
    return hmac.digest(keys.cohort, name.encode(), "sha256")


def create(tx: Handle, numbers: Iterable[int]) -> dict[int, MemberKeys]:
    """Draw and keep the secrets of new members."""
    made = {number: Key.generate() for number in numbers}
    insert_rows(
        tx,
        MemberKeyRow,
        ("member_no", "wrapped"),
        [(number, tx.keys.wrap(secret, where=where(number))) for number, secret in made.items()],
    )
    return {number: MemberKeys(secret) for number, secret in made.items()}


def read(tx: Handle, numbers: Iterable[int]) -> dict[int, MemberKeys]:
    """The keys of these members.

    Raises:
        UnknownMemberError: one has none (erased).
    """
    wanted = set(numbers)
    query = "SELECT member_no, wrapped FROM member_key WHERE member_no IN {values}"
    found = {
        number: MemberKeys(tx.keys.unwrap(wrapped, where=where(number)))
        for number, wrapped in rows_among(tx, query, sorted(wanted))
    }
    if PROGRAMME in wanted and PROGRAMME not in found:
        found[PROGRAMME] = programme(tx, PROGRAMME)
    if wanted - set(found):
        raise UnknownMemberError("", "she was erased, or never registered")
    return found


def opened(tx: Handle, number: int, wrapped: bytes) -> MemberKeys:
    """The keys of a member whose wrapped secret was read already."""
    return MemberKeys(tx.keys.unwrap(wrapped, where=where(number)))


def programme(tx: Handle, number: int) -> MemberKeys:
    """The keys of one of the programme's own secrets, drawn the first time; two processes may ask at once."""
    if tx.dialect == "postgresql":
        tx.session.connection().execute(text("SELECT pg_advisory_xact_lock(hashtext('accord.programme.key'))"))
    row = tx.session.get(MemberKeyRow, number)
    if row is None:
        return create(tx, [number])[number]
    return MemberKeys(tx.keys.unwrap(row.wrapped, where=where(number)))


def destroy(tx: Handle, number: int) -> None:
    """Erase a member's secret; every payload, tag and cohort key of hers is out of reach from now on."""
    row = tx.session.get(MemberKeyRow, number)
    if row is not None:
        tx.session.delete(row)
        tx.session.flush()


def where(number: int) -> bytes:
    """The place to which a wrapped secret is tied."""
    return place("member_key", "wrapped", str(number))
