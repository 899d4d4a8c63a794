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


@dataclass(frozen=True, slots=True)
class MachineToken:
    """What a token may do.

    Attributes:
        id: its public name.
        scopes: what it may do.
        site: the recipient it belongs to; empty for the programme's own machines.
        expires_at: until when.
        revoked: was it taken back?
    """

    id: str
    scopes: frozenset[str]
    site: str
    expires_at: datetime
    revoked: bool = False


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


def listed(tx: Transaction) -> list[MachineToken]:
    """Every token, by name."""
    return [_token(row) for row in tx.session.exec(select(MachineTokenRow).order_by(col(MachineTokenRow.id)))]


def _token(row: MachineTokenRow) -> MachineToken:
    scopes = frozenset(row.scopes.split())
    return MachineToken(row.id, scopes, row.site, from_seconds(row.expires_at), row.revoked_at is not None)


def _hashed(secret: str) -> bytes:
    # 32 random bytes need no slow hash: there is nothing to guess.
    return hashlib.sha256(b"accord/machine-token/v1\n" + secret.encode("utf-8", "replace")).digest()
