"""Whatever is put into an event, a leaf shows only its kind's allow-list, and of a member class and month alone."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.log.entry import decode_leaf, encode_leaf
from consent_center.errors import EventError
from consent_center.events import KINDS, Event, leaf_of, payload_of, utc_second

AT = datetime(2026, 11, 21, 9, 30, 15, 999_999, tzinfo=UTC)
ENTRY = UUID(int=5)
HOSTILE = ("Mei-Lin Chen", "mei@example.org", "陳美玲", "0912-345-678", "a b", "x\n", "\ud800", "<b>", "a" * 5000, "ï")
GOOD = {
    "code": "churn-model",
    "account_name": "site/sales/purpose/churn",
    "codes": ["churn-model"],
    "digest": "ab" * 32,
    "digest_or_none": "",
    "digests": {"sales": "ab" * 32},
    "whole": 3,
    "yes_no": True,
    "verdict_word": "PASS",
    "second": "2026-11-21T09:30:15Z",
    "reasons": {"sales": "policy"},
}
ABOUT_MEMBERS = sorted(name for name, kind in KINDS.items() if kind.member_class)
OTHERS = sorted(set(KINDS) - set(ABOUT_MEMBERS))


@pytest.mark.parametrize("name", ABOUT_MEMBERS)
def test_a_members_leaf_shows_version_class_and_month_only(name):
    event = Event.of(name, private={"note": "陳美玲 mei@example.org", "at_site": "sales"}, member=77)
    leaf = leaf_of(event, at=AT, entry=ENTRY, committed=b"\x01" * 32, tag=b"\x02" * 16)
    shown = decode_leaf(leaf)
    assert shown == {
        "v": 1,
        "class": KINDS[name].member_class,
        "month": "2026-11",
        "id": ENTRY.hex,
        "tag": "02" * 16,
        "commitment": "01" * 32,
    }
    assert leaf == encode_leaf(shown)
    with pytest.raises(EventError):
        leaf_of(event, at=AT, entry=ENTRY, committed=None, tag=None)
    with pytest.raises(EventError):
        Event.of(name, public={"study": "x"}, member=1)
    with pytest.raises(EventError):
        Event.of(name)


@pytest.mark.parametrize("name", OTHERS)
def test_other_leaves_show_their_fields_and_refuse_every_hostile_value(name):
    public = {field: GOOD[check.__name__] for field, check in KINDS[name].public.items()}
    event = Event.of(name, public=public, private={"who": "陳美玲"})
    leaf = leaf_of(event, at=AT, entry=ENTRY, committed=b"\x01" * 32, tag=None)
    shown = decode_leaf(leaf)
    assert set(shown) == {"v", "kind", "at", "id", "commitment", *public}
    assert shown["at"] == "2026-11-21T09:30:15Z"
    assert "陳" not in leaf.decode()
    for field in public:
        for value in (*HOSTILE, [HOSTILE[0]], {"sales": HOSTILE[1]}, {HOSTILE[2]: "ab" * 32}, 1.5, -1, 2**53, None):
            with pytest.raises(EventError):
                Event.of(name, public={**public, field: value})
    with pytest.raises(EventError):
        Event.of(name, public={**public, "name": "mei"})
    with pytest.raises(EventError):
        Event.of(name, public=public, member=1)


def test_kinds_are_closed():
    with pytest.raises(EventError):
        Event.of("anything.else")


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3))
def test_a_payload_holds_everything_and_is_the_same_for_the_same_event(private):
    try:
        event = Event.of("statement.made", private=private, member=1)
        first = payload_of(event, at=AT)
    except UnicodeEncodeError:
        return
    assert first == payload_of(Event.of("statement.made", private=dict(reversed(private.items())), member=1), at=AT)


def test_times_need_a_zone():
    with pytest.raises(EventError):
        utc_second(datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point


def test_the_reference_lists_every_kind_with_what_its_leaf_shows():
    page = Path(__file__).parents[2] / "docs/reference/log-entries.md"
    rows = [line.split(" | ") for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    said = {row[0].strip("|` "): row[1] for row in rows}
    assert said == {
        name: kind.member_class or ", ".join(f"`{field}`" for field in kind.public) for name, kind in KINDS.items()
    }
