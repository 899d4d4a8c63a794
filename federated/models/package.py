"""A finished model as bytes: what it takes to score, and which plan made it. Plain JSON: nothing in it can run."""

from dataclasses import dataclass, replace

import numpy as np

from federated.errors import MalformedError
from federated.models.model import Vector
from federated.plan import Plan, digest, parse_plan
from federated.plan_exchange import RandomisedExchange
from federated.signed import decode, encode


@dataclass(frozen=True)
class Package:
    """A finished model.

    Attributes:
        run: the run that made it.
        plan: the bytes of the plan that was run; name the model, its features and their ranges.
        weights: shape (weights,).
    """

    run: str
    plan: bytes
    weights: Vector

    def parsed_plan(self) -> Plan:
        """The plan that was run."""
        return parse_plan(self.plan)

    @property
    def kept_exchange(self) -> RandomisedExchange | None:
        """The exchange whose answers the model reads, as a plan that scores or audits with it names them."""
        trained = self.parsed_plan()
        return replace(trained.exchange, trained=digest(self.plan)) if trained.exchange else None


def package_bytes(package: Package) -> bytes:
    """The bytes of a model; the same model gives the same bytes."""
    return encode(
        {
            "version": 1,
            "run": package.run,
            "plan": package.plan.decode("ascii"),
            "plan_digest": digest(package.plan),
            "weights": [float(weight) for weight in package.weights],
        }
    )


def parse_package(payload: bytes) -> Package:
    """Read a model.

    Raises:
        MalformedError: not a model of this version, or its plan is not the one it names.
    """
    data = decode(payload)
    if not isinstance(data, dict) or {*data} != {"version", "run", "plan", "plan_digest", "weights"}:
        raise MalformedError("not a model of this version")
    try:
        plan = str(data["plan"]).encode("ascii")
        weights = np.array(data["weights"], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise MalformedError("a model holds a plan and weights that are numbers") from error
    if data["version"] != 1 or digest(plan) != data["plan_digest"]:
        raise MalformedError("the model's plan is not the one it names")
    if weights.ndim != 1 or not np.isfinite(weights).all():
        raise MalformedError("a model's weights are finite numbers")
    parse_plan(plan)
    return Package(run=str(data["run"]), plan=plan, weights=weights)
