"""What the demo tries and must be refused: each returns the reason code it met."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from consent_center.demo.asking import SMALL_STUDY, STUDY, approve, file_and_assess, plan_of
from consent_center.demo.stage import Stage
from consent_center.gate import StoreGate
from federated.cohort_leaves import PSEUDONYM_BYTES
from federated.errors import Refusal, RefusedError
from federated.exchange import kind_of, order_bytes, parse_refused
from federated.gate import Admission


@dataclass(frozen=True)
class Attempt:
    """Something that was tried, and the code it was refused with."""

    step: str
    reason: str
    said: str


def greedy_run(gate: StoreGate) -> Attempt:
    """The same study once more: the ledger has nothing left for it."""
    return _expect(lambda: gate.admit_run(STUDY), step="a second run of the same study", reason=Refusal.OVER_BUDGET)


def tampered_cohort(stage: Stage, admission: Admission) -> Attempt:
    """The coordinator slips a member who said no into a site's cohort: the site compares with the signed root."""
    site = admission.plan.sites[0]
    order = admission.orders[site]
    inside = {order.members[i : i + PSEUDONYM_BYTES] for i in range(0, len(order.members), PSEUDONYM_BYTES + 1)}
    outsider = next(one for one in sorted(stage.enrolled[site]) if one not in inside)
    forged = replace(order, members=outsider + order.members[PSEUDONYM_BYTES:])
    answer = stage.agents[site].answer(order_bytes(forged))
    code = parse_refused(answer).code if kind_of(answer) == "refused" else None
    if code is not Refusal.COHORT_TAMPERED:
        raise AssertionError(f"a forged cohort was answered with {code}")
    said = f"{site}: the members do not give the root that the consent centre signed"
    return Attempt("a cohort with one member exchanged", code.value, said)


def too_few(stage: Stage, gate: StoreGate) -> Attempt:
    """A study over two sites only, whose cohorts stay below the plan's minimum."""
    two = [site.site for site in stage.federation.sites[:2]]
    plan = plan_of(stage, SMALL_STUDY, sites=two, minimum_cohort=stage.federation.members)
    study, _ = file_and_assess(stage, plan)
    approve(stage, study)
    return _expect(
        lambda: gate.admit_run(SMALL_STUDY), step="a run over too few members", reason=Refusal.COHORT_TOO_SMALL
    )


def _expect(tried: Callable[[], object], *, step: str, reason: Refusal) -> Attempt:
    try:
        tried()
    except RefusedError as refused:
        if refused.code is not reason:
            raise
        return Attempt(step, refused.code.value, str(refused))
    raise AssertionError(f"{step} was not refused")
