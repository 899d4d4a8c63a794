"""Do the intervals cover what they claim, noise included? Is the release check wrong as rarely as it says?

Tables of two groups are drawn 10,000 times for group sizes from 100 to 10,000, three prices of privacy and three kinds
of gap; each statistic is computed by the product's own functions and its interval compared with the truth. Lower
figures count the repetitions that were shown (not INSUFFICIENT), in designs that are shown at least half of the time;
the upper figure counts all repetitions of designs in which noise makes less than half of the variance, because
refusing some repetitions says nothing about the width of the others. Seeds are fixed: this is simulated data.
"""

import itertools
from collections.abc import Iterator

import numpy as np

from audit.fairness import metrics
from audit.fairness.counts import CountTable, Layout, discrete_laplace_variance
from audit.fairness.evidence import enough
from audit.fairness.gaps import detectable_ratio, judge, release_verdict
from audit.fairness.intervals import Interval, Rate, difference, ratio, z_value
from audit.fairness.verdict import Thresholds, Verdict

REPETITIONS = 10_000
SIZES = (100, 300, 1_000, 3_000, 10_000)
EPSILONS = (0.25, 1.0, 3.0)
EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
LAYOUT = Layout("simulated", tuple(map(str, range(REPETITIONS))), EDGES, 0.6)
LIMITS = Thresholds()
Z = z_value(LIMITS.alpha)
RATES = {
    "selection": metrics.selection,
    "true_positive_rate": metrics.true_positive_rate,
    "false_positive_rate": metrics.false_positive_rate,
    "precision": metrics.precision,
}


def group(base_rate: float, sharpness: float) -> np.ndarray:
    """Probabilities of the cells (label x bin) of one group; sharper scores separate the labels better."""
    middle = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
    ones, zeros = np.exp(sharpness * middle), np.exp(-sharpness * middle)
    return np.stack([(1 - base_rate) * zeros / zeros.sum(), base_rate * ones / ones.sum(), 0 * ones])


PAIRS = {
    "no gap": (group(0.3, 2.5), group(0.3, 2.5)),
    "small gap": (group(0.5, 2.5), group(0.45, 3.0)),
    "large gap": (group(0.3, 2.5), group(0.2, 2.0)),
}


def noise(rng: np.random.Generator, epsilon: float, shape: tuple[int, ...]) -> np.ndarray:
    """Discrete Laplace noise as the difference of two geometric numbers, for simulation only."""
    p = 1 - np.exp(-epsilon)
    return rng.geometric(p, shape) - rng.geometric(p, shape)


def draw(rng: np.random.Generator, cells: np.ndarray, size: int, epsilon: float) -> CountTable:
    """One table whose groups are the repetitions."""
    counts = np.zeros(LAYOUT.shape, dtype=np.int64)
    counts[:-1] = rng.multinomial(size, cells.ravel(), size=REPETITIONS).reshape(REPETITIONS, *cells.shape)
    counts[:-1] += noise(rng, epsilon, (REPETITIONS, *cells.shape))
    return CountTable(LAYOUT, counts, discrete_laplace_variance(epsilon))


def exactly(cells: np.ndarray, size: int, epsilon: float) -> CountTable:
    """The expected table of one group of `size`, in millionths of a member so that it stays whole."""
    layout = Layout("expected", ("0",), EDGES, 0.6)
    counts = np.zeros(layout.shape, dtype=np.int64)
    counts[0] = np.round(cells * size * 1e6)
    return CountTable(layout, counts, discrete_laplace_variance(epsilon))


def statistics(
    one: CountTable, other: CountTable, truth: tuple[CountTable, CountTable]
) -> Iterator[tuple[str, Interval, float, np.ndarray, float, np.ndarray]]:
    """Each statistic: name, intervals, true value, which are shown, expected noise share, naive standard error."""
    for name, rated in RATES.items():
        a, b = rated(one)[slice(0, -1)], rated(other)[slice(0, -1)]
        real = [rated(table)[0] for table in truth]
        whole = [Rate(r.yes / 1e6, r.no / 1e6, r.yes_cells, r.no_cells, r.noise_variance) for r in real]
        share = max(float(r.noise_share) for r in whole)
        p, q = float(real[0].value), float(real[1].value)
        shown = enough(a, LIMITS) & enough(b, LIMITS)
        naive = np.sqrt(a.sampling_variance + b.sampling_variance)
        yield f"{name} difference", difference(a, b, Z), p - q, shown, share, naive
        if name == "selection":
            relative = np.sqrt(sum(r.sampling_variance / np.maximum(r.value, 1e-9) ** 2 for r in (a, b)))
            yield "impact ratio", ratio(a, b, Z), p / q, shown, share, relative * a.value / np.maximum(b.value, 1e-9)
    values, variances, shares, known = [], [], [], []
    for table in (one, other):
        value, variance = metrics.auc(table)
        values.append(value[:-1])
        variances.append(variance[:-1])
        shares.append(metrics.auc_noise_share(table)[:-1])
        known.append(enough(metrics.base_rate(table)[slice(0, -1)], LIMITS) & (shares[-1] <= LIMITS.noise_share))
    real_auc = [float(metrics.auc_from_histogram(t.cells[0, 1], t.cells[0, 0]).value) for t in truth]
    single = metrics.auc_from_histogram(one.cells[:-1, 1], one.cells[:-1, 0], one.noise_variance)
    sampling = [metrics.auc_and_variance(t.cells[:-1, 1], t.cells[:-1, 0])[1] for t in (one, other)]
    yield "AUC", single, real_auc[0], known[0], float(np.median(shares[0])), np.sqrt(sampling[0])
    apart, reach = values[0] - values[1], Z * np.sqrt(variances[0] + variances[1])
    yield (
        "AUC difference",
        Interval(apart, apart - reach, apart + reach),
        real_auc[0] - real_auc[1],
        known[0] & known[1],
        float(np.median(np.maximum(*shares))),
        np.sqrt(sampling[0] + sampling[1]),
    )


def coverage(rng: np.random.Generator) -> dict[str, float]:
    """Coverage of every statistic in every design, and its extremes."""
    lowest, highest, naive_lowest, rarely, designs = (2.0, ""), (0.0, ""), 2.0, 2.0, 0
    for epsilon, size in itertools.product(EPSILONS, SIZES):
        worst: dict[str, tuple[float, float]] = {}
        for kind, cells in PAIRS.items():
            drawn = [draw(rng, part, size, epsilon) for part in cells]
            truth = (exactly(cells[0], size, epsilon), exactly(cells[1], size, epsilon))
            for name, interval, true, shown, share, error in statistics(drawn[0], drawn[1], truth):
                often = shown.mean()
                if not shown.any():
                    continue
                hit = (interval.low <= true) & (true <= interval.high)
                covered, plain = hit[shown].mean(), (np.abs(interval.value - true) <= Z * error)[shown].mean()
                label = f"{name}, {kind}, n={size}, epsilon={epsilon:g}"
                if often < 0.5:
                    rarely = min(rarely, covered) if shown.sum() >= 500 else rarely
                    continue
                designs += 1
                lowest = min(lowest, (covered, label))
                naive_lowest = min(naive_lowest, plain)
                if share < 0.5:
                    highest = max(highest, (hit.mean(), label))
                before = worst.get(name, (2.0, 2.0))
                worst[name] = (min(before[0], covered), min(before[1], plain))
        told = "; ".join(f"{name} {ours:.3f} (naive {plain:.3f})" for name, (ours, plain) in worst.items())
        print(f"epsilon {epsilon:g}, groups of {size}: {told or 'all INSUFFICIENT'}")
    print(f"lowest: {lowest[1]}; highest: {highest[1]}")
    return {
        "designs": designs,
        "lowest_coverage": float(lowest[0]),
        "highest_coverage": float(highest[0]),
        "lowest_coverage_naive": float(naive_lowest),
        "lowest_coverage_where_mostly_refused": float(min(rarely, 1.0)),
    }


def two_groups(
    rng: np.random.Generator, sizes: tuple[int, int], rates: tuple[float, float], epsilon: float
) -> CountTable:
    """One table of two groups with given selection rates, on ten bins of which five are selected."""
    layout = Layout("simulated", ("a", "b"), tuple(np.linspace(0, 1, 11).round(1)), 0.5)
    counts = np.zeros(layout.shape, dtype=np.int64)
    for index, (size, rate) in enumerate(zip(sizes, rates, strict=True)):
        cells = np.outer([0.7, 0.3, 0.0], np.repeat([(1 - rate) / 5, rate / 5], 5))
        counts[index] = rng.multinomial(size, cells.ravel()).reshape(cells.shape)
    counts += noise(rng, epsilon, counts.shape)
    return CountTable(layout, counts, discrete_laplace_variance(epsilon))


def release_check(rng: np.random.Generator) -> dict[str, float]:
    """How often the check fails a model without a gap, and finds the gap that it says it would find."""
    false_alarm, power, unsound = 0.0, 1.0, 0.0
    for size, rate, epsilon in itertools.product((1_000, 3_000, 10_000), (0.2, 0.5), (1.0, 3.0)):
        wide = Layout("expected", ("a", "b"), tuple(np.linspace(0, 1, 11).round(1)), 0.5)
        expected = Rate(
            np.float64(size * rate), np.float64(size * (1 - rate)), 3 * wide.cut, 3 * (10 - wide.cut),
            discrete_laplace_variance(epsilon),
        )  # fmt: skip
        promised = detectable_ratio(expected, expected, thresholds=LIMITS, tests=1)
        answers = {"none": [], "promised": [], "at the limit": []}
        for name, true in (("none", 1.0), ("promised", promised), ("at the limit", LIMITS.impact_ratio)):
            if true is None:
                continue
            for _ in range(2_000):
                table = two_groups(rng, (size, size), (rate * true, rate), epsilon)
                answers[name].append(release_verdict(judge(table, LIMITS)))
        alarms = np.mean([answer is Verdict.FAIL for answer in answers["none"]])
        wrong = np.mean([answer is Verdict.FAIL for answer in answers["at the limit"]])
        found = np.mean([answer is Verdict.FAIL for answer in answers["promised"]]) if promised else 1.0
        false_alarm, unsound, power = max(false_alarm, alarms), max(unsound, wrong), min(power, found)
        print(
            f"groups of {size}, {rate:.0%} selected, epsilon {epsilon:g}: says it finds ratio {promised or 0:.3f}, "
            f"finds it {found:.3f}; false alarms {alarms:.3f}, at the limit itself {wrong:.3f}"
        )
    return {"false_alarm_rate": float(false_alarm), "false_alarm_rate_at_limit": float(unsound), "power": float(power)}


def run() -> dict[str, dict]:
    """Coverage, then the release check."""
    figures = coverage(np.random.default_rng(20261121)) | release_check(np.random.default_rng(20261122))
    goals = {
        "lowest_coverage": [">=", 0.93],
        "highest_coverage": ["<=", 0.975],
        "false_alarm_rate": ["<=", 0.05],
        "power": [">=", 0.75],
    }
    return {"figures": figures, "goals": goals}
