"""`python -m consent_center.topology.supervisor FOLDER`: starts the services of a folder, and keeps them running.

A service starts when those before it are well; one that ends is started again, later each time; on SIGTERM all are
stopped, the last one first. How everything stands is in `status.json`, what each says in `logs/NAME.log`.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Literal

from consent_center.topology.description import Service
from consent_center.topology.processes import Known
from consent_center.topology.state import Installation, read_installation, write_status

State = Literal["waiting", "starting", "well", "not well", "ended", "failed", "stopped"]
TICK_S, LOOK_WELL_S, LOOK_STARTING_S = 0.2, 5.0, 0.5
LONGEST_WAIT_S = 30.0
STEADY_S = 60.0
"""Who ran so long without ending starts again at once."""

MOST_TRIES_ONCE = 3
Place = Callable[[Service], Service]
Well = Callable[[Service], bool]


@dataclass
class Watched:
    """One service and its process."""

    service: Service
    state: State = "waiting"
    process: subprocess.Popen[bytes] | None = None
    known: Known | None = None
    since: float = 0.0
    restarts: int = 0
    in_a_row: int = 0
    not_before: float = 0.0
    look_at: float = 0.0

    @property
    def ready(self) -> bool:
        """May those after it start?"""
        return self.state == ("ended" if self.service.once else "well")


@dataclass
class Supervisor:
    """The services of one folder.

    Attributes:
        services: in the order in which they start.
        folder: where logs and the status go.
        place: fills in the words of a service, now.
        well: looks whether a placed service is well.
        environment: what every process is given besides its own settings.
    """

    services: Sequence[Service]
    folder: Path
    place: Place
    well: Well
    environment: Mapping[str, str]
    watched: dict[str, Watched] = field(init=False)
    stopping: threading.Event = field(default_factory=threading.Event)
    _told: str = ""

    def __post_init__(self) -> None:
        """Watch every service that is started without being asked for."""
        self.watched = {one.name: Watched(one) for one in self.services if not one.profile}
        (self.folder / "logs").mkdir(parents=True, exist_ok=True)

    def run(self) -> None:
        """Until `stopping` is set; then everything is stopped."""
        try:
            while not self.stopping.wait(TICK_S):
                self.step()
        finally:
            self.stop()

    def step(self) -> None:
        """Look at everything once."""
        for one in self.watched.values():
            self._count_out(one)
            if one.process is None:
                self._start(one)
            elif not one.service.once:
                self._look(one)
        self._tell()

    def stop(self) -> None:
        """Stop everything, the last one first; those that wait for the same ones, such as sites, together."""
        for one in reversed(self.watched.values()):
            for other in self.watched.values():
                if other.service.after == one.service.after and other.process is not None and other.known is not None:
                    other.known.ask()
            if one.known is not None and one.process is not None:
                one.known.stop()
                one.process.wait()
            if one.state not in ("ended", "failed"):
                one.state = "stopped"
            one.process = None
            self._tell()

    def _count_out(self, one: Watched) -> None:
        if one.process is None or (code := one.process.poll()) is None:
            return
        one.process, one.known = None, None
        if one.service.once and code == 0:
            one.state = "ended"
            return
        now = time.monotonic()
        one.in_a_row = 0 if now - one.since > STEADY_S else one.in_a_row + 1
        one.restarts += 1
        one.state = "failed" if one.service.once and one.restarts >= MOST_TRIES_ONCE else "waiting"
        one.not_before = now + min(LONGEST_WAIT_S, 0.5 * 2**one.in_a_row if one.in_a_row else 0.0)

    def _start(self, one: Watched) -> None:
        if one.state in ("ended", "failed") or time.monotonic() < one.not_before:
            return
        if not all(self.watched[name].ready for name in one.service.after):
            return
        placed = self.place(one.service)
        with (self.folder / "logs" / f"{one.service.name}.log").open("ab") as log:
            one.process = subprocess.Popen(
                placed.command,
                env={**self.environment, **placed.environment},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        one.known, one.since, one.state, one.look_at = Known.of(one.process.pid), time.monotonic(), "starting", 0.0

    def _look(self, one: Watched) -> None:
        now = time.monotonic()
        if now < one.look_at:
            return
        well = self.well(self.place(one.service))
        if well:
            one.state = "well"
        elif one.state == "well":
            one.state = "not well"
        one.look_at = now + (LOOK_WELL_S if one.state == "well" else LOOK_STARTING_S)

    def _tell(self) -> None:
        status = {
            name: {
                "state": one.state,
                "restarts": one.restarts,
                "process": one.known.written() if one.known is not None else None,
            }
            for name, one in self.watched.items()
        }
        if (said := repr(status)) != self._told:
            self._told = said
            me = Known.of(os.getpid()).written()
            write_status(self.folder, {"supervisor": None if self._all_stopped() else me, "services": status})

    def _all_stopped(self) -> bool:
        return self.stopping.is_set() and all(one.process is None for one in self.watched.values())


def local_services(made: Installation) -> list[Service]:
    """The services of the description as they are started on this machine.

    Three things are not as in containers: the database is our own, on a socket (or none, if another one was named);
    the first start fills the programme with made-up members; a site is well when the coordinator says it is connected.
    """
    python = sys.executable
    seed = Service(
        "seed",
        "makes up members, sites and one approved study, once",
        (python, "-m", "consent_center.topology.seeding", str(made.folder)),
        environment=made.topology.service("migrate").environment,
        secrets=made.topology.service("migrate").secrets,
        after=("migrate",),
        once=True,
    )
    found: list[Service] = []
    for one in made.topology.services:
        if one.kind == "postgresql":
            if not made.server:
                folder = made.folder / one.name
                command = (python, "-m", "consent_center.topology.database", str(folder))
                found.append(replace(one, command=command, ports={}, secrets=(), health="postgresql"))
            continue
        after = tuple(name for name in one.after if not (made.server and name == "database"))
        after = tuple("seed" if name == "migrate" else name for name in after)
        # Here the coordinator itself can be asked whether a site is connected; in containers only operators can.
        health = f"https://{{at:coordinator:control}}/health?site={one.site}" if one.site else one.health
        found.append(replace(one, command=_here(one.command), after=after, health=health))
        if one.name == "migrate":
            found.append(seed)
    return found


def _here(command: tuple[str, ...]) -> tuple[str, ...]:
    """A command that runs with this very Python, whatever is on the path."""
    match command:
        case ("accord", *rest):
            return (sys.executable, "-m", "consent_center.cli", *rest)
        case ("python", *rest):
            return (sys.executable, *rest)
        case _:
            return command


def main(folder: Path) -> None:
    """Supervise the installation in this folder until stopped."""
    from consent_center.topology.database import answers  # noqa: PLC0415 - a driver that only this process needs
    from consent_center.topology.placing import placed  # noqa: PLC0415 - the same
    from consent_center.topology.probe import well  # noqa: PLC0415 - the same
    from consent_center.topology.surroundings import surroundings  # noqa: PLC0415 - the same

    made = read_installation(folder)
    authority = str(made.folder / "secrets" / "ca.crt")

    def is_well(one: Service) -> bool:
        if one.health == "postgresql":
            return answers(made.place.database())
        return not one.health or well(one.health, authority)

    supervisor = Supervisor(
        services=local_services(made),
        folder=made.folder,
        place=lambda one: placed(made.topology, one, made.place),
        well=is_well,
        environment=surroundings(),
    )

    def stop(_number: int, _frame: FrameType | None) -> None:
        supervisor.stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    supervisor.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
