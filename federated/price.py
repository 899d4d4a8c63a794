"""What a plan costs the one member whom it costs most.

The consent centre charges this at admission and each site charges it to its own ledger, from the plan alone, so both
come to the same two integers.
"""

from federated.plan import Plan
from privacy.ledger import Release, worst_member_cost
from privacy.quantities import Cost


def ledger_releases(plan: Plan) -> tuple[Release, ...]:
    """The plan's releases as lines of a ledger."""
    return tuple(Release(mechanism=line.mechanism, times=line.times, part=line.part) for line in plan.releases)


def price(plan: Plan) -> Cost:
    """The most that one run of the plan can cost any one member.

    A member is in one part and at one site of a run (`Plan.unit_sites`), so releases on one part add and between
    parts the larger counts.
    """
    return worst_member_cost(ledger_releases(plan))
