"""Offline verification of a whole log: at most 10 s for 1,000,000 entries, and time that grows with the entries.

Logs of 10,000, 100,000 and 1,000,000 entries of 300 bytes are published with entry bundles and verified by the command
that auditors run, in its own process: with the entries, and with the hashes alone. `growth` is the time per entry at
1,000,000 over that at 100,000 (at 10,000 the start of Python weighs): 1 is linear.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from audit.log.note import SignerKey
from audit.log.publish import publish

SIZES = (10_000, 100_000, 1_000_000)
ENTRY_SIZE = 300
KEY = SignerKey.from_seed("bench.example/log", bytes(32))


def run() -> dict[str, dict[str, object]]:
    """Print and return the seconds per size, with entries and without."""
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            log = Path(folder) / str(size)
            seconds = _timed(lambda log=log, size=size: publish(log, _leaves(size), KEY, KEY.name, with_bundles=True))
            print(f"{size:>9,} entries: published in {seconds:.2f} s ({size / seconds:,.0f} entries/s)", flush=True)
            figures[f"publish_{size}_s"] = round(seconds, 3)
            for kind in ("entries", "hashes"):
                if kind == "hashes":
                    shutil.rmtree(log / "tile/entries")
                seconds = min(_timed(lambda log=log: _verify(log)) for _ in range(2))
                print(f"{size:>9,} entries: verified from {kind} in {seconds:.2f} s", flush=True)
                figures[f"verify_{kind}_{size}_s"] = round(seconds, 3)
            shutil.rmtree(log)
    for kind in ("entries", "hashes"):
        large, small = (float(str(figures[f"verify_{kind}_{size}_s"])) / size for size in (SIZES[2], SIZES[1]))
        figures[f"growth_{kind}"] = round(large / small, 3)
    figures["ratio"] = figures["growth_entries"]
    goals = {
        "verify_entries_1000000_s": ("<=", 10.0),
        "verify_hashes_1000000_s": ("<=", 10.0),
        "growth_entries": ("<=", 1.25),
        "growth_hashes": ("<=", 1.25),
    }
    return {"figures": figures, "goals": dict(goals)}


def _leaves(size: int) -> Iterator[bytes]:
    padding = b"x" * (ENTRY_SIZE - 8)
    return (index.to_bytes(8, "big") + padding for index in range(size))


def _timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _verify(log: Path) -> None:
    command = [sys.executable, "-m", "audit", "verify", str(log), "--key", KEY.verifier.text()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)
