"""Law: a month ends on the day of the same number, or on the month's last day; a person answers within an hour of the
working day. Known answers: Regulation 1182/71 art. 3(2)(c) and GDPR art. 12(3), worked by hand."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_center.rights.deadline import due_at, extended_due_at, person_due_at

TAIPEI = ZoneInfo("Asia/Taipei")


@pytest.mark.parametrize(
    ("asked", "due"),
    [
        ((2026, 11, 3), (2026, 12, 3)),
        ((2026, 1, 31), (2026, 2, 28)),
        ((2028, 1, 31), (2028, 2, 29)),
        ((2026, 12, 15), (2027, 1, 15)),
        ((2026, 3, 31), (2026, 4, 30)),
    ],
)
def test_a_request_is_due_on_the_same_day_of_the_next_month(asked: tuple, due: tuple) -> None:
    found = due_at(datetime(*asked, 12, tzinfo=TAIPEI), zone=TAIPEI)
    assert (found.year, found.month, found.day) == due
    assert found.time() == time.max


def test_an_extension_makes_three_months_in_all() -> None:
    found = extended_due_at(datetime(2026, 11, 30, 12, tzinfo=TAIPEI), zone=TAIPEI)
    assert (found.year, found.month, found.day) == (2027, 2, 28)


def test_the_day_is_the_programmes_day() -> None:
    asked = datetime(2026, 11, 3, 17, tzinfo=UTC)  # 4 November, 01:00 in Taipei
    assert due_at(asked, zone=TAIPEI).day == 4


@given(st.datetimes(datetime(1917, 7, 15), datetime(2027, 1, 20)))  # noqa: DTZ001 - a zone is set below
def test_there_are_always_28_to_32_days(asked: datetime) -> None:
    moment = asked.replace(tzinfo=TAIPEI)
    assert timedelta(days=28) <= due_at(moment, zone=TAIPEI) - moment <= timedelta(days=32)


@pytest.mark.parametrize(
    ("asked", "due"),
    [
        ((2026, 11, 20, 10, 0), (2026, 11, 20, 11, 0)),
        ((2026, 11, 20, 17, 30), (2026, 11, 23, 9, 30)),  # Friday evening -> Monday morning
        ((2026, 11, 21, 12, 0), (2026, 11, 23, 10, 0)),  # Saturday
        ((2026, 11, 20, 7, 0), (2026, 11, 20, 10, 0)),
        ((2026, 11, 20, 17, 0), (2026, 11, 20, 18, 0)),
        ((2026, 11, 20, 18, 0), (2026, 11, 23, 10, 0)),
    ],
)
def test_a_person_is_in_touch_within_an_hour_of_the_working_day(asked: tuple, due: tuple) -> None:
    assert person_due_at(datetime(*asked, tzinfo=TAIPEI), zone=TAIPEI) == datetime(*due, tzinfo=TAIPEI)
