"""Recipients are told: tasks are claimed, delivered, recorded; ended yeses are found; lateness is alarmed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from consent_center.consent.propagation import DONE, Outcome, Task, by_recipient, due, wait
from consent_center.errors import DefinitionError, UnknownDefinitionError
from consent_center.events import Event
from consent_center.storage import definitions, expiries, links, members, tasks
from consent_center.storage.transaction import EntryId, Transaction
from privacy.envelope import Key, place

LEASE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, repr=False)
class Endpoint:
    """Where a recipient is told, and the secret that signs what it is told. Never printed."""

    url: str
    secret: bytes


def set_endpoint(tx: Transaction, recipient: str, *, url: str, at: datetime) -> bytes:
    """Name a recipient's address; the new signing secret is returned here and never again.

    Args:
        tx: the transaction.
        recipient: who.
        url: https, or http on this machine only.
        at: now.

    Raises:
        UnknownDefinitionError: no such recipient.
        DefinitionError: an address that would send pseudonyms in clear.
    """
    if recipient not in definitions.catalogue(tx).recipients:
        raise UnknownDefinitionError(recipient, "define the recipient first")
    local = url.startswith(("http://127.0.0.1:", "http://localhost:"))
    if not (url.startswith("https://") or local) or any(letter.isspace() for letter in url):
        raise DefinitionError("a recipient is told over https: name an https address")
    secret = Key.generate()
    tx.append(
        Event.of("staff.acted", public={"action": "endpoint.set", "role": "operator", "subject": recipient}), at=at
    )
    tasks.set_endpoint(tx, recipient, url=url, wrapped=tx.keys.wrap(secret, where=_where(recipient)))
    return secret.secret


def claim_tasks(tx: Transaction, *, limit: int, lease: timedelta = LEASE, at: datetime) -> list[tuple[Task, Endpoint]]:
    """Take tasks whose turn has come, each with its recipient's endpoint.

    A recipient without one cannot be told: its tasks wait, and are alarmed when they are due, until one is named.
    """
    known = {
        recipient: Endpoint(url, tx.keys.unwrap(wrapped, where=_where(recipient)).secret)
        for recipient, (url, wrapped) in tasks.endpoints(tx).items()
    }
    claimed = tasks.claim(tx, known, limit=limit, lease=lease, at=at) if known else []
    return [(task, known[task.recipient]) for task in claimed]


def record_attempts(tx: Transaction, attempts: Sequence[tuple[str, int, Outcome]], *, at: datetime) -> int:
    """Keep how attempts ended; those that failed are tried again after a wait that doubles.

    Args:
        tx: the transaction.
        attempts: task, attempts made before this one, and how this one ended.
        at: now.

    Returns:
        How many tasks ended with this.
    """
    ended = 0
    for task, before, outcome in attempts:
        kept = tasks.record(tx, task, outcome, next_at=at + wait(before + 1), at=at)
        if kept is not None and outcome in DONE:
            public = {"recipient": kept.recipient, "attempt": kept.attempts}
            tx.append(Event.of("propagation.delivered", public=public, private={"task": task}), at=at)
            ended += 1
    return ended


def raise_alarms(tx: Transaction, *, at: datetime) -> list[Task]:
    """Open tasks that are overdue and were not alarmed yet; each raises its alarm once."""
    late = tasks.overdue(tx, at=at)
    for task in late:
        tx.append(
            Event.of("propagation.overdue", public={"recipient": task.recipient}, private={"task": task.id}), at=at
        )
    return late


def sweep_expiries(tx: Transaction, *, limit: int = 1000, at: datetime) -> int:
    """Make tasks for yeses that ended since the last sweep; returns how many. Running it again makes none twice."""
    ended = expiries.since_last_sweep(tx, limit=limit, at=at)
    known = definitions.catalogue(tx)
    planned = [
        (
            Task(
                id=f"msg_{members.new_identifier()}",
                recipient=recipient,
                change="expired",
                pseudonym="",
                items=items,
                said_at=one.ended_at,
                due_at=due(items, at=one.ended_at),
            ),
            one.member_no,
            EntryId(one.entry),
        )
        for one in ended
        for recipient, items in by_recipient(one.items, links.other_ends(tx, known, one.member_no, one.items)).items()
    ]
    return tasks.add_many(tx, planned) if planned else 0


def _where(recipient: str) -> bytes:
    return place("endpoint", "wrapped", recipient)
