"""Law: one browser, and one address, can post no more forms a minute than is allowed; waiting helps; reading pages is
never slowed down."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_center.app import create_app
from consent_center.web.pace import Pace, TooFastError
from tests.portal.visitor import House


def test_a_minute_of_forms_and_not_one_more_then_one_for_each_share_of_a_minute() -> None:
    now = [0.0]
    pace = Pace(browser_a_minute=60, address_a_minute=10_000, seconds=lambda: now[0])
    for _ in range(60):
        pace.count(browser="a", address="x")
    with pytest.raises(TooFastError) as refused:
        pace.count(browser="a", address="x")
    assert refused.value.retry_after_s == 1
    pace.count(browser="b", address="x")
    now[0] = 1.0
    pace.count(browser="a", address="x")
    with pytest.raises(TooFastError):
        pace.count(browser="a", address="x")


def test_half_a_share_is_none_and_nobody_saves_up_more_than_a_minute() -> None:
    now = [0.0]
    pace = Pace(browser_a_minute=60, address_a_minute=10_000, seconds=lambda: now[0])
    for since in (0.0, 3600.0):
        now[0] = since
        for _ in range(60):
            pace.count(browser="a", address="x")
        now[0] += 0.5
        with pytest.raises(TooFastError):
            pace.count(browser="a", address="x")


def test_new_browsers_by_the_thousand_make_nobody_forgotten() -> None:
    pace = Pace(browser_a_minute=1, address_a_minute=100_000, seconds=lambda: 0.0)
    for number in range(10_002):
        pace.count(browser=f"{number}", address="x")
    with pytest.raises(TooFastError):
        pace.count(browser="1", address="x")


def test_a_browser_without_a_cookie_is_counted_by_its_address() -> None:
    pace = Pace(browser_a_minute=60, address_a_minute=3, seconds=lambda: 0.0)
    for number in range(3):
        pace.count(browser=None if number else f"new {number}", address="x")
    with pytest.raises(TooFastError):
        pace.count(browser="another", address="x")
    pace.count(browser=None, address="y")


@given(st.lists(st.floats(0, 5), max_size=200))
def test_no_timing_lets_more_through_than_a_minute_and_what_refilled(waits: list[float]) -> None:
    now, taken = [0.0], 0
    pace = Pace(browser_a_minute=30, address_a_minute=10_000, seconds=lambda: now[0])
    for wait in waits:
        now[0] += wait
        try:
            pace.count(browser="a", address="x")
        except TooFastError:
            continue
        taken += 1
    assert taken <= 30 + now[0] * 0.5 + 1e-6


def test_too_many_forms_are_answered_with_a_page_that_says_to_wait_and_store_nothing(house: House) -> None:
    before = house.app
    tight = replace(house.world.wiring, pace=Pace(browser_a_minute=2, seconds=lambda: 0.0))
    house.app = create_app(house.world.settings, wiring=tight)
    try:
        member = house.visitor().sign_in(house.member().member)
        for _ in range(2):
            member.submit("/limits", "/limits", most="3")
        answer = member.submit("/limits", "/limits", most="9")
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "30")
        assert "Wait a minute" in answer.text
        page = member.get("/limits")
        assert page.status_code == 200
        assert 'value="3"' in page.text
    finally:
        house.app = before
