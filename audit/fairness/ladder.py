"""A preregistered ladder: the same question asked in several ways fixed beforehand, and one answer of all of them.

Each rung is judged by itself, over all attributes. PASS or FAIL needs every rung with evidence to agree; anything else
is INCONCLUSIVE. A permutation of members among groups stands beside each interval: it rests on no formula of variance.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from audit.fairness.counts import CountTable
from audit.fairness.gaps import release_verdict
from audit.fairness.means import Scale
from audit.fairness.verdict import Gap, Verdict

PERMUTATIONS = 999


@dataclass(frozen=True, slots=True)
class RungFound:
    """What one rung came to.

    Attributes:
        name: of the rung.
        verdict: of all its gaps, over all attributes.
        p_value: the least of its attributes' permutation p-values, times their number, at most 1.
    """

    name: str
    verdict: Verdict
    p_value: float


def agreed(verdicts: Iterable[Verdict]) -> Verdict:
    """One answer of several rungs: PASS or FAIL only if all with evidence agree, INSUFFICIENT if none has any."""
    given = {verdict for verdict in verdicts if verdict is not Verdict.INSUFFICIENT}
    if not given:
        return Verdict.INSUFFICIENT
    return given.pop() if len(given) == 1 else Verdict.INCONCLUSIVE


def judge_ladder(
    rungs: Mapping[str, Sequence[tuple[CountTable, Sequence[Gap]]]],
    scales: Mapping[str, Scale],
    rng: np.random.Generator,
) -> tuple[RungFound, ...]:
    """What each rung says.

    Args:
        rungs: name -> each attribute's table with its judged gaps.
        scales: of each rung's number.
        rng: of the permutations; seeded from public data, anybody can draw them again.
    """
    found = []
    for name, parts in rungs.items():
        p_values = [permuted(table, scales[name], rng) for table, _ in parts]
        verdict = release_verdict(gap for _, gaps in parts for gap in gaps)
        found.append(RungFound(name, verdict, min(1.0, len(parts) * min(p_values, default=1.0))))
    return tuple(found)


def permuted(table: CountTable, scale: Scale, rng: np.random.Generator, *, permutations: int = PERMUTATIONS) -> float:
    """How often members dealt to groups at random differ in their means as much as these groups do; at least 1/1000.

    The members of all groups are pooled, dealt anew in groups of the same sizes, and every cell gets noise of the
    table's variance; the statistic is the distance of the highest mean from the lowest one.

    Args:
        table: noised counts of members' numbers; "not given" is left out.
        scale: of the number.
        rng: of the permutations.
        permutations: how many.

    Source:
        Phipson, Smyth 2010, "Permutation p-values should never be zero", for (b + 1)/(m + 1).
    """
    counts = np.maximum(table.cells[:-1, 1, :], 0)
    sizes = counts.sum(axis=1)
    if (sizes > 0).sum() < 2:
        return 1.0
    middles = scale.middles(counts.shape[1])
    spread = _spread(counts.astype(float), middles)
    larger = 0
    for _ in range(permutations):
        left, dealt = counts.sum(axis=0), []
        for size in sizes:
            drawn = rng.multivariate_hypergeometric(left, size)
            left = left - drawn
            dealt.append(drawn)
        noise = rng.normal(0.0, table.noise_variance**0.5, counts.shape)
        larger += _spread(np.maximum(np.array(dealt) + noise, 0.0), middles) >= spread
    return (larger + 1) / (permutations + 1)


def _spread(counts: np.ndarray, middles: np.ndarray) -> float:
    totals = counts.sum(axis=1)
    means = (counts @ middles)[totals > 0] / totals[totals > 0]
    return float(np.ptp(means)) if len(means) > 1 else 0.0
