"""Law: a reader gets the language she chose, else the nearest that her browser asks for, else English; nothing that a
browser sends breaks the choice."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_center.web.formats import Formats, days_left
from consent_center.web.languages import Language, nearest, negotiate, parse


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("fr,de;q=0.9", "en"),
        ("zh-TW,zh;q=0.9,en;q=0.8", "zh-Hant"),
        ("zh-HK", "zh-Hant"),
        ("zh-CN,zh;q=0.9", "zh-Hans"),
        ("zh", "zh-Hans"),
        ("zh-Hant-CN", "zh-Hant"),
        ("zh-Hans-TW", "zh-Hans"),
        ("en;q=0.5, zh-TW;q=0.6", "zh-Hant"),
        ("en-US,en;q=0.9,zh-TW;q=0.8", "en"),
        ("zh-TW;q=0, zh-CN;q=0.1", "zh-Hans"),
        ("zh_TW", "zh-Hant"),
        ("zh-TW;q=nan", "en"),
        ("zh-TW;q=2", "en"),
    ],
)
def test_the_best_of_what_the_browser_asks_for(header: str | None, language: str) -> None:
    assert negotiate(header).value == language


@given(st.text(max_size=600))
def test_no_header_breaks_the_choice(header: str) -> None:
    assert negotiate(header) in Language
    assert nearest(header) in (None, *Language)


@given(st.text(max_size=10))
def test_only_our_own_three_tags_are_taken_from_cookies(tag: str) -> None:
    assert (parse(tag) is not None) == (tag in {"en", "zh-Hant", "zh-Hans"})


@pytest.mark.parametrize(
    ("language", "day", "minute", "listed"),
    [
        (Language.EN, "22 November 2026", "22 November 2026, 00:30", "a, b"),
        (Language.HANT, "2026年11月22日", "2026年11月22日 00:30", "a、b"),
        (Language.HANS, "2026年11月22日", "2026年11月22日 00:30", "a、b"),
    ],
)
def test_dates_are_written_as_people_write_them_in_the_programmes_zone(
    language: Language, day: str, minute: str, listed: str
) -> None:
    formats = Formats(language=language, zone=ZoneInfo("Asia/Taipei"))
    moment = datetime(2026, 11, 21, 16, 30, tzinfo=UTC)
    assert formats.day(moment) == day
    assert formats.minute(moment) == minute
    assert formats.listed(["a", "b"]) == listed
    assert "T00:30:00+08:00" in formats.time(moment, "x")
    assert formats.month(date(2026, 11, 1)) in ("November 2026", "2026年11月")


@pytest.mark.parametrize(
    ("reader", "english", "chinese"),
    [
        (Language.EN, "English", "Traditional Chinese"),
        (Language.HANT, "英文", "繁體中文"),
        (Language.HANS, "英语", "繁体中文"),
    ],
)
def test_a_language_is_named_in_the_readers_own(reader: Language, english: str, chinese: str) -> None:
    formats = Formats(language=reader, zone=UTC)
    assert (formats.tongue(Language.EN), formats.tongue(Language.HANT)) == (english, chinese)


def test_names_are_escaped_wherever_they_are_joined() -> None:
    formats = Formats(language=Language.EN, zone=UTC)
    assert "<" not in formats.listed(["<b>"]) + formats.beside(["<b>"]) + formats.low("<B>") + formats.cap("<b>")


def test_days_left_are_whole_and_never_negative() -> None:
    at = datetime(2026, 11, 21, tzinfo=UTC)
    assert days_left(datetime(2026, 11, 22, 23, tzinfo=UTC), at=at) == 1
    assert days_left(datetime(2026, 11, 20, tzinfo=UTC), at=at) == 0
