"""Law: no sequence of charges overspends, admission is exact, and what cannot be promised is not created."""

from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.accounting import gaussian_limit, gdp_mu
from privacy.accounts_memory import MemoryAccounts
from privacy.errors import BudgetError, LedgerError, MechanismError, OverBudgetError, UnknownMechanismError
from privacy.ledger import (
    PROGRAMME,
    Balance,
    Budget,
    Charge,
    admit,
    delta_ceiling,
    releases_of,
    sub_limit,
    total,
)
from privacy.mechanism import DiscreteLaplace, Gaussian, RandomisedResponse, cost
from privacy.pricing import Overlap, Release, check_weights, cost_by_part, share_std, worst_member_cost
from privacy.quantities import UNITS_PER_ONE, Cost, exact

AT = datetime(2026, 1, 5, tzinfo=UTC)
BUDGET = Budget.create(epsilon=2, delta=1e-5, epsilon_pure=0.5, members=7043)
LIMIT = BUDGET.limit


# Creating a budget


def test_the_limits_of_a_budget_are_the_reference_ones():
    # reference: ε = 2 with ε_pure = .5 leaves B = .387.
    assert LIMIT.mu == pytest.approx(0.387, abs=5e-4)
    assert LIMIT.mu <= gdp_mu(1.5, 1e-5)
    assert LIMIT.pure == UNITS_PER_ONE // 2


def test_a_billionth_of_delta_is_kept_for_integer_noise():
    assert LIMIT.gaussian < gaussian_limit(Fraction(3, 2), Fraction(1, 10**5))
    assert LIMIT.gaussian == gaussian_limit(Fraction(3, 2), Fraction(1, 10**5) * (1 - Fraction(1, 10**9)))


@pytest.mark.parametrize(("members", "ceiling"), [(1, 1e-5), (10_000, 1e-5), (10_001, 1 / 100_010), (10**6, 1e-7)])
def test_delta_at_its_ceiling_is_accepted_and_just_above_refused(members, ceiling):
    assert float(delta_ceiling(members)) == pytest.approx(ceiling)
    at = float(delta_ceiling(members))
    at = at if exact(at) <= delta_ceiling(members) else at * (1 - 1e-15)
    Budget.create(epsilon=1, delta=at, members=members)
    with pytest.raises(BudgetError, match="no promise"):
        Budget.create(epsilon=1, delta=at * (1 + 1e-9), members=members)


@pytest.mark.parametrize(
    "numbers",
    [
        {"epsilon": 0},
        {"epsilon": -1},
        {"epsilon": float("nan")},
        {"epsilon": float("inf")},
        {"epsilon": 101},
        {"epsilon": True},
        {"epsilon": "2"},
        {"delta": 0},
        {"delta": -1e-6},
        {"delta": 1e-31},
        {"delta": float("nan")},
        {"epsilon_pure": 2.0000001},
        {"epsilon_pure": -0.1},
        {"members": 0},
        {"members": 10.0},
        {"members": True},
    ],
)
def test_a_budget_that_promises_nothing_is_not_created(numbers):
    with pytest.raises(BudgetError):
        Budget.create(**{"epsilon": 2, "delta": 1e-6, "epsilon_pure": 0, "members": 5000, **numbers})


def test_all_of_epsilon_may_be_pure_and_little_gaussian_is_left():
    budget = Budget.create(epsilon=1, delta=1e-5, epsilon_pure=1, members=100)
    assert budget.limit.pure == UNITS_PER_ONE
    assert budget.limit.mu < 1e-4


# Admission


@pytest.mark.parametrize("charge", [LIMIT, Cost.zero(), Cost(LIMIT.gaussian, 0), Cost(0, LIMIT.pure)])
def test_what_fits_exactly_is_admitted(charge):
    assert admit(BUDGET, Cost.zero(), charge) == charge


@pytest.mark.parametrize("extra", [Cost(1, 0), Cost(0, 1)])
@pytest.mark.parametrize("spent", [LIMIT, Cost.zero()])
def test_one_unit_too_much_in_either_part_is_refused(extra, spent):
    charge = extra if spent == LIMIT else LIMIT + extra
    with pytest.raises(OverBudgetError) as refused:
        admit(BUDGET, spent, charge, account="programme")
    assert refused.value.requested == charge
    assert refused.value.left == spent.left_of(LIMIT)
    assert refused.value.account == "programme"
    assert ("gaussian" in str(refused.value)) == (extra.gaussian > 0)


CHARGES = st.lists(
    st.builds(
        Cost,
        gaussian=st.sampled_from([0, 1, LIMIT.gaussian // 3, LIMIT.gaussian // 2, LIMIT.gaussian, LIMIT.gaussian + 1]),
        pure=st.sampled_from([0, 1, LIMIT.pure // 3, LIMIT.pure // 2, LIMIT.pure, LIMIT.pure + 1]),
    ),
    max_size=12,
)


@given(CHARGES)
def test_no_sequence_of_charges_overspends_and_none_that_fits_is_refused(charges):
    spent = Cost.zero()
    for charge in charges:
        fits = (
            Fraction(spent.gaussian) + charge.gaussian <= LIMIT.gaussian
            and Fraction(spent.pure) + charge.pure <= LIMIT.pure
        )
        try:
            spent = admit(BUDGET, spent, charge)
            assert fits
        except OverBudgetError:
            assert not fits
        assert spent.fits(LIMIT)


@given(st.lists(st.tuples(st.floats(0.5, 2), st.floats(10, 1000), st.integers(1, 50)), min_size=1, max_size=8))
def test_charges_in_units_cover_the_exact_sum_of_fractions(releases):
    spent, truth = Cost.zero(), Fraction(0)
    for sensitivity, std, times in releases:
        spent += cost(Gaussian(sensitivity, std), times)
        truth += times * (exact(sensitivity) / exact(std)) ** 2
    assert 0 <= Fraction(spent.gaussian, UNITS_PER_ONE) - truth < Fraction(len(releases), UNITS_PER_ONE)


# The price of a run


TRAIN, HELD_OUT, JUDGE = (
    Release(Gaussian(1.0, 50.0), times=100, part="train"),
    Release(DiscreteLaplace(1, 0.2), part="held-out"),
    Release(Gaussian(1.0, 10.0), part="judge"),
)


def test_releases_of_one_part_add_and_parts_take_the_worst():
    fairness = Release(DiscreteLaplace(1, 0.1), part="held-out")
    by_part = cost_by_part([TRAIN, HELD_OUT, JUDGE, fairness])
    assert by_part["held-out"] == Cost(0, 3 * UNITS_PER_ONE // 10)
    assert by_part["train"] == Cost(4 * UNITS_PER_ONE // 100, 0)
    assert worst_member_cost([TRAIN, HELD_OUT, JUDGE, fairness]) == Cost(
        4 * UNITS_PER_ONE // 100, 3 * UNITS_PER_ONE // 10
    )


@given(st.permutations([TRAIN, HELD_OUT, JUDGE, TRAIN]))
def test_no_member_pays_more_than_the_run_is_charged(releases):
    price = worst_member_cost(releases)
    for mine in cost_by_part(releases).values():
        assert mine.fits(price)
    assert price == worst_member_cost(releases[::-1])


@pytest.mark.parametrize("sites", [1, 2, 3])
def test_a_member_of_several_sites_costs_root_m_or_m_times_mu_unless_weighted(sites):
    one = worst_member_cost([TRAIN, HELD_OUT])
    local = worst_member_cost([TRAIN, HELD_OUT], overlap=Overlap.LOCAL_NOISE, sites_per_member=sites)
    shared = worst_member_cost([TRAIN, HELD_OUT], overlap=Overlap.SHARED_NOISE, sites_per_member=sites)
    weighted = worst_member_cost([TRAIN, HELD_OUT], overlap=Overlap.WEIGHTED, sites_per_member=sites)
    assert weighted == one
    assert local == Cost(sites * one.gaussian, sites * one.pure)
    assert shared == Cost(sites**2 * one.gaussian, sites * one.pure)
    assert local.mu == pytest.approx(sites**0.5 * one.mu)
    assert shared.mu == pytest.approx(sites * one.mu)


@pytest.mark.parametrize("sites", [0, -1, 1.5, True])
def test_the_number_of_sites_is_a_whole_number(sites):
    with pytest.raises(MechanismError):
        worst_member_cost([TRAIN], sites_per_member=sites)


@pytest.mark.parametrize("weights", [{"a": 0.1, "b": 0.2, "c": 0.7}, {"a": 1.0}, {"a": 0.0, "b": 1.0}, {}])
def test_weights_that_make_at_most_one_contribution_pass(weights):
    check_weights(weights)


@pytest.mark.parametrize("weights", [{"a": 0.5, "b": 0.5000000001}, {"a": -0.1, "b": 0.2}, {"a": 1.1}])
def test_weights_that_make_more_are_refused(weights):
    with pytest.raises(MechanismError):
        check_weights(weights)


# Noise shares against colluders and dropouts


@pytest.mark.parametrize(
    ("sites", "colluders", "dropouts", "total_variance"),
    [(3, 1, 0, 1.5), (5, 1, 0, 1.25), (3, 1, 1, 3.0)],
)
def test_published_variances_of_the_secure_sum(sites, colluders, dropouts, total_variance):
    # reference: K=3, k=1 gives 1.5 σ²C², K=5 1.25; K=3, k=d=1 gains nothing over local noise (K).
    share = share_std(1.0, sites=sites, colluders=colluders, dropouts=dropouts)
    assert sites * share**2 == pytest.approx(total_variance)
    assert (sites - colluders - dropouts) * share**2 == pytest.approx(1.0)


def test_without_an_assumed_colluder_the_claim_would_be_false():
    # reference: with k = 0, ε = 2 is really 2.51 at K = 3 and 2.35 at K = 4, for the site that knows its own share.
    from privacy.accounting import epsilon_of_mu

    for sites, truth in ((3, 2.51), (4, 2.35)):
        mu = gdp_mu(2, 1e-5) * (sites / (sites - 1)) ** 0.5
        assert epsilon_of_mu(mu, 1e-5) == pytest.approx(truth, abs=0.01)
    with pytest.raises(MechanismError, match="at least one colluding"):
        share_std(1.0, sites=3, colluders=0)


@pytest.mark.parametrize(("sites", "colluders", "dropouts"), [(2, 2, 0), (3, 1, 2), (3, 1, -1), (1, 1, 0)])
def test_shares_that_could_all_be_missing_are_refused(sites, colluders, dropouts):
    with pytest.raises(MechanismError):
        share_std(1.0, sites=sites, colluders=colluders, dropouts=dropouts)


# Charges and histories


def test_a_charge_is_priced_and_gives_its_releases_back():
    charge = Charge.of([TRAIN, HELD_OUT], id="r1", account=PROGRAMME, run="r1", at=AT)
    assert charge.cost == worst_member_cost([TRAIN, HELD_OUT])
    assert releases_of([charge]) == [TRAIN, HELD_OUT]


def test_history_can_be_priced_again_to_the_same_integers():
    accounts = MemoryAccounts()
    accounts.open(PROGRAMME, BUDGET)
    for n in range(2):
        accounts.charge(Charge.of([TRAIN, HELD_OUT], id=f"r{n}", account=PROGRAMME, run=f"r{n}", at=AT))
    history = accounts.history(PROGRAMME)
    again = [worst_member_cost(releases_of([charge])) for charge in history]
    assert again == [charge.cost for charge in history]
    assert total(history) == accounts.balance(PROGRAMME).spent


def test_a_history_with_an_unknown_mechanism_is_refused():
    charge = Charge(
        "r1", PROGRAMME, "r1", Cost(1, 0), ({"mechanism": {"kind": "future"}, "part": "train", "times": 1},), AT
    )
    with pytest.raises(UnknownMechanismError):
        releases_of([charge])


@pytest.mark.parametrize("field", ["id", "account", "run"])
def test_a_charge_without_a_name_is_refused(field):
    with pytest.raises(LedgerError):
        Charge(**{"id": "a", "account": "b", "run": "c", "cost": Cost.zero(), "mechanisms": (), "at": AT, field: ""})


def test_a_charge_without_a_time_zone_is_refused():
    with pytest.raises(LedgerError):
        Charge("a", "b", "c", Cost.zero(), (), AT.replace(tzinfo=None))


@pytest.mark.parametrize("times", [0, -1, 1.0, True])
def test_a_release_runs_at_least_once(times):
    with pytest.raises(MechanismError):
        Release(RandomisedResponse(1.0, 2), times=times)


@given(st.integers(0, LIMIT.gaussian), st.integers(1, LIMIT.gaussian))
def test_exactly_as_many_runs_fit_as_are_said_to_be_left(spent, price):
    left = Balance(BUDGET, Cost(spent, 0)).runs_left(Cost(price, 0))
    assert left is not None
    assert Cost(spent + left * price, 0).fits(LIMIT)
    assert not Cost(spent + (left + 1) * price, 0).fits(LIMIT)


def test_runs_that_cost_nothing_are_not_counted():
    assert Balance(BUDGET, Cost.zero()).runs_left(Cost.zero()) is None


def test_sub_limits_have_names_of_their_own():
    assert len({sub_limit("sales", "churn"), sub_limit("sales", "offers"), PROGRAMME}) == 3
