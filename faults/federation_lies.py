"""What is wrong with a site, a certificate or a coordinator, and a site that is cut off: each ends under its code.

    wrong clock          a site two hours ahead                         permit-expired
    wrong plan           the coordinator changes one byte of the plan   plan-changed
    stale cohort         it relays the cohort of an earlier run         cohort-tampered
    stale statement      it relays the statements of the round before   statement-replayed
    unregistered node    a site comes with another key                  no-quorum
    expired certificate  of the fleet service                           no-quorum
    cut off for good     a site in a network namespace                  no-quorum
    cut off for a while  the same, and the line comes back              completed

The control is the honest federation, which completes, before and after.
"""

import ctypes
import os
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from faults.federation import town_of
from faults.federation_processes import run_coordinator, run_site
from faults.federation_town import SITES, Town, clock
from faults.world import Outcome, wait_for
from federated.certificates import create_node_key, issue_server
from federated.errors import RefusedError

PATIENCE_S = 8.0
_CLONE_NEWNET = 0x40000000


def refusals() -> Outcome:
    """Everything of the table but the cuts."""
    outcome = Outcome("wrong clock, plan, cohort, statement, node, certificate")
    with town_of(postgres=False) as (town, _):
        first = _run(town)
        for what, act, code in (
            ("wrong clock", lambda: _with_site(town, now=lambda: clock() + timedelta(hours=2)), "permit-expired"),
            ("wrong plan", lambda: _run(town, gate_of=ChangedPlan), "plan-changed"),
            ("stale cohort", lambda: _run(town, gate_of=lambda gate: OldCohort(gate, town)), "cohort-tampered"),
            ("stale statement", lambda: _run(town, gate_of=OldStatements), "statement-replayed"),
            ("unregistered node", lambda: _with_site(town, key=_other_key(town)), "no-quorum"),
            ("expired certificate", lambda: _run(town, server=_expired(town)), "no-quorum"),
        ):
            ended = act()
            outcome.acknowledged += 1
            outcome.found += ended == code
            outcome.also.append(f"{what}: {ended}")
            if ended != code:
                outcome.failures.append(f"{what} ended as {ended}, not as {code}")
        last = _run(town)
    if (first, last) == ("completed", "completed"):
        outcome.control = "the honest federation completed before and after"
    return outcome


def cut_off() -> Outcome | None:
    """A site behind a line that is cut: for a while, and for good."""
    if os.geteuid() or not Path("/proc/self/ns/net").exists():
        return None
    outcome = Outcome("a site cut off by a network namespace")
    try:
        with namespace() as line, town_of(postgres=False, address=line.host) as (town, _):
            name = SITES[0]
            town.kill(name)
            town.start(name, lambda: line.inside(lambda: run_site(town, name)))
            control = _run(town)
            for what, back, code in (("for a while", True, "completed"), ("for good", False, "no-quorum")):
                ended = _cut(town, line, back=back)
                outcome.acknowledged += 1
                outcome.found += ended == code
                outcome.also.append(f"{what}: {ended}")
                if ended != code:
                    outcome.failures.append(f"cut off {what}, a run ended as {ended}, not as {code}")
    except (OSError, subprocess.CalledProcessError):
        return None
    outcome.control = "uncut, the same run completed" if control == "completed" else ""
    return outcome


def _run(town: Town, **changes: Any) -> str:
    """How one run ends."""
    token = town.token()
    town.start("coordinator", lambda: run_coordinator(town, token, **{"patience_s": PATIENCE_S, **changes}))
    try:
        return town.outcome(token, seconds=150)
    finally:
        town.kill("coordinator")


def _with_site(town: Town, **changes: Any) -> str:
    """How a run ends in which one site is otherwise."""
    name = SITES[1]
    town.kill(name)
    town.start(name, lambda: _quietly(lambda: run_site(town, name, **changes)))
    try:
        return _run(town)
    finally:
        town.kill(name)
        town.start(name, lambda: run_site(town, name))


def _quietly(work: Callable[[], None]) -> None:
    """A site that is turned away ends by itself; it waits here to be killed as all others are."""
    try:
        work()
    except RefusedError:
        wait_for(lambda: False, seconds=600)


def _other_key(town: Town) -> Path:
    create_node_key(town.folder / "other.key")
    return town.folder / "other.key"


def _expired(town: Town) -> str:
    issue_server(town.folder / "ca", town.folder / "expired", hosts=["127.0.0.1"], at=clock() - timedelta(days=500))
    return "expired"


class Relaying:
    """A coordinator's view of the gate; what is not said here is passed on unchanged."""

    def __init__(self, gate: Any) -> None:
        self.gate = gate

    def __getattr__(self, name: str) -> Any:
        return getattr(self.gate, name)


class ChangedPlan(Relaying):
    """Sends the sites a plan that nobody approved."""

    def admit_run(self, study: str) -> Any:
        """The admission, with one number of the plan changed."""
        admitted = self.gate.admit_run(study)
        orders = {
            site: replace(order, plan=order.plan.replace(b'"horizon_days":30', b'"horizon_days":31'))
            for site, order in admitted.orders.items()
        }
        return replace(admitted, orders=orders)


class OldCohort(Relaying):
    """Sends the sites the cohorts of the first run of this town."""

    def __init__(self, gate: Any, town: Town) -> None:
        super().__init__(gate)
        self.town = town

    def admit_run(self, study: str) -> Any:
        """The admission, with other cohorts."""
        from sqlmodel import select

        from consent_center.storage import runs
        from consent_center.storage.transaction import Store
        from faults.world import KEYS

        admitted = self.gate.admit_run(study)
        with Store.open(self.town.url, keys=KEYS) as store:
            names = store.read(lambda tx: list(tx.session.exec(select(runs.RunRow.run))))
            old = store.read(runs.cohorts, next(one for one in names if one != admitted.run))
        orders = {
            site: replace(order, cohort=old[site][0], members=old[site][1]) for site, order in admitted.orders.items()
        }
        return replace(admitted, orders=orders)


class OldStatements(Relaying):
    """Sends the sites of each round the statements of the first."""

    said: Any = None

    def admit_round(self, run: str, number: int, nonces: Any) -> Any:
        """The first statements that there were."""
        fresh = self.gate.admit_round(run, number, nonces)
        self.said = self.said or fresh
        return self.said


class Line:
    """A network namespace with one line to it.

    Attributes:
        host: the address of this side.
    """

    def __init__(self) -> None:
        self.name = f"accord{secrets.token_hex(3)}"
        third = secrets.randbelow(200) + 20
        self.host, self.far = f"10.231.{third}.1", f"10.231.{third}.2"

    def up(self) -> None:
        """Mend the line."""
        _ip("link", "set", f"{self.name}a", "up")

    def down(self) -> None:
        """Cut it."""
        _ip("link", "set", f"{self.name}a", "down")

    def inside(self, work: Callable[[], None]) -> None:
        """Run on the far side."""
        handle = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        if ctypes.CDLL(None, use_errno=True).setns(handle, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "cannot enter the namespace")
        work()


@contextmanager
def namespace() -> Iterator[Line]:
    """A line that can be cut; taken away afterwards."""
    line = Line()
    _ip("netns", "add", line.name)
    try:
        _ip("link", "add", f"{line.name}a", "type", "veth", "peer", "name", f"{line.name}b")
        _ip("link", "set", f"{line.name}b", "netns", line.name)
        _ip("addr", "add", f"{line.host}/24", "dev", f"{line.name}a")
        line.up()
        for command in (
            ("addr", "add", f"{line.far}/24", "dev", f"{line.name}b"),
            ("link", "set", f"{line.name}b", "up"),
        ):
            _ip("-n", line.name, *command)
        yield line
    finally:
        _ip("netns", "del", line.name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def _cut(town: Town, line: Line, *, back: bool) -> str:
    """How a run ends whose line to one site is cut after its second round."""
    token = town.token()
    patience = 60.0 if back else PATIENCE_S
    town.start("coordinator", lambda: run_coordinator(town, token, patience_s=patience))
    try:
        wait_for(lambda: "round 2" in town.progress(token), seconds=90)
        line.down()
        if back:
            time.sleep(3)
            line.up()
        return town.outcome(token, seconds=200)
    finally:
        town.kill("coordinator")


FAULTS: dict[str, Callable[[], Outcome | None]] = {
    "federation-refusals": refusals,
    "federation-cut-off": cut_off,
}
