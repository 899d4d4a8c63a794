"""Hubs' clocks differ: once one has recorded what takes away, none answers yes, until she says yes again."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent_center.consent.grant import GIVES, Act
from consent_center.consent.verdict import Switch
from consent_center.errors import SupersededError
from consent_center.storage.transaction import Store
from consent_center.studies.person import Person
from consent_center.studies.roles import Role
from consent_center.workflows.ask_verdict import ask_verdict
from consent_center.workflows.ask_verdicts import Questions, ask_verdicts
from consent_center.workflows.make_statements import make_statements
from consent_center.workflows.read_member import read_member
from consent_center.workflows.register_member import register_members
from consent_center.workflows.set_switch import set_switch
from consent_center.workflows.show_choices import show_choices
from tests.consent_center.world import NOW, OFFER, cases, found, said

SKEWS = tuple(timedelta(seconds=skew) for skew in (0, 7, -7))
"""By how much the clock of each hub is wrong."""

MUTE = [act for act in Act if act not in (Act.REVOKED, Act.INVALIDATED)]
steps = st.lists(
    st.tuples(
        st.sampled_from(range(len(SKEWS))),
        st.sampled_from([*MUTE, Act.GIVEN, Act.GIVEN, Act.WITHDRAWN, "on", "off"]),
        st.sampled_from([0, 1, 5, 20]),
    ),
    min_size=2,
    max_size=10,
)


@pytest.fixture
def founded(small_store):
    found(small_store, members=1)
    return small_store


def answers(store: Store, member: str, moment) -> set[str]:
    """What every hub answers at this true moment, asked singly and in a batch."""
    single = {store.read(ask_verdict, member, [OFFER], at=moment + skew)[0].reason.value for skew in SKEWS}
    return single | {
        store.read(ask_verdicts, Questions.of([(member, OFFER)]), at=moment + skew)[0].value for skew in SKEWS
    }


@settings(max_examples=cases(25), suppress_health_check=list(HealthCheck))
@given(steps)
def test_what_takes_away_binds_every_hub_at_once_and_for_good(founded, played):
    store, moment = founded, NOW
    member = store.run(register_members, [None], at=NOW)[0]
    yes = resting = objected = False  # as she herself would tell it, in the true order of things
    for hub, act, later in played:
        moment += timedelta(seconds=later)
        at = moment + SKEWS[hub]
        if act in ("on", "off"):
            store.run(set_switch, member, Switch.NO_PERSONALISED, on=act == "on", at=at)
            objected = act == "on" or (objected and "objected" in answers(store, member, moment + timedelta(hours=1)))
        else:
            try:
                store.run(make_statements, [said(member, act, OFFER)], at=at)
            except SupersededError:
                assert act in GIVES
                continue
            if act in (Act.PAUSED, Act.RESUMED):
                resting = act is Act.PAUSED or (
                    resting and "paused" in answers(store, member, moment + timedelta(hours=1))
                )
            else:
                yes = act in GIVES
        if not yes or resting or objected:
            for when in (moment, moment + timedelta(seconds=8), moment + timedelta(hours=1)):
                assert "allowed" not in answers(store, member, when)


def test_a_withdrawal_by_a_hub_that_is_behind_is_kept_and_a_later_yes_counts_again(founded):
    member = founded.run(register_members, [None], at=NOW)[0]
    ahead, behind = NOW + timedelta(seconds=10), NOW
    founded.run(make_statements, [said(member, Act.GIVEN, OFFER)], at=ahead)
    (kept,) = founded.run(make_statements, [said(member, Act.WITHDRAWN, OFFER)], at=behind)
    assert kept.statement.at == ahead, "not older than what it takes back"
    assert answers(founded, member, ahead + timedelta(days=1)) == {"withdrawn"}
    with pytest.raises(SupersededError):
        founded.run(make_statements, [said(member, Act.GIVEN, OFFER)], at=behind + timedelta(seconds=1))
    again = ahead + timedelta(seconds=1)
    founded.run(make_statements, [said(member, Act.GIVEN, OFFER)], at=again)
    assert answers(founded, member, again + timedelta(minutes=1)) == {"allowed"}


@pytest.mark.parametrize("act", [Act.PAUSED, Act.WITHDRAWN])
def test_what_a_hub_that_is_ahead_kept_is_drawn_by_one_that_is_behind(founded, act):
    """She and whoever reads about her see what binds, also in the seconds before its moment."""
    member = founded.run(register_members, [None], at=NOW)[0]
    ahead, behind = NOW + timedelta(seconds=10), NOW
    founded.run(make_statements, [said(member, Act.GIVEN, OFFER)], at=behind - timedelta(seconds=10))
    founded.run(make_statements, [said(member, act, OFFER)], at=ahead)
    stand = founded.read(show_choices, member, at=behind).stands[OFFER]
    assert (stand.verdict.allowed, stand.paused) == (False, act is Act.PAUSED)
    chen = Person("chen", "Chen", "programme", frozenset({Role.COMPLIANCE}))
    seen = founded.run(read_member, member, person=chen, reason="she asked us to look", at=behind)
    assert [one.act for one in seen.items] == [act.value]


def test_a_switch_that_a_hub_that_is_behind_switches_on_stays_on(founded):
    member = founded.run(register_members, [None], at=NOW)[0]
    ahead, behind = NOW + timedelta(seconds=10), NOW
    founded.run(make_statements, [said(member, Act.GIVEN, OFFER)], at=behind)
    founded.run(set_switch, member, Switch.NO_PERSONALISED, on=False, at=ahead)
    founded.run(set_switch, member, Switch.NO_PERSONALISED, on=True, at=behind)
    assert answers(founded, member, ahead + timedelta(days=1)) == {"objected"}
    founded.run(set_switch, member, Switch.NO_PERSONALISED, on=False, at=ahead + timedelta(seconds=1))
    assert answers(founded, member, ahead + timedelta(days=1)) == {"allowed"}
