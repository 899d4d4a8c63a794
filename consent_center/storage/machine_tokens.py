"""Tokens of machines: opaque, kept only as a hash, scoped, expiring, revocable."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel, col, select

from consent_center.storage.columns import EntryRef, from_seconds, seconds
from consent_center.storage.transaction import EntryId, Transaction


class MachineTokenRow(SQLModel, table=True):
    """One token, as its SHA-256."""

    __tablename__ = "machine_token"
    id: str = Field(primary_key=True)
    hashed: bytes = Field(unique=True)
    scopes: str
    site: str
    expires_at: int = Field(sa_type=BigInteger)
    revoked_at: int | None = Field(default=None, sa_type=BigInteger)
    entry_id: EntryRef
    study: str = ""
    run: str = ""


@dataclass(frozen=True, slots=True)
class MachineToken:
    """What a token may do.

    Attributes:
        id: its public name.
        scopes: what it may do.
        site: the recipient it belongs to; empty for the programme's own machines.
        expires_at: until when.
        revoked: was it taken back?
        study: the one study that it may drive runs of; empty if it may drive none.
        run: the one run that it drives; empty until it has admitted one.
    """

    id: str
    scopes: frozenset[str]
    site: str
    expires_at: datetime
    revoked: bool = False
    study: str = ""
    run: str = ""


def add(tx: Transaction, token: MachineToken, secret: str, *, entry: EntryId) -> None:
    """Keep a token by the hash of its secret."""
    tx.session.add(
        MachineTokenRow(
            id=token.id,
            hashed=_hashed(secret),
            scopes=" ".join(sorted(token.scopes)),
            site=token.site,
            expires_at=seconds(token.expires_at),
            entry_id=entry,
            study=token.study,
        )
    )
    tx.session.flush()


def find(tx: Transaction, secret: str) -> MachineToken | None:
    """The token with this secret, revoked or expired ones included; None if there is none."""
    row = tx.session.exec(select(MachineTokenRow).where(MachineTokenRow.hashed == _hashed(secret))).first()
    return None if row is None else _token(row)


def revoke(tx: Transaction, token: str, *, at: datetime) -> bool:
    """Take a token back; False if there is none, or it was taken back already."""
    row = tx.session.get(MachineTokenRow, token)
    if row is None or row.revoked_at is not None:
        return False
    row.revoked_at = seconds(at)
    tx.session.add(row)
    tx.session.flush()
    return True


def drive(tx: Transaction, token: str, run: str) -> str:
    """The one run that a token drives: from now on this one, unless it drives another already.

    Raises:
        LookupError: there is no such token.
    """
    row = tx.session.get(MachineTokenRow, token, with_for_update=True)
    if row is None:
        raise LookupError("no such token")
    if not row.run:
        row.run = run
        tx.session.add(row)
        tx.session.flush()
    return row.run


def run_of(tx: Transaction, token: str) -> str:
    """The run that a token drives; empty until it has admitted one."""
    row = tx.session.get(MachineTokenRow, token)
    return "" if row is None else row.run


def listed(tx: Transaction) -> list[MachineToken]:
    """Every token, by name."""
    return [_token(row) for row in tx.session.exec(select(MachineTokenRow).order_by(col(MachineTokenRow.id)))]


def _token(row: MachineTokenRow) -> MachineToken:
    scopes = frozenset(row.scopes.split())
    revoked = row.revoked_at is not None
    return MachineToken(row.id, scopes, row.site, from_seconds(row.expires_at), revoked, row.study, row.run)


def _hashed(secret: str) -> bytes:
    # 32 random bytes need no slow hash: there is nothing to guess.
    return hashlib.sha256(b"accord/machine-token/v1\n" + secret.encode("utf-8", "replace")).digest()
