"""Any torch module under the same ledger: Opacus' hooks for the gradients, our clip, our noise, our price.

Laws: a step is one full-batch Gaussian release, priced exactly; one sample is one member, or her rows are grouped;
the denominator is public; nothing is subsampled, so nothing is charged as if it were. What cannot be claimed is
refused before any gradient is computed: batch statistics, running buffers, losses that divide by the batch, loaders
that shuffle or drop rows.

Opacus' own optimiser, accountant and noise are not used: its noise comes from torch's seedable generator and its
accountant records after the step. For logistic, MLP and two-tower models `clipping` and `clipping_networks` do the
same many times faster (`python -m benchmarks dp-step`).
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from opacus.grad_sample import GradSampleModule
from opacus.validators import ModuleValidator
from torch.utils.data import BatchSampler, DataLoader, SequentialSampler

from privacy.clipping import MARGIN, Clipped, check_bound
from privacy.errors import MechanismError, NotPrivateError, ShapeError
from privacy.grouping import Groups
from privacy.ledger import Accounts, Charge, Release
from privacy.mechanism import Gaussian
from privacy.noise import NoiseSource, add_gaussian

RowLoss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Outputs and targets to one loss per row, shape (rows,): `reduction="none"`."""

Floats = npt.NDArray[np.float64]

_CHUNK = 256


def refuse_unclaimable(module: torch.nn.Module) -> None:
    """Refuse a module whose gradients are not each row's own.

    Raises:
        NotPrivateError: nothing to train, layers that mix rows (BatchNorm) or keep statistics of them, or layers for
            which Opacus knows no gradient per row.
    """
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise NotPrivateError("nothing to train: the module has no trainable parameter")
    for name, part in module.named_modules():
        if isinstance(part, torch.nn.modules.batchnorm._NormBase) and (  # noqa: SLF001 - torch has no public base
            not isinstance(part, torch.nn.modules.instancenorm._InstanceNorm) or part.track_running_stats  # noqa: SLF001
        ):
            raise NotPrivateError(
                f"layer {name or 'module'} mixes or remembers rows ({type(part).__name__}): use GroupNorm or LayerNorm"
            )
    mode = module.training
    with _quiet():
        problems = ModuleValidator.validate(module.train(), strict=False)
    module.train(mode)
    if problems:
        raise NotPrivateError(f"opacus refuses the module: {problems[0]}")


def refuse_loader(loader: "DataLoader[object]") -> None:
    """Refuse batches that the ledger does not price: anything but every row once, in order.

    Raises:
        NotPrivateError: the loader shuffles, samples or drops rows. Charging shuffled batches as Poisson batches
            claims less than is spent.
    """
    batches = loader.batch_sampler
    in_order = type(batches) is BatchSampler and isinstance(batches.sampler, SequentialSampler)
    if not in_order or loader.drop_last:
        raise NotPrivateError("only full passes in order are priced: use shuffle=False and drop_last=False")


@dataclass(frozen=True, slots=True)
class Training:
    """A full-batch training as data.

    Attributes:
        release: one round; its sensitivity is the clipping bound.
        rounds: T, >= 1.
        rate: step size for the mean gradient.
        momentum: of the velocity, in [0, 1).
        averaged: the result is the mean of this many last iterates, 1 to T.
        denominator: the public number of members that sums are divided by.
    """

    release: Gaussian
    rounds: int
    rate: float
    momentum: float
    averaged: int
    denominator: int

    def __post_init__(self) -> None:
        if not (self.rounds >= 1 and 1 <= self.averaged <= self.rounds and self.denominator >= 1):
            raise MechanismError("a training needs rounds, averaged within them, and a public denominator of 1 or more")


def member_clipped_sum(
    module: torch.nn.Module,
    loss: RowLoss,
    inputs: Sequence[torch.Tensor],
    targets: torch.Tensor,
    *,
    bound: float,
    members: npt.ArrayLike | None = None,
    shares: npt.ArrayLike | None = None,
) -> Clipped:
    """Σ over members of her clipped gradient with respect to all trainable parameters.

    Args:
        module: called as `module(*inputs)`; its first output dimension is the row.
        loss: one loss per row.
        inputs: tensors whose first dimension is the row.
        targets: first dimension is the row.
        bound: L2 norm of one member's contribution, > 0.
        members: whose row it is, whole numbers from 0; None if each row is another member.
        shares: each member's weight at this site, in [0, 1]; None for 1.

    Returns:
        The flat sum in the order of the trainable parameters, float64, and how many rows were not finite.

    Raises:
        NotPrivateError: the module or the loss cannot be claimed.
        ShapeError: rows do not belong together.
    """
    check_bound(bound)
    refuse_unclaimable(module)
    rows = len(targets)
    if any(len(part) != rows for part in inputs):
        raise ShapeError("every input needs one row per target")
    size = sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
    total, rejected = np.zeros(size), 0
    with _hooked(module) as hooked:
        for chosen, share, each in Groups.of(members, shares, rows=rows).chunks(_CHUNK):
            index = torch.arange(rows)[chosen] if isinstance(chosen, slice) else torch.from_numpy(chosen)
            gradients = _row_gradients(hooked, loss, [part[index] for part in inputs], targets[index])
            wrong = ~np.isfinite(gradients).all(axis=1)
            rejected += int(wrong.sum())
            gradients[wrong] = 0.0
            own = gradients.reshape(-1, each, size).sum(axis=1)
            with np.errstate(divide="ignore", over="ignore"):
                scale = np.minimum(1.0, bound * MARGIN / np.linalg.norm(own, axis=1))
            total += (scale if share is None else scale * share[::each]) @ own
    return Clipped(total=total, rejected=rejected)


def train(
    module: torch.nn.Module,
    loss: RowLoss,
    inputs: Sequence[torch.Tensor],
    targets: torch.Tensor,
    *,
    training: Training,
    accounts: Accounts,
    charge: Charge,
    noise: NoiseSource,
    members: npt.ArrayLike | None = None,
) -> Floats:
    """Charge, then train in place, full batch, one Gaussian release per round.

    Args:
        module: starts from public weights; ends with the mean of the last iterates.
        loss: one loss per row.
        inputs: tensors whose first dimension is the row.
        targets: first dimension is the row.
        training: rounds, step, clip and noise.
        accounts: where the charge is made, durably, before any row is touched.
        charge: must cover the training: `rounds` times its release.
        noise: the source.
        members: whose row it is; None if each row is another member.

    Returns:
        The released parameters, flat, float64.

    Raises:
        NotPrivateError: the charge does not cover what would run or was made before, or the module cannot be claimed.
        LedgerError: the charge was refused; nothing was touched.
    """
    refuse_unclaimable(module)
    price = Charge.of(
        [Release(training.release, times=training.rounds)],
        id=charge.id,
        account=charge.account,
        run=charge.run,
        at=charge.at,
    ).cost
    if not price.fits(charge.cost):
        raise NotPrivateError("the charge does not cover this training: price all of its rounds first")
    if any(made.id == charge.id for made in accounts.history(charge.account)):
        raise NotPrivateError("this charge was made before: a retry draws fresh noise and needs a new charge")
    accounts.charge(charge)
    trainable = [parameter for parameter in module.parameters() if parameter.requires_grad]
    weights = torch.nn.utils.parameters_to_vector(trainable).detach().double().numpy().copy()
    velocity, tail = np.zeros_like(weights), np.zeros_like(weights)
    for done in range(training.rounds):
        clipped = member_clipped_sum(module, loss, inputs, targets, bound=training.release.sensitivity, members=members)
        released = add_gaussian(clipped.total, std=training.release.std, noise=noise)
        velocity = training.momentum * velocity + released / training.denominator
        weights = weights - training.rate * velocity
        _store(weights, trainable)
        if done >= training.rounds - training.averaged:
            tail += weights
    _store(tail / training.averaged, trainable)
    return np.asarray(tail / training.averaged)


@contextmanager
def _hooked(module: torch.nn.Module) -> Iterator[GradSampleModule]:
    """The module with Opacus' hooks, in training mode; both are taken back afterwards.

    Raises:
        NotPrivateError: a buffer changed, so the module remembers rows without noise.
    """
    training = module.training
    buffers = {name: buffer.clone() for name, buffer in module.named_buffers()}
    with _quiet():
        hooked = GradSampleModule(module.train(), loss_reduction="sum")
        try:
            yield hooked
        finally:
            hooked.to_standard_module()
            module.train(training)
            for parameter in module.parameters():
                parameter.grad = None
    changed = [name for name, buffer in module.named_buffers() if not torch.equal(buffer, buffers[name])]
    if changed:
        raise NotPrivateError(f"buffers remember rows without noise: {', '.join(changed)}")


def _row_gradients(
    hooked: GradSampleModule, loss: RowLoss, inputs: Sequence[torch.Tensor], targets: torch.Tensor
) -> Floats:
    """Gradient of each row's loss, shape (rows, parameters), float64."""
    _refuse_mixed_rows(hooked, loss, inputs, targets)
    for parameter in hooked.parameters():
        parameter.grad, parameter.grad_sample = None, None
    torch.autograd.backward(_losses(hooked, loss, inputs, targets).sum())
    parts = []
    for parameter in hooked.parameters():
        if parameter.requires_grad:
            sample = parameter.grad_sample
            if sample is None:
                sample = torch.zeros(len(targets), parameter.numel())
            parts.append(sample.detach().reshape(len(targets), -1).double().numpy())
            parameter.grad_sample = None
    return np.concatenate(parts, axis=1)


def _refuse_mixed_rows(
    hooked: GradSampleModule, loss: RowLoss, inputs: Sequence[torch.Tensor], targets: torch.Tensor
) -> None:
    """A row's loss must be the same alone as in company, or it is divided by, or mixed with, other members' rows."""
    if len(targets) < 2:
        return
    plain = hooked._module.eval()  # noqa: SLF001 - the module we wrapped
    with torch.no_grad():
        together = _losses(plain, loss, inputs, targets)[:1]
        alone = _losses(plain, loss, [part[:1] for part in inputs], targets[:1])
    plain.train()
    if torch.isfinite(together).all() and not torch.allclose(together, alone, rtol=1e-3, atol=1e-5):
        raise NotPrivateError("the loss of a row depends on other rows: no batch means, no private denominators")


def _losses(
    module: torch.nn.Module, loss: RowLoss, inputs: Sequence[torch.Tensor], targets: torch.Tensor
) -> torch.Tensor:
    losses = loss(module(*inputs), targets)
    if losses.shape != targets.shape[:1]:
        raise NotPrivateError('the loss must be one number per row: use reduction="none"')
    return losses


def _store(weights: Floats, parameters: Sequence[torch.nn.Parameter]) -> None:
    vector = torch.from_numpy(weights).to(parameters[0].dtype)
    torch.nn.utils.vector_to_parameters(vector, parameters)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the notices of opacus and torch about their own hooks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
