"""The one road of every statement, whoever says it and in whatever way: pages, the API, imports, the demo.

Not a workflow itself: the workflows that record statements share this step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from consent_center.consent.catalogue import Catalogue
from consent_center.consent.delegation import Delegation, check_actor
from consent_center.consent.grant import YES, Recorded, Said, Statement, latest_choice, recorded_at
from consent_center.consent.propagation import TAKES_AWAY, Task, by_recipient, due
from consent_center.consent.speech import Utterance, statement_of
from consent_center.errors import ConsentCenterError, SupersededError, UnknownMemberError
from consent_center.events import Event
from consent_center.storage import definitions, delegations, links, members, statements, tasks
from consent_center.storage.bulk import Rows
from consent_center.storage.members import Member
from consent_center.storage.statements import Placed
from consent_center.storage.transaction import EntryId, Transaction


@dataclass(frozen=True, slots=True)
class _Ground:
    """What statements are checked against, read once for all of them."""

    known: Catalogue
    people: Mapping[str, Member]


def say(tx: Transaction, said: Sequence[Utterance], *, at: datetime) -> list[Recorded]:
    """Check and keep these, all or none; each becomes one statement with one audit entry."""
    ground = _ground(tx, said)
    checked = _check(tx, ground, said, at=at)
    for one in checked:
        if isinstance(one, ConsentCenterError):
            raise one
    return [one for one in _keep(tx, ground, checked, at=at) if isinstance(one, Recorded)]


def say_each(tx: Transaction, said: Sequence[Utterance], *, at: datetime) -> list[Recorded | ConsentCenterError]:
    """Check each on its own and keep those that may be said; the others are answered with why not."""
    ground = _ground(tx, said)
    return _keep(tx, ground, _check(tx, ground, said, at=at), at=at)


def check(tx: Transaction, said: Sequence[Utterance], *, at: datetime) -> list[Statement | ConsentCenterError]:
    """The statement that each of these makes, or why it may not be made. Writes nothing."""
    return _check(tx, _ground(tx, said), said, at=at)


def _ground(tx: Transaction, said: Sequence[Utterance]) -> _Ground:
    return _Ground(definitions.catalogue(tx), members.find_many(tx, {one.member for one in said}))


def _check(
    tx: Transaction, ground: _Ground, said: Sequence[Utterance], *, at: datetime
) -> list[Statement | ConsentCenterError]:
    known, people = ground.known, ground.people
    named = [one.actor.delegation for one in said if one.actor.delegation is not None]
    given = delegations.find(tx, named) if named else {}
    before = _said_before(tx, [one for one in said if one.said_at is None], known, people)
    return [_checked(one, known, people.get(one.member), given, before, at=at) for one in said]


def _keep(
    tx: Transaction, ground: _Ground, checked: Sequence[Statement | ConsentCenterError], *, at: datetime
) -> list[Recorded | ConsentCenterError]:
    """Keep the statements among these, with entries and tasks; errors are passed through, in their places."""
    known, people = ground.known, ground.people
    made = [one for one in checked if isinstance(one, Statement)]
    placed = [
        Placed(
            one,
            people[one.member].no,
            known.notice_numbers[one.notice, one.notice_version],
            tuple(known.items[item] for item in one.items),
        )
        for one in made
    ]
    of_statements = statements.rows_of(placed)
    planned = _planned(tx, known, placed)
    named = tasks.with_pseudonyms(tx, [(task, placed[place].member_no) for place, task in planned])

    def beside(numbers: list[EntryId]) -> list[Rows]:
        causes = [
            (task, placed[place].member_no, numbers[place]) for (place, _), task in zip(planned, named, strict=True)
        ]
        return [*of_statements(numbers), tasks.rows_of(causes)]

    entries = tx.append_all([_event(one.statement, one.member_no) for one in placed], at=at, beside=beside)
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
        if said.said_at is not None:
            return made
        earlier = [before.get((person.no, known.items[item]), ()) for item in made.items]
        if made.act in YES:
            _refuse_superseded(made, earlier)
        return replace(made, at=recorded_at(made.act, made.at, before=[one for some in earlier for one in some]))
    except ConsentCenterError as error:
        return error


def _refuse_superseded(made: Statement, before: Sequence[Sequence[Said]]) -> None:
    """A yes of the second of a stricter statement, or before it, would not stand: say so instead of keeping it."""
    for said in before:
        last = latest_choice(said, at=made.at)
        if last is not None and last.act not in YES and last.at >= made.at:
            raise SupersededError("a no of this second or later stands: look at it, then choose again")


def _said_before(
    tx: Transaction, now: Sequence[Utterance], known: Catalogue, people: Mapping[str, Member]
) -> dict[tuple[int, int], list[Said]]:
    numbers = {people[one.member].no for one in now if one.member in people}
    items = {known.items[item] for one in now for item in one.items if item in known.items}
    return statements.said_about(tx, numbers, items) if numbers and items else {}


def _planned(tx: Transaction, known: Catalogue, placed: Sequence[Placed]) -> list[tuple[int, Task]]:
    """Who is to be told of what: tasks without pseudonyms, each with the place of the statement that causes it.

    Of a linkage both ends are told, if they were ever given her token.
    """
    return [
        (
            place,
            Task(
                id=f"msg_{members.new_identifier()}",
                recipient=recipient,
                change=one.statement.act.value,
                pseudonym="",
                items=items,
                said_at=one.statement.at,
                due_at=due(items, at=one.statement.at),
            ),
        )
        for place, one in enumerate(placed)
        if one.statement.act in TAKES_AWAY
        for recipient, items in by_recipient(
            one.statement.items, links.other_ends(tx, known, one.member_no, one.statement.items)
        ).items()
    ]


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
