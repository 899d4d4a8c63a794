"""Laws: a message of any length arrives as it was, no body is longer than a part, and no other part is taken."""

import pytest
from flwr.app import ConfigRecord, RecordDict
from hypothesis import given
from hypothesis import strategies as st

from federated.errors import MalformedError
from federated.flower import wire
from federated.flower.wire import FIELD, MOST_PARTS, RECORD, Listening, Whole, conversation, pack

AT = (1, 2)


def talk(message: bytes, answer: bytes, *, part: int) -> tuple[bytes, list[bytes], list[int]]:
    """The answer that arrives, what the site heard, and the lengths of all bodies."""
    heard: list[bytes] = []
    lengths: list[int] = []

    def site(said: bytes) -> bytes:
        heard.append(said)
        return answer

    listening, talking = Listening(part=part), conversation(message, part=part)
    sent = next(talking)
    while True:
        came = listening.answer(sent, site, of=AT)
        lengths += [len(one[RECORD].get(FIELD, b"")) for one in (sent, came)]
        try:
            sent = talking.send(came)
        except StopIteration as done:
            return done.value, heard, lengths


@given(message=st.binary(max_size=60), answer=st.binary(max_size=60), part=st.integers(1, 25))
def test_whatever_is_said_arrives_whole_and_in_short_bodies(message: bytes, answer: bytes, part: int) -> None:
    arrived, heard, lengths = talk(message, answer, part=part)
    assert arrived == answer
    assert heard == [message]
    assert max(lengths) <= part


def test_a_message_that_is_too_long_for_all_parts_is_refused_before_it_is_sent() -> None:
    with pytest.raises(MalformedError, match="smaller model"):
        next(conversation(bytes(MOST_PARTS + 1), part=1))


@pytest.mark.parametrize(
    "second",
    [
        {"part": 3, "of": 3, "digest": "d"},
        {"part": 2, "of": 4, "digest": "d"},
        {"part": 2, "of": 3, "digest": "e"},
        {"part": 0, "of": 3, "digest": "d"},
        {"part": True, "of": 3, "digest": "d"},
        {"part": 2, "of": 3},
    ],
)
def test_what_is_not_the_next_part_is_malformed(second: dict[str, object]) -> None:
    whole = Whole()
    assert whole.take(record(part=1, of=3, digest="d")) is None
    with pytest.raises(MalformedError):
        whole.take(record(**second))


def test_parts_that_make_another_message_are_malformed() -> None:
    whole = Whole()
    whole.take(record(part=1, of=2, digest="d"))
    with pytest.raises(MalformedError, match="promised"):
        whole.take(record(part=2, of=2, digest="d"))


def test_a_first_part_begins_anew() -> None:
    """The coordinator asks again after a lost answer: from the beginning."""
    listening = Listening(part=2)
    listening.answer(record(part=1, of=3, digest="d"), bytes, of=AT)
    assert talk(b"hello", b"world", part=2)[0] == b"world"
    assert listening.answer(record(part=1, of=2, digest="e"), bytes, of=AT)[RECORD]["have"] == 1


def test_more_of_an_answer_that_was_never_given_is_malformed() -> None:
    for number in (0, 1, "1"):
        with pytest.raises(MalformedError):
            Listening().answer(RecordDict({RECORD: ConfigRecord({"more": number})}), bytes, of=AT)  # type: ignore[dict-item]


def test_a_site_keeps_the_parts_of_a_few_runs_only() -> None:
    listening = Listening(part=1)
    for run in range(wire.KEPT + 3):
        listening.answer(record(part=1, of=2, digest="d"), bytes, of=(run, 2))
        listening.answer(pack(b"x"), lambda _: b"long", of=(run, 3))
    assert len(listening._coming) == len(listening._going) == wire.KEPT


def record(**fields: object) -> RecordDict:
    return RecordDict({RECORD: ConfigRecord({FIELD: b"x", **fields})})  # type: ignore[dict-item]


def test_a_site_that_begins_its_answer_anew_for_ever_is_not_listened_to_for_ever() -> None:
    talking = conversation(b"said")
    next(talking)
    first = RecordDict({RECORD: ConfigRecord({FIELD: b"x", "part": 1, "of": 2, "digest": "d"})})
    for _ in range(MOST_PARTS):
        talking.send(first)
    with pytest.raises(MalformedError, match="end"):
        talking.send(first)


def test_a_part_that_is_longer_than_parts_are_is_malformed() -> None:
    """Else one hostile site could fill the coordinator's memory: a body may be eight times as long."""
    piece = bytes(wire.PART + 1)
    with pytest.raises(MalformedError, match="at most"):
        Whole().take(RecordDict({RECORD: ConfigRecord({FIELD: piece, "part": 1, "of": 2, "digest": "d"})}))
