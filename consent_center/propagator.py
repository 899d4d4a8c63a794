"""The worker that tells recipients what they may no longer use, by signed webhooks.

Laws: a task is claimed before it is sent and recorded after it was answered, so a worker that dies in between loses
nothing: its claim lapses and another worker sends the same message again, under the same `webhook-id`, by which the
recipient knows the repetition. A recipient that does not answer is tried again, ever more slowly, until it does.

Format: Standard Webhooks (headers webhook-id, webhook-timestamp, webhook-signature; HMAC-SHA-256, "v1,").
"""

import base64
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
import structlog
from standardwebhooks import Webhook

from consent_center.consent.propagation import Outcome, Task
from consent_center.errors import StorageError
from consent_center.storage.transaction import Store
from consent_center.workflows.propagate import (
    LEASE,
    Endpoint,
    claim_tasks,
    raise_alarms,
    record_attempts,
    sweep_expiries,
)

TIMEOUT_S = 10.0
AT_ONCE = 32
TOGETHER = 8
IDLE_S = 1.0
_log = structlog.get_logger("propagator")


@dataclass
class Propagator:
    """Delivers what waits.

    Attributes:
        store: the database.
        clock: the one clock.
        client: sends; redirects are not followed, because a message is meant for one address.
        lease: for how long a claim keeps other workers away; longer than a delivery can take.
    """

    store: Store
    clock: Callable[[], datetime]
    client: httpx.Client
    lease: timedelta = LEASE

    def step(self) -> int:
        """Find ended yeses, deliver what is due, raise alarms; returns how many attempts were made."""
        at = self.clock()
        self.store.run(sweep_expiries, at=at)
        claimed = self.store.run(claim_tasks, limit=AT_ONCE, lease=self.lease, at=at)
        with ThreadPoolExecutor(TOGETHER) as pool:
            # Few together, each group recorded before the next: dying costs at most one group a second message.
            for start in range(0, len(claimed), TOGETHER):
                group = claimed[start : start + TOGETHER]
                outcomes = pool.map(lambda one: self.deliver(*one), group)
                attempts = [(task.id, task.attempts, out) for (task, _), out in zip(group, outcomes, strict=True)]
                self.store.run(record_attempts, attempts, at=self.clock())
        for late in self.store.run(raise_alarms, at=self.clock()):
            _log.warning("propagation overdue", recipient=late.recipient, due_at=late.due_at.isoformat())
        return len(claimed)

    def drain(self) -> int:
        """Step until fewer are due than are taken at once; returns how many attempts were made."""
        made = 0
        while True:
            attempts = self.step()
            made += attempts
            if attempts < AT_ONCE:
                return made

    def deliver(self, task: Task, endpoint: Endpoint) -> Outcome:
        """Send one message once."""
        body = json.dumps(task.body(), sort_keys=True, separators=(",", ":"))
        sent_at = self.clock()
        signature = Webhook(base64.b64encode(endpoint.secret).decode()).sign(task.id, sent_at, body)
        headers = {
            "content-type": "application/json",
            "webhook-id": task.id,
            "webhook-timestamp": str(int(sent_at.timestamp())),
            "webhook-signature": signature,
        }
        try:
            # What it says beside the status is not read: it could be endless, and the others wait.
            with self.client.stream("POST", endpoint.url, content=body, headers=headers) as answer:
                return Outcome.DELIVERED if answer.is_success else Outcome.REFUSED
        except httpx.TimeoutException:
            return Outcome.TIMED_OUT
        except (httpx.HTTPError, httpx.InvalidURL):
            return Outcome.UNREACHABLE

    def work(self, stop: threading.Event) -> None:
        """Deliver until told to stop; while the database fails, wait and try again."""
        while not stop.is_set():
            try:
                made = self.step()
            except StorageError:
                _log.warning("the database failed; trying again")
                made = 0
            if made < AT_ONCE:
                stop.wait(IDLE_S)


def new_client() -> httpx.Client:
    """A client with bounded patience, which asks no proxy and follows no redirect."""
    return httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False)
