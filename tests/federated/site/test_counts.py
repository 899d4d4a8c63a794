"""Laws: one member moves one cell by one; noise of the declared scale is on every cell; nobody is left out."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federated.errors import Refusal, RefusedError
from federated.plan import Plan
from federated.site.counts import noised_histogram, noised_table
from privacy.mechanism import DiscreteLaplace, Gaussian
from tests.federated.world import NoNoise, SeededNoise, make_plan

PLAN = make_plan(("north",), members=100, minimum_cohort=20)
HISTOGRAM, TABLE = PLAN.releases[1], PLAN.releases[2]
MEMBERS = st.lists(
    st.tuples(st.floats(0, 1), st.sampled_from([0.0, 1.0, np.nan]), st.integers(0, 2)), min_size=1, max_size=30
)


def arrays(members: list[tuple[float, float, int]]) -> dict[str, np.ndarray]:
    scores, labels, groups = zip(*members, strict=True)
    return {"scores": np.array(scores), "labels": np.array(labels), "groups": np.array(groups, dtype=np.int64)}


def histogram(members: list[tuple[float, float, int]], plan: Plan = PLAN) -> np.ndarray:
    given_ = arrays(members)
    return noised_histogram(plan, HISTOGRAM, scores=given_["scores"], labels=given_["labels"], noise=NoNoise())


def table(members: list[tuple[float, float, int]]) -> np.ndarray:
    return noised_table(PLAN, TABLE, **arrays(members), noise=NoNoise())


@given(MEMBERS, st.data())
def test_one_member_moves_one_cell_by_at_most_one(members: list[tuple[float, float, int]], data: st.DataObject) -> None:
    gone = data.draw(st.integers(0, len(members) - 1))
    rest = members[:gone] + members[gone + 1 :] or [(0.0, np.nan, 0)]
    if len(members) > 1:
        assert np.abs(histogram(members) - histogram(rest)).sum() <= 1
        assert np.abs(table(members) - table(rest)).sum() == 1


@given(MEMBERS)
def test_everybody_is_in_one_cell_of_the_table(members: list[tuple[float, float, int]]) -> None:
    assert table(members).sum() == len(members)
    assert histogram(members).sum() == sum(not np.isnan(label) for _, label, _ in members)


@pytest.mark.parametrize(("score", "cell"), [(0.0, 0), (0.0999, 0), (0.1, 1), (0.95, 9), (1.0, 9)])
def test_a_score_on_an_edge_belongs_to_the_bin_above_it(score: float, cell: int) -> None:
    assert histogram([(score, 0.0, 0)]).tolist() == np.eye(20, dtype=int)[cell].tolist()
    assert histogram([(score, 1.0, 0)]).tolist() == np.eye(20, dtype=int)[10 + cell].tolist()


@pytest.mark.parametrize(("score", "selected"), [(np.nextafter(0.5, 0), 0), (0.5, 1)])
def test_a_score_at_the_threshold_is_selected(score: float, selected: int) -> None:
    cells = table([(score, 1.0, 0)]).reshape(3, 3, 2)
    assert cells[0, 1, selected] == 1


def test_the_noise_is_drawn_for_every_cell_at_the_declared_scale() -> None:
    """Compared with the sampler on the same words: whoever changes the scale, the shape or adds nothing is caught."""
    members = [(0.3, 1.0, 2)] * 5
    plain = histogram(members)
    noised = noised_histogram(
        PLAN, HISTOGRAM, scores=arrays(members)["scores"], labels=arrays(members)["labels"], noise=SeededNoise(5)
    )
    mechanism = HISTOGRAM.mechanism
    assert isinstance(mechanism, DiscreteLaplace)
    expected = SeededNoise(5).discrete_laplace(20, epsilon=mechanism.epsilon, sensitivity=1)
    assert (noised - plain).tolist() == expected.tolist()
    assert np.count_nonzero(expected) > 5


def test_counts_under_another_mechanism_do_not_leave() -> None:
    given_ = arrays([(0.3, 1.0, 2)])
    with pytest.raises(RefusedError) as refused:
        noised_table(PLAN, replace(TABLE, mechanism=Gaussian(1.0, 1.0)), **given_, noise=NoNoise())
    assert refused.value.code is Refusal.MALFORMED
    del given_["groups"]
    with pytest.raises(RefusedError) as refused:
        noised_histogram(PLAN, replace(HISTOGRAM, mechanism=Gaussian(1.0, 1.0)), **given_, noise=NoNoise())
    assert refused.value.code is Refusal.MALFORMED
