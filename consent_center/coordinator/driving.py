"""The runs of one coordinator: started by whoever holds a run's token, watched from any place, resumed after a crash.

A run is known by the digest of its token. What it needs to go on is in one file of the coordinator's folder, which only
its owner can read, from before the first question to the consent centre until the run has ended.
"""

import hashlib
import logging
import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from consent_center.errors import RuleError
from federated.errors import FederatedError, MalformedError, RefusedError
from federated.gate import RoundReport, RunReport
from federated.signed import decode, encode

_LOG = logging.getLogger(__name__)
MOST_KEPT, MOST_AT_ONCE = 64, 16

Event = Mapping[str, Any]
Watch = Callable[[RoundReport], None]


class UnknownTokenError(RuleError):
    """No run is driven here under this token."""


class TooManyRunsError(RuleError):
    """So many runs go on that no other is taken."""


class Drive(Protocol):
    """Drives one run to its end."""

    def __call__(self, study: str, sites: tuple[str, ...], token: str, /, *, watch: Watch) -> RunReport:
        """Wait for the sites, ask for admission, run, settle.

        Raises:
            RefusedError: it did not start.
        """
        ...


@dataclass
class Driven:
    """One run.

    Attributes:
        events: what happened, in order: rounds, then one that ends it.
    """

    study: str
    sites: tuple[str, ...]
    events: list[Event] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def tell(self, event: Event) -> None:
        """Something happened."""
        with self.changed:
            self.events.append(event)
            self.changed.notify_all()

    def after(self, number: int, *, wait_s: float) -> list[Event]:
        """Events from this number on; waits for one if there is none yet."""
        with self.changed:
            self.changed.wait_for(lambda: len(self.events) > number, wait_s)
            return self.events[number:]

    @property
    def ended(self) -> bool:
        """Is it over?"""
        with self.changed:
            return bool(self.events) and "round" not in self.events[-1]


class Runs:
    """All runs of this process. They take turns: Flower keeps the identity of the running task once per process.

    Args:
        folder: where unfinished runs are remembered.
        drive: drives one.
    """

    def __init__(self, folder: Path, drive: Drive) -> None:
        self._folder, self._drive = folder, drive
        self._runs: dict[str, Driven] = {}
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def resume(self) -> int:
        """Go on with what a process before this one did not finish; returns how many runs that are."""
        count = 0
        for file in sorted(self._folder.glob("*.run")):
            try:
                kept = decode(file.read_bytes())
                self.start(str(kept["study"]), tuple(map(str, kept["sites"])), str(kept["token"]))
                count += 1
            except (OSError, MalformedError, KeyError, TypeError):
                _LOG.warning("a run of an earlier process cannot be read; start it again")
                file.unlink(missing_ok=True)
        return count

    def start(self, study: str, sites: tuple[str, ...], token: str) -> Driven:
        """Drive a run; the same token again gives the run that it has.

        Raises:
            TooManyRunsError: too many go on already.
        """
        name = _digest(token)
        with self._lock:
            if known := self._runs.get(name):
                return known
            self._forget_old()
            if sum(not one.ended for one in self._runs.values()) >= MOST_AT_ONCE:
                raise TooManyRunsError(f"{MOST_AT_ONCE} runs go on already; start this one when one has ended")
            made = self._runs[name] = Driven(study, sites)
        _keep(self._folder / f"{name}.run", encode({"study": study, "sites": [*sites], "token": token}))
        threading.Thread(target=self._work, args=(name, made, token), daemon=True, name=f"run {study}").start()
        return made

    def find(self, token: str) -> Driven:
        """The run of a token.

        Raises:
            UnknownTokenError: there is none.
        """
        with self._lock:
            found = self._runs.get(_digest(token))
        if found is None:
            raise UnknownTokenError("no run is driven here under this token; start it with accord run start")
        return found

    def _work(self, name: str, driven: Driven, token: str) -> None:
        try:
            report = self._drive(driven.study, driven.sites, token, watch=lambda one: driven.tell(_told(one)))
            ended: Event = {"run": report.run, "outcome": report.outcome, "rounds": report.rounds}
            if refusals := report.results.get("refusals"):
                ended = {**ended, "refusals": refusals}
        except RefusedError as refused:
            ended = {"refused": refused.code.value, "detail": str(refused)}
        except FederatedError as error:
            ended = {"refused": "malformed", "detail": str(error)}
        except Exception as error:  # noqa: BLE001  whoever watches is told that it ended; what went wrong is in the log
            _LOG.exception("a run ended by a fault of ours")
            ended = {"refused": "internal", "detail": f"{type(error).__name__}; see the coordinator's log"}
        with suppress(OSError):
            (self._folder / f"{name}.run").unlink()
        driven.tell(ended)

    def _forget_old(self) -> None:
        over = [name for name, one in self._runs.items() if one.ended]
        for name in over[: max(0, len(self._runs) - MOST_KEPT + 1)]:
            del self._runs[name]


def _told(report: RoundReport) -> Event:
    return {
        "round": report.round,
        "kind": report.kind,
        "seconds": report.seconds,
        "used": {site: one.used for site, one in report.sites.items()},
        "removed": {site: one.removed for site, one in report.sites.items()},
        "refused": {site: one.refusal.value for site, one in report.sites.items() if one.refusal},
    }


def _digest(token: str) -> str:
    return hashlib.sha256(b"accord/driven/v1\n" + token.encode()).hexdigest()[:32]


def _keep(path: Path, content: bytes) -> None:
    draft = path.with_suffix(".draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
