"""The law of verdicts: default no, latest statement wins, every condition alone is enough to refuse.

The numbers in the names are those of the list of invariants that the product promises.
"""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_center.consent.grant import GIVES, PAUSES, STRICTNESS, YES, Act, Said, latest_choice, paused, recorded_at
from consent_center.consent.verdict import Facts, Reason, Switch, Switched, Terms, Verdict, Window, verdict
from tests.consent_center.consent.strategies import MIDNIGHT, facts, moments, saids
from tests.consent_center.world import DAY, NOW, TRAIN

OPEN = Window(NOW - DAY, NOW + DAY)
YES_NOW = Said(Act.GIVEN, NOW - DAY, MIDNIGHT + 5 * DAY, notice=3, entry=1)
GOOD = Facts(
    Terms(contracts=(OPEN,), assessments=(OPEN,), material=((NOW - 2 * DAY, 3),)),
    (YES_NOW,),
)
INSTANT = timedelta(microseconds=1)


def reason(known: Facts, at=NOW) -> Reason:
    return verdict(TRAIN, known, at=at).reason


def test_a_yes_with_everything_in_force_is_allowed_and_names_its_statement():
    assert verdict(TRAIN, GOOD, at=NOW) == Verdict(allowed=True, reason=Reason.ALLOWED, rests_on=YES_NOW)


@given(facts, moments, st.randoms(use_true_random=False))
def test_1_order_of_statements_does_not_matter(known, at, random):
    shuffled = list(known.said)
    random.shuffle(shuffled)
    assert verdict(TRAIN, replace(known, said=shuffled), at=at) == verdict(TRAIN, known, at=at)


@given(facts, moments)
def test_1_what_gives_later_does_not_matter(known, at):
    heard = [one for one in known.said if one.at <= at or one.act not in GIVES]
    switched = [one for one in known.switches if one.at <= at or one.on]
    assert verdict(TRAIN, replace(known, said=heard, switches=switched), at=at) == verdict(TRAIN, known, at=at)


@given(facts, moments, moments, st.sampled_from([act for act in Act if act not in GIVES]))
def test_1_what_takes_away_counts_once_it_is_recorded_whatever_the_clock_that_asks_says(known, at, when, act):
    """A hub whose clock is behind has not reached the moment of a withdrawal that it can already read."""
    stands = [one for one in (*known.said, YES_NOW) if one.at < when]
    assert not verdict(TRAIN, replace(GOOD, terms=Terms(), said=[*stands, Said(act, when)]), at=at).allowed


@pytest.mark.parametrize("act", Act)
def test_1_before_its_moment_each_act_takes_away_or_does_nothing(act):
    resting = act is Act.RESUMED
    before = [YES_NOW, Said(Act.PAUSED, NOW - DAY)] if resting else [YES_NOW]
    ahead = verdict(TRAIN, replace(GOOD, said=[*before, Said(act, NOW + DAY, MIDNIGHT + 5 * DAY, notice=3)]), at=NOW)
    assert ahead.allowed == (act in YES)


@pytest.mark.parametrize("act", Act)
def test_1_only_what_takes_away_is_dated_by_what_was_said_before_it(act):
    """A yes that moved would count from a moment that she never chose."""
    before = [YES_NOW, Said(Act.GIVEN, NOW + DAY)]
    assert recorded_at(act, NOW, before=before) == (NOW if act in GIVES else NOW + DAY)
    assert recorded_at(act, NOW, before=[]) == NOW


@given(facts, moments, moments, st.sampled_from(Switch))
def test_1_a_switch_that_is_on_counts_once_it_is_recorded(known, at, when, switch):
    before = [one for one in known.switches if one.at < when]
    allowing = replace(GOOD, terms=Terms(personalised=True))
    switched = replace(allowing, switches=[*before, Switched(switch, on=True, at=when)])
    assert not verdict(TRAIN, switched, at=at).allowed


@pytest.mark.parametrize("switch", Switch)
def test_1_before_its_moment_a_switch_is_on_or_as_it_was(switch):
    allowing = replace(GOOD, terms=Terms(personalised=True))
    for was, then in ((True, False), (False, True)):
        switches = [Switched(switch, on=was, at=NOW - DAY), Switched(switch, on=then, at=NOW + INSTANT)]
        assert not verdict(TRAIN, replace(allowing, switches=switches), at=NOW).allowed


@given(st.lists(saids(), min_size=1, max_size=6), moments)
def test_1_latest_wins_and_ties_go_to_the_stricter(said, at):
    choice = latest_choice(said, at=at)
    heard = [one for one in said if one.act not in PAUSES and (one.at <= at or one.act not in YES)]
    if choice is None:
        assert not heard
        return
    newest = max(one.at for one in heard)
    assert choice.at == newest
    assert STRICTNESS[choice.act] == max(STRICTNESS[one.act] for one in heard if one.at == newest)


@given(facts, moments)
def test_1_a_withdrawal_said_now_is_always_the_answer(known, at):
    withdrawn = replace(known, said=[*known.said, Said(Act.WITHDRAWN, at)])
    assert not verdict(TRAIN, withdrawn, at=at).allowed


@given(facts, moments)
def test_2_allowed_needs_every_condition(known, at):
    answer = verdict(TRAIN, known, at=at)
    if not answer.allowed:
        assert answer.reason is not Reason.ALLOWED
        return
    terms, choice = known.terms, answer.rests_on
    assert terms is not None
    assert choice is not None
    assert choice.act in YES
    assert choice.at <= at < choice.expires_at
    assert not terms.prohibited
    assert terms.necessary
    assert terms.contracts is None or any(one.begins <= at < one.ends for one in terms.contracts)
    assert terms.assessments is None or any(one.begins <= at < one.ends for one in terms.assessments)
    assert all(choice.notice >= number for published, number in terms.material if published <= at)
    assert not paused(known.said, at=at)
    guarded = known.guarded_until is not None and at < known.guarded_until
    assert choice.guardian == guarded
    assert not (guarded and terms.trains_models)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"terms": None}, Reason.UNKNOWN_ITEM),
        ({"said": ()}, Reason.NEVER_ASKED),
        ({"terms": Terms(prohibited=True)}, Reason.PROHIBITED),
        ({"terms": Terms(necessary=False)}, Reason.NOT_NECESSARY),
        ({"terms": Terms(contracts=())}, Reason.NO_CONTRACT),
        ({"terms": Terms(assessments=())}, Reason.NO_ASSESSMENT),
        ({"terms": Terms(material=((NOW, 4),))}, Reason.NOTICE_CHANGED),
        ({"said": (YES_NOW, Said(Act.PAUSED, NOW))}, Reason.PAUSED),
        ({"switches": (Switched(Switch.RESTRICTED, on=True, at=NOW),)}, Reason.RESTRICTED),
        ({"guarded_until": NOW + INSTANT}, Reason.GUARDIAN_MISSING),
        ({"said": (replace(YES_NOW, guardian=True),)}, Reason.GUARDIAN_ENDED),
        *[
            ({"said": (YES_NOW, Said(act, NOW))}, Reason(act.value))
            for act in Act
            if act not in YES and act not in PAUSES
        ],
    ],
)
def test_2_each_condition_alone_refuses_with_its_reason(change, expected):
    assert reason(replace(GOOD, **change)) is expected


def test_2_windows_hold_from_their_first_instant_until_just_before_their_last():
    edge = replace(GOOD, terms=Terms(contracts=(Window(NOW, NOW + DAY),)))
    assert reason(edge, NOW - INSTANT) is Reason.NO_CONTRACT
    assert reason(edge, NOW) is Reason.ALLOWED
    assert reason(edge, NOW + DAY - INSTANT) is Reason.ALLOWED
    assert reason(edge, NOW + DAY) is Reason.NO_CONTRACT


def test_2_a_yes_ends_at_its_midnight_not_after():
    long = replace(GOOD, terms=Terms())
    ends = YES_NOW.expires_at
    assert reason(long, ends - INSTANT) is Reason.ALLOWED
    assert reason(long, ends) is Reason.EXPIRED


def test_2_a_guarded_member_needs_a_guardian_who_still_stands():
    guarded = replace(
        GOOD, said=(replace(YES_NOW, guardian=True),), guarded_until=NOW + DAY, guardians=(Window(NOW - DAY, NOW),)
    )
    assert reason(guarded, NOW - INSTANT) is Reason.ALLOWED
    assert reason(guarded, NOW) is Reason.GUARDIAN_MISSING
    trains = replace(guarded, terms=replace(GOOD.terms, trains_models=True))
    assert reason(trains, NOW - INSTANT) is Reason.MINOR
    grown = replace(guarded, guarded_until=NOW)
    assert reason(grown, NOW) is Reason.GUARDIAN_ENDED


def test_2_the_switch_bears_on_personalised_purposes_only_and_ties_go_to_on():
    both = (Switched(Switch.NO_PERSONALISED, on=True, at=NOW), Switched(Switch.NO_PERSONALISED, on=False, at=NOW))
    assert reason(replace(GOOD, switches=both)) is Reason.ALLOWED
    assert reason(replace(GOOD, switches=both, terms=Terms(personalised=True))) is Reason.OBJECTED


@given(facts, moments)
def test_7_without_an_explicit_yes_nothing_is_allowed(known, at):
    silent = replace(known, said=[one for one in known.said if one.act not in YES])
    assert not verdict(TRAIN, silent, at=at).allowed


@given(facts, moments, moments)
def test_9_a_material_change_sends_the_item_back(known, at, published):
    if known.terms is None or published > at:
        return
    number = 1 + max([one.notice for one in known.said], default=0)
    changed = replace(known.terms, material=(*known.terms.material, (published, number)))
    assert not verdict(TRAIN, replace(known, terms=changed), at=at).allowed
