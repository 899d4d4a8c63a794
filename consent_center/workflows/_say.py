"""The one road of every statement, whoever says it and in whatever way: pages, the API, imports, the demo.

Not a workflow itself: the workflows that record statements share this step.
"""

from collections.abc import Sequence
from datetime import datetime

from consent_center.consent.catalogue import Catalogue
from consent_center.consent.delegation import check_actor
from consent_center.consent.grant import YES, Recorded, Statement, latest_choice, whole_second
from consent_center.consent.propagation import TAKES_AWAY, Task, by_recipient, due
from consent_center.consent.speech import Utterance, statement_of
from consent_center.errors import SupersededError
from consent_center.events import Event
from consent_center.storage import definitions, delegations, members, statements, tasks
from consent_center.storage.members import Member
from consent_center.storage.statements import Placed
from consent_center.storage.transaction import EntryId, Transaction


def say(tx: Transaction, said: Sequence[Utterance], *, at: datetime) -> list[Recorded]:
    """Check and keep these, all or none; each becomes one statement with one audit entry."""
    known = definitions.catalogue(tx)
    people = members.get_many(tx, {one.member for one in said})
    _check_actors(tx, said, people, at=at)
    made = [statement_of(one, known, at=at) for one in said]
    _refuse_superseded(tx, [one for one in said if one.act in YES and one.said_at is None], known, people, at=at)
    entries = tx.append_all([_event(one, people[one.member].no) for one in made], at=at)
    statements.add_many(
        tx,
        [
            Placed(
                one,
                entry,
                people[one.member].no,
                known.notice_numbers[one.notice, one.notice_version],
                tuple(known.items[item] for item in one.items),
            )
            for one, entry in zip(made, entries, strict=True)
        ],
    )
    _plan_propagation(tx, list(zip(made, entries, strict=True)), people)
    return [Recorded(entry, one) for entry, one in zip(entries, made, strict=True)]


def _plan_propagation(tx: Transaction, made: Sequence[tuple[Statement, int]], people: dict[str, Member]) -> None:
    planned = [
        (
            Task(
                id=f"msg_{members.new_identifier()}",
                recipient=recipient,
                change=said.act.value,
                pseudonym="",
                items=items,
                said_at=said.at,
                due_at=due(items, at=said.at),
            ),
            people[said.member].no,
            EntryId(entry),
        )
        for said, entry in made
        if said.act in TAKES_AWAY
        for recipient, items in by_recipient(said.items).items()
    ]
    if planned:
        tasks.add_many(tx, planned)


def _check_actors(tx: Transaction, said: Sequence[Utterance], people: dict[str, Member], *, at: datetime) -> None:
    named = [one for one in said if one.actor.delegation is not None]
    found = delegations.find(tx, [one.actor.delegation for one in named if one.actor.delegation is not None])
    for one in named:
        moment = whole_second(one.said_at or at)
        given = found.get(one.actor.delegation or "")
        guarded_until = people[one.member].guarded_until
        check_actor(one.actor, given, member=one.member, guarded_until=guarded_until, at=moment)


def _refuse_superseded(
    tx: Transaction, yeses: Sequence[Utterance], known: Catalogue, people: dict[str, Member], *, at: datetime
) -> None:
    """A yes of the second of a stricter statement would not stand: say so instead of keeping it."""
    if not yeses:
        return
    items = {known.items[item] for one in yeses for item in one.items}
    before = statements.said_about(tx, {people[one.member].no for one in yeses}, items)
    for one in yeses:
        for item in one.items:
            last = latest_choice(before.get((people[one.member].no, known.items[item]), ()), at=at)
            if last is not None and last.act not in YES and last.at >= whole_second(at):
                raise SupersededError("a no of this very second stands: look at it, then choose again")


def _event(said: Statement, number: int) -> Event:
    return Event(
        "statement.made",
        {},
        {
            "act": said.act.value,
            "items": [str(item) for item in said.items],
            "notice": said.notice,
            "notice_version": said.notice_version,
            "language": said.language,
            "choices": said.choices,
            "said_at": said.at.isoformat(),
            "expires_at": "" if said.expires_at is None else said.expires_at.isoformat(),
            "actor": said.actor.kind.value,
            "delegation": said.actor.delegation or "",
            "reason": said.reason,
        },
        number,
    )
