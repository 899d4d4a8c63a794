"""A coupon that was refused at the till, told with the reason that it was really refused for.

A refusal rests on a rule and on no score, so it needs no verdict for offers; the member still finds it on her page,
with the same salted commitment in the log as every other automated decision.
"""

from typing import get_args

from federated.clearance import Clearing, check_clearance
from federated.errors import MalformedError, Refusal, RefusedError
from federated.models.explain import Reason
from federated.site.decisions import CouponReason, Decision, Decisions
from federated.site.scoring import Desk

LONGEST = 80


def refuse_coupon(desk: Desk, clearing: Clearing, pseudonym: bytes, *, coupon: str, reason: CouponReason) -> str:
    """Record that a coupon of hers was refused, and why; returns the decision's commitment.

    Args:
        desk: the site's means.
        clearing: the consent centre, which puts the commitment into the log.
        pseudonym: hers at this site.
        coupon: the brand's own code of it.
        reason: the rule that refused it.

    Raises:
        MalformedError: not a reason of the list, or no code of a coupon.
        RefusedError: `policy`: she is not linked to this site (any more), so nothing about her may be kept.
    """
    if reason not in get_args(CouponReason):
        raise MalformedError(f"a coupon is refused for one of {', '.join(get_args(CouponReason))}")
    if not 0 < len(coupon) <= LONGEST or not coupon.isprintable():
        raise MalformedError(f"name the coupon by its code, at most {LONGEST} characters")
    register, site, at = Decisions(desk.store), desk.policy.name, desk.clock()
    decision = Decision(
        kind="coupon-refused",
        run="",
        model="",
        study="",
        label="coupon",
        horizon_days=0,
        score=0.0,
        threshold=0.0,
        action=(coupon,),
        reasons=(Reason("coupon", reason, 0.0),),
        change=None,
        at=at,
    )
    proposals = register.propose([(pseudonym, decision)])
    nonce = desk.draw_nonce()
    answered = check_clearance(
        clearing.clear(site, nonce, "", proposals),
        hub_key=desk.policy.hub_key,
        site=site,
        nonce=nonce,
        proposals=proposals,
        at=desk.clock(),
    )
    register.settle(answered.cleared, answered.refused)
    if answered.refused:
        register.forget_decision(proposals[0].commitment)
        raise RefusedError(Refusal.POLICY, "she is not linked to this site; nothing about her was kept")
    register.told(answered.cleared)
    return proposals[0].commitment
