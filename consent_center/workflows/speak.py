"""Statements as machines make them: named by the caller's own names, repeatable under a key, many at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from consent_center.consent.grant import Recorded, whole_second
from consent_center.consent.speech import Utterance
from consent_center.consent.verdict import Switch, setting, switched_on
from consent_center.errors import ConsentCenterError, IdempotencyError
from consent_center.events import Event
from consent_center.storage import answers, members, switches
from consent_center.storage.answers import Answer
from consent_center.storage.transaction import Transaction
from consent_center.workflows._say import say_each


@dataclass(frozen=True, slots=True)
class Spoken:
    """One statement as a machine sends it.

    Attributes:
        said: what is said; its member is the caller's name of her.
        site: whose pseudonym that name is; empty if it is her identifier.
        gpc: did her browser send Global Privacy Control?
        token: who sends it.
        key: its idempotency key, empty if it has none.
        request: SHA-256 of the request, for the key.
        written: the answer to give, JSON.
    """

    said: Utterance
    site: str
    gpc: bool
    token: str
    key: str
    request: bytes
    written: Callable[[Recorded], str] = field(compare=False)


def speak_each(tx: Transaction, spoken: Sequence[Spoken], at: datetime) -> list[str | ConsentCenterError]:
    """Record those of these that may be said; each is answered with its JSON or with why not.

    Of two requests under one key the first counts; the second is given its answer, or refused if it asks otherwise.
    """
    known = answers.find_many(tx, {(one.token, one.key) for one in spoken if one.key})
    first: dict[tuple[str, str], int] = {}
    given: dict[int, str | ConsentCenterError] = {}
    for place, one in enumerate(spoken):
        if one.key and (one.token, one.key) in known:
            given[place] = _again(one, known[one.token, one.key])
        elif one.key:
            first.setdefault((one.token, one.key), place)
    new = [
        place
        for place, one in enumerate(spoken)
        if place not in given and (not one.key or first[one.token, one.key] == place)
    ]
    meant = _members_meant(tx, [spoken[place] for place in new])
    sent_gpc = [(spoken[place].site, spoken[place].said.member) for place in new if spoken[place].gpc]
    _honour_gpc(tx, {meant[name] for name in sent_gpc if name in meant}, at=at)
    said = [
        replace(spoken[place].said, member=meant.get((spoken[place].site, spoken[place].said.member), ""))
        for place in new
    ]
    kept: list[tuple[str, str, Answer]] = []
    for place, recorded in zip(new, say_each(tx, said, at=at), strict=True):
        one = spoken[place]
        if isinstance(recorded, ConsentCenterError):
            given[place] = recorded
            continue
        given[place] = body = one.written(recorded)
        if one.key:
            kept.append((one.token, one.key, Answer(one.request, body)))
    answers.add_many(tx, kept, at=at)
    for place, one in enumerate(spoken):
        if place not in given:
            earlier = given[first[one.token, one.key]]
            same = spoken[first[one.token, one.key]].request == one.request
            given[place] = earlier if same else _conflict()
    return [given[place] for place in range(len(spoken))]


def _again(one: Spoken, known: Answer) -> str | ConsentCenterError:
    return known.body if known.request == one.request else _conflict()


def _conflict() -> IdempotencyError:
    return IdempotencyError("this idempotency key was used for another request: choose a new one")


def _members_meant(tx: Transaction, spoken: Sequence[Spoken]) -> Mapping[tuple[str, str], str]:
    """(site, name) -> identifier; names that mean nobody are left out."""
    meant: dict[tuple[str, str], str] = {}
    for site in {one.site for one in spoken}:
        names = {one.said.member for one in spoken if one.site == site}
        if not site:
            meant |= {(site, name): name for name in names}
            continue
        found = members.by_pseudonym(tx, site, {bytes.fromhex(name) for name in names})
        meant |= {(site, pseudonym.hex()): member for pseudonym, member in found.items()}
    return meant


def _honour_gpc(tx: Transaction, people: set[str], *, at: datetime) -> None:
    """Switch personalised marketing off for these members, where it is not off already."""
    known = members.find_many(tx, people) if people else {}
    before = switches.settings_of(tx, [one.no for one in known.values()])
    for one in known.values():
        hers = before.get(one.no, ())
        if switched_on(hers, Switch.NO_PERSONALISED, at=at):
            continue
        made = setting(Switch.NO_PERSONALISED, on=True, at=whole_second(at), before=hers)
        private = {"switch": made.switch.value, "on": True, "set_at": made.at.isoformat(), "source": "gpc"}
        entry = tx.append(Event.of("switch.set", private=private, member=one.no), at=at)
        switches.add(tx, one.no, made, source="gpc", entry=entry)
