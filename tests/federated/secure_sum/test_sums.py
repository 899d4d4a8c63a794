"""Law: whoever leaves, as long as the quorum admits it, exactly the sum of those who stayed is opened."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federated.errors import MalformedError, Refusal, RefusedError
from federated.secure_sum.protocol import Reveal
from federated.secure_sum.quantise import from_ring, to_grid, to_ring
from federated.secure_sum.quorum import Quorum
from tests.federated.secure_sum.sums import Sum, occasion, started, vectors


@st.composite
def admissible(draw: st.DrawFn) -> tuple[int, int, set[int], set[int], set[int]]:
    """Sites, dropouts, and who is absent, who leaves before the vector, who leaves before the shares."""
    sites = draw(st.integers(3, 12))
    most = max(d for d in range(sites) if _admits(sites, d))
    dropouts = draw(st.integers(0, most))
    order = draw(st.permutations(range(sites)))
    gone = draw(st.integers(0, dropouts))
    absent = draw(st.integers(0, gone))
    late = draw(st.integers(0, sites - gone - Quorum(sites, 1, dropouts).threshold))
    return sites, dropouts, {*order[:absent]}, {*order[absent:gone]}, {*order[gone : gone + late]}


def _admits(sites: int, dropouts: int) -> bool:
    try:
        Quorum(sites, 1, dropouts)
    except MalformedError:
        return False
    return True


@settings(max_examples=40, deadline=None)
@given(pattern=admissible(), seed=st.integers(0, 2**32), bits=st.sampled_from([32, 64]), length=st.integers(0, 5))
def test_every_admissible_dropout_pattern_opens_exactly_the_sum_of_the_survivors(
    pattern: tuple[int, int, set[int], set[int], set[int]], seed: int, bits: int, length: int
) -> None:
    sites, dropouts, absent, leaving, late = pattern
    sum_ = Sum(occasion(sites, dropouts=dropouts), salt=str(seed))
    names = sum_.occasion.sites
    sum_.advertise([name for number, name in enumerate(names) if number not in absent]).share()
    staying = [name for number, name in enumerate(names) if number not in absent | leaving]
    given_ = vectors(staying, length, seed=seed, most=2**27)
    sum_.mask(given_, bits=bits)  # type: ignore[arg-type]
    sum_.unmask([name for number, name in enumerate(names) if name in staying and number not in late])
    assert np.array_equal(from_ring(sum_.total()), np.sum([*given_.values()], axis=0))


@pytest.mark.parametrize(
    ("sites", "threshold", "may_leave"),
    [(3, 3, 0), (4, 3, 1), (5, 4, 1), (6, 4, 2), (7, 5, 2), (8, 5, 3), (12, 7, 5)],
)
def test_the_quorum_is_the_table_of_its_module(sites: int, threshold: int, may_leave: int) -> None:
    quorum = Quorum(sites, 1, may_leave)
    assert quorum.threshold == threshold
    assert 2 * quorum.threshold > sites + 1
    assert quorum.least >= max(threshold, 3)
    assert not _admits(sites, may_leave + 1)


@pytest.mark.parametrize("numbers", [(2, 1, 0), (13, 1, 0), (3, 0, 0), (3, 2, 1), (3, 3, 0), (6, 1, -1)])
def test_two_sites_no_colluder_or_too_few_honest_ones_are_refused(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(MalformedError):
        Quorum(*numbers)


def test_below_the_quorum_nothing_is_opened() -> None:
    sum_ = started(4, dropouts=1)
    sum_.mask(vectors(sum_.occasion.sites[:2]))
    with pytest.raises(RefusedError) as refused:
        sum_.unmask()
    assert refused.value.code is Refusal.SUM_TOO_FEW
    with pytest.raises(RefusedError) as refused:
        sum_.total()
    assert refused.value.code is Refusal.SUM_TOO_FEW


def test_a_list_below_the_quorum_gets_no_shares() -> None:
    sum_ = Sum(occasion(4, dropouts=1)).advertise(occasion(4, dropouts=1).sites[:2])
    with pytest.raises(RefusedError) as refused:
        sum_.share()
    assert refused.value.code is Refusal.SUM_TOO_FEW


def test_wrong_shares_of_one_hostile_site_change_nothing() -> None:
    sum_ = started(6, dropouts=1)
    given_ = vectors(sum_.occasion.sites[1:])
    sum_.mask(given_).unmask()
    liar = sum_.occasion.sites[1]
    told = sum_.reveals[liar]
    sum_.reveals[liar] = Reveal(
        own=dict.fromkeys(told.own, b"\x00" * 65 + b"\x05"), pair={site: bytes(66) for site in told.pair}
    )
    assert np.array_equal(from_ring(sum_.total()), np.sum([*given_.values()], axis=0))


def test_too_many_wrong_shares_are_noticed() -> None:
    sum_ = started(4)
    sum_.mask(vectors(sum_.occasion.sites)).unmask()
    for liar in sum_.occasion.sites[:2]:
        sum_.reveals[liar] = Reveal(own=dict.fromkeys(sum_.reveals[liar].own, bytes(66)), pair={})
    with pytest.raises(RefusedError) as refused:
        sum_.total()
    assert refused.value.code is Refusal.SUM_TAMPERED


def test_vectors_of_different_lengths_are_refused() -> None:
    sum_ = started(3)
    one, two, three = sum_.occasion.sites
    sum_.mask({**vectors([one, two]), **vectors([three], 9)}).unmask()
    with pytest.raises(RefusedError) as refused:
        sum_.total()
    assert refused.value.code is Refusal.MALFORMED


@pytest.mark.parametrize("bits", [32, 64])
def test_the_ring_holds_its_ends_and_nothing_beyond(bits: int) -> None:
    half = 2 ** (bits - 1)
    ends = np.array([-half, half - 1, 0, -1], dtype=np.int64)
    assert np.array_equal(from_ring(to_ring(ends, bits=bits)), ends)  # type: ignore[arg-type]
    if bits == 32:
        for beyond in (-half - 1, half):
            with pytest.raises(MalformedError):
                to_ring(np.array([beyond], dtype=np.int64), bits=32)


@pytest.mark.parametrize("value", [1.001, -1.001, np.nan, np.inf])
def test_a_sum_beyond_its_norm_bound_never_leaves(value: float) -> None:
    with pytest.raises(RefusedError) as refused:
        to_grid(np.array([0.0, value]), grid=0.1, most=1.0)
    assert refused.value.code is Refusal.INTERNAL


def test_rounding_moves_no_coordinate_by_more_than_half_a_step() -> None:
    values = np.random.default_rng(3).uniform(-5, 5, 1_000)
    assert np.abs(to_grid(values, grid=0.01, most=5.0) * 0.01 - values).max() <= 0.005 + 1e-12
