"""Law: whoever's data is still used is reminded 90 days after she last answered or looked and every 90 days again, once
each time however often somebody asks; nobody is reminded of nothing."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_center.workflows.due_reminders import EVERY, due_reminders, is_due
from tests.portal.test_answers import PURCHASES, TERN
from tests.portal.visitor import House

NOW = datetime(2026, 11, 21, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(("ago", "due"), [(EVERY - SECOND, False), (EVERY, True), (EVERY + SECOND, False)])
def test_a_reminder_is_due_at_the_very_end_of_90_days(ago: timedelta, *, due: bool) -> None:
    assert is_due(NOW - ago, after=NOW - SECOND, at=NOW) is due


@given(st.integers(0, 400 * 24), st.lists(st.integers(0, 400 * 24), min_size=1, max_size=10))
def test_however_often_somebody_asks_each_90_days_remind_once(last: int, asked: list[int]) -> None:
    hours = [0, *sorted(asked), 400 * 24]
    moments = [NOW + timedelta(hours=hour) for hour in hours]
    said = NOW + timedelta(hours=last)
    ends = [said + number * EVERY for number in range(1, 6)]
    for before, now in pairwise(moments):
        assert is_due(said, after=before, at=now) is any(before < end <= now for end in ends)


def test_only_those_whose_data_is_still_used_are_reminded(any_house: House) -> None:
    store, begin = any_house.world.wiring.store, any_house.clock()
    uses, refuses, looks = (any_house.member() for _ in range(3))
    uses.answer(PURCHASES, "allow")
    refuses.answer(TERN, "refuse")
    looks.answer(PURCHASES, "allow")
    any_house.clock.ahead += timedelta(days=60)
    any_house.visitor().sign_in(looks.member)
    due = {
        one.member: one
        for one in store.read(due_reminders, after=begin, at=begin + EVERY + timedelta(minutes=10))
        if one.member in (uses.member, refuses.member, looks.member)
    }
    assert set(due) == {uses.member}
    assert [str(item) for item in due[uses.member].going] == ["purchases/preference/marketing/TW"]


def test_the_first_page_says_what_went_on_while_she_was_away(house: House) -> None:
    member = house.member()
    member.answer(PURCHASES, "allow")
    for days, said in ((89, False), (90, True)):
        house.clock.ahead += timedelta(days=days)
        page = house.visitor().sign_in(member.member).get("/").text
        assert ("1 use of your data has gone on since" in page) is said
