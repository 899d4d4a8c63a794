"""Packed bits never lose what was committed beside them: by a slower clock, or in an older snapshot."""

from datetime import timedelta

from consent_center.consent.grant import Act
from consent_center.consent.verdict import Switch
from consent_center.storage import bits, cohorts, members
from consent_center.workflows.ask_verdicts import Questions, ask_verdicts
from consent_center.workflows.make_statements import make_statements
from consent_center.workflows.set_switch import set_switch
from tests.consent_center.world import NOW, OFFER, TRAIN, found, said

SECOND = timedelta(seconds=1)


def test_a_withdrawal_that_a_slower_question_overtook_is_seen_by_the_next_one(store):
    mei, *_ = found(store)
    store.run(make_statements, [said(mei, Act.GIVEN, TRAIN)], at=NOW)
    question = Questions.of([(mei, TRAIN)])
    assert store.read(ask_verdicts, question, at=NOW)[0].value == "allowed"
    store.run(make_statements, [said(mei, Act.WITHDRAWN, TRAIN)], at=NOW + SECOND)
    store.read(ask_verdicts, question, at=NOW)
    assert store.read(ask_verdicts, question, at=NOW + SECOND)[0].value == "withdrawn"


def test_an_older_snapshot_never_brings_back_a_yes(store):
    mei, *_ = found(store)
    store.run(make_statements, [said(mei, Act.GIVEN, TRAIN), said(mei, Act.GIVEN, OFFER)], at=NOW)
    with store.snapshot() as older:
        bits._mark(older)
        store.run(make_statements, [said(mei, Act.WITHDRAWN, TRAIN)], at=NOW + SECOND)
        store.read(ask_verdicts, Questions.of([(mei, OFFER)]), at=NOW + SECOND)
        assert not bits.fresh(older, [TRAIN], at=NOW + SECOND).bits.allowed(TRAIN, at=NOW + SECOND), "it looked anew"
        assert bits._mark(older) == store._warm["bits"].mark
    assert store.read(ask_verdicts, Questions.of([(mei, TRAIN)]), at=NOW + SECOND)[0].value == "withdrawn"


def test_a_cohort_of_a_moment_leaves_out_who_agreed_or_took_back_later(small_store):
    """A question carries the moment it arrived at: a yes said after it does not count, what takes away always does."""
    mei, ann, eve = found(small_store)
    small_store.run(make_statements, [said(mei, Act.GIVEN, OFFER), said(ann, Act.GIVEN, OFFER)], at=NOW)

    class Plan:
        country = "TW"
        uses = (type("Use", (), {"purpose": OFFER.purpose, "scopes": (OFFER.scope,)}),)

    def cohort(at):
        return {one.member for one in small_store.read(cohorts.cohort_members, OFFER.recipient, Plan, at=at)}

    small_store.run(make_statements, [said(eve, Act.GIVEN, OFFER)], at=NOW + SECOND)
    small_store.run(set_switch, mei, Switch.NO_PERSONALISED, on=True, at=NOW + SECOND)
    small_store.run(make_statements, [said(ann, Act.WITHDRAWN, OFFER)], at=NOW + 2 * SECOND)
    assert cohort(NOW + 2 * SECOND) == {eve}
    assert cohort(NOW + SECOND) == {eve}
    assert not cohort(NOW)


def test_bits_of_another_history_are_thrown_away(small_store):
    """A database that is put back as it was has a smaller mark than the bits; nothing they knew is believed."""
    mei, *_ = found(small_store)
    question = Questions.of([(mei, TRAIN)])
    assert small_store.read(ask_verdicts, question, at=NOW)[0].value == "never-asked"
    warm = small_store._warm["bits"]
    warm.bits.items[TRAIN].yes.add(small_store.read(members_number, mei))
    warm.mark = (10**6,)
    assert small_store.read(ask_verdicts, question, at=NOW)[0].value == "never-asked"


def members_number(tx, member):
    return members.get(tx, member).no
