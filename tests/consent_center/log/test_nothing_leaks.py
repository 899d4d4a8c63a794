"""Whatever is written about members: it is in no leaf, tile, bundle, log line or error, nor in clear on the disk."""

import base64
import json
import logging
import traceback
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent_center.errors import EventError, StorageError
from consent_center.events import KINDS, Event
from consent_center.storage import entries
from consent_center.storage.bulk import insert_rows
from consent_center.storage.members import MemberRow
from consent_center.storage.switches import SwitchRow
from tests.consent_center.log.conftest import verified
from tests.consent_center.test_events import GOOD
from tests.consent_center.world import NOW, found

NAMES = ("Mei-Lin Chen", "O'Brien-Ngũgĩ", "陳美玲女士", "王小明 先生", "Zoë Müller", "ﷺ ﷽ ﷺ", "mei\u202enehc")
HOSTILE = st.one_of(
    st.sampled_from(NAMES),
    st.emails(),
    st.from_regex(r"\+886-9\d{2}-\d{3}-\d{3}", fullmatch=True),
    st.text(st.characters(codec="utf-8", categories=["Lo"]), min_size=6, max_size=40),
    st.sampled_from(["'; DROP TABLE entry; --", "<script>alert(1)</script>", "tile/0/../../../etc/passwd", "x" * 5000]),
)


def spellings(text: str) -> list[bytes]:
    """How a text could stand in a file."""
    plain = text.encode()
    escaped = json.dumps(text)[1:-1].encode()
    return [plain, escaped, text.encode("utf-16-le"), plain.hex().encode(), base64.b64encode(plain)[:-4]]


def holds(data: bytes, text: str) -> bool:
    return any(one in data for one in spellings(text))


def hostile_events(text: str, number: int) -> list[Event]:
    """One event of every kind, with a payload that must not be seen."""
    made = []
    for name, kind in KINDS.items():
        public = {field: GOOD[check.__name__] for field, check in kind.public.items()}
        private = {"note": text, "of": {text: [text]}}
        made.append(Event.of(name, public=public, private=private, member=number if kind.member_class else None))
    return made


@settings(max_examples=2, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(HOSTILE, min_size=1, max_size=2))
def test_no_kind_of_event_shows_its_payload_anywhere(small_store, tmp_path, new_publisher, caplog, texts):
    caplog.set_level(logging.DEBUG)
    if not small_store.read(entries.last_id):
        found(small_store, members=1)
    for text in texts:
        small_store.run(lambda tx, at, text=text: tx.append_all(hostile_events(text, 1), at=at), at=NOW)
    assert new_publisher(small_store).flush() == verified(tmp_path / "log") == small_store.read(entries.last_id)
    last = small_store.read(entries.last_id)
    _, payload = small_store.read(entries.opened, 0, last)
    assert holds(payload, texts[-1]), "the control: her keys open it"
    files = [place for place in tmp_path.rglob("*") if place.is_file()]
    assert {"checkpoint", "accord.db"} <= {place.name for place in files}
    assert any(place.parent.name in ("entries", "000.p") for place in files)
    for place in files:
        data = place.read_bytes()
        assert not [text for text in texts if holds(data, text)], place
    for leaf in small_store.read(entries.leaves_since, 0):
        assert not [text for text in texts if holds(leaf, text)]
    for text in texts:
        assert not holds(caplog.text.encode(), text)


@settings(max_examples=15)
@given(text=HOSTILE)
def test_a_refused_field_is_not_repeated_in_the_refusal(text):
    for name, kind in KINDS.items():
        public = {field: GOOD[check.__name__] for field, check in kind.public.items()}
        values = (text, [text], {text: text})
        tries = [
            {**public, field: value} for field in public for value in values if not kind.public[field](value)
        ]  # a lower-case word may be a code; what names and addresses have, no check lets through (see test_events)
        for given_public in [*tries, {**public, text: text}]:
            with pytest.raises(EventError) as refused:
                Event.of(name, public=given_public, member=1 if kind.member_class else None)
            assert not holds(repr(refused.value).encode(), text)
    with pytest.raises(EventError) as refused:
        Event.of(text)
    assert not holds(str(refused.value).encode(), text)


def test_what_the_database_refuses_is_not_repeated_in_the_error(store, caplog):
    caplog.set_level(logging.DEBUG)
    found(store, members=1)
    of_switch = ("entry_id", "member_no", "switch", "is_on", "at", "source")

    def without_entry(tx, text, *, at):
        insert_rows(tx, SwitchRow, of_switch, [(10**9, 1, text, True, 0, text)])

    def twice(tx, text, *, at):
        told = Event.of("staff.acted", public={"action": "a", "role": "b", "subject": "c"})
        made = enumerate(tx.append_all([told, told], at=at), 900)
        insert_rows(tx, MemberRow, ("no", "member", "registered_at", "entry_id"), [(no, text, 0, e) for no, e in made])

    for text in NAMES:
        for workflow in (without_entry, twice):
            with pytest.raises(StorageError) as refused:
                store.run(workflow, text, at=NOW)
            logging.getLogger("test").error("it failed", exc_info=refused.value)
            assert not holds("".join(traceback.format_exception(refused.value)).encode(), text)
    assert "it failed" in caplog.text
    assert "StorageError" in caplog.text
    assert not [text for text in NAMES if holds(caplog.text.encode(), text)]


def test_the_harness_would_find_a_payload_in_a_file(tmp_path):
    for text in NAMES:
        for number, spelling in enumerate(spellings(text)):
            place = Path(tmp_path / f"{number}")
            place.write_bytes(b"before" + spelling + b"after")
            assert holds(place.read_bytes(), text)
