"""Law: a decision that a member called unfair waits for a person with a clock; whoever opens it leaves an entry first,
that she reads; she and the site get the answer; nobody answers twice, nobody without the role sees any of it."""

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from consent_center.errors import RuleError
from consent_center.events import Event
from consent_center.storage import decisions, governance, history, members, staff
from consent_center.storage.decisions import Made
from consent_center.studies.errors import StaffError
from consent_center.workflows.answer_decision import answer_decision, review_decision
from consent_center.workflows.open_review import open_review, words_to_her
from consent_center.workflows.watch_studies import watch_studies
from federated.clearance import commitment_of
from federated.errors import MalformedError
from federated.site.decisions import Decision, Decisions
from federated.site.member_desk import MemberDesk
from federated.site.store import SiteStore
from tests.console.office import Office

WHY = "I always get the same vouchers."
SAID = "We looked at your visits again; the estimate was of an old address."


class Site:
    """The sales department's own desk, or one that lies or is away."""

    def __init__(self) -> None:
        self.kept: dict[bytes, list[tuple[str, bytes, Mapping[str, Any]]]] = {}
        self.told: list[tuple[str, str]] = []

    def decisions_of(self, pseudonym: bytes) -> list[tuple[str, bytes, Mapping[str, Any]]]:
        return self.kept[pseudonym]

    def review_decision(self, pseudonym: bytes, commitment: str, outcome: str, *, words: str, at: datetime) -> None:
        assert pseudonym in self.kept
        self.told.append((outcome, words))


@pytest.fixture
def site(fresh_office: Office) -> Site:
    found = Site()
    fresh_office.wiring.relays["sales"] = found  # type: ignore[index]  the office's own dictionary
    return found


def contested(office: Office, site: Site, *, told: Mapping[str, Any] | None = None, words: str = WHY) -> str:
    """An offer that was made to a member of sales, and that she called unfair."""
    store, member, at = office.programme.store, office.programme.members[0], office.clock()
    document = {
        "kind": "offer", "horizon_days": 30, "reasons": [{"feature": "visits_8w", "level": "low"}], "change": None,
        "action": ["double-points"], "score": 0.41, "threshold": 0.15, "label": "at risk", "model": "ab" * 32,
    }  # fmt: skip
    salt = secrets.token_bytes(32)
    made = Made(commitment_of(salt, document), member, "sales", "run-1", "offer", at)

    def clear(tx, *, at):
        number = members.get(tx, member).no
        entry = tx.append(Event("decision.made", {}, {"commitment": made.commitment}, number), at=at)
        decisions.add(tx, made, number, entry=entry)
        return next(one.pseudonym for one in members.enrolments(tx, member) if one.site == "sales")

    site.kept[store.run(clear, at=at)] = [(made.commitment, salt, told or document)]
    zone = office.wiring.house.zone
    store.run(answer_decision, member, made.commitment, answer="unfair", words=words, zone=zone, at=at)
    return made.commitment


def test_a_person_opens_the_case_answers_it_and_both_she_and_the_site_are_told(
    fresh_office: Office, site: Site
) -> None:
    name, chen = contested(fresh_office, site), fresh_office.seat("chen")
    store, member = fresh_office.programme.store, fresh_office.programme.members[0]
    assert "Decisions to review" in chen.get("/console/").text
    queue = chen.get("/console/decisions").text
    assert name in queue
    assert member not in queue
    assert WHY not in queue
    case = chen.post(f"/console/decisions/{name}")
    assert case.status_code == 200, case.text[-2000:]
    for shown in (WHY, "You come rarely.", "double-points", "0.41"):
        assert shown in case.text, shown
    assert member not in case.text
    number = store.read(members.get, member).no
    (read, *_) = store.read(history.of_member, number)
    assert (read.kind, read.said["staff"], read.said["fields"]) == (
        "member.read", "Chen Wei-ting", ["decision", "reasons", "words"],
    )  # fmt: skip
    answered = chen.post(f"/console/decisions/{name}/answer", outcome="changed", words=SAID)
    assert answered.status_code == 303, answered.text[-2000:]
    assert site.told == [("changed", SAID)]
    assert store.read(words_to_her, member, name, "changed") == SAID
    assert "No decision waits" in chen.get("/console/decisions").text
    again = chen.post(f"/console/decisions/{name}/answer", outcome="upheld", words=SAID)
    assert again.status_code == 409
    assert len(site.told) == 1
    with pytest.raises(RuleError, match="does not wait"):
        store.run(review_decision, name, reviewer="chen", outcome="upheld", words=SAID, at=fresh_office.clock())


def test_an_answer_without_a_sentence_is_asked_for_again_and_nothing_is_told(fresh_office: Office, site: Site) -> None:
    name, chen = contested(fresh_office, site), fresh_office.seat("chen", language="zh-Hant")
    for words, status in (("", 422), ("no", 409)):
        page = chen.post(f"/console/decisions/{name}/answer", outcome="upheld", words=words)
        assert page.status_code == status
        assert WHY in page.text
    assert chen.post(f"/console/decisions/{name}/answer", outcome="maybe", words=SAID).status_code == 400
    assert site.told == []


def test_a_site_that_lies_or_is_away_is_said_so(fresh_office: Office, site: Site) -> None:
    lie = {"kind": "offer", "horizon_days": 30, "reasons": [], "change": None}
    name, chen = contested(fresh_office, site, told=lie), fresh_office.seat("chen")
    assert "does not open the commitment" in chen.post(f"/console/decisions/{name}").text
    site.kept.clear()
    page = chen.post(f"/console/decisions/{name}").text
    assert "The site has not answered" in page
    assert chen.post(f"/console/decisions/{name}/answer", outcome="upheld", words=SAID).status_code == 303


def test_a_decision_that_nobody_called_unfair_is_opened_by_nobody(fresh_office: Office, site: Site) -> None:
    waits = contested(fresh_office, site)
    chen, before = fresh_office.seat("chen"), fresh_office.programme.store
    number = before.read(members.get, fresh_office.programme.members[0]).no
    reads = len(before.read(history.of_member, number))
    assert chen.post(f"/console/decisions/{'0' * 64}").status_code == 409
    for name, person in ((waits, "huang"), ("0" * 64, "chen")):
        with pytest.raises((StaffError, RuleError)):
            before.run(open_review, name, person=before.read(staff.get, person), at=fresh_office.clock())
    assert len(before.read(history.of_member, number)) == reads


@pytest.mark.parametrize("person", ["huang", "wu", "sales-op", "aud", "ada"])
def test_other_roles_open_nothing(fresh_office: Office, site: Site, person: str) -> None:
    name, seat = contested(fresh_office, site), fresh_office.seat(person)
    assert seat.get("/console/decisions").status_code == 403
    assert seat.post(f"/console/decisions/{name}").status_code == 403


def test_a_person_who_does_not_answer_in_time_becomes_one_finding(fresh_office: Office, site: Site) -> None:
    name, store = contested(fresh_office, site), fresh_office.programme.store
    ((_, asked),) = store.read(decisions.open_reviews)
    assert asked.due_at is not None

    def overdue(at: datetime) -> list[str]:
        store.run(watch_studies, at=at)
        return [one.kind for one in store.read(governance.findings) if one.kind == "review-overdue"]

    assert overdue(asked.due_at - timedelta(seconds=1)) == []
    assert overdue(asked.due_at) == ["review-overdue"]
    assert overdue(asked.due_at + timedelta(hours=1)) == ["review-overdue"]
    fresh_office.clock.ahead = asked.due_at - fresh_office.clock()
    assert name in fresh_office.seat("lin").get("/console/decisions").text


def test_the_site_keeps_a_persons_answer_beside_hers_and_an_audit_counts_hers(tmp_path) -> None:
    store, at = SiteStore(tmp_path / "site.db"), datetime.fromisoformat("2026-11-22T09:00:00+00:00")
    register, desk = Decisions(store), MemberDesk(store)
    decision = Decision("offer", "run-1", "m", "s", "at risk", 30, 0.9, 0.4, ("double-points",), (), None, at)
    (made,) = register.propose([(b"p" * 16, decision)])
    register.settle([made.commitment], {})
    register.told([made.commitment])
    desk.answer_decision(b"p" * 16, made.commitment, "right", words="", at=at)
    desk.review_decision(b"p" * 16, made.commitment, "changed", words=SAID, at=at)
    for whose, outcome in ((b"q" * 16, "changed"), (b"p" * 16, "right")):
        with pytest.raises(MalformedError):
            desk.review_decision(whose, made.commitment, outcome, words=SAID, at=at)  # type: ignore[arg-type]  as a hub that errs would
    (kept,) = register.of_member(b"p" * 16)
    assert [said for said, _, _ in kept.answers] == ["right", "changed"]
    assert register.reached("offer") == {b"p" * 16: "right"}
