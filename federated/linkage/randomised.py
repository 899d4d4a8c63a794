r"""The randomised exchange: one holder's columns help another's model, and no row, feature, label or gradient crosses.

    holder  label y    --> y' through randomised response (ε_y), with the member's token
    helper  fits its own model to y' under member-level DP; its edges come from a charged histogram of its scores.
            P(y'=1|x) grows with P(y=1|x), so the order of the scores needs no correction for the noise
    helper  bin of the score, 1 of k  --> through k-ary randomised response (ε_x), with the token
    holder  adds the bin as a feature of its own model

Both answers are kept and given again within the epoch: asking twice shows nothing new, so averaging cannot wash the
noise out. The member pays ε_y + ε_x from the pure part of the programme's account, and the helper's training and edges
like any release; all of it stands under the holder's item and under the helper's.

What a bin can tell about a label, by Bayes' rule, is bounded by e^ε_y: the helper saw the label only through y', and
what it returns is post-processing of y' and of its own columns.

Source:
    Warner 1965; Kairouz, Oh, Viswanath 2016, "Extremal Mechanisms for Local Differential Privacy"; Natarajan et al.
    2013, "Learning with Noisy Labels". Why nothing else is shipped: docs/explanation/linkage.md.
"""

import math
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from federated.errors import MalformedError, Refusal, RefusedError
from privacy.mechanism import DiscreteLaplace, RandomisedResponse, cost
from privacy.noise import NoiseSource
from privacy.quantities import Cost

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

CELLS = 64
MOST_BINS = 8


@dataclass(frozen=True)
class Exchange:
    """The public numbers of an exchange; part of the plan that was approved.

    Attributes:
        epsilon_label: ε_y of a label, > 0.
        epsilon_bin: ε_x of a bin, > 0.
        epsilon_edges: ε of the histogram of scores that the edges come from, > 0.
        bins: k, 2 to 8.

    Raises:
        MalformedError: a number outside its range.
    """

    epsilon_label: float
    epsilon_bin: float
    epsilon_edges: float = 0.25
    bins: int = 4

    def __post_init__(self) -> None:
        numbers = (self.epsilon_label, self.epsilon_bin, self.epsilon_edges)
        if not all(math.isfinite(one) and one > 0 for one in numbers) or not 2 <= self.bins <= MOST_BINS:
            raise MalformedError(f"an exchange has three ε above 0 and 2 to {MOST_BINS} bins")

    @property
    def labels(self) -> RandomisedResponse:
        """How a label crosses."""
        return RandomisedResponse(epsilon=self.epsilon_label, options=2)

    @property
    def answers(self) -> RandomisedResponse:
        """How a bin crosses back."""
        return RandomisedResponse(epsilon=self.epsilon_bin, options=self.bins)

    @property
    def edges(self) -> DiscreteLaplace:
        """How the helper's scores are counted for the edges of its bins."""
        return DiscreteLaplace(sensitivity=1, epsilon=self.epsilon_edges)

    @property
    def cost(self) -> Cost:
        """What one member pays for both crossings and the edges; the helper's training is charged beside it."""
        return cost(self.labels) + cost(self.answers) + cost(self.edges)


def answer_once(
    kept: MutableMapping[bytes, int],
    truths: Mapping[bytes, int],
    mechanism: RandomisedResponse,
    noise: NoiseSource,
) -> dict[bytes, int]:
    """Randomised answers about these members: what was answered before in this epoch, else drawn now and kept.

    Args:
        kept: token -> what was answered in this epoch; the caller makes it durable before anything is sent.
        truths: token -> the true answer, 0 to options - 1.
        mechanism: of the plan.
        noise: of the product.

    Raises:
        MalformedError: an answer outside the options, or one kept under another number of them.
    """
    if any(not 0 <= one < mechanism.options for one in [*truths.values(), *kept.values()]):
        raise MalformedError(f"an answer is a whole number from 0 to {mechanism.options - 1}")
    new = [token for token in truths if token not in kept]
    drawn = noise.randomised_response(
        np.array([truths[token] for token in new], dtype=np.int64),
        epsilon=mechanism.epsilon,
        options=mechanism.options,
    )
    kept.update(zip(new, (int(one) for one in drawn), strict=True))
    return {token: kept[token] for token in truths}


def all_answered(answers: npt.ArrayLike, due: npt.ArrayLike, mechanism: RandomisedResponse) -> None:
    """Refuse what is not an answer about each member who was asked about, and nobody else.

    Args:
        answers: one for each place of the list, shape (places,).
        due: at which places an answer is due, shape (places,); what stands at the others is not looked at.
        mechanism: of the answers.

    Raises:
        RefusedError: `link-tampered`: an answer is missing, is one too many, or is none of the options. Half an
            exchange is no exchange: whoever chose which half is used would read from what follows who is in it.
    """
    given, wanted = np.asarray(answers), np.asarray(due, dtype=bool)
    if given.shape != wanted.shape or not np.isin(given[wanted], range(mechanism.options)).all():
        raise RefusedError(
            Refusal.LINK_TAMPERED, "the partner did not answer exactly what was asked; nothing of it is used"
        )


def edges_of(scores: npt.ArrayLike, exchange: Exchange, noise: NoiseSource) -> Floats:
    """Edges that put about as many members into each bin, from a noised histogram; k - 1 of them, ascending.

    Args:
        scores: the helper's probabilities, shape (members,).
        exchange: the numbers.
        noise: of the product; the release is `exchange.edges`.
    """
    given = np.asarray(scores, dtype=np.float64)
    if not np.isfinite(given).all():
        raise MalformedError("a score is not a number: the helper's model is damaged")
    counts, places = np.histogram(np.clip(given, 0, 1), bins=CELLS, range=(0, 1))
    noised = counts + noise.discrete_laplace(counts.shape, epsilon=exchange.epsilon_edges, sensitivity=1)
    heights = np.cumsum(np.clip(noised, 0, None))
    if not heights[-1]:
        return np.asarray(np.linspace(0, 1, exchange.bins + 1)[1:-1], dtype=np.float64)
    wanted = heights[-1] * np.arange(1, exchange.bins) / exchange.bins
    return np.asarray(np.interp(wanted, np.concatenate([[0], heights]), places), dtype=np.float64)


def bins_of(scores: npt.ArrayLike, edges: Floats) -> Integers:
    """The bin of each score, 0 to k - 1."""
    return np.asarray(np.searchsorted(edges, np.asarray(scores, dtype=np.float64), side="right"), dtype=np.int64)


def truth_rate(mechanism: RandomisedResponse) -> float:
    """How often an answer is the true one: e^ε/(e^ε + options - 1)."""
    odds = math.exp(mechanism.epsilon)
    return odds / (odds + mechanism.options - 1)
