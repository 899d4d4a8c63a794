"""The held-out check: is a model good enough to be offered at all? Not a workflow itself.

Nothing robust works on masked sums, so a site that poisons its updates is not seen among them; that the model ranks the
held-out members of every site no better than chance is. The plan may ask for more than chance (`least_auc`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from federated.plan import Plan

CHANCE = 0.5
LEAST = "least_auc"


@dataclass(frozen=True)
class HeldOut:
    """What the noised histogram of held-out members says.

    Attributes:
        auc: how often a member who left outranks one who stayed.
        low, high: ends of its 95 % interval, noise and members counted.
        least: what the low end has to be above.
    """

    auc: float
    low: float
    high: float
    least: float

    @property
    def passed(self) -> bool:
        """Is the model surely better than it must be?"""
        return self.low > self.least

    def sentence(self) -> str:
        """In words, without a full stop."""
        sure = "surely" if self.passed else "not surely"
        return (
            f"held-out members are ranked with AUC {self.auc:.3f} ({self.low:.3f} to {self.high:.3f}), "
            f"{sure} more than {self.least:g}"
        )

    def data(self) -> dict[str, Any]:
        """For a report."""
        return {
            "auc": self.auc,
            "interval": [self.low, self.high],
            "least": self.least,
            "passed": self.passed,
            "sentence": self.sentence(),
        }


def held_out(plan: Plan, results: Mapping[str, Any]) -> HeldOut | None:
    """The check of a run's results; None if the run made no model, not even a rule, or measured no AUC."""
    if plan.package:
        return None
    found = [one for one in results.values() if isinstance(one, Mapping) and "auc_interval" in one]
    if not found:
        return None
    (low, high), least = found[0]["auc_interval"], float(plan.settings.get(LEAST, CHANCE))
    return HeldOut(float(found[0]["auc"]), float(low), float(high), least)
