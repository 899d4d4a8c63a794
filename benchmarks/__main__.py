"""`python -m benchmarks NAME` prints its progress, and as its last line one JSON object.

`figures` {name: number}, `goals` {name: [">=" or "<=", number]}, `met` (true only if every goal has a figure that
reaches it). Exit code 0 if met, 1 if not, 2 if the benchmark does not exist.
"""

import importlib
import json
import pkgutil
import sys
from collections.abc import Mapping

import benchmarks


def met(figures: Mapping[str, float], goals: Mapping[str, tuple[str, float]]) -> bool:
    """Does every goal have a figure that reaches it? A goal without a figure is not met."""
    return all(
        name in figures and (figures[name] >= limit if sign == ">=" else figures[name] <= limit)
        for name, (sign, limit) in goals.items()
    )


def main(arguments: list[str]) -> int:
    """Run one benchmark by name."""
    modules = pkgutil.iter_modules(benchmarks.__path__)
    known = sorted(module.name.replace("_", "-") for module in modules if not module.name.startswith("_"))
    if len(arguments) != 1 or arguments[0] not in known:
        print(f"usage: python -m benchmarks NAME, with NAME one of: {', '.join(known)}", file=sys.stderr)
        return 2
    outcome = importlib.import_module(f"benchmarks.{arguments[0].replace('-', '_')}").run()
    reached = met(outcome["figures"], outcome["goals"])
    print(json.dumps({"figures": outcome["figures"], "goals": outcome["goals"], "met": reached}))
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
