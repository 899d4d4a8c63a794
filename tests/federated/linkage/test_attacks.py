"""Law: each attack on linkage works on a planted weakening, and on the product stays within the stated bound."""

import math
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from statistics import NormalDist
from types import SimpleNamespace

import numpy as np
import pytest

from federated.errors import Refusal, RefusedError
from federated.linkage.limits import Matchings
from federated.linkage.pairing import Pairing
from federated.linkage.randomised import Exchange, all_answered, answer_once, bins_of, edges_of, truth_rate
from federated.linkage.tokens import link_token, pair_key
from federated.models.exchange_plan import helper_plan
from federated.models.registry import scorer_of
from federated.site import helping
from privacy.mechanism import cost
from privacy.noise import NoiseSource
from privacy.quantities import UNITS_PER_ONE
from tests.federated.linkage.test_matching import card, run
from tests.federated.linked_world import linked_plan
from tests.federated.world import NoNoise
from tests.privacy.seeded_noise import SeededNoise

PLAN = Exchange(epsilon_label=1.0, epsilon_bin=4.0)
ODDS = math.exp(PLAN.epsilon_label)
"""By at most so much may anything that the helper sees or returns change the odds of a label: the claim."""
PAIR = Pairing("grocer", "airline", "matching", "2026-q4")
NOW = datetime(2026, 11, 22, tzinfo=UTC)
MEMBERS = 20_000
TOKENS = [n.to_bytes(32, "big") for n in range(MEMBERS)]
LABELS = {
    token: int(draw < 0.3) for token, draw in zip(TOKENS, np.random.default_rng(20261122).random(MEMBERS), strict=True)
}


SOME = {token: LABELS[token] for token in TOKENS[:5_000]}


def odds_gained(seen: dict[bytes, int], truth: dict[bytes, int]) -> float:
    """The largest likelihood ratio P(seen | truth 1) / P(seen | truth 0), over what can be seen, either way round."""
    counts = Counter((truth[token], seen[token]) for token in truth)
    totals = Counter(truth.values())
    values = {value for _, value in counts}
    rates = [tuple(max(counts[one, v], 0.5) / totals[one] for one in (0, 1)) for v in values]
    return max(max(a / b, b / a) for a, b in rates)


# Six standard errors of a ratio of two rates near .27 and .73 at 6,000 and 14,000 members.
SLACK = 1.15


def test_label_inference_at_the_helper() -> None:
    """What the helper sees of a label changes its odds by e^ε_y at the most; bare labels give them away."""
    seen = answer_once({}, LABELS, PLAN.labels, SeededNoise(1))
    assert odds_gained(seen, LABELS) <= ODDS * SLACK
    assert odds_gained(dict(LABELS), LABELS) > 1_000


def test_label_inference_from_bins() -> None:
    """Even a helper that puts nothing but the label into its bin cannot return more than it saw."""

    def bins_for(labels: dict[bytes, int]) -> dict[bytes, int]:
        scores = np.array([0.2 + 0.6 * labels[token] for token in TOKENS])
        bins = bins_of(scores, edges_of(scores, PLAN, SeededNoise(2))).tolist()
        return answer_once({}, dict(zip(TOKENS, bins, strict=True)), PLAN.answers, SeededNoise(3))

    crossed = answer_once({}, LABELS, PLAN.labels, SeededNoise(1))
    assert odds_gained(bins_for(crossed), LABELS) <= ODDS * SLACK
    assert odds_gained(bins_for(LABELS), LABELS) > 2 * ODDS


def test_inference_of_the_helpers_columns() -> None:
    """A bin that shows one secret column of the helper's is blurred by e^ε_x; without the noise it shows it."""
    weak = Exchange(epsilon_label=1.0, epsilon_bin=1.0)
    truth = {token: 3 * LABELS[token] for token in TOKENS}
    seen = answer_once({}, truth, weak.answers, SeededNoise(4))
    told = {token: int(seen[token] == 3) for token in TOKENS}
    assert odds_gained(told, LABELS) <= math.e * SLACK
    assert odds_gained({token: int(truth[token] == 3) for token in TOKENS}, LABELS) > 1_000


def _majority(ask: Callable[[int], dict[bytes, int]], times: int = 25) -> float:
    """How often the majority of repeated answers is the truth."""
    asked = [ask(turn) for turn in range(times)]
    voted = {token: int(sum(one[token] for one in asked) * 2 > times) for token in SOME}
    return float(np.mean([voted[token] == SOME[token] for token in SOME]))


def test_averaging_over_repeated_exchanges() -> None:
    """Asking 25 times in an epoch tells what asking once tells; forgetting the answers would tell nearly all."""
    kept: dict[bytes, int] = {}
    remembered = _majority(lambda turn: answer_once(kept, SOME, PLAN.labels, SeededNoise(turn)))
    forgotten = _majority(lambda turn: answer_once({}, SOME, PLAN.labels, SeededNoise(turn)))
    assert abs(remembered - truth_rate(PLAN.labels)) < 0.02
    assert forgotten > 0.98


def test_guessing_of_tokens() -> None:
    """Nobody without the consent centre's key makes a token; a mere hash of the card number is found by counting."""
    cards = [card(n) for n in range(2_000)]
    link_keys = {one: sha256(b"random, of the consent centre" + one).digest() for one in cards}
    key = pair_key(bytes(range(32)), PAIR)
    tokens = {link_token(key, link_keys[one]) for one in cards}
    guesses = {
        guess
        for one in cards
        for guess in (sha256(one).digest(), link_token(sha256(PAIR.domain("pair-key")).digest(), one))
    }
    assert not tokens & guesses
    weak = {sha256(one).digest() for one in cards}
    assert weak <= guesses


def _probe(tmp_path: Path, guess: bytes, *, most: int) -> bool:
    """Does the airline hold this card? Asked by a grocer that puts a guess into a second matching of the epoch."""
    matchings = Matchings(tmp_path / f"runs-{most}.db", most=most)
    ours, theirs = [card(n) for n in range(20)], [card(n) for n in range(10, 30)]
    found = []
    for number, asked in enumerate((ours, [*ours, guess])):
        matchings.open(PAIR, f"run-{number}", at=NOW)
        found.append(run(asked, theirs)[0])
    return guess in found[1] - found[0]


def test_injected_identifiers(tmp_path: Path) -> None:
    """A second matching would answer a guess; the epoch has one."""
    assert _probe(tmp_path, card(25), most=10) is True
    assert _probe(tmp_path / "..", card(99), most=11) is False
    with pytest.raises(RefusedError) as refused:
        _probe(tmp_path, card(25), most=1)
    assert refused.value.code is Refusal.LINK_LIMIT


def test_membership_inference_by_sizes() -> None:
    """One member more does not show in a padded size; in a bare one she does."""
    ours, theirs = [card(n) for n in range(150)], [card(n) for n in range(1_000, 1_101)]
    with_her, without = run(ours, [*theirs, card(7)])[1], run(ours, theirs)[1]
    assert with_her == without
    assert len([*theirs, card(7)]) != len(theirs)


def test_membership_inference_from_the_helpers_model() -> None:
    """Whoever sees the helper's whole model, not only bins of it, cannot tell beyond her ε whether she was in.

    200 trainings of the product with her and 200 without, of 60 members in all; without noise one of each is enough.
    """
    own = helper_plan(plan := linked_plan(members=60), plan.helpers[0])
    work = SimpleNamespace(own=own, model=(model := scorer_of(own)))
    rng = np.random.default_rng(20261122)
    values = np.column_stack([rng.random(60), rng.integers(0, 2, 60)])
    values[0] = (1.0, 1.0)
    inputs, labels = np.asarray(model.design(own.features, values), float), rng.integers(0, 2, 60).astype(float)
    labels[0] = 1.0

    def advantage(noise: Callable[[int], NoiseSource], times: int) -> float:
        """How much more often the best test says yes of her when she is in than when she is not."""
        her_way = inputs[0] / np.linalg.norm(inputs[0])
        leans = [
            [float(helping._trained(work, inputs[start:], labels[start:], noise(2 * turn + start)) @ her_way)
             for turn in range(times)]
            for start in (0, 1)
        ]  # fmt: skip
        with_her, without = (np.sort(one) for one in leans)
        places = np.concatenate([with_her, without])
        over = [1 - np.searchsorted(one, places, side="left") / times for one in (with_her, without)]
        return float(np.abs(over[0] - over[1]).max())

    spent = cost(own.releases[0].mechanism, times=own.releases[0].times)
    mu = math.sqrt(spent.gaussian / UNITS_PER_ONE)
    bound = 2 * NormalDist().cdf(mu / 2) - 1
    assert bound < 0.5
    assert advantage(SeededNoise, 200) <= bound + 0.1
    assert advantage(lambda _: NoNoise(), 2) == 1.0


def test_a_partner_that_withholds() -> None:
    """Used as far as it came, half an exchange tells who is in the training; whole or not at all, it tells nothing."""
    in_training = frozenset(TOKENS[: MEMBERS // 2])

    def used_as_far_as_it_came(answers: dict[bytes, int]) -> int:
        return len(in_training & answers.keys())

    def used_whole(answers: dict[bytes, int]) -> str:
        given = [answers.get(token, 255) for token in TOKENS]
        with pytest.raises(RefusedError) as refused:
            all_answered(given, [True] * MEMBERS, PLAN.answers)
        return str(refused.value)

    honest = answer_once({}, dict.fromkeys(TOKENS, 0), PLAN.answers, SeededNoise(5))
    inside, outside = ({one: honest[one] for one in TOKENS if one != target} for target in (TOKENS[0], TOKENS[-1]))
    assert used_as_far_as_it_came(inside) != used_as_far_as_it_came(outside)
    assert used_whole(inside) == used_whole(outside)
