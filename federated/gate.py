"""The four questions that a run asks the consent centre, and what passes between them.

    admit_run     may this plan run now?   price it, charge it, cut one signed cohort per site
    admit_round   may this round run now?  one signed statement of removals per site, bound to the site's nonce
    settle_round  this round is over       who took part
    settle_run    this run is over         what came out

Charging happens at admission, for the worst that the plan allows; settling never refunds. The coordinator relays
permits, cohorts and statements and can forge none of them: each is signed for one run, site and round.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from federated.errors import MalformedError, Refusal, RefusedError, SignatureError
from federated.plan import Kind, Plan
from federated.signed import Signed, check, decode, encode
from privacy.quantities import Cost

PERMIT_KIND = "permit/v1"
REMOVALS_KIND = "removals/v1"
FRESH_FOR = timedelta(seconds=60)

Clock = Callable[[], datetime]
"""Now, timezone-aware; handed in, so that only the outermost edge reads a clock."""


@dataclass(frozen=True)
class Permit:
    """The consent centre's signed yes to one run of one plan.

    Attributes:
        cohorts: site -> SHA-256 of its cohort header, so a cohort of another admission never fits.
        charge: what was charged to the programme's account for the run.
        author: who filed the study; her approval never counts.
    """

    run: str
    study: str
    author: str
    plan_digest: str
    cohorts: Mapping[str, str]
    charge: Cost
    epoch: int
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class Order:
    """Everything one site needs to decide whether it takes part: it trusts none of it unchecked.

    Attributes:
        cohort: its signed cohort, whose body is `members`; of a site that only helps, its link tokens in their place.
        tokens: of the site that a plan's helpers help, one signed list for each helper, in the plan's order.
    """

    plan: bytes
    approvals: tuple[Signed, ...]
    permit: Signed
    cohort: Signed
    members: bytes
    tokens: tuple[tuple[Signed, bytes], ...] = ()


@dataclass(frozen=True)
class Admission:
    """What `admit_run` hands to the coordinator.

    Attributes:
        checkpoints: of the rounds that are settled already: a coordinator that comes back after a crash goes on there.
        package: the finished model that the plan audits, if the consent centre holds it; else empty.
    """

    run: str
    plan: Plan
    permit: Permit
    orders: Mapping[str, Order]
    checkpoints: tuple[bytes, ...] = ()
    package: bytes = b""


@dataclass(frozen=True)
class Removals:
    """Who must not be used from this round on, although the cohort names her.

    Attributes:
        nonce: the site's own, hexadecimal, from its previous reply; a replayed statement carries an old one.
        removed: pseudonyms of this site, hexadecimal, sorted; all removals since admission.
    """

    run: str
    site: str
    round: int
    nonce: str
    epoch: int
    issued_at: datetime
    removed: tuple[str, ...]


@dataclass(frozen=True)
class SiteRound:
    """What one site did in one round: the digest of whom it used, or the code with which it refused."""

    used_digest: str = ""
    used: int = 0
    removed: int = 0
    refusal: Refusal | None = None


@dataclass(frozen=True)
class RoundReport:
    """What really happened in one round.

    Attributes:
        checkpoint: what it takes to go on after it (`federated.checkpoint`); empty if the round came to nothing.
        statements: site -> the consent centre's own statement of removals under which it took part, as it was signed;
            with it the consent centre recomputes whom the site may have used.
    """

    run: str
    round: int
    kind: Kind
    sites: Mapping[str, SiteRound]
    seconds: float = 0.0
    checkpoint: bytes = b""
    statements: Mapping[str, Signed] = field(default_factory=dict)


@dataclass(frozen=True)
class RunReport:
    """What really happened in a run.

    Attributes:
        outcome: "completed", or the code that ended it.
        model: the model's bytes, empty if there is none.
        results: what the evaluation and the audit released, noised: JSON-able.
    """

    run: str
    outcome: str
    rounds: int
    model: bytes = b""
    results: Mapping[str, Any] = field(default_factory=dict)


class Gate(Protocol):
    """The consent centre as a run sees it. Raises `RefusedError` for every no."""

    def admit_run(self, study: str) -> Admission:
        """Admit one run of an approved study, charge it, and cut its cohorts."""
        ...

    def admit_round(self, run: str, number: int, nonces: Mapping[str, str]) -> Mapping[str, Signed]:
        """One signed statement of removals per site that sent a nonce."""
        ...

    def settle_round(self, report: RoundReport) -> None:
        """Record a round; a round without its entry did not happen."""
        ...

    def settle_run(self, report: RunReport) -> None:
        """Record the end of a run and keep its model as a candidate."""
        ...


def permit_bytes(permit: Permit) -> bytes:
    """The bytes that the consent centre signs."""
    times = {"issued_at": permit.issued_at.isoformat(), "expires_at": permit.expires_at.isoformat()}
    return encode({**asdict(permit), **times})


def read_permit(signed: Signed) -> Permit:
    """What a permit says; its signature is not checked here.

    Raises:
        MalformedError: not a permit.
    """
    data = decode(signed.payload)
    try:
        times = {name: datetime.fromisoformat(data[name]) for name in ("issued_at", "expires_at")}
        permit = Permit(**{**data, **times, "charge": Cost(**data["charge"])})
    except (TypeError, KeyError, ValueError) as error:
        raise MalformedError("not a permit") from error
    if any(moment.tzinfo is None for moment in times.values()):
        raise MalformedError("a permit's times need a zone")
    return permit


def check_permit(signed: Signed, *, hub_key: Ed25519PublicKey, plan_digest: str, at: datetime) -> Permit:
    """The permit, if the consent centre gave it for this plan and it has not expired.

    Raises:
        RefusedError: `permit-forged`, `plan-changed` or `permit-expired`.
    """
    try:
        check(signed, hub_key, kind=PERMIT_KIND)
        permit = read_permit(signed)
    except (SignatureError, MalformedError) as error:
        raise RefusedError(Refusal.PERMIT_FORGED, "the permit is not signed by the consent centre") from error
    if permit.plan_digest != plan_digest:
        raise RefusedError(Refusal.PLAN_CHANGED, "the plan differs from the one that was admitted")
    if not permit.issued_at <= at < permit.expires_at:
        raise RefusedError(Refusal.PERMIT_EXPIRED, "the permit is not valid now; ask for a new admission")
    return permit


def removals_bytes(removals: Removals) -> bytes:
    """The bytes that the consent centre signs."""
    return encode({**asdict(removals), "issued_at": removals.issued_at.isoformat()})


def check_removals(
    signed: Signed | None,
    *,
    hub_key: Ed25519PublicKey,
    run: str,
    site: str,
    number: int,
    nonce: str,
    epoch: int,
    at: datetime,
) -> Removals:
    """The removals for this round, if the consent centre said so just now, to this site, about this round.

    Args:
        signed: what the coordinator relayed; None if it relayed nothing.
        hub_key: the consent centre's public key, pinned by the site.
        run: the run that the site takes part in.
        site: this site's own name.
        number: the round that the site is asked to run.
        nonce: what the site sent with its previous reply.
        epoch: the highest epoch the site has seen in this run; an older state is refused.
        at: now, by the site's clock.

    Raises:
        RefusedError: `statement-missing`, `-forged`, `-replayed` or `-stale`.
    """
    removals = _signed_removals(signed, hub_key=hub_key)
    if (removals.run, removals.site, removals.round, removals.nonce) != (run, site, number, nonce):
        raise RefusedError(Refusal.STATEMENT_REPLAYED, "the removals are for another round, run or site")
    if removals.epoch < epoch or not abs(at - removals.issued_at) <= FRESH_FOR:
        raise RefusedError(Refusal.STATEMENT_STALE, "the removals are too old; ask for this round again")
    return removals


def read_removals(signed: Signed | None, *, hub_key: Ed25519PublicKey, run: str, site: str, number: int) -> set[bytes]:
    """Whom a statement removed that was given for a round that is over: the hub reads its own again.

    Raises:
        RefusedError: `statement-missing`, `-forged` or `-replayed`.
    """
    removals = _signed_removals(signed, hub_key=hub_key)
    if (removals.run, removals.site, removals.round) != (run, site, number):
        raise RefusedError(Refusal.STATEMENT_REPLAYED, "the removals are for another round, run or site")
    return {bytes.fromhex(one) for one in removals.removed}


def _signed_removals(signed: Signed | None, *, hub_key: Ed25519PublicKey) -> Removals:
    if signed is None:
        raise RefusedError(Refusal.STATEMENT_MISSING, "no statement of removals came with this round")
    try:
        data = decode(check(signed, hub_key, kind=REMOVALS_KIND))
        removals = Removals(
            **{**data, "issued_at": datetime.fromisoformat(data["issued_at"]), "removed": tuple(data["removed"])}
        )
        if removals.issued_at.tzinfo is None:
            raise MalformedError("a statement's time needs a zone")
    except (SignatureError, MalformedError, TypeError, KeyError, ValueError) as error:
        raise RefusedError(Refusal.STATEMENT_FORGED, "the removals are not signed by the consent centre") from error
    return removals
