"""What is said or asked at once ends as if one had come first: the withdrawal stands, the first noise is kept."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from threading import Barrier

import numpy as np

from consent_center.consent.grant import Act
from consent_center.consent.verdict import Reason
from consent_center.errors import IdempotencyError, RuleError, SupersededError
from consent_center.events import Event
from consent_center.storage import decisions, members
from consent_center.storage.decisions import Made
from consent_center.workflows.answer_decision import OUTCOMES, answer_decision, review_decision
from consent_center.workflows.ask_verdict import ask_verdict
from consent_center.workflows.ask_verdicts import Questions, ask_verdicts
from consent_center.workflows.give_consent import give_consent
from consent_center.workflows.preview_cohort import preview_cohort
from consent_center.workflows.sign_in import begin, take_begun
from consent_center.workflows.speak import Spoken, speak_each
from consent_center.workflows.withdraw_consent import withdraw_consent
from tests.consent_center.world import ANSWERED, DAY, NOW, TRAIN, found, said

PAIRS = 12


def test_a_yes_and_a_withdrawal_at_once_end_in_the_withdrawal(store):
    people = found(store, members=PAIRS)

    def say(workflow, member, together):
        together.wait(30)
        try:
            store.run(workflow, member, [TRAIN], **ANSWERED, at=NOW)
        except SupersededError:
            return workflow is give_consent
        return True

    with ThreadPoolExecutor(2 * PAIRS) as pool:
        told = []
        for member in people:
            together = Barrier(2)
            told += [pool.submit(say, workflow, member, together) for workflow in (give_consent, withdraw_consent)]
        assert all(one.result(60) for one in told), "only a yes may be told that it came too late"
    single = [store.read(ask_verdict, member, [TRAIN], at=NOW)[0].reason for member in people]
    assert set(single) == {Reason.WITHDRAWN}
    assert store.read(ask_verdicts, Questions.of([(member, TRAIN) for member in people]), at=NOW) == single


def test_of_requests_gathered_under_one_key_the_first_counts_and_another_one_is_refused(small_store):
    """However they fall into one transaction: each is asked as if it had come alone, after those before it."""
    mei, *_ = found(small_store)

    def spoken(act, *, key="one", token="t"):
        return Spoken(said(mei, act, TRAIN), "", False, token, key, act.encode(), lambda kept: str(kept.entry))

    first, again, other, stranger, unkeyed = small_store.run(
        speak_each,
        [
            spoken(Act.REFUSED),
            spoken(Act.REFUSED),
            spoken(Act.WITHDRAWN),
            spoken(Act.WITHDRAWN, token="u"),
            spoken(Act.REFUSED, key=""),
        ],
        at=NOW,
    )
    assert first == again
    assert isinstance(other, IdempotencyError)
    assert len({first, stranger, unkeyed}) == 3


def test_previews_asked_for_at_once_tell_the_same_band(store):
    """Each brings noise of its own; only the first is kept, or asking often would average it away."""
    found(store, members=PAIRS)
    together = Barrier(8)

    def ask(number):
        together.wait(30)
        return store.run(preview_cohort, "sales", [TRAIN], noise=Loud(number), at=NOW)

    with ThreadPoolExecutor(8) as pool:
        bands = list(pool.map(ask, range(8), timeout=60))
    assert len(set(bands)) == 1
    assert store.run(preview_cohort, "sales", [TRAIN], noise=Loud(99), at=NOW) == bands[0]


def test_what_a_browser_began_is_taken_once_however_many_bring_it_back_at_once(store):
    """Else one answer of a passkey, or of an identity provider, would sign two browsers in."""
    together = Barrier(8)

    def take(_):
        together.wait(30)
        return store.run(take_begun, holder=b"h" * 32, kind="passkey-get", at=NOW)

    for number in range(3):
        store.run(begin, holder=b"h" * 32, kind="passkey-get", payload=str(number), at=NOW)
        with ThreadPoolExecutor(8) as pool:
            taken = list(pool.map(take, range(8), timeout=60))
        assert [one for one in taken if one is not None] == [str(number)]


def test_sites_that_ask_at_once_never_all_get_the_last_decision_that_she_allows(store):
    together = Barrier(6)
    people = found(store)

    def clear(tx, name, member, *, at):
        number = members.get(tx, member).no
        if decisions.told_since(tx, [number], since=NOW - DAY):
            return False
        entry = tx.append(Event("decision.made", {}, {}, number), at=at)
        decisions.add(tx, Made(name, member, "sales", "run", "offer", at), number, entry=entry)
        return True

    def ask(name, member):
        together.wait(30)
        return store.run(clear, name, member, at=NOW)

    for member in people:
        with ThreadPoolExecutor(6) as pool:
            asked = [pool.submit(ask, f"{member}{number}", member) for number in range(6)]
            assert sum(one.result(60) for one in asked) == 1


def test_of_two_people_who_answer_her_at_once_one_does(store):
    people = found(store, members=6)

    def decide(tx, *, at):
        for member in people:
            number = members.get(tx, member).no
            entry = tx.append(Event("decision.made", {}, {}, number), at=at)
            decisions.add(tx, Made(member, member, "sales", "run", "offer", at), number, entry=entry)

    def review(member, outcome, together):
        together.wait(30)
        try:
            store.run(review_decision, member, reviewer="chen", outcome=outcome, words="We looked at it again.", at=NOW)
        except RuleError:
            return 0
        return 1

    store.run(decide, at=NOW)
    for member in people:
        store.run(answer_decision, member, member, answer="unfair", words="", zone=UTC, at=NOW)
    with ThreadPoolExecutor(2) as pool:
        for member in people:
            together = Barrier(2)
            asked = [pool.submit(review, member, outcome, together) for outcome in OUTCOMES]
            assert sum(one.result(60) for one in asked) == 1


class Loud:
    """Noise so different at each draw that no two bands are the same."""

    def __init__(self, number: int) -> None:
        self.number = number

    def discrete_laplace(self, shape, *, epsilon):
        del epsilon
        return np.full(shape, 60 * 3**self.number)
