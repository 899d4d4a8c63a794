"""Laws of the preference model: one member moves each sum by at most 1, one without rows by exactly nothing."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from federated.errors import MalformedError, RefusedError
from federated.models import ranking, residuals
from federated.models.histories import histories_of
from federated.models.preference import PREFERENCE, unseen
from federated.models.preference_plan import preference_plan
from federated.models.ranking import Learned
from federated.models.registry import exchanges
from federated.plan import Feature, Use, parse_plan, plan_bytes
from federated.price import price
from privacy.ledger import Budget

ITEMS = tuple(f"{department}/item-{number}" for department in ("fruit", "bread", "tea") for number in range(8))
TASKS = (Feature("categories", "items", categories=ITEMS[::2]), Feature("products", "items", categories=ITEMS))


def a_plan(**changes):
    return preference_plan(
        **{
            "study": "likes",
            "country": "TW",
            "sites": ("north", "south"),
            "uses": (Use(("train", "evaluate", "audit"), "preference-model", ("purchases",)),),
            "tasks": TASKS,
            "until": 10,
            "horizon": 4,
            "horizon_days": 28,
            "attributes": (),
            "members": 1000,
            **changes,
        }
    )


def sets_of(rows: list[set[int]], items: int = len(ITEMS)) -> sparse.csr_array:
    dense = np.zeros((len(rows), items))
    for row, held in enumerate(rows):
        dense[row, sorted(held)] = 1
    return sparse.csr_array(dense)


MEMBERS = st.lists(st.sets(st.integers(0, len(ITEMS) - 1)), min_size=1, max_size=6)


@given(others=MEMBERS, hers=st.sets(st.integers(0, len(ITEMS) - 1)))
@settings(max_examples=80, deadline=None)
def test_one_member_moves_each_sum_by_at_most_one(others: list[set[int]], hers: set[int]) -> None:
    absent, present = sets_of([*others, set()]), sets_of([*others, hers])
    p = residuals.popularity(residuals.units_sum(sets_of([{0, 1, 2}, {2, 3}, {2}])), usual_size=4)
    first = residuals.units_sum(present) - residuals.units_sum(absent)
    second = residuals.gram(present, p, count=12) - residuals.gram(absent, p, count=12)
    for moved in (first, second):
        assert np.linalg.norm(moved) <= 1.0
        assert bool(hers) or not moved.any()


def test_packing_keeps_the_norm_and_unpacks() -> None:
    u = np.random.default_rng(0).normal(size=7)
    matrix = np.outer(u, u)
    assert np.linalg.norm(residuals.pack(matrix)) == pytest.approx(u @ u)
    assert np.allclose(residuals.unpack(residuals.pack(matrix), 7), matrix)


@given(sizes=st.lists(st.integers(1, 20), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_expectations_sum_to_the_size_of_the_set(sizes: list[int]) -> None:
    p = residuals.popularity(np.arange(1.0, 25.0), usual_size=6)
    q = residuals.expected(p, residuals.activity(p, np.array(sizes)))
    assert np.allclose(q.sum(axis=1), sizes, rtol=1e-3)


def test_popularity_is_scaled_and_capped() -> None:
    p = residuals.popularity(np.array([1000.0, 10.0, 5.0, -3.0, 1.0]), usual_size=2)
    assert p.sum() == pytest.approx(2, abs=1e-3)
    assert p.max() <= residuals.CEILING
    assert p.min() >= residuals.FLOOR


def test_noise_alone_says_nothing_about_items() -> None:
    rng = np.random.default_rng(3)
    p = residuals.popularity(rng.uniform(1, 5, 30), usual_size=6)
    noise = rng.normal(0, 50.0, 30 * 31 // 2)
    e = residuals.solve(noise, p, count=30, std=50.0, members=100, ridge=0.025)
    assert np.isfinite(e).all()
    assert np.abs(e).max() < 1.5


def test_the_plan_costs_what_it_says_and_reads_back() -> None:
    plan = a_plan(epsilon=2.0, delta=1e-5)
    assert parse_plan(plan_bytes(plan)) == plan
    budget = Budget.create(epsilon=2.0 + 1.0, delta=1e-5, epsilon_pure=1.0, members=1000)
    assert price(plan).fits(budget.limit)
    assert price(plan).gaussian > budget.limit.gaussian * 0.999
    kinds = [[release.name for release in one.releases] for one in exchanges(plan)]
    assert kinds[:2] == [["popularity:categories", "popularity:products"], ["gram:categories", "gram:products"]]


def histories(seed: int = 0, members: int = 400):
    rng = np.random.default_rng(seed)
    rows, items, periods = [], [], []
    for member in range(members):
        shelf = member % 3
        for period in range(14):
            for _ in range(2):
                number = rng.integers(0, 8)
                rows.append(member)
                items.append(ITEMS[(shelf if rng.random() < 0.8 else rng.integers(0, 3)) * 8 + number])
                periods.append(period)
    columns = {task.name: pa.array(items) for task in TASKS}
    return histories_of(TASKS, np.array(rows), columns, np.array(periods), members=members, until=10, horizon=4)


def fitted(plan, held, noise: float = 0.0):
    state = PREFERENCE.start(plan, members=len(held))
    for releases in PREFERENCE.rounds(plan):
        weights = PREFERENCE.weights(state)
        PREFERENCE.check_weights(plan, weights)
        totals = {
            release.name: PREFERENCE.contribution(plan, release, inputs=held, labels=np.zeros(0), weights=weights)
            for release in releases
        }
        state = PREFERENCE.update(state, totals)
    return PREFERENCE.finish(state)


def test_what_goes_together_is_found() -> None:
    plan, held = a_plan(epsilon=8.0, members=100_000), histories()
    learned = PREFERENCE.learned(plan, fitted(plan, held))["products"]
    bought = sets_of([{0, 1, 2}, {8, 9, 10}])
    lists = ranking.top(ranking.scores(learned, bought, bought)[0], 5)
    assert [{ITEMS[item].partition("/")[0] for item in row} for row in lists] == [{"fruit"}, {"bread"}]


def test_lists_never_show_what_is_closed_or_owned() -> None:
    plan, held = a_plan(epsilon=8.0, members=100_000), histories()
    learned = PREFERENCE.learned(plan, fitted(plan, held))["products"]
    bought = sets_of([{0, 1, 2}, {0, 1, 2}])
    closed = np.array([[False, False, False], [True, False, False]])
    lists = ranking.lists_of(learned, bought, bought, closed=closed)
    assert not {0, 1, 2} & set(lists["new"][0].tolist())
    assert ITEMS[lists["new"][0][0]].startswith("fruit/")
    assert not any(ITEMS[item].startswith("fruit/") for item in lists["new"][1] if item >= 0)
    assert 0 not in lists["tastes"][1]
    assert {ITEMS[item] for item in lists["again"][0] if item >= 0} == {ITEMS[0], ITEMS[1], ITEMS[2]}
    assert (lists["again"][1] == -1).all()


def test_a_newcomer_gets_the_noised_prior() -> None:
    learned = Learned(np.linspace(0.9, 0.01, 24), np.zeros((12, 12)), np.repeat([0, 1, 2], 8))
    nothing = sets_of([set()])
    lists = ranking.lists_of(learned, nothing, nothing, closed=np.zeros((1, 3), dtype=bool))
    assert set(learned.departments[lists["new"][0]].tolist()) == {0, 1}
    assert lists["new"][0].tolist()[0] == 0
    assert (lists["tastes"] == -1).all()


def test_recalibration_moves_a_list_towards_her_own_mix() -> None:
    values = np.linspace(1.0, 0.8, 24)[None, :]
    departments = np.repeat([0, 1, 2], 8)
    tastes = np.array([[0.2, 0.4, 0.4]])
    plain = ranking.recalibrated(values, tastes, departments, length=10, trade=0.0)
    mixed = ranking.recalibrated(values, tastes, departments, length=10, trade=0.9)
    assert plain[0].tolist() == list(range(10))
    assert np.bincount(departments[mixed[0]], minlength=3).tolist() == [2, 4, 4]


def test_ndcg_has_known_answers() -> None:
    relevant = sets_of([{3, 5}, set()], 6)
    lists = np.array([[3, 0, 5], [1, 2, 3]])
    assert ranking.ndcg(lists, relevant)[0] == pytest.approx((1 + 0.5) / (1 + 1 / np.log2(3)))
    assert np.isnan(ranking.ndcg(lists, relevant)[1])
    assert ranking.recall(lists, relevant)[0] == 1.0


def test_unseen_leaves_out_what_she_had() -> None:
    assert unseen(sets_of([{1, 2}], 4), sets_of([{2, 3}], 4)).toarray().tolist() == [[0, 0, 0, 1]]


def test_a_week_counts_an_item_once_and_old_weeks_count_less() -> None:
    columns = {"products": pa.array([ITEMS[0], ITEMS[0], ITEMS[1], "unknown/item", None])}
    held = histories_of(
        TASKS[1:], np.zeros(5, dtype=int), columns, np.array([10, 10, 0, 10, 10]), members=1, until=10, horizon=0
    )
    assert held.held["products"].toarray()[0, :3].tolist() == [1, 1, 0]
    assert held.again["products"].toarray()[0, 0] == pytest.approx(1.0)
    assert held.again["products"].toarray()[0, 1] == pytest.approx(np.exp(-1 / 3))


@pytest.mark.parametrize(
    "weights", [np.zeros(3), np.full(len(ITEMS) * 3 // 2, np.nan), np.full(len(ITEMS) * 3 // 2, 1.5)]
)
def test_weights_of_another_model_are_refused(weights: np.ndarray) -> None:
    with pytest.raises(MalformedError):
        PREFERENCE.check_weights(a_plan(), weights)


def test_a_plan_without_its_second_round_is_refused() -> None:
    from dataclasses import replace

    plan = a_plan()
    with pytest.raises(RefusedError):
        exchanges(replace(plan, releases=tuple(one for one in plan.releases if not one.name.startswith("gram"))))
