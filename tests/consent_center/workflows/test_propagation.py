"""Every recipient of what is taken away is told: once per change, again until it answers, whoever dies in between."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from consent_center.consent.grant import Act
from consent_center.consent.propagation import FIRST_WAIT, LONGEST_WAIT, Outcome, Task, wait
from consent_center.errors import DefinitionError
from consent_center.propagator import Propagator, new_client
from consent_center.storage import entries
from consent_center.storage.transaction import Store
from consent_center.workflows.enrol_member import enrol_members
from consent_center.workflows.give_consent import give_consent
from consent_center.workflows.make_statements import make_statements
from consent_center.workflows.propagate import (
    Endpoint,
    claim_tasks,
    raise_alarms,
    record_attempts,
    set_endpoint,
    sweep_expiries,
)
from consent_center.workflows.show_tasks import show_member_tasks, show_tasks
from consent_center.workflows.withdraw_consent import withdraw_consent
from tests.consent_center.world import ABROAD, ANSWERED, BROWSE, DAY, KEYS, NOW, SERVICE, TRAIN, cases, found, said

SECOND = timedelta(seconds=1)
SALES = "https://sales.example/consents"


class Receiver:
    """A recipient: counts what it is told, checks signatures, and fails when it is told to."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.bodies: list[dict] = []
        self.secret = b""
        self.status = 204
        self.forged = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                if len(body := self.rfile.read(length)) < length:
                    return  # whoever sent it was killed while it did
                try:
                    import base64

                    hook = Webhook(base64.b64encode(receiver.secret).decode())
                    receiver.bodies.append(hook.verify(body, dict(self.headers.items())))
                except WebhookVerificationError:
                    receiver.forged += 1
                receiver.heard.append(self.headers["webhook-id"])
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/consents"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_each_affected_recipient_gets_one_task_with_a_due_time(store):
    mei, *_ = found(store)
    store.run(enrol_members, [mei], "service", at=NOW - DAY)
    store.run(give_consent, mei, [TRAIN, SERVICE], **ANSWERED, at=NOW)
    assert store.read(show_tasks) == []
    store.run(withdraw_consent, mei, [TRAIN, SERVICE, ABROAD], **ANSWERED, at=NOW + SECOND)
    made = {task.recipient: (task, outcome) for task, outcome in store.read(show_member_tasks, mei)}
    assert set(made) == {"sales", "service", "grocer"}
    assert made["sales"][0].items == (TRAIN,)
    assert made["sales"][0].due_at == NOW + SECOND + DAY
    assert made["grocer"][1] == "nothing-held", "she never linked there, so nobody need be told"
    assert made["sales"][1] == made["service"][1] == ""


def test_a_recipient_is_told_of_all_its_items_in_one_task(small_store):
    mei, *_ = found(small_store)
    small_store.run(withdraw_consent, mei, [TRAIN, BROWSE, SERVICE], **ANSWERED, at=NOW)
    told = {task.recipient: set(task.items) for task, _ in small_store.read(show_tasks)}
    assert told == {"sales": {TRAIN, BROWSE}, "service": {SERVICE}}


def test_of_two_workers_with_one_task_the_first_outcome_stands(store):
    """An attempt failed; a claim lapses; both workers come back; what is told already is not told to have failed, nor
    counted twice."""
    mei, *_ = found(store)
    store.run(set_endpoint, "sales", url=SALES, at=NOW)
    store.run(withdraw_consent, mei, [TRAIN], **ANSWERED, at=NOW)
    [(task, _)] = store.run(claim_tasks, limit=9, at=NOW)
    assert store.run(record_attempts, [(task.id, 0, Outcome.REFUSED)], at=NOW) == 0
    assert store.run(record_attempts, [(task.id, 1, Outcome.DELIVERED)], at=NOW + SECOND) == 1
    before = store.read(entries.last_id)
    for late in (Outcome.DELIVERED, Outcome.TIMED_OUT):
        assert store.run(record_attempts, [(task.id, 1, late)], at=NOW + 2 * SECOND) == 0
    [(kept, outcome)] = store.read(show_tasks)
    assert (kept.attempts, outcome, store.read(entries.last_id)) == (2, "delivered", before)


def test_a_verdict_does_not_wait_for_the_recipient(small_store):
    from consent_center.workflows.ask_verdict import ask_verdict

    mei, *_ = found(small_store)
    small_store.run(give_consent, mei, [TRAIN], **ANSWERED, at=NOW)
    small_store.run(withdraw_consent, mei, [TRAIN], **ANSWERED, at=NOW + SECOND)
    assert not small_store.read(ask_verdict, mei, [TRAIN], at=NOW + SECOND)[0].allowed
    assert small_store.read(show_tasks, only_open=True)


def test_messages_are_signed_and_delivered_once(small_store, receiver):
    mei, *_ = found(small_store)
    receiver.secret = small_store.run(set_endpoint, "sales", url=receiver.url, at=NOW)
    small_store.run(give_consent, mei, [TRAIN], **ANSWERED, at=NOW)
    small_store.run(withdraw_consent, mei, [TRAIN], **ANSWERED, at=NOW + SECOND)
    from consent_center.settings import clock

    worker = Propagator(small_store, clock, new_client())
    worker.step()
    worker.step()
    [(task, outcome)] = small_store.read(show_tasks)
    assert (receiver.heard, outcome, task.attempts, receiver.forged) == ([task.id], "delivered", 1, 0)
    assert receiver.bodies[0]["items"] == [str(TRAIN)]
    assert mei not in json.dumps(receiver.bodies), "a recipient knows her by its own pseudonym only"
    worker.client.close()


def test_a_recipient_that_fails_is_tried_again_ever_more_slowly(small_store, receiver):
    mei, *_ = found(small_store)
    receiver.secret = small_store.run(set_endpoint, "sales", url=receiver.url, at=NOW)
    receiver.status = 503
    small_store.run(withdraw_consent, mei, [TRAIN], **ANSWERED, at=NOW)
    at = NOW
    worker = Propagator(small_store, lambda: at, new_client())
    tried = []
    for _ in range(200):
        tried.append(worker.step())
        at += SECOND
    assert sum(tried) == 6, "at 0, 5, 15, 35, 75 and 155 seconds"
    receiver.status = 200
    at += timedelta(hours=1)
    worker.step()
    assert small_store.read(show_tasks)[0][1] == "delivered"
    worker.client.close()


def test_a_recipient_without_an_address_is_waited_for_at_no_cost_and_told_once_it_has_one(store):
    mei, *_ = found(store)
    store.run(enrol_members, [mei], "service", at=NOW - DAY)
    store.run(withdraw_consent, mei, [TRAIN, SERVICE], **ANSWERED, at=NOW)
    assert store.run(claim_tasks, limit=9, at=NOW) == []
    store.run(set_endpoint, "sales", url=SALES, at=NOW + SECOND)
    [(task, endpoint)] = store.run(claim_tasks, limit=9, at=NOW + SECOND)
    assert (task.recipient, task.attempts, endpoint.url) == ("sales", 0, SALES)
    store.run(record_attempts, [(task.id, 0, Outcome.DELIVERED)], at=NOW + SECOND)
    [late] = store.run(raise_alarms, at=NOW + 2 * DAY)
    assert late.recipient == "service", "no less late for having no address"


def test_waits_double_up_to_an_hour():
    assert wait(1) == FIRST_WAIT
    assert wait(2) == 2 * FIRST_WAIT
    assert wait(1000) == LONGEST_WAIT


def test_an_overdue_task_raises_one_alarm(store):
    mei, *_ = found(store)
    store.run(withdraw_consent, mei, [TRAIN], **ANSWERED, at=NOW)
    assert store.run(raise_alarms, at=NOW + DAY - SECOND) == []
    assert len(store.run(raise_alarms, at=NOW + DAY)) == 1
    assert store.run(raise_alarms, at=NOW + 2 * DAY) == []


def test_an_ended_yes_is_told_once_unless_it_was_renewed(store):
    mei, ann, eve = found(store)
    for member in (mei, ann, eve):
        store.run(give_consent, member, [TRAIN], **ANSWERED, expires_at=NOW + 2 * DAY, at=NOW)
    store.run(give_consent, ann, [TRAIN], **ANSWERED, at=NOW + SECOND)
    store.run(make_statements, [said(eve, Act.PAUSED, TRAIN)], at=NOW + SECOND)
    assert store.run(sweep_expiries, at=NOW + DAY) == 0
    assert store.run(sweep_expiries, at=NOW + 2 * DAY) == 2
    assert store.run(sweep_expiries, at=NOW + 2 * DAY) == 0
    changes = sorted(task.change for task, _ in store.read(show_tasks))
    assert changes == ["expired", "expired", "paused"]


def test_a_claim_keeps_others_away_until_it_lapses(store):
    mei, *_ = found(store)
    store.run(set_endpoint, "sales", url=SALES, at=NOW)
    store.run(withdraw_consent, mei, [TRAIN], **ANSWERED, at=NOW)
    assert len(store.run(claim_tasks, limit=9, at=NOW)) == 1
    assert store.run(claim_tasks, limit=9, at=NOW + 59 * SECOND) == []
    assert len(store.run(claim_tasks, limit=9, at=NOW + 60 * SECOND)) == 1


@pytest.mark.parametrize(
    ("status", "outcome"), [(204, Outcome.DELIVERED), (302, Outcome.REFUSED), (404, Outcome.REFUSED)]
)
def test_only_a_yes_of_the_address_itself_is_a_delivery(status, outcome):
    """What it leads on to is not followed: the message is meant for one address."""
    asked = []

    def answered(request):
        asked.append(str(request.url))
        return httpx.Response(status, headers={"location": "https://elsewhere.example/"})

    assert not new_client().follow_redirects
    client = httpx.Client(transport=httpx.MockTransport(answered))
    task = Task("msg_1", "sales", "withdrawn", "ab" * 16, (TRAIN,), NOW, NOW + DAY)
    worker = Propagator(None, lambda: NOW, client)  # type: ignore[arg-type]  delivering reads no database
    assert worker.deliver(task, Endpoint(SALES, b"s" * 32)) is outcome
    assert asked == [SALES]


@pytest.mark.parametrize(
    "url",
    [
        "http://grocer.example/x",
        "http://127.0.0.1.grocer.example/x",
        "http://localhost.grocer.example/x",
        "ftp://grocer.example",
        "https://a b",
        "javascript:alert(1)",
    ],
)
def test_pseudonyms_travel_over_tls_only(small_store, url):
    found(small_store)
    with pytest.raises(DefinitionError):
        small_store.run(set_endpoint, "grocer", url=url, at=NOW)


WORKERS = """
import os, sys, threading
from datetime import timedelta
from consent_center.propagator import Propagator, new_client
from consent_center.settings import clock
from consent_center.storage.transaction import Store
from privacy.envelope import Key
from privacy.keys import KeyRing
for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        store = Store.open(sys.argv[1], keys=KeyRing((Key(7, bytes(range(32))),)))
        Propagator(store, clock, new_client(), lease=timedelta(seconds=1)).work(threading.Event())
    print(child, flush=True)
    os.waitpid(child, 0)
"""
"""For each line it reads: a worker of its own process, and its number. What they need is loaded once, before."""


@pytest.mark.fault
def test_a_worker_killed_at_any_moment_loses_and_doubles_no_task(tmp_path, receiver):
    url = f"sqlite:///{tmp_path / 'accord.db'}"
    members, kills = cases(24), 0
    with Store.open(url, keys=KEYS) as store:
        joined = found(store, members=members)
        receiver.secret = store.run(set_endpoint, "sales", url=receiver.url, at=NOW)
        store.run(make_statements, [said(one, Act.WITHDRAWN, TRAIN) for one in joined], at=NOW)
        workers = subprocess.Popen(
            [sys.executable, "-c", WORKERS, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        deadline = time.monotonic() + 300  # a machine with much else to do answers late, and late is tried again later
        while store.read(show_tasks, only_open=True, limit=1) and time.monotonic() < deadline:
            workers.stdin.write("another\n")
            workers.stdin.flush()
            worker, heard = int(workers.stdout.readline()), len(receiver.heard)
            while len(receiver.heard) < heard + 10 and time.monotonic() < deadline:
                time.sleep(0.02)
                if not store.read(show_tasks, only_open=True, limit=1):
                    break
            os.kill(worker, signal.SIGKILL)
            kills += 1
        workers.communicate(timeout=10)
        tasks = store.read(show_tasks, limit=1000)
    assert kills >= 2, "a worker must have been killed in the middle at least once"
    assert len(tasks) == members
    assert {outcome for _, outcome in tasks} == {"delivered"}
    assert set(receiver.heard) == {task.id for task, _ in tasks}
    assert receiver.forged == 0


def test_an_unreachable_recipient_is_not_an_error(small_store):
    mei, *_ = found(small_store)
    small_store.run(set_endpoint, "sales", url="http://127.0.0.1:9/x", at=NOW)
    small_store.run(withdraw_consent, mei, [TRAIN], **ANSWERED, at=NOW)
    with httpx.Client(timeout=0.5, trust_env=False) as client:
        Propagator(small_store, lambda: NOW, client).step()
    [(task, outcome)] = small_store.read(show_tasks)
    assert (task.attempts, outcome) == (1, "")


def test_what_a_recipient_says_beside_its_status_is_not_read(small_store):
    """An endless answer would hold up everybody who is told after it."""
    mei, *_ = found(small_store)
    small_store.run(set_endpoint, "sales", url=SALES, at=NOW)
    small_store.run(withdraw_consent, mei, [TRAIN], **ANSWERED, at=NOW)

    class Endless(httpx.SyncByteStream):
        def __iter__(self):
            raise AssertionError("the answer was read")

    client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, stream=Endless())))
    assert Propagator(small_store, lambda: NOW, client).step() == 1
    assert [outcome for _, outcome in small_store.read(show_tasks)] == ["delivered"]
