"""The one road of every statement, whoever says it and in whatever way: pages, the API, imports, the demo.

Not a workflow itself: the workflows that record statements share this step.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from consent_center.consent.catalogue import Catalogue
from consent_center.consent.delegation import Delegation, check_actor
from consent_center.consent.grant import YES, Recorded, Said, Statement, latest_choice
from consent_center.consent.propagation import TAKES_AWAY, Task, by_recipient, due
from consent_center.consent.speech import Utterance, statement_of
from consent_center.errors import ConsentCenterError, SupersededError, UnknownMemberError
from consent_center.events import Event
from consent_center.storage import definitions, delegations, members, statements, tasks
from consent_center.storage.members import Member
from consent_center.storage.statements import Placed
from consent_center.storage.transaction import EntryId, Transaction


def say(tx: Transaction, said: Sequence[Utterance], *, at: datetime) -> list[Recorded]:
    """Check and keep these, all or none; each becomes one statement with one audit entry."""
    checked = check(tx, said, at=at)
    for one in checked:
        if isinstance(one, ConsentCenterError):
            raise one
    return [one for one in keep(tx, checked, at=at) if isinstance(one, Recorded)]


def say_each(tx: Transaction, said: Sequence[Utterance], *, at: datetime) -> list[Recorded | ConsentCenterError]:
    """Check each on its own and keep those that may be said; the others are answered with why not."""
    return keep(tx, check(tx, said, at=at), at=at)


def check(tx: Transaction, said: Sequence[Utterance], *, at: datetime) -> list[Statement | ConsentCenterError]:
    """The statement that each of these makes, or why it may not be made. Writes nothing."""
    known = definitions.catalogue(tx)
    people = members.find_many(tx, {one.member for one in said})
    named = [one.actor.delegation for one in said if one.actor.delegation is not None]
    given = delegations.find(tx, named) if named else {}
    before = _said_before(tx, [one for one in said if one.act in YES and one.said_at is None], known, people)
    return [_checked(one, known, people.get(one.member), given, before, at=at) for one in said]


def keep(
    tx: Transaction, checked: Sequence[Statement | ConsentCenterError], *, at: datetime
) -> list[Recorded | ConsentCenterError]:
    """Keep the statements among these; errors are passed through, in their places."""
    made = [one for one in checked if isinstance(one, Statement)]
    known = definitions.catalogue(tx)
    people = members.get_many(tx, {one.member for one in made})
    placed = [
        Placed(
            one,
            people[one.member].no,
            known.notice_numbers[one.notice, one.notice_version],
            tuple(known.items[item] for item in one.items),
        )
        for one in made
    ]
    events = [_event(one, people[one.member].no) for one in made]
    entries = tx.append_all(events, at=at, beside=statements.rows_of(placed))
    _plan_propagation(tx, list(zip(made, entries, strict=True)), people)
    numbered = iter(entries)
    return [one if isinstance(one, ConsentCenterError) else Recorded(next(numbered), one) for one in checked]


def _checked(
    said: Utterance,
    known: Catalogue,
    person: Member | None,
    given: Mapping[str, Delegation],
    before: Mapping[tuple[int, int], Sequence[Said]],
    *,
    at: datetime,
) -> Statement | ConsentCenterError:
    try:
        if person is None:
            raise UnknownMemberError(said.member, "register her first")
        made = statement_of(said, known, at=at)
        if said.actor.delegation is not None:
            delegation = given.get(said.actor.delegation)
            check_actor(said.actor, delegation, member=said.member, guarded_until=person.guarded_until, at=made.at)
        if made.act in YES and said.said_at is None:
            _refuse_superseded(made, [before.get((person.no, known.items[item]), ()) for item in made.items])
    except ConsentCenterError as error:
        return error
    return made


def _refuse_superseded(made: Statement, before: Sequence[Sequence[Said]]) -> None:
    """A yes of the second of a stricter statement would not stand: say so instead of keeping it."""
    for said in before:
        last = latest_choice(said, at=made.at)
        if last is not None and last.act not in YES and last.at >= made.at:
            raise SupersededError("a no of this very second stands: look at it, then choose again")


def _said_before(
    tx: Transaction, yeses: Sequence[Utterance], known: Catalogue, people: Mapping[str, Member]
) -> dict[tuple[int, int], list[Said]]:
    numbers = {people[one.member].no for one in yeses if one.member in people}
    items = {known.items[item] for one in yeses for item in one.items if item in known.items}
    return statements.said_about(tx, numbers, items) if numbers and items else {}


def _plan_propagation(tx: Transaction, made: Sequence[tuple[Statement, EntryId]], people: Mapping[str, Member]) -> None:
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
            entry,
        )
        for said, entry in made
        if said.act in TAKES_AWAY
        for recipient, items in by_recipient(said.items).items()
    ]
    if planned:
        tasks.add_many(tx, planned)


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
