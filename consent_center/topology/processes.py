"""Processes of this machine, known by number and start: a number that was given to another program is never stopped."""

import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TERM_S = 30.0


@dataclass(frozen=True)
class Known:
    """A process that we started.

    Attributes:
        number: its process number.
        began: when it began, in the kernel's own count; a later process of this number began later.
    """

    number: int
    began: str

    @classmethod
    def of(cls, number: int) -> "Known":
        """The process that has this number now."""
        return cls(number, _began(number))

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> "Known | None":
        """One that was written down; None if it was not."""
        try:
            return cls(int(data["number"]), str(data["began"]))
        except (KeyError, TypeError, ValueError):
            return None

    def written(self) -> dict[str, Any]:
        """For a file."""
        return {"number": self.number, "began": self.began}

    @property
    def runs(self) -> bool:
        """Does it still run?"""
        return bool(self.began) and _began(self.number) == self.began

    def ask(self) -> None:
        """Ask it to end."""
        self._signal(signal.SIGTERM)

    def stop(self, *, wait_s: float = TERM_S) -> bool:
        """Ask it to end, and end it if it does not; returns whether it had to be ended."""
        if not self._signal(signal.SIGTERM):
            return False
        until = time.monotonic() + wait_s
        while self.runs and time.monotonic() < until:
            time.sleep(0.05)
        return self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> bool:
        if not self.runs:
            return False
        with suppress(ProcessLookupError):
            os.kill(self.number, number)
            return True
        return False


def _began(number: int) -> str:
    """When a process began; empty if there is none, or it is dead and only waits to be counted."""
    try:
        fields = (Path("/proc") / str(number) / "stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return ""
    return "" if fields[0] in "ZX" else fields[19]
