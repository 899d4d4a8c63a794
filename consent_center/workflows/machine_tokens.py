"""Machines get tokens: shown once, kept as a hash, scoped to what they do, ending by themselves."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from consent_center.errors import DefinitionError, ForbiddenError, UnauthenticatedError, UnknownDefinitionError
from consent_center.events import Event
from consent_center.storage import definitions, machine_tokens, studies
from consent_center.storage.machine_tokens import MachineToken
from consent_center.storage.transaction import Transaction
from consent_center.workflows._studying import known
from federated.errors import Refusal, RefusedError

LONGEST = timedelta(days=366)
A_RUN_LASTS = timedelta(hours=24)


class TokenScope(StrEnum):
    """What a machine may do; one never implies another."""

    DEFINITIONS_READ = "definitions:read"
    DEFINITIONS_WRITE = "definitions:write"
    NOTICES_REVIEW = "notices:review"
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
    RUNS_START = "runs:start"
    RUNS_DRIVE = "runs:drive"
    LOG_READ = "log:read"


@dataclass(frozen=True, slots=True)
class Started:
    """What a coordinator needs to drive one run.

    Attributes:
        secret: the token for this run; shown once.
        study: of which study.
        sites: whom the plan names.
        expires_at: until when the token holds.
    """

    secret: str
    study: str
    sites: tuple[str, ...]
    expires_at: datetime


def issue_token(
    tx: Transaction,
    scopes: Collection[TokenScope],
    *,
    site: str = "",
    study: str = "",
    expires_at: datetime,
    at: datetime,
) -> tuple[MachineToken, str]:
    """Make a token; its secret is returned here and never again.

    Args:
        tx: the transaction.
        scopes: what it may do.
        site: the recipient it belongs to, which then sees only what concerns it; empty for the programme itself.
        study: the one study of which it may drive one run, with the scope `runs:drive`; empty: it can drive none.
        expires_at: until when, at most a year ahead.
        at: now.

    Raises:
        DefinitionError: no scopes, or no end within a year.
        UnknownDefinitionError: no such recipient.
    """
    if site and site not in definitions.catalogue(tx).recipients:
        raise UnknownDefinitionError(site, "define the recipient first, or check its name")
    return _issue(tx, scopes, site=site, study=study, expires_at=expires_at, at=at)


def _issue(
    tx: Transaction, scopes: Collection[TokenScope], *, site: str, study: str, expires_at: datetime, at: datetime
) -> tuple[MachineToken, str]:
    if not scopes:
        raise DefinitionError("a token without scopes can do nothing: name at least one")
    if not at < expires_at <= at + LONGEST:
        raise DefinitionError("a token ends, at most a year ahead")
    secret = f"accord_{secrets.token_urlsafe(32)}"
    token = MachineToken(secrets.token_hex(8), frozenset(str(one) for one in scopes), site, expires_at, study=study)
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


def show_tokens(tx: Transaction) -> list[MachineToken]:
    """A query for `store.read`: every token, taken back and ended ones included, by name."""
    return machine_tokens.listed(tx)


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


def start_run(tx: Transaction, study_id: str, *, site: str = "", at: datetime) -> Started:
    """Hand out the token with which a coordinator drives one run of an approved study. Charges nothing yet.

    Args:
        tx: the transaction.
        study_id: the study.
        site: the recipient whose token asks; it starts nothing but scorings of its own members. Empty for the
            programme's own machines, which start all other runs: only the site itself can score.
        at: now.

    Raises:
        ForbiddenError: another site's run, or a training or an audit, asked for by a site.
        RefusedError: `plan-not-approved`.
        UnknownStudyError: no such study.
    """
    study = studies.get(tx, study_id)
    plan = study.parsed()
    scores = bool(plan.releases_of("score"))
    if site and not (scores and plan.reached == (site,)):
        raise ForbiddenError(f"a token of {site} starts scorings of {site}'s own members only: ask the programme")
    if scores and not site:
        raise ForbiddenError(
            f"{plan.reached[0]} scores its members itself, by accord site score with a token of its own"
        )
    where = known(tx, study, at=at).standing
    if not where.approved:
        raise RefusedError(Refusal.PLAN_NOT_APPROVED, f"not approved; still missing: {', '.join(where.missing)}")
    expires_at = at + A_RUN_LASTS
    _, secret = _issue(tx, [TokenScope.RUNS_DRIVE], site="", study=study.id, expires_at=expires_at, at=at)
    return Started(secret, study.id, plan.reached, expires_at)


def run_driven(tx: Transaction, token: str) -> str:
    """A query for `store.read`: the run that a token drives; empty until it has admitted one."""
    return machine_tokens.run_of(tx, token)
