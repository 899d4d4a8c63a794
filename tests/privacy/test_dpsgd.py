"""Law: any torch module trains under the same ledger, or is refused before a gradient is computed."""

from datetime import UTC, datetime

import numpy as np
import pytest
import torch
from scipy.special import expit

from privacy import dpsgd
from privacy.accounts_memory import MemoryAccounts
from privacy.clipping import MARGIN, logistic_clipped_sum
from privacy.dpsgd import Training, member_clipped_sum, refuse_loader, refuse_unclaimable, train
from privacy.errors import MechanismError, NotPrivateError, OverBudgetError, ShapeError
from privacy.ledger import PROGRAMME, Budget, Charge, Release
from privacy.mechanism import Gaussian
from tests.privacy.seeded_noise import SeededNoise

AT = datetime(2026, 1, 5, tzinfo=UTC)
LOSS = torch.nn.BCEWithLogitsLoss(reduction="none")


def loss(outputs, targets):
    return LOSS(outputs[:, 0], targets)


def data(rows, features=5, *, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, features))
    y = (rng.random(rows) < expit(2 * x[:, 0])).astype(float)
    return x, y, torch.tensor(x), torch.tensor(y)


def network():
    torch.manual_seed(1)
    return torch.nn.Sequential(
        torch.nn.Linear(5, 8), torch.nn.LayerNorm(8), torch.nn.Tanh(), torch.nn.Linear(8, 1)
    ).double()


def gradients_one_by_one(module, x, y):
    parameters, found = [*module.parameters()], []
    for n in range(len(y)):
        one = torch.autograd.grad(loss(module(x[n : n + 1]), y[n : n + 1]).sum(), parameters)
        found.append(np.concatenate([part.detach().numpy().ravel() for part in one]))
    return np.array(found)


@pytest.mark.parametrize(("rows", "members"), [(1, None), (8, None), (16, None), (40, None), (40, 13), (40, 2)])
def test_the_clipped_sum_equals_one_by_one_clipping(rows, members, monkeypatch):
    monkeypatch.setattr(dpsgd, "_CHUNK", 16)  # members over several chunks, and one with more rows than a chunk
    _, _, x, y = data(rows)
    codes = np.arange(rows) if members is None else np.random.default_rng(2).integers(0, members, rows)
    module = network()
    found = member_clipped_sum(module, loss, [x], y, bound=0.3, members=None if members is None else codes)
    own = np.zeros((codes.max() + 1, found.total.size))
    np.add.at(own, codes, gradients_one_by_one(module, x, y))
    norms = np.linalg.norm(own, axis=1)
    expected = (own * np.minimum(1, 0.3 * MARGIN / np.where(norms > 0, norms, 1))[:, None]).sum(axis=0)
    np.testing.assert_allclose(found.total, expected, rtol=1e-10, atol=1e-12)
    assert found.rejected == 0


def test_it_equals_the_closed_form_for_a_logistic_model():
    x, y, tx, ty = data(300)
    module = torch.nn.Linear(5, 1, bias=False).double()
    weights = module.weight.detach().numpy()[0]
    shares = np.random.default_rng(3).random(300)
    hooks = member_clipped_sum(module, loss, [tx], ty, bound=0.4, shares=shares)
    np.testing.assert_allclose(hooks.total, logistic_clipped_sum(x, y, weights, 0.4, shares=shares).total, rtol=1e-10)


def test_rows_that_are_not_finite_are_left_out_and_counted():
    _, _, x, y = data(20)
    clean = member_clipped_sum(network(), loss, [x[1:]], y[1:], bound=1.0)
    x[0, 2] = float("nan")
    dirty = member_clipped_sum(network(), loss, [x], y, bound=1.0)
    assert dirty.rejected == 1
    np.testing.assert_allclose(dirty.total, clean.total, rtol=1e-12)


def test_the_module_is_given_back_as_it_was():
    _, _, x, y = data(10)
    module = network().eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    member_clipped_sum(module, loss, [x], y, bound=1.0)
    assert not module.training
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert all(parameter.grad is None for parameter in module.parameters())
    assert not module[0]._forward_hooks
    assert not module[0]._backward_hooks


# Refused


class Centred(torch.nn.Module):
    """Mixes rows by hand: no validator knows it."""

    def __init__(self):
        super().__init__()
        self.dense = torch.nn.Linear(5, 1, dtype=torch.float64)

    def forward(self, x):
        return self.dense(x - x.mean(dim=0))


class Remembers(Centred):
    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(5, dtype=torch.float64))

    def forward(self, x):
        self.seen = self.seen + x.detach().sum(dim=0)
        return self.dense(x)


@pytest.mark.parametrize(
    "layer",
    [
        torch.nn.BatchNorm1d(5),
        torch.nn.BatchNorm1d(5, track_running_stats=False),
        torch.nn.InstanceNorm1d(5, track_running_stats=True),
        torch.nn.SyncBatchNorm(5),
    ],
)
def test_batch_statistics_are_refused(layer):
    with pytest.raises(NotPrivateError):
        refuse_unclaimable(torch.nn.Sequential(torch.nn.Linear(5, 5), layer))


def test_a_module_without_trainable_parameters_is_refused():
    with pytest.raises(NotPrivateError):
        refuse_unclaimable(torch.nn.ReLU())
    with pytest.raises(NotPrivateError):
        refuse_unclaimable(torch.nn.Linear(2, 1).requires_grad_(False))


@pytest.mark.parametrize("module", [Centred(), Remembers()])
def test_a_module_that_mixes_or_remembers_rows_by_hand_is_refused(module):
    _, _, x, y = data(20)
    with pytest.raises(NotPrivateError):
        member_clipped_sum(module, loss, [x], y, bound=1.0)


@pytest.mark.parametrize(
    "private",
    [
        lambda outputs, targets: LOSS(outputs[:, 0], targets).mean(),
        lambda outputs, targets: LOSS(outputs[:, 0], targets) / len(targets),
        lambda outputs, targets: LOSS(outputs[:, 0], targets) / (1 + targets.sum()),
    ],
    ids=["mean", "divided by the batch", "divided by the positives"],
)
def test_a_private_denominator_is_refused(private):
    _, _, x, y = data(20)
    with pytest.raises(NotPrivateError):
        member_clipped_sum(network(), private, [x], y, bound=1.0)


def test_only_full_passes_in_order_are_priced():
    rows = torch.utils.data.TensorDataset(torch.zeros(10, 1))
    refuse_loader(torch.utils.data.DataLoader(rows, batch_size=3))
    for arguments in ({"shuffle": True}, {"drop_last": True}, {"sampler": torch.utils.data.RandomSampler(rows)}):
        with pytest.raises(NotPrivateError):
            refuse_loader(torch.utils.data.DataLoader(rows, batch_size=3, **arguments))


def test_opacus_poisson_batches_are_refused():
    from opacus.data_loader import DPDataLoader

    rows = torch.utils.data.TensorDataset(torch.zeros(10, 1))
    with pytest.raises(NotPrivateError):
        refuse_loader(DPDataLoader(rows, sample_rate=0.5))


def test_rows_that_do_not_belong_together_are_refused():
    _, _, x, y = data(10)
    with pytest.raises(ShapeError):
        member_clipped_sum(network(), loss, [x[:9]], y, bound=1.0)


# Training under a ledger


TRAINING = Training(release=Gaussian(1.0, 25.0), rounds=20, rate=1.5, momentum=0.9, averaged=10, denominator=800)
BUDGET = Budget.create(epsilon=1, delta=1e-5, members=800)


def charge_for(rounds, name="c1"):
    return Charge.of([Release(TRAINING.release, times=rounds)], id=name, account=PROGRAMME, run="r1", at=AT)


@pytest.fixture
def accounts():
    opened = MemoryAccounts()
    opened.open(PROGRAMME, BUDGET)
    return opened


def test_training_learns_and_is_charged_exactly(accounts):
    x, y, tx, ty = data(800)
    module = torch.nn.Linear(5, 1, dtype=torch.float64)
    torch.nn.init.zeros_(module.weight)
    torch.nn.init.zeros_(module.bias)
    released = train(
        module, loss, [tx], ty, training=TRAINING, accounts=accounts, charge=charge_for(20), noise=SeededNoise(4)
    )
    assert accounts.balance(PROGRAMME).spent == charge_for(20).cost
    stored = torch.nn.utils.parameters_to_vector(module.parameters()).detach().numpy()
    assert (released == stored).all()
    assert ((module(tx)[:, 0].detach().numpy() > 0) == (y > 0.5)).mean() > 0.75
    assert abs(released[0]) > 3 * np.abs(released[1:5]).max()
    assert x.shape == (800, 5)


def test_a_charge_that_does_not_cover_the_training_is_refused_before_anything_is_spent(accounts):
    _, _, x, y = data(20)
    arguments = {"training": TRAINING, "accounts": accounts, "noise": SeededNoise()}
    with pytest.raises(NotPrivateError, match="does not cover"):
        train(network(), loss, [x], y, charge=charge_for(19), **arguments)
    assert accounts.history(PROGRAMME) == ()


def test_over_budget_nothing_is_touched(accounts):
    accounts.charge(charge_for(40, "earlier"))

    def untouched(outputs, targets):
        raise AssertionError("data was touched")

    _, _, x, y = data(20)
    with pytest.raises(OverBudgetError):
        train(
            network(), untouched, [x], y,
            training=TRAINING, accounts=accounts, charge=charge_for(20), noise=SeededNoise(),
        )  # fmt: skip


def test_a_retry_needs_a_new_charge(accounts):
    _, _, x, y = data(20)
    short = Training(Gaussian(1.0, 400.0), rounds=1, rate=1.0, momentum=0.0, averaged=1, denominator=20)
    charge = Charge.of([Release(short.release)], id="c1", account=PROGRAMME, run="r1", at=AT)
    arguments = {"training": short, "accounts": accounts, "noise": SeededNoise(), "charge": charge}
    train(network(), loss, [x], y, **arguments)
    with pytest.raises(NotPrivateError, match="new charge"):
        train(network(), loss, [x], y, **arguments)


@pytest.mark.parametrize("wrong", [{"rounds": 0}, {"averaged": 0}, {"averaged": 3}, {"denominator": 0}])
def test_a_training_that_means_nothing_is_refused(wrong):
    with pytest.raises(MechanismError):
        Training(**{"release": Gaussian(1.0, 1.0), "rounds": 2, "rate": 1.0, "momentum": 0.0, "averaged": 1,
                    "denominator": 1, **wrong})  # fmt: skip
