"""What privacy costs, as two integers that no rounding can overspend.

Laws: a `Cost` is a pair of non-negative integers in fixed point, one unit = 10**-12. `gaussian` counts squared GDP
parameters (Σμ²) of Gaussian releases, `pure` counts ε of pure-ε releases. Costs add and compare exactly. Charges are
made with `units_up`, limits with `units_down`, so every rounding is on the member's side.

A number means the decimal it prints as: 0.1 is one tenth here, not the binary fraction beside it, so that three
charges of 0.1 fill a limit of 0.3 and no hidden digit decides.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

UNITS_PER_ONE = 10**12


def is_number(value: object) -> bool:
    """Is this an int or a finite float? Booleans are not numbers here."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def exact(number: float) -> Fraction:
    """The rational that `number` prints as. Integers and finite floats only.

    Raises:
        ValueError: `number` is infinite or NaN.
    """
    return Fraction(number) if isinstance(number, int) else Fraction(repr(float(number)))


def units_up(amount: Fraction) -> int:
    """The fewest units that cover `amount` (for charges)."""
    return -(-amount.numerator * UNITS_PER_ONE // amount.denominator)


def units_down(amount: Fraction) -> int:
    """The most units that `amount` covers (for limits)."""
    return amount.numerator * UNITS_PER_ONE // amount.denominator


@dataclass(frozen=True, slots=True)
class Cost:
    """What a release, a run or a lifetime costs one member.

    Attributes:
        gaussian: Σμ² of Gaussian releases, in units of 10**-12, >= 0.
        pure: Σε of pure-ε releases, in units of 10**-12, >= 0.
    """

    gaussian: int
    pure: int

    def __post_init__(self) -> None:
        for name, value in (("gaussian", self.gaussian), ("pure", self.pure)):
            if type(value) is not int:
                raise TypeError(f"{name} must be an integer number of units, not {type(value).__name__}")
            if value < 0:
                raise ValueError(f"{name} must be 0 or more: a cost is never given back")

    @classmethod
    def zero(cls) -> Self:
        """The cost of releasing nothing."""
        return cls(gaussian=0, pure=0)

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(gaussian=self.gaussian + other.gaussian, pure=self.pure + other.pure)

    def times(self, n: int) -> "Cost":
        """This cost paid `n` times, n >= 0."""
        return Cost(gaussian=self.gaussian * n, pure=self.pure * n)

    @staticmethod
    def worst(a: "Cost", b: "Cost") -> "Cost":
        """The least cost that covers both: what a member pays who is in one of two disjoint parts, whichever it is."""
        return Cost(gaussian=max(a.gaussian, b.gaussian), pure=max(a.pure, b.pure))

    def fits(self, limit: "Cost") -> bool:
        """Is this within `limit` in both parts? Equality fits."""
        return self.gaussian <= limit.gaussian and self.pure <= limit.pure

    def left_of(self, limit: "Cost") -> "Cost":
        """What `limit` still holds after this was spent, never below zero."""
        return Cost(gaussian=max(limit.gaussian - self.gaussian, 0), pure=max(limit.pure - self.pure, 0))

    @property
    def mu(self) -> float:
        """The GDP parameter of the Gaussian part, for people; decisions use the integers."""
        return math.sqrt(Fraction(self.gaussian, UNITS_PER_ONE))

    @property
    def epsilon_pure(self) -> float:
        """The pure ε as a number, for people; decisions use the integers."""
        return float(Fraction(self.pure, UNITS_PER_ONE))
