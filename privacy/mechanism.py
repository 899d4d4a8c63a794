"""Noisy releases as data, and what each costs.

Compatibility law: stored histories outlive programs. The meaning of a kind and its fields never changes; a new
meaning is a new kind. Data with an unknown kind, a missing field or a surplus field is refused, never guessed.
Numbers are stored as the shortest decimal text that gives them back, so mechanisms fit the float-free JSON that the
audit log hashes.

Drawn:
    Gaussian            continuous noise N(0, std²) on each coordinate            pays Σμ²
    DiscreteGaussian    integer noise shares of several sites, added under masks  pays Σμ², through a proven bound
    DiscreteLaplace     integer noise on counts                                   pays Σε
    RandomisedResponse  one of k answers, the true one most often                 pays Σε
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any, ClassVar

from privacy.discrete_bound import gdp_rate, negligible_mixture
from privacy.errors import MechanismError, UnknownMechanismError
from privacy.quantities import Cost, exact, is_number, units_up


@dataclass(frozen=True, slots=True)
class Gaussian:
    """Add N(0, std²) to each coordinate of a vector.

    Exactly μ-GDP with μ = sensitivity/std.

    Attributes:
        sensitivity: the most the vector's L2 norm changes when one member is replaced by "absent", > 0.
        std: standard deviation of the noise on each coordinate, in the same units, > 0.

    Source:
        Dong, Roth, Su 2022, "Gaussian Differential Privacy", Theorem 2.7.
    """

    kind: ClassVar[str] = "gaussian"
    sensitivity: float
    std: float

    def __post_init__(self) -> None:
        _positive(sensitivity=self.sensitivity, std=self.std)

    @property
    def mu(self) -> float:
        """The GDP parameter of one release."""
        return self.sensitivity / self.std


@dataclass(frozen=True, slots=True)
class DiscreteGaussian:
    """Sites round their sums to a grid, each adds integer discrete Gaussian noise, and only the total is seen.

    Rounding a sum to the grid lets one member move it by at most sensitivity/grid + sqrt(coordinates) grid steps,
    and the noise that must hide this is that of the `shares` sites which neither collude nor drop out.

    Attributes:
        sensitivity: L2 sensitivity before rounding, > 0.
        grid: size of one grid step, in the same units, > 0.
        coordinates: length of the released vector, >= 1.
        share_std: parameter σ of one site's discrete Gaussian, in grid steps.
        shares: honest shares that surely arrive (sites - colluders - dropouts), >= 1.

    Source:
        Canonne, Kamath, Steinke 2020, "The Discrete Gaussian for Differential Privacy"; Kairouz, Liu, Steinke 2021,
        "The Distributed Discrete Gaussian Mechanism", Theorem 9; the GDP bound is proven in `discrete_bound`.
    """

    kind: ClassVar[str] = "discrete-gaussian"
    sensitivity: float
    grid: float
    coordinates: int
    share_std: float
    shares: int

    def __post_init__(self) -> None:
        _positive(sensitivity=self.sensitivity, grid=self.grid, share_std=self.share_std)
        _at_least_one(coordinates=self.coordinates, shares=self.shares)
        if not negligible_mixture(self.share_std, shares=self.shares, coordinates=self.coordinates):
            raise MechanismError(
                f"a share of {self.share_std} grid steps is too coarse to be priced: 8 steps or more are fine enough"
            )

    @property
    def steps(self) -> float:
        """L2 sensitivity after rounding, in grid steps, rounded up."""
        return math.nextafter(self.sensitivity / self.grid + math.sqrt(self.coordinates), math.inf)

    @property
    def mu(self) -> float:
        """An upper bound of the GDP parameter of one release."""
        total = self.share_std * math.sqrt(self.shares)
        return math.nextafter(self.steps * gdp_rate(total) * (1 + 1e-12), math.inf)


@dataclass(frozen=True, slots=True)
class DiscreteLaplace:
    """Add integer noise with P(k) proportional to exp(-ε·|k|/sensitivity) to each count: ε-DP in all.

    Attributes:
        sensitivity: the most the counts change in L1 when one member is replaced by "absent", an integer >= 1.
        epsilon: pure ε of the whole release (all cells together), > 0.

    Source:
        Ghosh, Roughgarden, Sundararajan 2009, "Universally Utility-Maximizing Privacy Mechanisms", section 2.
    """

    kind: ClassVar[str] = "discrete-laplace"
    sensitivity: int
    epsilon: float

    def __post_init__(self) -> None:
        _at_least_one(sensitivity=self.sensitivity)
        _positive(epsilon=self.epsilon)


@dataclass(frozen=True, slots=True)
class RandomisedResponse:
    """Tell the truth with probability e^ε/(e^ε + options - 1), else one of the other answers at random.

    Attributes:
        epsilon: pure ε of one answer, > 0.
        options: number of possible answers, >= 2.

    Source:
        Kairouz, Oh, Viswanath 2016, "Extremal Mechanisms for Local Differential Privacy", section 3.2.
    """

    kind: ClassVar[str] = "randomised-response"
    epsilon: float
    options: int

    def __post_init__(self) -> None:
        _positive(epsilon=self.epsilon)
        _at_least_one(options=self.options)
        if self.options < 2:
            raise MechanismError("options must be 2 or more: one possible answer is no question")


Mechanism = Gaussian | DiscreteGaussian | DiscreteLaplace | RandomisedResponse

KINDS: Mapping[str, type[Mechanism]] = {
    kind.kind: kind for kind in (Gaussian, DiscreteGaussian, DiscreteLaplace, RandomisedResponse)
}


def cost(mechanism: Mechanism, times: int = 1) -> Cost:
    """What `times` releases through `mechanism` cost one member, rounded up once.

    Args:
        mechanism: the release.
        times: how often, >= 0 (rounds x attempts).
    """
    if type(times) is not int or times < 0:
        raise MechanismError(f"times must be a whole number, 0 or more, not {times!r}")
    match mechanism:
        case Gaussian(sensitivity, std):
            return Cost(gaussian=units_up(times * (exact(sensitivity) / exact(std)) ** 2), pure=0)
        case DiscreteGaussian():
            return Cost(gaussian=units_up(times * Fraction(mechanism.mu) ** 2), pure=0)
        case DiscreteLaplace() | RandomisedResponse():
            return Cost(gaussian=0, pure=units_up(times * exact(mechanism.epsilon)))


def to_data(mechanism: Mechanism) -> dict[str, str | int]:
    """The mechanism as a flat dictionary of text and integers; `from_data` gives it back exactly."""
    data: dict[str, str | int] = {"kind": mechanism.kind}
    for field in fields(mechanism):
        value = getattr(mechanism, field.name)
        data[field.name] = repr(float(value)) if field.type is float else int(value)
    return data


def from_data(data: Mapping[str, Any]) -> Mechanism:
    """Read a mechanism back.

    Raises:
        UnknownMechanismError: the kind or the set of fields is not one this version knows.
        MechanismError: a field is outside its domain.
    """
    kind = KINDS.get(str(data.get("kind")))
    if kind is None or {*data} != {"kind", *(field.name for field in fields(kind))}:
        raise UnknownMechanismError(data.get("kind"))
    values: dict[str, Any] = {}
    for field in fields(kind):
        value = data[field.name]
        if field.type is float and isinstance(value, str):
            try:
                values[field.name] = float(value)
            except ValueError:
                raise MechanismError(f"{field.name} of {kind.kind} is not a number") from None
        elif field.type is int and type(value) is int:
            values[field.name] = value
        else:
            raise MechanismError(f"{field.name} of {kind.kind} has the wrong form")
    return kind(**values)


def _positive(**numbers: float) -> None:
    for name, number in numbers.items():
        if not is_number(number) or number <= 0:
            raise MechanismError(f"{name} must be a finite number above 0, not {number!r}")


def _at_least_one(**numbers: int) -> None:
    for name, number in numbers.items():
        if type(number) is not int or number < 1:
            raise MechanismError(f"{name} must be a whole number, 1 or more, not {number!r}")
