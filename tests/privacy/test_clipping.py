"""Law: whatever her rows contain, one member moves a clipped sum by at most her bound, and the closed form is the clip.

The references are one-by-one clipping written out here, and Opacus' hooks (GradSampleModule).
"""

import warnings
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.special import expit

from privacy.clipping import MARGIN, LogisticRows, clip_to_norm, logistic_clipped_sum
from privacy.clipping_networks import MARGINS, mlp_clipped_sum, two_tower_clipped_sum
from privacy.errors import MechanismError, NotFiniteError, ShapeError
from privacy.networks import Layer

FINITE = st.floats(-1e300, 1e300, allow_nan=False)


def clip_one_by_one(gradients, codes, bound, shares=None):
    total = np.zeros(gradients.shape[1])
    for code in np.unique(codes):
        own = gradients[codes == code].sum(axis=0)
        norm = np.linalg.norm(own)
        total += (1 if shares is None else shares[code]) * own * min(1, bound / norm if norm else 1)
    return total


def torch_tower(layers):
    parts = []
    for number, layer in enumerate(layers):
        parts += [torch.nn.ReLU()] if number else []
        dense = torch.nn.Linear(*layer.weights.shape[::-1], dtype=torch.float64)
        dense.load_state_dict({"weight": torch.tensor(layer.weights), "bias": torch.tensor(layer.bias)})
        parts.append(dense)
    return torch.nn.Sequential(*parts)


class TwoTower(torch.nn.Module):
    def __init__(self, layers, vectors, bias):
        super().__init__()
        self.tower = torch_tower(layers)
        self.items = torch.nn.Embedding.from_pretrained(torch.tensor(vectors), freeze=False)
        self.item_bias = torch.nn.Embedding.from_pretrained(torch.tensor(bias)[:, None], freeze=False)

    def forward(self, x, items):
        return (self.tower(x) * self.items(items)).sum(1, keepdim=True) + self.item_bias(items)


def opacus_rows(module, inputs, y):
    """Gradient of every row, by Opacus' hooks, shape (rows, parameters)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from opacus.grad_sample import GradSampleModule

        hooked = GradSampleModule(module, loss_reduction="sum")
        loss = torch.nn.BCEWithLogitsLoss(reduction="sum")(hooked(*inputs)[:, 0], torch.tensor(y))
        loss.backward()
    return np.concatenate([p.grad_sample.reshape(len(y), -1).numpy() for p in hooked.parameters()], axis=1)


def layers_of(rng, widths, scale=1.0):
    return [Layer(rng.normal(size=(out, into)) * scale, rng.normal(size=out) * scale) for into, out in pairwise(widths)]


def rows_of(rng, rows, features, *, members):
    x = rng.normal(size=(rows, features)) * np.exp(rng.normal(size=(rows, 1)) * 3)
    x[rng.random(rows) < 0.1] = 0.0
    y = (rng.random(rows) < 0.4).astype(float)
    codes = np.sort(rng.integers(0, members, rows)) if members else np.arange(rows)
    return x, y, rng.permutation(codes)


SHAPES = [
    # rows, members (0: one row each), bound
    (1, 0, 1.0),
    (40, 0, 0.5),
    (40, 13, 0.5),
    (300, 4, 2.0),
    (2100, 0, 1e-3),
    (2100, 900, 1e9),
    (1200, 1, 1.0),
]


@pytest.mark.parametrize(("rows", "members", "bound"), SHAPES)
@pytest.mark.parametrize("shared", [False, True])
def test_logistic_equals_one_by_one_and_opacus(rows, members, bound, shared):
    rng = np.random.default_rng([rows, members])
    x, y, codes = rows_of(rng, rows, 7, members=members)
    weights = rng.normal(size=7)
    shares = rng.random(codes.max() + 1) if shared else None
    found = logistic_clipped_sum(
        x, y, weights, bound, members=codes if members else None, shares=shares_in(shares, codes, members)
    )
    gradients = (expit(x @ weights) - y)[:, None] * x
    expected = clip_one_by_one(gradients, codes, bound * MARGIN, shares)
    np.testing.assert_allclose(found.total, expected, rtol=1e-10, atol=1e-10 * bound)
    module = torch.nn.Linear(7, 1, bias=False, dtype=torch.float64)
    module.load_state_dict({"weight": torch.tensor(weights)[None]})
    hooks = clip_one_by_one(opacus_rows(module, [torch.tensor(x)], y), codes, bound * MARGIN, shares)
    np.testing.assert_allclose(found.total, hooks, rtol=1e-10, atol=1e-10 * bound)
    assert found.rejected == 0


@pytest.mark.parametrize(("rows", "members", "bound"), SHAPES)
def test_rows_kept_for_many_rounds_give_the_same_sum_in_each(rows, members, bound):
    rng = np.random.default_rng([rows, members, 7])
    x, y, codes = rows_of(rng, rows, 7, members=members)
    x[0, 0] = np.inf if rows > 1 else x[0, 0]
    kept = LogisticRows.of(x, y, members=codes if members else None)
    x_then = x.copy()
    x[:] = 1e9  # a row that is changed behind its measured norm would escape the bound
    for weights in rng.normal(size=(3, 7)):
        found = kept.clipped_sum(weights, bound)
        once = logistic_clipped_sum(x_then, y, weights, bound, members=codes if members else None)
        np.testing.assert_array_equal(found.total, once.total)
        assert found.rejected == once.rejected == (rows > 1)


def test_a_row_that_overflows_with_some_weights_is_left_out_of_that_round_only():
    signs = np.resize([1.0, -1.0], 32)
    kept = LogisticRows.of([1e150 * signs, np.ones(32)], [1.0, 0.0])
    harmless, hostile = (kept.clipped_sum(np.full(32, weight), 1.0) for weight in (1e-300, 1e200))
    assert (harmless.rejected, hostile.rejected) == (0, 1)
    assert np.linalg.norm(hostile.total) <= 1.0


def shares_in(shares, codes, members):
    return shares if shares is None or members else shares[codes]


@pytest.mark.parametrize(("rows", "members", "bound"), SHAPES)
@pytest.mark.parametrize("widths", [(5, 1), (5, 8, 1), (5, 8, 3, 1)])
def test_mlp_equals_one_by_one_clipping_of_opacus_hooks(rows, members, bound, widths):
    rng = np.random.default_rng([rows, members, len(widths)])
    x, y, codes = rows_of(rng, rows, widths[0], members=members)
    layers = layers_of(rng, widths)
    found = mlp_clipped_sum(x, y, layers, bound, members=codes if members else None)
    gradients = opacus_rows(torch_tower(layers), [torch.tensor(x)], y)
    expected = clip_one_by_one(gradients, codes, bound * MARGINS[x.dtype])
    np.testing.assert_allclose(found.flat(), expected, rtol=1e-10, atol=1e-10 * np.abs(expected).max())


@pytest.mark.parametrize(("rows", "members", "bound"), SHAPES)
@pytest.mark.parametrize("shared", [False, True])
def test_two_tower_equals_one_by_one_clipping_of_opacus_hooks(rows, members, bound, shared):
    rng = np.random.default_rng([rows, members, 3])
    x, y, codes = rows_of(rng, rows, 4, members=members)
    items = rng.integers(0, 9, rows)
    layers, vectors, bias = layers_of(rng, (4, 6, 3)), rng.normal(size=(11, 3)), rng.normal(size=11)
    shares = rng.random(codes.max() + 1) if shared else None
    found = two_tower_clipped_sum(
        x, items, y, layers, vectors, bias, bound,
        members=codes if members else None, shares=shares_in(shares, codes, members),
    )  # fmt: skip
    module = TwoTower(layers, vectors, bias)
    gradients = opacus_rows(module, [torch.tensor(x), torch.tensor(items)], y)
    expected = clip_one_by_one(gradients, codes, bound * MARGINS[x.dtype], shares)
    np.testing.assert_allclose(found.flat(), expected, rtol=1e-10, atol=1e-10 * np.abs(expected).max())


def test_single_precision_agrees_to_its_digits():
    rng = np.random.default_rng(4)
    x, y, codes = rows_of(rng, 500, 5, members=120)
    layers = layers_of(rng, (5, 8, 1))
    single = mlp_clipped_sum(x.astype(np.float32), y, layers, 1.0, members=codes)
    exact = clip_one_by_one(opacus_rows(torch_tower(layers), [torch.tensor(x)], y), codes, MARGINS[np.dtype("f4")])
    np.testing.assert_allclose(single.flat(), exact, rtol=1e-3, atol=1e-3)


POISON = [np.nan, np.inf, -np.inf]


@pytest.mark.parametrize("poison", POISON)
@pytest.mark.parametrize("members", [None, np.array([0, 1, 1, 2, 3])])
def test_rows_that_are_not_finite_are_left_out_and_counted(poison, members):
    rng = np.random.default_rng(5)
    x, y, weights = rng.normal(size=(5, 3)), np.array([0.0, 1, 1, 0, 1]), rng.normal(size=3)
    layers, vectors = layers_of(rng, (3, 4, 1)), rng.normal(size=(6, 1))
    items, bias = np.array([0, 1, 2, 3, 4]), np.zeros(6)
    good = np.array([0, 2, 3])
    kept = None if members is None else members[good]
    dirty, wrong_label = x.copy(), y.copy()
    dirty[1, 2] = poison
    wrong_label[4] = poison
    ran = [
        (logistic_clipped_sum(dirty, wrong_label, weights, 1.0, members=members),
         logistic_clipped_sum(x[good], y[good], weights, 1.0, members=kept), lambda r: r.total),
        (mlp_clipped_sum(dirty, wrong_label, layers, 1.0, members=members),
         mlp_clipped_sum(x[good], y[good], layers, 1.0, members=kept), lambda r: r.flat()),
        (two_tower_clipped_sum(dirty, items, wrong_label, layers, vectors, bias, 1.0, members=members),
         two_tower_clipped_sum(x[good], items[good], y[good], layers, vectors, bias, 1.0, members=kept),
         lambda r: r.flat()),
    ]  # fmt: skip
    for with_poison, without, vector in ran:
        assert with_poison.rejected == 2
        np.testing.assert_allclose(vector(with_poison), vector(without), rtol=1e-12, atol=1e-14)


@settings(max_examples=150, deadline=None)
@given(
    row=arrays.arrays(np.float64, 3, elements=st.floats(allow_nan=True, allow_infinity=True)),
    label=st.sampled_from([0.0, 1.0, np.nan]),
    model=arrays.arrays(np.float64, 3, elements=st.floats(-1e6, 1e6)),
    bound=st.floats(1e-6, 1e6),
)
def test_no_row_whatsoever_moves_the_logistic_sum_by_more_than_the_bound(row, label, model, bound):
    total = logistic_clipped_sum(row[None], [label], model, bound).total
    assert np.linalg.norm(total) <= bound


@settings(max_examples=150, deadline=None)
@given(
    rows=arrays.arrays(np.float64, (3, 2), elements=st.floats(width=64)),
    same_member=st.booleans(),
    bound=st.floats(1e-3, 1e3),
    seed=st.integers(0, 5),
)
def test_no_rows_whatsoever_move_a_network_by_more_than_the_bound(rows, same_member, bound, seed):
    rng = np.random.default_rng(seed)
    layers, vectors = layers_of(rng, (2, 3, 2)), rng.normal(size=(4, 2))
    codes = np.zeros(3, dtype=int) if same_member else np.arange(3)
    found = two_tower_clipped_sum(rows, [0, 0, 3], [0, 1, 1], layers, vectors, np.zeros(4), bound, members=codes)
    assert np.linalg.norm(found.flat()) <= bound * (1 if same_member else 3)


@given(
    vector=arrays.arrays(np.float64, st.integers(0, 5), elements=FINITE),
    bound=st.floats(1e-200, 1e200),
)
def test_clip_to_norm_ends_inside_the_ball_and_keeps_direction(vector, bound):
    clipped = clip_to_norm(vector, bound=bound)
    scale = max(np.abs(clipped).max(initial=0.0), 1e-300)
    assert np.linalg.norm(clipped / scale) * scale <= bound
    assert (np.sign(clipped) * np.sign(vector) >= 0).all()


@pytest.mark.parametrize("factor", [1 - 2e-6, 1.0, 1 + 1e-9])
def test_a_norm_at_the_ball_is_never_left_outside(factor):
    vector = np.array([3.0, 4.0]) * factor
    clipped = clip_to_norm(vector, bound=5.0)
    assert np.linalg.norm(clipped) <= 5.0 * MARGIN * (1 + 1e-12)
    if factor < MARGIN:
        assert (clipped == vector).all()


def test_nothing_can_bound_an_infinity():
    with pytest.raises(NotFiniteError) as refused:
        clip_to_norm([1.0, np.inf, np.nan], bound=1.0)
    assert refused.value.count == 2


def test_a_site_without_rows_sends_exact_zero():
    assert (logistic_clipped_sum(np.zeros((0, 3)), [], np.ones(3), 1.0).total == 0).all()
    assert (
        mlp_clipped_sum(np.zeros((0, 2)), [], layers_of(np.random.default_rng(0), (2, 3, 1)), 1.0).flat() == 0
    ).all()


def test_a_member_with_share_zero_contributes_exact_zero():
    x, y = np.array([[1.0, 2.0], [3.0, 4.0]]), [1, 0]
    both = logistic_clipped_sum(x, y, np.ones(2), 1.0, shares=[1.0, 0.0])
    alone = logistic_clipped_sum(x[:1], y[:1], np.ones(2), 1.0)
    assert (both.total == alone.total).all()


@pytest.mark.parametrize("bound", [0.0, -1.0, np.inf, np.nan, True])
def test_a_bound_that_bounds_nothing_is_refused(bound):
    with pytest.raises(MechanismError):
        logistic_clipped_sum(np.ones((1, 1)), [1], np.ones(1), bound)


@pytest.mark.parametrize(
    "arguments",
    [
        {"members": [0]},
        {"members": [0, -1]},
        {"members": [0.0, 1.0]},
        {"shares": [0.5]},
        {"shares": [0.5, 1.1]},
        {"members": [0, 2], "shares": [1.0, 1.0]},
        {"shares": [0.5, np.nan]},
    ],
)
def test_members_and_shares_that_do_not_belong_are_refused(arguments):
    with pytest.raises(ShapeError):
        logistic_clipped_sum(np.ones((2, 1)), [1, 0], np.ones(1), 1.0, **arguments)


def test_shapes_that_do_not_belong_are_refused():
    layers = layers_of(np.random.default_rng(0), (2, 3, 2))
    vectors, bias = np.zeros((4, 2)), np.zeros(4)
    with pytest.raises(ShapeError):
        logistic_clipped_sum(np.ones((2, 1)), [1], np.ones(1), 1.0)
    with pytest.raises(ShapeError):
        mlp_clipped_sum(np.ones((2, 2)), [1, 0], layers, 1.0)
    with pytest.raises(ShapeError):
        two_tower_clipped_sum(np.ones((2, 2)), [0, 4], [1, 0], layers, vectors, bias, 1.0)
    with pytest.raises(ShapeError):
        two_tower_clipped_sum(np.ones((2, 2)), [0, 1], [1, 0], layers, np.zeros((4, 3)), bias, 1.0)
    with pytest.raises(ShapeError):
        mlp_clipped_sum(np.ones((2, 2), dtype=np.float16), [1, 0], layers[:1], 1.0)


def test_weights_that_are_not_finite_are_refused():
    with pytest.raises(NotFiniteError):
        logistic_clipped_sum(np.ones((1, 1)), [1], [np.nan], 1.0)
