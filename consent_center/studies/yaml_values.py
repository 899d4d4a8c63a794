"""Values of a YAML file that somebody wrote, each checked; what is wrong is collected, and all of it told at once.

A value that is missing is no problem here (`yaml_mapping.key_problems` says so); a wrong one yields a harmless one in
its place, so that reading goes on to the next problem.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any


@dataclass
class Problems:
    """What is wrong with a file."""

    found: list[str] = field(default_factory=list)

    def add(self, message: str) -> None:
        """One more."""
        self.found.append(message)


def text_of(data: Mapping[str, Any], name: str, problems: Problems) -> str:
    """A text of 1 to 2000 characters."""
    value = data.get(name, "?")
    if not isinstance(value, str) or not value.strip() or len(value) > 2000:
        problems.add(f"{name} is a text of 1 to 2000 characters")
        return "?"
    return value.strip()


def names_of(data: Mapping[str, Any], name: str, problems: Problems) -> tuple[str, ...]:
    """A list of names, each once."""
    value = data.get(name, ["?"])
    if not isinstance(value, list) or not value or not all(isinstance(one, str) and one for one in value):
        problems.add(f"{name} is a list of names")
        return ("?",)
    if len(set(value)) != len(value):
        problems.add(f"{name} names something twice")
    return tuple(value)


def whole_of(data: Mapping[str, Any], name: str, low: int, high: int, problems: Problems) -> int:
    """A whole number within its ends."""
    value = data.get(name, low)
    if type(value) is not int or not low <= value <= high:
        problems.add(f"{name} is a whole number from {low} to {high}")
        return low
    return value


def number_of(data: Mapping[str, Any], name: str, low: float, high: float, problems: Problems) -> float:
    """A number above its lower end, at most its upper one."""
    value = data.get(name, high)
    if type(value) not in (int, float) or not low < value <= high:
        problems.add(f"{name} is a number above {low:g}, at most {high:g}")
        return high
    return float(value)


def cuts_of(value: Any, problems: Problems) -> dict[str, tuple[float, ...]]:
    """Columns of numbers, each with where its bins begin."""
    given = value if isinstance(value, dict) else {}
    lists = [one for one in given.values() if isinstance(one, list) and one]
    if not given or len(lists) < len(given) or not all(type(cut) in (int, float) for one in lists for cut in one):
        problems.add("cuts say where the bins of each feature begin: `visits: [4, 8]`")
        return {}
    return {str(name): tuple(map(float, one)) for name, one in given.items()}


def moment_of(value: Any, problems: Problems) -> datetime:
    """A date, as the moment at which it begins in UTC; a moment as it is."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    if value is not None:
        problems.add("closes is a date such as 2027-03-31")
    return datetime(9999, 1, 1, tzinfo=UTC)


def reasons_of(value: Any, name: str, problems: Problems) -> dict[str, str]:
    """Each scope with the reason why a plan cannot do without it, in a sentence."""
    if not isinstance(value, dict) or not value or not all(isinstance(one, str) for one in value):
        if value is not None:
            problems.add(f"{name} gives each scope its reason: `purchases: why the plan cannot do without`")
        return {}
    unjustified = [scope for scope, why in value.items() if not isinstance(why, str) or len(why.strip()) < 10]
    for scope in unjustified:
        problems.add(f"{name}.{scope} has no reason: say why the plan cannot do without it, or drop it")
    return {scope: str(why).strip() for scope, why in value.items()}
