"""Any torch module with one output as a churn model: the road for a data scientist who brings her own.

    from federated.models.torch_module import TorchModel
    MODEL = TorchModel(name="acme-churn", build=lambda inputs: nn.Sequential(nn.Linear(inputs, 8), nn.Tanh(), ...))

in a package of hers, with an entry point in the group `accord.models`. Each site and the coordinator install the
package themselves; a plan names the model, reviewers approve the plan, a site's policy lists the name, or nothing runs.

Each member's gradient is materialised by Opacus' hooks and clipped one by one: slower than the closed forms by the
figures in docs/explanation/privacy.md, and right for every layer that Opacus supports.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from opacus import GradSampleModule
from opacus.validators import ModuleValidator
from scipy.special import expit
from torch import nn

from federated.errors import MalformedError
from federated.models import descent
from federated.models import design as additive
from federated.models.descent import Descent, Path
from federated.models.model import Matrix, Vector
from federated.plan import Feature, Plan, Release
from privacy.clipping import MARGIN

CHUNK = 256
START_SEED = 20261121


@dataclass(frozen=True)
class TorchModel(Descent):
    """A churn model whose log-odds are the one output of a torch module, on straight inputs.

    Attributes:
        name: as a plan says it; not one of ours.
        build: inputs -> a fresh module, shape (members, inputs) to (members, 1), without state besides parameters.
        clip: the L2 norm that each member's gradient is clipped to.
    """

    name: str
    build: Callable[[int], nn.Module]
    clip: float = 1.0

    def check(self, plan: Plan) -> None:
        """Refuse a plan that does not describe this training, or a module whose gradients mix members."""
        super().check(plan)
        errors = ModuleValidator.validate(self._module(plan.features).train(), strict=False)
        if errors:
            raise MalformedError(f"{self.name} mixes members within a batch ({type(errors[0]).__name__}); replace it")

    def bound(self, features: Sequence[Feature]) -> float:  # noqa: ARG002  the same for all
        """The L2 norm that each member's gradient is clipped to."""
        return self.clip

    def size(self, features: Sequence[Feature]) -> int:
        """How many parameters the module has."""
        return sum(parameter.numel() for parameter in self._module(features).parameters())

    def design(self, features: Sequence[Feature], values: Matrix) -> Matrix:
        """Bounded inputs, straight, without an intercept."""
        return additive.design(features, values, harmonics=0)[:, :-1]

    def contribution(
        self,
        plan: Plan,
        release: Release,
        *,
        inputs: Matrix,
        labels: Vector,
        weights: Vector,
    ) -> Vector:
        """The sum of the members' gradients, each clipped; a member whose gradient is not finite adds nothing."""
        module = self._with(plan.features, weights)
        bound = descent.noise_of(release).sensitivity * MARGIN
        total = np.zeros(len(weights))
        for start in range(0, len(inputs), CHUNK):
            rows = slice(start, start + CHUNK)
            each = _gradients(module, inputs[rows], labels[rows])
            each = np.where(np.isfinite(each).all(axis=1, keepdims=True), each, 0.0)
            norms = np.sqrt(np.einsum("ij,ij->i", each, each))
            total += np.minimum(1.0, bound / np.maximum(norms, 1e-300)) @ each
        return total

    def start(self, plan: Plan, *, members: int) -> Path:
        """The module's own initial weights, from a fixed seed; the sites are sent them."""
        module = self._module(plan.features)
        flat = nn.utils.parameters_to_vector(module.parameters()).detach().numpy()
        return descent.begin(plan, flat.astype(np.float64), members=members)

    def score(self, inputs: Matrix, weights: Vector) -> Vector:
        """Probability of churn."""
        return np.asarray(expit(self.log_odds(inputs, weights)), dtype=np.float64)

    def log_odds(self, inputs: Matrix, weights: Vector) -> Vector:
        """The log-odds, shape (members,)."""
        module = self._filled(inputs.shape[1], weights)
        with torch.no_grad():
            return np.asarray(module(torch.from_numpy(inputs))[:, 0].numpy(), dtype=np.float64)

    def gradient(self, inputs: Matrix, weights: Vector) -> Matrix:
        """How the log-odds change with each input, shape (members, inputs)."""
        rows = torch.from_numpy(inputs).clone().requires_grad_()
        module = self._filled(inputs.shape[1], weights)
        (found,) = torch.autograd.grad(module(rows).sum(), rows)
        return np.asarray(found.numpy(), dtype=np.float64)

    def _with(self, features: Sequence[Feature], weights: Vector) -> nn.Module:
        return self._filled(additive.inputs_of(features, harmonics=0) - 1, weights)

    def _filled(self, inputs: int, weights: Vector) -> nn.Module:
        module = self._fresh(inputs)
        nn.utils.vector_to_parameters(torch.from_numpy(weights.copy()), module.parameters())
        return module

    def _module(self, features: Sequence[Feature]) -> nn.Module:
        return self._fresh(additive.inputs_of(features, harmonics=0) - 1)

    def _fresh(self, inputs: int) -> nn.Module:
        with torch.random.fork_rng():
            torch.manual_seed(START_SEED)
            return self.build(inputs).double().eval()


def _gradients(module: nn.Module, inputs: Matrix, labels: Vector) -> Matrix:
    """The gradient of each row's logistic loss, shape (rows, parameters)."""
    watched = GradSampleModule(module.train(), loss_reduction="sum")
    try:
        log_odds = watched(torch.from_numpy(np.ascontiguousarray(inputs)))[:, 0]
        loss = nn.functional.binary_cross_entropy_with_logits(log_odds, torch.from_numpy(labels), reduction="sum")
        torch.autograd.backward(loss)
        parts = [parameter.grad_sample.reshape(len(inputs), -1) for parameter in watched.parameters()]
        return np.asarray(torch.cat(parts, dim=1).detach().numpy(), dtype=np.float64)
    finally:
        watched.zero_grad(set_to_none=True)
        watched.remove_hooks()
