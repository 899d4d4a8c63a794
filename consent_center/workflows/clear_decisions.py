"""May this reach her now? Asked by a site for each decision, right before it tells anybody; no yes outlives a minute.

Each cleared decision gets its entry in the log: a salted commitment, and nothing of its reasons.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_center.events import Event
from consent_center.storage import cohorts, decisions, limits, members, releases, runs, studies
from consent_center.storage.decisions import Made
from consent_center.storage.members import Member
from consent_center.storage.transaction import Transaction
from federated.clearance import DECISION_KINDS, KIND, Clearance, Proposal, clearance_bytes
from federated.errors import MalformedError, Refusal, RefusedError
from federated.plan import Plan
from federated.signed import Signed, sign

PROGRAMME_LIMIT = 4
"""Offers a month where she set no limit of her own."""
MONTH = timedelta(days=30)
NO_VERDICT, LIMIT, NOT_ENROLLED, ELSEWHERE = "no-verdict", "offer-limit", "not-enrolled", "not-yours"
MOST = 1000


def clear_decisions(
    tx: Transaction,
    site: str,
    nonce: str,
    run: str,
    proposals: Sequence[Proposal],
    *,
    signer: Ed25519PrivateKey,
    at: datetime,
) -> Signed:
    """Clear or refuse each decision, and record what was cleared.

    Asking again for a decision that was cleared judges it anew and records nothing twice.

    Args:
        tx: the transaction.
        site: who asks; the caller has made sure that it is.
        nonce: the site's own.
        run: the scoring run that the decisions rest on; empty for refused coupons, which rest on a rule.
        proposals: at most 1,000.
        signer: the consent centre's signing key.
        at: now.

    Raises:
        RefusedError: `model-not-released`, or `malformed` for a run that is not a finished scoring of this site.
    """
    if len(proposals) > MOST or len({one.commitment for one in proposals}) != len(proposals):
        raise RefusedError(Refusal.MALFORMED, f"at most {MOST} proposals at once, each once")
    plan = _plan(tx, run, site, at=at) if run else None
    linked = members.by_pseudonym(tx, site, [_pseudonym(one.pseudonym) for one in proposals])
    people = members.get_many(tx, set(linked.values()))
    uses = None if plan is None else cohorts.uses_at(tx, site, plan, at=at)
    counts = decisions.told_since(tx, [one.no for one in people.values()], since=at - MONTH)
    known = decisions.find(tx, [one.commitment for one in proposals])
    cleared, refused = [], {}
    for one in proposals:
        member = linked.get(bytes.fromhex(one.pseudonym))
        if member is None:
            refused[one.commitment] = NOT_ENROLLED
            continue
        person, before = people[member], known.get(one.commitment)
        allowed = None if uses is None else uses(person.no)
        code = _refusal(tx, one, person, before, site=site, allowed=allowed, counts=counts)
        if code is not None:
            refused[one.commitment] = code
            continue
        cleared.append(one.commitment)
        if before is None:
            _record(tx, Made(one.commitment, member, site, run, one.kind, at), person, at=at)
            counts[person.no] = counts.get(person.no, 0) + (one.kind != "coupon-refused")
    answer = Clearance(site, nonce, at, tuple(cleared), refused)
    return sign(signer, kind=KIND, payload=clearance_bytes(answer))


def _refusal(
    tx: Transaction,
    one: Proposal,
    person: Member,
    before: Made | None,
    *,
    site: str,
    allowed: int | None,
    counts: dict[int, int],
) -> str | None:
    if before is not None and (before.member, before.site) != (person.member, site):
        return ELSEWHERE
    if one.kind not in DECISION_KINDS or (allowed is None) != (one.kind == "coupon-refused"):
        return ELSEWHERE
    if allowed is None:
        return None
    if not allowed & 1:
        return NO_VERDICT
    most = limits.newest(tx, person.no)
    limit = PROGRAMME_LIMIT if most is None else most
    return LIMIT if counts.get(person.no, 0) - (before is not None) >= limit else None


def _record(tx: Transaction, made: Made, person: Member, *, at: datetime) -> None:
    private = {"commitment": made.commitment, "site": made.site, "run": made.run, "kind_of": made.kind}
    entry = tx.append(Event("decision.made", {}, private, person.no), at=at)
    decisions.add(tx, made, person.no, entry=entry)


def _plan(tx: Transaction, run: str, site: str, *, at: datetime) -> Plan:
    plan = studies.get(tx, runs.get(tx, run).study).parsed()
    ended = runs.outcome(tx, run)
    if not plan.releases_of("score") or plan.sites != (site,) or ended is None or ended.outcome != "completed":
        raise RefusedError(Refusal.MALFORMED, "decisions rest on a finished scoring of the site that makes them")
    if not releases.is_usable(releases.latest(tx, plan.package), at=at):
        raise RefusedError(Refusal.MODEL_NOT_RELEASED, "the model that scored is not released any more; score anew")
    return plan


def _pseudonym(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise MalformedError("a pseudonym is hexadecimal") from error
