"""Machines get tokens: shown once, kept as a hash, scoped to what they do, ending by themselves."""

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum

from consent_center.errors import DefinitionError, ForbiddenError, UnauthenticatedError
from consent_center.events import Event
from consent_center.storage import machine_tokens
from consent_center.storage.machine_tokens import MachineToken
from consent_center.storage.transaction import Transaction

LONGEST = timedelta(days=366)


class TokenScope(StrEnum):
    """What a machine may do; one never implies another."""

    DEFINITIONS_READ = "definitions:read"
    DEFINITIONS_WRITE = "definitions:write"
    MEMBERS_WRITE = "members:write"
    CONSENTS_READ = "consents:read"
    CONSENTS_WRITE = "consents:write"
    VERDICTS_READ = "verdicts:read"
    COHORTS_READ = "cohorts:read"
    PROPAGATION_READ = "propagation:read"
    PROPAGATION_WRITE = "propagation:write"
    IMPORTS_WRITE = "imports:write"
    EXPORTS_READ = "exports:read"
    ANALYTICS_READ = "analytics:read"
    RUNS_DRIVE = "runs:drive"
    LOG_READ = "log:read"


def issue_token(
    tx: Transaction, scopes: Collection[TokenScope], *, site: str = "", expires_at: datetime, at: datetime
) -> tuple[MachineToken, str]:
    """Make a token; its secret is returned here and never again.

    Args:
        tx: the transaction.
        scopes: what it may do.
        site: the recipient it belongs to, which then sees only what concerns it; empty for the programme itself.
        expires_at: until when, at most a year ahead.
        at: now.

    Raises:
        DefinitionError: no scopes, or no end within a year.
    """
    if not scopes:
        raise DefinitionError("a token without scopes can do nothing: name at least one")
    if not at < expires_at <= at + LONGEST:
        raise DefinitionError("a token ends, at most a year ahead")
    secret = f"accord_{secrets.token_urlsafe(32)}"
    token = MachineToken(secrets.token_hex(8), frozenset(str(scope) for scope in scopes), site, expires_at)
    names = [scope.replace(":", ".") for scope in sorted(token.scopes)]
    entry = tx.append(Event.of("token.issued", public={"token": token.id, "scopes": names}), at=at)
    machine_tokens.add(tx, token, secret, entry=entry)
    return token, secret


def revoke_token(tx: Transaction, token: str, *, at: datetime) -> None:
    """Take a token back; the next request with it is refused.

    Raises:
        DefinitionError: there is none of this name, or it was taken back already.
    """
    if not machine_tokens.revoke(tx, token, at=at):
        raise DefinitionError("no such token, or it was taken back already")
    tx.append(Event.of("token.revoked", public={"token": token}), at=at)


def check_token(tx: Transaction, secret: str, *, at: datetime) -> MachineToken:
    """A query for `store.read`: the token with this secret, if it holds now.

    Raises:
        UnauthenticatedError: there is none, it has expired, or it was taken back; which of them is not told.
    """
    found = machine_tokens.find(tx, secret)
    if found is None or found.revoked or at >= found.expires_at:
        raise UnauthenticatedError("this token is not valid (any more): ask the programme for a new one")
    return found


def require(token: MachineToken, scope: TokenScope, *, site: str | None = None) -> None:
    """Refuse what a token may not do.

    Args:
        token: who asks.
        scope: what it needs.
        site: the recipient that the request concerns, if it concerns one.

    Raises:
        ForbiddenError: outside its scope, or another site's matter.
    """
    if scope.value not in token.scopes:
        raise ForbiddenError(f"this token lacks the scope {scope.value}")
    if site is not None and token.site not in ("", site):
        raise ForbiddenError("this token belongs to another site")
