"""Training across machines while its processes die, each by kill -9 in the middle of a round.

The sites, the coordinator with its fleet service, the consent centre, PostgreSQL. What has to hold of every run: it
ends as completed or under a code; one admission and one charge, at the hub and at each site; every round that counts
has its entry, and no site let two different outputs of one round out; a member who withdrew is in no round that begins
later.
"""

import json
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlmodel import select

from consent_center.errors import ConsentCenterError
from consent_center.storage import ledger, machine_tokens, runs
from consent_center.storage.entries import EntryRow
from consent_center.storage.transaction import Store
from faults.federation_processes import run_coordinator, run_hub, run_site
from faults.federation_town import ROUNDS, SITES, Town, build_town, clock
from faults.kills import _kill_server, private_postgres
from faults.world import KEYS, Outcome
from federated.errors import Refusal
from federated.models.package import parse_package
from federated.site.accounts import SiteAccounts
from federated.site.store import SiteStore
from privacy.ledger import PROGRAMME

EXPECTED = ROUNDS + 2
"""Training rounds, one evaluation, one audit."""
Kill = Callable[[Town, str], None]


def site_killed(cycles: int = 10, *, postgres: bool = True) -> Outcome:
    """Kill -9 of a site in the middle of a round; it comes back."""

    def kill(town: Town, _: str) -> None:
        name = SITES[secrets.randbelow(len(SITES))]
        town.kill(name)
        town.start(name, lambda: run_site(town, name))

    return _killed("a site", kill, cycles, planted="forgets", postgres=postgres)


def coordinator_killed(cycles: int = 10, *, postgres: bool = True, controlled: bool = True) -> Outcome:
    """Kill -9 of the coordinator with its fleet service; another process with the same token goes on."""
    planted = "forgets" if controlled else ""
    return _killed("the coordinator", kill_coordinator, cycles, planted=planted, postgres=postgres)


def hub_killed(cycles: int = 10, *, postgres: bool = True) -> Outcome:
    """Kill -9 of the consent centre; it comes back."""

    def kill(town: Town, _: str) -> None:
        town.kill("hub")
        town.start("hub", lambda: run_hub(town))

    return _killed("the consent centre", kill, cycles, planted="loses", postgres=postgres)


def database_killed(cycles: int = 10) -> Outcome:
    """Kill -9 of PostgreSQL and all its processes; it comes back."""
    return _killed("PostgreSQL under the consent centre", None, cycles, planted="loses", postgres=True)


def _killed(what: str, kill: Kill | None, cycles: int, *, planted: str, postgres: bool) -> Outcome:
    outcome = Outcome(f"kill -9 of {what} in a round, {cycles} times")
    ends: dict[str, int] = {}
    with town_of(postgres=postgres) as (town, killer):
        for _ in range(cycles):
            end = cycle(town, kill or killer, outcome)
            ends[end] = ends.get(end, 0) + 1
    outcome.also.append(", ".join(f"{end} {count}" for end, count in sorted(ends.items())))
    if "completed" not in ends:
        outcome.failures.append("no run completed, so nothing was shown to go on")
    if not planted:
        return outcome
    control = Outcome("control")
    with town_of(postgres=False, planted=planted) as (town, _):
        for _ in range(8):
            cycle(town, kill_coordinator if planted == "forgets" else lambda *_: None, control)
            if control.failures:
                break
    outcome.control = f"{_PLANTED[planted]}: {control.failures[0]}" if control.failures else ""
    return outcome


def kill_coordinator(town: Town, token: str) -> None:
    town.kill("coordinator")
    town.start("coordinator", lambda: run_coordinator(town, token))


_PLANTED = {
    "forgets": "a site that lets its output out before it is on the disk",
    "loses": "a consent centre that acknowledges rounds it did not keep",
}


@contextmanager
def town_of(*, postgres: bool, planted: str = "", address: str = "127.0.0.1") -> Iterator[tuple[Town, Kill]]:
    """A town with its consent centre and sites running, and what kills its database."""
    with tempfile.TemporaryDirectory(prefix="accord-faults-") as folder:
        if not postgres:
            with _running(Path(folder), f"sqlite:///{folder}/hub.db", planted, address) as town:
                yield town, lambda *_: None
            return
        with private_postgres() as server, _running(Path(folder), server.get_uri(), planted) as town:

            def kill(_: Town, __: str) -> None:
                _kill_server(server)
                server.ensure_postgres_running()

            yield town, kill


@contextmanager
def _running(folder: Path, url: str, planted: str, address: str = "127.0.0.1") -> Iterator[Town]:
    town = build_town(folder, url, planted=planted, address=address)
    town.start("hub", lambda: run_hub(town))
    for name in SITES:
        town.start(name, lambda name=name: run_site(town, name))
    try:
        yield town
    finally:
        town.close()


def cycle(town: Town, kill: Kill, outcome: Outcome) -> str:
    """One run with one death in it, judged."""
    token = town.token()
    town.start("coordinator", lambda: run_coordinator(town, token))
    try:
        leaving = _wait_for_round(town, token, 1 + secrets.randbelow(4))
        site = SITES[secrets.randbelow(len(SITES))]
        if leaving:
            member = _member(town, leaving, site)
            town.withdraw(member, site)
            withdrawn_after = len(_rounds(town, leaving))
            time.sleep(secrets.randbelow(120) / 1000)
            kill(town, token)
        ended = town.outcome(token, seconds=150)
    finally:
        town.kill("coordinator")
    outcome.acknowledged += 1
    if ended != "completed" and ended not in {code.value for code in Refusal}:
        outcome.failures.append(f"a run ended as {ended}")
    elif not leaving:
        outcome.failures.append(f"a run was not admitted: {ended}")
    else:
        outcome.failures += [f"{leaving} {said}" for said in _judged(town, leaving, ended, site, withdrawn_after)]
    outcome.found += not outcome.failures
    return ended


def _wait_for_round(town: Town, token: str, number: int) -> str:
    """The run of this token, once it is past this round; empty if it ended before anything was admitted."""
    until = time.monotonic() + 90
    while time.monotonic() < until:
        said = town.progress(token)
        if any(line.startswith("ended ") for line in said) or f"round {number}" in said:
            break
        time.sleep(0.003)
    return _patiently(lambda store: store.read(_run_of, token), town)


def _run_of(tx, token: str) -> str:
    found = machine_tokens.find(tx, token)
    return "" if found is None else machine_tokens.run_of(tx, found.id)


def _member(town: Town, run: str, site: str) -> str:
    return _patiently(lambda store: next(m.member for m in store.read(runs.members, run) if m.site == site), town)


def _rounds(town: Town, run: str) -> list:
    return _patiently(lambda store: store.read(runs.rounds, run), town)


def _patiently(ask: Callable[[Store], object], town: Town):
    """Ask the database, which may be coming back just now."""
    until = time.monotonic() + 60
    while True:
        try:
            with Store.open(town.url, keys=KEYS) as store:
                return ask(store)
        except ConsentCenterError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def _judged(town: Town, run: str, ended: str, site: str, before: int) -> list[str]:
    """Everything that is not as it must be."""
    wrong: list[str] = []

    def look(store: Store) -> None:
        wrong.clear()
        rounds = store.read(runs.rounds, run)
        wrong.extend(_ended(store.read(runs.outcome, run), ended, [number for number, *_ in rounds]))
        charges = [one for one in store.read(ledger.history, PROGRAMME) if one.run == run]
        if len(charges) != 1:
            wrong.append(f"was charged {len(charges)} times")
        kinds = store.read(_kinds, run)
        if kinds.get("round.settled", 0) != len(rounds) or kinds.get("run.admitted", 0) != 1:
            wrong.append(f"has entries {json.dumps(kinds)} for {len(rounds)} rounds")
        wrong.extend(_used_after(rounds[before + 1 :], site))

    _patiently(look, town)
    return wrong + [said for name in SITES for said in _at(town, name, run)]


def _ended(outcome: runs.Outcome | None, ended: str, rounds: list[int]) -> list[str]:
    if outcome is None or outcome.outcome != ended:
        return [f"said {ended} but is settled as {outcome and outcome.outcome}"]
    if ended == "completed" and rounds != [*range(1, EXPECTED + 1)]:
        return [f"completed with the rounds {rounds}: a round without its entry"]
    if ended == "completed" and not parse_package(outcome.model).weights.size:
        return ["completed without a model"]
    return []


def _used_after(rounds: list, site: str) -> list[str]:
    """Rounds that began after a withdrawal; the first one settled after it may have begun before."""
    return [
        f"used a member in round {number} after she had withdrawn"
        for number, _, sites in rounds
        if site in sites and not sites[site]["refusal"] and not sites[site]["removed"]
    ]


def _at(town: Town, name: str, run: str) -> list[str]:
    """What is wrong at one site: two outputs of a round, or two charges."""
    released: dict[str, set[str]] = {}
    for line in town.released(name):
        of, number, seen = line.split()
        if of == run:
            released.setdefault(number, set()).add(seen)
    store = SiteStore(town.site(name).database)
    charged = [one for one in SiteAccounts(store).history(f"year/{clock().year}") if one.run == run]
    store.close()
    wrong = [f"saw two outputs of round {number} leave {name}" for number, seen in released.items() if len(seen) > 1]
    return wrong + [f"was charged {len(charged)} times at {name}"] * (len(charged) > 1)


def _kinds(tx, run: str) -> dict[str, int]:
    """How many entries of each kind name this run."""
    found: dict[str, int] = {}
    for leaf in tx.session.exec(select(EntryRow.leaf)):
        if run.encode() in leaf:
            kind = json.loads(leaf)["kind"]
            found[kind] = found.get(kind, 0) + 1
    return found


FAULTS: dict[str, Callable[[], Outcome | None]] = {
    "federation-site": site_killed,
    "federation-coordinator": coordinator_killed,
    "federation-consent-centre": hub_killed,
    "federation-postgres": database_killed,
}
