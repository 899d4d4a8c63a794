"""`python -m faults [NAME ...]`: every fault, or those named; one line each, exit code 0 only if all were survived."""

import sys
import time
import warnings
from collections.abc import Callable

from faults import disks, federation, federation_lies, kills, lies, workflows
from faults.world import Outcome

FAULTS: dict[str, Callable[[], Outcome | None]] = {
    "sqlite-kill": kills.sqlite_kill,
    "postgres-kill": kills.postgres_kill,
    "two-sequencers": kills.two_sequencers,
    "power-cut": disks.power_cut,
    "disk-full": disks.disk_full,
    "injected-errors": disks.injected_errors,
    "restored-backup": lies.restored_backup,
    "forgeries": lies.forgeries,
    "witnessed-fork": lies.witnessed_fork,
    "long-open-transaction": lies.long_open_transaction,
    "workflows": workflows.every_workflow,
    **federation.FAULTS,
    **federation_lies.FAULTS,
}


def main(names: list[str]) -> int:
    """Run them one after the other."""
    if unknown := set(names) - set(FAULTS):
        print(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(FAULTS)}", file=sys.stderr)
        return 2
    warnings.simplefilter("ignore")
    survived = True
    for name in names or FAULTS:
        started = time.monotonic()
        outcome = FAULTS[name]()
        if outcome is None:
            print(f"--   {name}: not possible here (needs root, mkfs.ext4 or strace)", flush=True)
            continue
        survived = survived and outcome.survived
        print(f"{outcome.line()} ({time.monotonic() - started:.0f} s)", flush=True)
    print("all survived" if survived else "NOT ALL SURVIVED")
    return 0 if survived else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
