"""Whom a round of a run may use: the same rule at the site, which applies it, and at the hub, which checks it.

in the part of the exchange, with a yes to its use in the signed cohort, and not removed by a statement since
"""

from collections.abc import Collection, Sequence

from federated.cohort_leaves import Octets
from federated.models.model import Exchange
from federated.plan import Part, Plan


def used_members(
    plan: Plan,
    exchange: Exchange,
    *,
    pseudonyms: Sequence[bytes],
    uses: Octets,
    parts: Sequence[Part | None],
    removed: Collection[bytes] = frozenset(),
) -> tuple[bytes, ...]:
    """The members of a cohort whom an exchange may use, in the cohort's order.

    Args:
        plan: the plan in force.
        exchange: one of its rounds.
        pseudonyms: everybody in the signed cohort.
        uses: the bits of their uses, shape (members,).
        parts: the part of the run that each belongs to.
        removed: whom the consent centre's statements named so far.
    """
    part, mask = exchange.release.part, 1 << plan.use_of(exchange.release.kind)
    allowed = (uses & mask != 0).tolist()
    return tuple(
        [
            pseudonym
            for pseudonym, hers, yes in zip(pseudonyms, parts, allowed, strict=True)
            if yes and hers == part and pseudonym not in removed
        ]
    )
