"""Law: an effect is claimed only with enough members and enough power."""

import numpy as np
import pytest

from federated.site.holdout import effect, held_out


def test_the_arms_are_random_public_and_stable() -> None:
    members = [bytes([number % 256, number // 256]) * 8 for number in range(4000)]
    arm = [held_out("offers-1", one) for one in members]
    # 4,000 independent coins of .2: six standard deviations, a false alarm of 2e-9 if the hash were random.
    assert abs(sum(arm) - 800) < 6 * np.sqrt(4000 * 0.16)
    assert arm == [held_out("offers-1", one) for one in members]
    assert arm != [held_out("offers-2", one) for one in members]
    assert not any(held_out("offers-1", one, share=0.0) for one in members)


@pytest.mark.parametrize(
    ("warned", "holdout"), [((999, 100), (5000, 900)), ((5000, 900), (999, 100)), ((0, 0), (5, 1))]
)
def test_too_few_members_are_insufficient(warned: tuple[int, int], holdout: tuple[int, int]) -> None:
    found = effect(warned=warned, holdout=holdout, material=1.0)
    assert (found.verdict, found.difference) == ("INSUFFICIENT", None)


def test_enough_members_without_power_are_insufficient() -> None:
    assert effect(warned=(1000, 200), holdout=(1000, 250), material=0.05).verdict == "INSUFFICIENT"
    assert effect(warned=(1000, 200), holdout=(1000, 250), material=0.06).verdict == "LOWER"


def test_the_interval_holds_the_difference_and_narrows_like_the_normal_one_for_large_arms() -> None:
    found = effect(warned=(70_00, 56_00), holdout=(80_00, 48_00))
    assert found.difference == pytest.approx(0.2)
    assert found.interval is not None
    assert found.interval[0] < 0.2 < found.interval[1]
    assert found.interval[1] - found.interval[0] == pytest.approx(
        2 * 1.96 * np.sqrt(0.16 / 7000 + 0.24 / 8000), rel=0.01
    )
    assert found.verdict == "HIGHER"
