"""Laws: rules use only signals that exist; an effect is claimed only with enough members and enough power."""

import numpy as np
import pytest

from federated.site.early_warning import decay, effect, held_out, rfm


def test_a_signal_goes_silent_on_its_day() -> None:
    days = {"visit": np.array([6.0, 7.0]), "add": np.array([29.0, 30.0]), "buy": np.array([59.0, 60.0])}
    assert decay(days).tolist() == [0.0, 1.0]


def test_only_signals_that_exist_count() -> None:
    days = {"visit": np.array([8.0, np.nan, np.nan]), "buy": np.array([1.0, 90.0, np.nan]), "moon": np.zeros(3)}
    found = decay(days)
    assert found[:2].tolist() == [0.5, 1.0]
    assert np.isnan(found[2])
    assert np.isnan(decay({"moon": np.zeros(2)})).all()


def test_rfm_goes_from_three_to_nine() -> None:
    recency, frequency, money = (
        np.array([1.0, 0.0, 0.5, np.nan]),
        np.array([0.0, 1.0, 0.5, 1.0]),
        np.array([0, 1, 0.5, 1]),
    )
    assert rfm(recency, frequency, money.astype(float)).tolist() == [3, 9, 6, 7]


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
