"""Bits say of every member what her single verdict says, reason included."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent_center.consent.bitmap import Bits, ItemBits
from consent_center.consent.grant import Act, Said
from consent_center.consent.verdict import Facts, Reason, Terms, verdict
from tests.consent_center.consent.strategies import MIDNIGHT, MOMENTS, SECOND, facts, moments, random_facts, terms
from tests.consent_center.world import AGE, DAY, NOW, TRAIN, cases

PEOPLE = st.lists(facts, min_size=1, max_size=6)


def bits_of(facts, *, at):
    """Bits from the facts themselves, one member and item at a time: the slow road that the fast one must equal."""
    by_item = {item: one.terms for (_, item), one in facts.items()}
    bits = Bits(by_item.get)
    for (member, item), one in facts.items():
        notice_from = one.terms.notice_from(at) if one.terms is not None else 0
        bits.items.setdefault(item, ItemBits(notice_from)).put(member, one.said)
        bits.members.put(member, switches=one.switches, guarded_until=one.guarded_until, guardians=one.guardians)
    return bits


@settings(max_examples=cases(40))
@given(PEOPLE, st.none() | terms, moments)
def test_bits_equal_single_verdicts(people, on_file, at):
    known = {(number, TRAIN): replace(one, terms=on_file) for number, one in enumerate(people, 1)}
    bits = bits_of(known, at=at)
    agree(bits, known, at)


def agree(bits, known, at):
    """Bits and single verdicts, for those who said nothing later; nobody is called later who said nothing so."""
    later = bits.later([TRAIN], at=at)
    assert later == {number for (number, _), one in known.items() if spoke_after(one, at)}
    single = {number: verdict(TRAIN, one, at=at) for (number, _), one in known.items() if number not in later}
    assert {number: bits.reason(TRAIN, number, at=at) for number in single} == {
        number: one.reason for number, one in single.items()
    }
    assert set(bits.allowed(TRAIN, at=at)) - later == {number for number, one in single.items() if one.allowed}


def spoke_after(one, at):
    return any(said.at > at for said in (*one.said, *one.switches))


@settings(max_examples=cases(40))
@given(PEOPLE, PEOPLE, terms, terms, moments)
def test_a_cohort_is_the_intersection_of_its_items(first, second, on_file, of_age, at):
    known = {}
    for number, (one, two) in enumerate(zip(first, second, strict=False), 1):
        known[number, TRAIN] = replace(one, terms=on_file)
        shared = {"switches": one.switches, "guarded_until": one.guarded_until, "guardians": one.guardians}
        known[number, AGE] = replace(two, terms=of_age, **shared)
    bits = bits_of(known, at=at)
    later = bits.later([TRAIN, AGE], at=at)
    both = {
        number
        for number, item in known
        if item == TRAIN
        and number not in later
        and verdict(TRAIN, known[number, TRAIN], at=at).allowed
        and verdict(AGE, known[number, AGE], at=at).allowed
    }
    assert set(bits.allowed_all([TRAIN, AGE], at=at)) - later == both
    assert not bits.allowed_all([], at=at)


@settings(max_examples=cases(40))
@given(st.lists(facts, min_size=2, max_size=4), terms, moments)
def test_what_was_said_before_leaves_no_trace(states, on_file, at):
    """One member's bits after any sequence of states, looked at or not, are those of the last state alone."""
    last = {(1, TRAIN): replace(states[-1], terms=on_file)}
    walked = bits_of({(1, TRAIN): replace(states[0], terms=on_file)}, at=at)
    for state in states[1:]:
        walked.items[TRAIN].put(1, state.said)
        walked.members.put(1, switches=state.switches, guarded_until=state.guarded_until, guardians=state.guardians)
        walked.allowed(TRAIN, at=at)
    assert walked.reason(TRAIN, 1, at=at) == bits_of(last, at=at).reason(TRAIN, 1, at=at)
    assert walked.allowed(TRAIN, at=at) == bits_of(last, at=at).allowed(TRAIN, at=at)


@pytest.mark.parametrize("looked_at", [False, True])
def test_a_renewed_yes_is_not_ended_by_the_end_of_the_one_before(looked_at):
    """And the other way round: bits of an end are cleared wherever they are kept."""
    ended = Said(Act.GIVEN, NOW - 3 * DAY, MIDNIGHT - DAY, entry=1)
    renewed = Said(Act.RENEWED, NOW - DAY, MIDNIGHT + 3 * DAY, entry=2)
    bits = bits_of({(1, TRAIN): Facts(Terms(), said=(ended,))}, at=NOW)
    if looked_at:
        assert not bits.allowed(TRAIN, at=NOW)
    bits.items[TRAIN].put(1, (ended, renewed))
    assert set(bits.allowed(TRAIN, at=NOW)) == {1}
    assert bits.reason(TRAIN, 1, at=NOW) is Reason.ALLOWED
    bits.items[TRAIN].put(1, (ended,))
    assert not bits.allowed(TRAIN, at=NOW)
    assert bits.reason(TRAIN, 1, at=NOW) is Reason.EXPIRED


def test_bits_equal_single_verdicts_for_thousands_of_random_members():
    draw = np.random.default_rng(20261122)
    for _ in range(cases(60)):
        at, on_file = MOMENTS[draw.integers(len(MOMENTS))], random_facts(draw).terms
        known = {(number, TRAIN): replace(random_facts(draw), terms=on_file) for number in range(1, 41)}
        bits = bits_of(known, at=at)
        agree(bits, known, at)


def test_a_yes_is_over_from_the_first_instant_of_the_midnight_it_ends_at():
    bits = bits_of({(1, TRAIN): Facts(Terms(), said=(Said(Act.GIVEN, NOW - 2 * DAY, MIDNIGHT),))}, at=MIDNIGHT)
    assert not bits.allowed(TRAIN, at=MIDNIGHT)
    assert set(bits.allowed(TRAIN, at=MIDNIGHT - SECOND)) == {1}
