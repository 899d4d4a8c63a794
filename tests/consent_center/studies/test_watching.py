"""Law: what changes by itself is recorded by the hub's own process, without anyone clicking, once, and after a restart.

The standings that are kept between changes are those that would be computed now.
"""

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent_center.storage import governance, studies
from consent_center.storage.transaction import Store
from consent_center.studies.contract import Certificate
from consent_center.studies.finding import CLOCKS
from consent_center.watcher import LOCK, Watcher
from consent_center.workflows._open_studies import known_open
from consent_center.workflows._studying import known_all
from consent_center.workflows.enrol_member import enrol_members
from consent_center.workflows.govern import close_finding, decide_policy, decide_scope, register_contract
from consent_center.workflows.show_studies import show_study
from consent_center.workflows.staff_accounts import keep_person
from consent_center.workflows.suspend_study import resume_study, suspend_study
from consent_center.workflows.watch_studies import find_changes, watch_studies
from privacy.keys import create_root_key, read_root_key
from tests.consent_center.studies.studying import GROCER, Programme, programme, study_text
from tests.consent_center.studies.test_suspension import SECOND
from tests.consent_center.world import DAY, KEYS, NOW

ENDS = NOW + 10 * DAY
"""When the partner's certificate ends."""


def abroad(store: Store) -> Programme:
    """A programme whose approved study rests on a partner's contract."""
    here = programme(store)
    store.run(enrol_members, here.members, "grocer", at=NOW - timedelta(hours=2))
    store.run(register_contract, GROCER, by="huang", at=NOW - timedelta(hours=2))
    filed = here.file(study_text(sites="sales, grocer"))
    here.assess(filed.id)
    for name in ("huang", "lai", "lin", "sales-op", "grocer-op"):
        where = here.answer(filed, name)
    if "ethics" in where.missing:
        where = here.answer(filed, "yeh")
    assert where.approved
    return here


def computed(tx, *, at):
    return known_all(tx, studies.open_ones(tx, at=at), at=at)


class Changes:
    """Everything that can be said about studies, each once."""

    def __init__(self, here: Programme) -> None:
        self.here, self.done = here, 0
        store, why = here.store, "Members asked about it."
        self.all = [
            lambda: here.file(study_text("churn-2", epsilon=0.5)),
            lambda: here.assess("churn-2"),
            lambda: here.answer(here.store.read(studies.get, "churn-2"), "huang", say="no"),
            lambda: store.run(suspend_study, "churn-1", by="lin", role="members", reason=why, at=NOW),
            lambda: store.run(decide_scope, "purchases", opens=False, by="lin", role="legal", reason=why, at=NOW),
            lambda: store.run(resume_study, "churn-1", by="lin", role="members", reason=why, at=NOW),
            lambda: store.run(keep_person, replace(here.person("head"), ends_at=NOW + DAY), by="ada", at=NOW),
            lambda: store.run(
                decide_policy, replace(store.read(governance.policy), approval_lasts=5 * DAY), by="huang", at=NOW
            ),
            lambda: store.run(register_contract, replace(GROCER, certificates=()), by="huang", at=NOW),
        ]

    def next(self) -> None:
        self.all[self.done % len(self.all)]()
        self.done += 1


@pytest.fixture(scope="module")
def changing(tmp_path_factory):
    path = tmp_path_factory.mktemp("kept") / "accord.db"
    with Store.open(f"sqlite:///{path}", keys=KEYS) as store:
        yield Changes(abroad(store))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from([0, 1, 5, 10, 30, 90, 129, 365]),
            st.sampled_from([-SECOND, timedelta(0), SECOND]),
            st.booleans(),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_what_is_kept_is_what_would_be_computed(changing, steps) -> None:
    for days, off, changes in steps:
        if changes and changing.done < len(changing.all):
            changing.next()
        at, store = NOW + days * DAY + off, changing.here.store
        assert list(store.read(known_open, at=at)) == store.read(computed, at=at)


def test_a_look_that_finds_nothing_writes_nothing(small_store) -> None:
    here = abroad(small_store)
    watcher = Watcher(small_store, now=lambda: ENDS - SECOND)
    assert not here.store.read(find_changes, at=ENDS - SECOND)
    assert watcher.look() == 0
    assert here.store.read(show_study, "churn-1", at=ENDS - SECOND).steps == []


def test_one_watcher_works_and_the_other_stands_by(store) -> None:
    here = abroad(store)
    watcher = Watcher(store, now=lambda: ENDS)
    if store.url_kind == "postgresql":
        with store.alone(LOCK) as run:
            assert run is not None
            assert watcher.look() == 0
    assert watcher.look() == 2
    assert Watcher(store, now=lambda: ENDS).look() == 0
    assert [step.by for step in here.store.read(show_study, "churn-1", at=ENDS).steps] == [""]


def test_what_ended_while_no_process_ran_is_recorded_by_the_next_one(small_store) -> None:
    here = abroad(small_store)
    with Watcher(small_store, interval_s=60, now=lambda: ENDS + 3 * DAY):
        steps = waiting_for(lambda: here.store.read(show_study, "churn-1", at=ENDS + 3 * DAY).steps)
    assert [(step.step, step.code) for step in steps] == [("suspended", "contract:grocer")]


def test_a_fault_of_one_look_does_not_end_the_watch(small_store) -> None:
    here, faults = abroad(small_store), [ZeroDivisionError("planted"), None]

    def now():
        if faults and (fault := faults.pop(0)) is not None:
            raise fault
        return ENDS

    with Watcher(small_store, interval_s=0.01, now=now):
        assert waiting_for(lambda: here.store.read(show_study, "churn-1", at=ENDS).steps)


def test_a_breach_that_was_closed_and_lasts_comes_back_when_its_clock_has_run_once_more(small_store) -> None:
    here = abroad(small_store)
    here.store.run(watch_studies, at=ENDS)
    number = next(one.number for one in here.store.read(governance.findings) if one.kind == "contract-expired")
    here.store.run(close_finding, number, by="chen", reason="The renewal is signed next week.", at=ENDS)
    again = ENDS + CLOCKS["contract-expired"]
    assert here.store.run(watch_studies, at=again - SECOND) == 0
    assert here.store.run(watch_studies, at=again) == 1


HUB = """
import sys, time
from datetime import datetime, timedelta
import consent_center.settings as settings
began, start = time.monotonic(), datetime.fromisoformat(sys.argv.pop(1))
settings.clock = lambda: start + timedelta(seconds=time.monotonic() - began)
from consent_center.cli.main import run
sys.exit(run(sys.argv[1:]))
"""
"""`accord serve` as it is, on a clock that starts where the test says."""


@contextmanager
def hub(folder, *, start):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    environment = {
        **os.environ,  # noqa: TID251 - the process under test inherits what this one has
        "ACCORD_ENV": "dev",
        "ACCORD_DATABASE": f"sqlite:///{folder / 'accord.db'}",
        "ACCORD_ROOT_KEY": str(folder / "root.key"),
        "ACCORD_SIGNING_KEY": str(folder / "signing.pem"),
    }
    command = [sys.executable, "-c", HUB, start.isoformat(), "serve", "--port", port]
    running = subprocess.Popen(command, env=environment, cwd=folder, stderr=subprocess.PIPE)
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def waiting_for(look, *, seconds: float = 90):
    until = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < until, "nothing happened"
        time.sleep(0.1)
    return found


def test_the_running_hub_suspends_a_study_whose_contract_ends_and_nobody_clicks(tmp_path) -> None:
    create_root_key(tmp_path / "root.key")
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "signing.pem").write_bytes(pem)
    with Store.open(f"sqlite:///{tmp_path / 'accord.db'}", keys=read_root_key(tmp_path / "root.key")) as store:
        here = abroad(store)
        soon = Certificate("ISO 27001", NOW + timedelta(seconds=20))
        store.run(register_contract, replace(GROCER, certificates=(soon,)), by="huang", at=NOW)
        assert here.store.read(show_study, "churn-1", at=NOW).standing.approved
        with hub(tmp_path, start=soon.expires_at - timedelta(seconds=1)) as running:
            steps = waiting_for(lambda: running.poll() or store.read(show_study, "churn-1", at=NOW).steps)
            assert running.poll() is None, running.stderr.read()
        assert [(step.step, step.code, step.by) for step in steps] == [("suspended", "contract:grocer", "")]
        assert steps[0].at >= soon.expires_at
        owners = {(one.kind, one.owner) for one in store.read(governance.findings)}
        assert owners == {("study-suspended", "head"), ("contract-expired", "head")}
