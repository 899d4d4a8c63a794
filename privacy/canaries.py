"""An attack on our own claim: artificial members whose presence an auditor tries to read from what was released.

Each canary owns one extra coordinate of every release. A fair coin decides whether she takes part; if she does, she
sends a gradient far beyond the bound on her coordinate, through the same clipping and the same noise as everybody
else. Her coordinate is cut off before the release is used, so the model is not touched. Afterwards the coins are
guessed from the noised coordinates. If the guesses are better than the claim allows, the claim is false.

Two lower bounds at 95 % confidence are computed from one run:
    mean difference   the GDP parameter that the in- and out-canaries show, assuming Gaussian noise of unknown size
    guessing          Steinke, Nasr, Jagielski 2023: assumes nothing about the noise, and is weaker for it

What it cannot see: a model trained without canaries; what depends on real members' data (a statistic released beside
the gradients, a fitted scaler); whether somebody is in a cohort; the δ part; a single charge in a hundred that was
skipped. A bound below the claim is no proof of the claim.

Source:
    Steinke, Nasr, Jagielski 2023, "Privacy Auditing with One (1) Training Run", Theorem 5.2; Andrew, Kairouz, Oh,
    Oprea, McMahan, Suriyakumar 2024, "One-shot Empirical Privacy Estimation for Federated Learning", section 3 (many
    orthogonal canaries, Gaussian noise).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from privacy.accounting import epsilon_of_mu
from privacy.errors import AuditFailedError
from privacy.noise import NoiseSource

Floats = npt.NDArray[np.float64]
Coins = npt.NDArray[np.bool_]

OVERSHOOT = 10.0
FEWEST = 100
CONFIDENCE = 0.95
GUESS_SHARES = (0.01, 0.03, 0.1, 0.3, 1.0)


@dataclass(frozen=True, slots=True)
class Audit:
    """What the attack found.

    Attributes:
        canaries: how many there were.
        claimed_epsilon: what the ledger says the run cost, at `delta`.
        delta: of the ledger.
        mean_difference: lower bound of ε from the mean difference.
        guessing: lower bound of ε from guessing.
        confidence: of each bound.
    """

    canaries: int
    claimed_epsilon: float
    delta: float
    mean_difference: float
    guessing: float
    confidence: float

    @property
    def flagged(self) -> bool:
        """Does either bound contradict the claim? An honest run is flagged at most 2·(1 - confidence) of the time."""
        return max(self.mean_difference, self.guessing) > self.claimed_epsilon

    @property
    def sentences(self) -> tuple[str, ...]:
        """The finding in words, with what it does not say."""
        if self.flagged:
            verdict = "The attack contradicts the claim: stop using the model and look for missing noise or charges."
        else:
            verdict = "The attack does not contradict the claim. That is no proof of the claim."
        found = (
            f"An attack with {self.canaries} artificial members shows that this run has an ε of at least "
            f"{self.mean_difference:.2f} (mean difference) or {self.guessing:.2f} (guessing), each with "
            f"{100 * self.confidence:.0f} % confidence; claimed was {self.claimed_epsilon:.2f} at δ = {self.delta:g}."
        )
        return (
            found,
            verdict,
            "It cannot see leaks outside the noised sums, being in a cohort, or a few skipped charges among many.",
        )


def toss(count: int, *, noise: NoiseSource) -> Coins:
    """One fair coin for each canary: does she take part?

    Args:
        count: how many canaries, >= 100; with 5,000 the bounds come close to the claim.
        noise: the source of randomness; whoever knows the coins must not take part in the run.

    Raises:
        AuditFailedError: too few canaries to say anything.
    """
    if count < FEWEST:
        raise AuditFailedError(f"an audit needs at least {FEWEST} canaries, better 5000")
    return noise.gaussian(count, 1.0) > 0


def contributions(coins: Coins, *, bound: float, clip: Callable[[Floats], Floats]) -> Floats:
    """What the canaries add to a clipped sum, one extra coordinate each.

    Args:
        coins: who takes part, shape (canaries,).
        bound: the run's clipping bound; a canary sends ten times as much.
        clip: the run's own clipping of one member's vector, shape (1,) to shape (1,): what is audited.

    Returns:
        Shape (canaries,): to be appended to the sum of the real members before noise is added.
    """
    return np.array([clip(np.array([OVERSHOOT * bound]))[0] if taking_part else 0.0 for taking_part in coins])


def with_canaries(total: Floats, added: Floats) -> Floats:
    """A flat sum with the canaries' coordinates behind it."""
    return np.concatenate([total, added])


def without_canaries(released: Floats, *, canaries: int) -> tuple[Floats, Floats]:
    """The release as it may be used, and the canaries' coordinates for the auditor."""
    if not 0 < canaries < released.size:
        raise AuditFailedError("the release does not hold that many canaries")
    return released[:-canaries], released[-canaries:]


def scores(observed: Sequence[Floats], weights: Sequence[float]) -> Floats:
    """One number per canary from all releases: the sum of her coordinates, each weighted by sensitivity/std².

    That is the log-likelihood ratio, up to scale, if every release has the noise that it was charged for.

    Args:
        observed: the canaries' coordinates of each release, each of shape (canaries,).
        weights: sensitivity/std² of each release, as charged.

    Raises:
        AuditFailedError: nothing was observed, or the shapes differ.
    """
    shapes = {one.shape for one in observed}
    if len(shapes) != 1 or len(observed) != len(weights):
        raise AuditFailedError("every release needs the same canaries and one weight")
    total = np.zeros(shapes.pop())
    for one, weight in zip(observed, weights, strict=True):
        total += weight * one
    if not np.isfinite(total).all():
        raise AuditFailedError("the canaries' coordinates are not finite: the release is broken, not audited")
    return total


def mu_lower_bound(found: Floats, coins: Coins, *, confidence: float = CONFIDENCE) -> float:
    """A lower confidence bound of the GDP parameter, from the mean difference of in- and out-canaries.

    The difference in units of the pooled standard deviation estimates μ with variance 1/n_in + 1/n_out + μ²/(2·dof);
    the bound solves for the smallest μ from which the estimate is no surprise. The noise is measured, not believed.

    Args:
        found: score of each canary.
        coins: who took part.
        confidence: of the bound, one-sided.
    """
    inside, outside = found[coins], found[~coins]
    if min(inside.size, outside.size) < FEWEST // 4:
        raise AuditFailedError("the coins fell too unevenly to compare: use more canaries")
    freedom = found.size - 2
    pooled = math.sqrt((inside.var() * inside.size + outside.var() * outside.size) / freedom)
    difference = float(inside.mean() - outside.mean())
    if pooled == 0:
        return math.inf if difference > 0 else 0.0
    estimate, z = difference / pooled, float(ndtri(confidence))
    # (estimate - μ)² = z²·(a + μ²·b), the smaller root.
    a, b = 1 / inside.size + 1 / outside.size, 1 / (2 * freedom)
    square, half, rest = 1 - z * z * b, estimate, estimate**2 - z * z * a
    root = (half - math.sqrt(max(half**2 - square * rest, 0.0))) / square
    return max(root, 0.0)


def epsilon_from_guesses(found: Floats, coins: Coins, *, delta: float, confidence: float = CONFIDENCE) -> float:
    """A lower confidence bound of ε from guessing the coins of the canaries with the most extreme scores.

    The share that is guessed is one of five fixed in advance; each gets a fifth of the error.

    Args:
        found: score of each canary.
        coins: who took part.
        delta: δ of the claim.
        confidence: of the bound, one-sided.
    """
    order = np.argsort(found)
    best = 0.0
    for share in GUESS_SHARES:
        each = max(int(share * found.size / 2), 1)
        right = int((~coins[order[:each]]).sum() + coins[order[-each:]].sum())
        allowed = (1 - confidence) / len(GUESS_SHARES)
        low, high = 0.0, 50.0
        if _surprise(right, 2 * each, found.size, low, delta) > allowed:
            continue
        while high - low > 1e-3:
            middle = (low + high) / 2
            low, high = (
                (middle, high) if _surprise(right, 2 * each, found.size, middle, delta) <= allowed else (low, middle)
            )
        best = max(best, low)
    return best


def audit(
    observed: Sequence[Floats],
    weights: Sequence[float],
    coins: Coins,
    *,
    claimed_epsilon: float,
    delta: float,
    confidence: float = CONFIDENCE,
) -> Audit:
    """Attack one run.

    Args:
        observed: the canaries' coordinates of each release, each of shape (canaries,).
        weights: sensitivity/std² of each release, as charged.
        coins: who took part, shape (canaries,).
        claimed_epsilon: what the ledger says these releases cost.
        delta: of the ledger.
        confidence: of each bound, one-sided.

    Raises:
        AuditFailedError: shapes that do not belong together, or too few canaries.
    """
    found = scores(observed, weights)
    if coins.shape != found.shape:
        raise AuditFailedError("every canary needs one coin")
    return Audit(
        canaries=found.size,
        claimed_epsilon=claimed_epsilon,
        delta=delta,
        mean_difference=_epsilon(mu_lower_bound(found, coins, confidence=confidence), delta),
        guessing=epsilon_from_guesses(found, coins, delta=delta, confidence=confidence),
        confidence=confidence,
    )


def _epsilon(mu: float, delta: float) -> float:
    return math.inf if mu > 1000 else epsilon_of_mu(mu, delta)


def _surprise(right: int, guesses: int, canaries: int, epsilon: float, delta: float) -> float:
    """The most probable that so many right guesses can be under (ε, δ)-DP."""
    from scipy.stats import binom  # noqa: PLC0415 - a second of imports; every site and hub loads this module

    chance = 1 / (1 + math.exp(-epsilon))
    pure = float(binom.sf(right - 1, guesses, chance))
    below = np.cumsum(binom.pmf(right - np.arange(1, right + 1), guesses, chance))
    worst = float((below / np.arange(1, right + 1)).max(initial=0.0))
    return min(pure + 2 * canaries * delta * worst, 1.0)
