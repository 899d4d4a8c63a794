"""Law: a decision is told with at most three reasons, only if what the site relays opens the commitment on record; she
answers it, and "unfair" starts the clock of a person; nobody sees another member's decision."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from consent_center.app import create_app
from consent_center.events import Event
from consent_center.storage import decisions, members
from consent_center.storage.decisions import Made
from consent_center.workflows.answer_decision import review_decision, review_queue
from federated.clearance import commitment_of
from tests.portal.visitor import House, Visitor

REASONS = [{"feature": f"{name}_8w", "level": "low"} for name in ("visits", "spend", "active", "offers_used")]


class Site:
    """The marketing department's own register, as it answers the hub."""

    def __init__(self) -> None:
        self.kept: dict[bytes, list[tuple[str, bytes, Mapping[str, Any]]]] = {}

    def decisions_of(self, pseudonym: bytes) -> Sequence[tuple[str, bytes, Mapping[str, Any]]]:
        return self.kept.get(pseudonym, [])


@pytest.fixture
def site(house: House) -> Iterator[Site]:
    """The site, connected to the portal for the time of one test."""
    asked, before = Site(), house.app
    house.app = create_app(house.world.settings, wiring=replace(house.world.wiring, relays={"marketing": asked}))
    yield asked
    house.app = before


def decided(house: House, member: Visitor, site: Site, *, told: Mapping[str, Any] | None = None) -> str:
    """One offer that was cleared for her; the site relays `told` if it lies."""
    store, at = house.world.wiring.store, house.clock()
    document = {"kind": "offer", "horizon_days": 30, "reasons": REASONS, "change": None, "at": at.isoformat()}
    salt = secrets.token_bytes(32)
    made = Made(commitment_of(salt, document), member.member, "marketing", "run-1", "offer", at)

    def clear(tx, *, at):
        number = members.get(tx, member.member).no
        entry = tx.append(Event("decision.made", {}, {"commitment": made.commitment}, number), at=at)
        decisions.add(tx, made, number, entry=entry)
        return members.enrolments(tx, member.member)[0].pseudonym

    site.kept[store.run(clear, at=at)] = [(made.commitment, salt, told or document)]
    return made.commitment


def test_she_reads_what_was_decided_and_at_most_three_reasons(house: House, site: Site) -> None:
    member = house.member()
    name = decided(house, member, site)
    assert "An offer" in member.get("/decisions").text
    page = member.get(f"/decisions/{name}").text
    assert "<ol><li>You come rarely.</li>" in page
    assert page.split("<ol>")[1].split("</ol>")[0].count("<li>") == 3
    assert "Decided by a system at the marketing department on" in page
    assert "No single reason" not in page
    assert "ou used few offers" not in page


def test_a_site_that_tells_another_story_is_not_believed(house: House, site: Site) -> None:
    member = house.member()
    lie = {"kind": "offer", "horizon_days": 30, "reasons": REASONS[:1], "change": None, "at": "now"}
    name = decided(house, member, site, told=lie)
    page = member.get(f"/decisions/{name}").text
    assert "told another story" in page
    assert "ou come rarely" not in page


def test_a_site_that_does_not_answer_is_said_so(house: House, site: Site) -> None:
    member = house.member()
    name = decided(house, member, site)
    site.kept.clear()
    assert "has not answered" in member.get(f"/decisions/{name}").text


def test_unfair_asks_for_a_person_with_a_clock_and_she_reads_the_outcome(house: House, site: Site) -> None:
    member, store = house.member(), house.world.wiring.store
    name = decided(house, member, site)
    path = f"/decisions/{name}"
    page = member.submit(path, path, say="unfair", words="not me")
    assert "A person answers by" in page.text
    assert name in [made.commitment for made, _ in store.read(review_queue)]
    member.submit(path, path, say="unfair", words="again")
    words = "We looked again and changed it for you."
    store.run(review_decision, name, reviewer="chen", outcome="changed", words=words, at=house.clock())
    told = member.get(path).text
    assert "A person looked at it and changed it." in told
    assert words in told
    assert words not in house.member().get("/decisions").text


def test_the_other_answers_are_kept_and_shown(house: House, site: Site) -> None:
    member = house.member()
    path = f"/decisions/{decided(house, member, site)}"
    assert "You said: not for me." in member.submit(path, path, say="not-for-me").text
    history = member.get("/history?what=decisions").text
    assert "You said that a decision is not for you." in history
    assert "asked a person" not in history
    assert member.submit(path, path, say="something").status_code == 400


def test_another_members_decision_does_not_exist(house: House, site: Site) -> None:
    mine, other = house.member(), house.member()
    name = decided(house, mine, site)
    assert mine.get(f"/decisions/{name}").status_code == 200
    assert other.get(f"/decisions/{name}").status_code == 404
