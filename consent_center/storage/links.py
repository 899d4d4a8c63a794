"""Who may be named to each other by two holders of data, and the lists of link tokens that were issued.

Law: a member is linked if and only if she is enrolled at both holders and the single verdict allows, at each of them,
every item that a notice asks for this purpose there. Either no ends both ways.

A list is kept as it was signed, so that asking again gives the same one, and with it who was on it, for her own page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Column
from sqlmodel import Field, SQLModel, col, select

from consent_center.consent.catalogue import Catalogue, published
from consent_center.consent.scope import Item
from consent_center.storage import cohorts
from consent_center.storage.bulk import insert_rows
from consent_center.storage.columns import EntryId, EntryRef
from consent_center.storage.members import EnrolmentRow
from consent_center.storage.transaction import Transaction
from federated.linkage.pairing import Pairing
from federated.signed import Signed


class LinkListRow(SQLModel, table=True):
    """The link tokens of one pair in one run: each site's signed header and packed body."""

    __tablename__ = "link_list"
    run: str = Field(primary_key=True)
    holder: str = Field(primary_key=True)
    helper: str = Field(primary_key=True)
    purpose: str
    epoch: str
    holder_header: str
    holder_body: bytes
    helper_header: str
    helper_body: bytes
    entry_id: EntryRef


class LinkMemberRow(SQLModel, table=True):
    """A member on the lists of one pair in one run."""

    __tablename__ = "link_member"
    run: str = Field(primary_key=True)
    holder: str = Field(primary_key=True)
    helper: str = Field(primary_key=True)
    member_no: int = Field(sa_column=Column(BigInteger, primary_key=True, index=True))


@dataclass(frozen=True, slots=True)
class Both:
    """A member who allows the linkage at both holders, and her pseudonym at each."""

    number: int
    at_holder: bytes
    at_helper: bytes


@dataclass(frozen=True)
class Lists:
    """Both sites' lists, exactly as signed: site -> header and body."""

    of_site: dict[str, tuple[Signed, bytes]]


def asked(known: Catalogue, pairing: Pairing, *, country: str, at: datetime) -> tuple[list[Item], list[Item]]:
    """What the notices of this moment ask for the linkage, at the holder and at the helper."""
    items = {item for notice in published(known, at) for item in notice.items}
    of_purpose = [item for item in sorted(items) if (item.purpose, item.country) == (pairing.purpose, country)]
    return (
        [item for item in of_purpose if item.recipient == pairing.holder],
        [item for item in of_purpose if item.recipient == pairing.helper],
    )


def allowed_at_both(tx: Transaction, pairing: Pairing, items: Sequence[list[Item]], *, at: datetime) -> list[Both]:
    """Everybody who may be linked now, by number.

    Args:
        tx: the transaction.
        pairing: of whom.
        items: what is asked at the holder and at the helper, as `asked` says; neither may be empty.
        at: now.
    """
    uses = cohorts.allowing(tx, list(items), at=at)
    at_helper = _linked_at(tx, pairing.helper)
    return [
        Both(number, holder, helper)
        for number, names in sorted(_linked_at(tx, pairing.holder).items())
        if number in at_helper and uses(number) == 0b11
        for holder in names
        for helper in at_helper[number]
    ]


def _linked_at(tx: Transaction, site: str) -> dict[int, list[bytes]]:
    """Number -> pseudonyms at a site; more than one would be two cards, which whoever issues refuses."""
    query = select(EnrolmentRow.member_no, EnrolmentRow.pseudonym).where(
        EnrolmentRow.site == site, col(EnrolmentRow.ended).is_(None)
    )
    found: dict[int, list[bytes]] = {}
    for number, pseudonym in tx.session.connection().execute(query):
        found.setdefault(number, []).append(pseudonym)
    return found


def add(tx: Transaction, run: str, pairing: Pairing, lists: Lists, members: Sequence[int], *, entry: EntryId) -> None:
    """Keep what was issued, with who is on it."""
    holder, helper = lists.of_site[pairing.holder], lists.of_site[pairing.helper]
    tx.session.add(
        LinkListRow(
            run=run,
            holder=pairing.holder,
            helper=pairing.helper,
            purpose=pairing.purpose,
            epoch=pairing.epoch,
            holder_header=holder[0].to_text(),
            holder_body=holder[1],
            helper_header=helper[0].to_text(),
            helper_body=helper[1],
            entry_id=entry,
        )
    )
    tx.session.flush()
    rows = [(run, pairing.holder, pairing.helper, number) for number in members]
    insert_rows(tx, LinkMemberRow, ("run", "holder", "helper", "member_no"), rows)


def find(tx: Transaction, run: str, pairing: Pairing) -> Lists | None:
    """What was issued to this pair in this run, for this purpose and epoch; None if nothing was."""
    row = tx.session.get(LinkListRow, (run, pairing.holder, pairing.helper))
    if row is None or (row.purpose, row.epoch) != (pairing.purpose, pairing.epoch):
        return None
    return Lists(
        {
            pairing.holder: (Signed.from_text(row.holder_header), row.holder_body),
            pairing.helper: (Signed.from_text(row.helper_header), row.helper_body),
        }
    )


def other_ends(tx: Transaction, known: Catalogue, number: int, items: Sequence[Item]) -> list[tuple[str, Item]]:
    """Who else holds something of hers for these items: the other end of each linkage whose list ever named her.

    Where no list did, the other end is not told: that she was asked here would tell it that she is a member here.
    """
    ends = [(other, item) for item in items if (other := known.purposes[item.purpose].other(item.recipient))]
    listed = {pairing.purpose for _, pairing, _ in of_member(tx, number)} if ends else set()
    return [(other, item) for other, item in ends if item.purpose in listed]


def of_member(tx: Transaction, number: int) -> list[tuple[str, Pairing, EntryId]]:
    """The lists that a member was on, oldest first: run, pair, and the entry of the issue."""
    query = (
        select(LinkListRow)
        .join(
            LinkMemberRow,
            (col(LinkMemberRow.run) == col(LinkListRow.run))
            & (col(LinkMemberRow.holder) == col(LinkListRow.holder))
            & (col(LinkMemberRow.helper) == col(LinkListRow.helper)),
        )
        .where(LinkMemberRow.member_no == number)
        .order_by(col(LinkListRow.entry_id))
    )
    return [
        (row.run, Pairing(row.holder, row.helper, row.purpose, row.epoch), EntryId(row.entry_id))
        for row in tx.session.exec(query)
    ]
