"""Laws: parse(format(message)) == message; any other bytes are malformed, and never anything worse."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from federated.errors import MalformedError, Refusal
from federated.exchange import (
    Opened,
    Refused,
    RoundReply,
    RoundRequest,
    frame,
    kind_of,
    opened_bytes,
    parse_opened,
    parse_order,
    parse_refused,
    parse_reply,
    parse_request,
    refused_bytes,
    reply_bytes,
    request_bytes,
    unframe,
)
from federated.signed import Signed

FLOATS = arrays.arrays(np.float64, st.integers(0, 20), elements=st.floats(allow_nan=False, allow_infinity=False))
COUNTS = arrays.arrays(np.int64, st.integers(0, 20), elements=st.integers(-(2**62), 2**62))
TEXT = st.text(max_size=20)
WHOLE = st.integers(-(2**40), 2**40)
STATEMENT = Signed("removals/v1", b"{}", b"x" * 64)
PARSERS = [parse_order, parse_opened, parse_request, parse_reply, parse_refused, kind_of]


@given(run=TEXT, number=WHOLE, weights=FLOATS, payload=st.none() | st.binary(max_size=50))
def test_a_round_survives_the_wire(run: str, number: int, weights: Any, payload: bytes | None) -> None:
    statement = None if payload is None else Signed("removals/v1", payload, b"x" * 64)
    read = parse_request(request_bytes(RoundRequest(run, number, statement, weights)))
    assert (read.run, read.number, read.statement) == (run, number, statement)
    assert np.array_equal(read.weights, weights)


@given(run=TEXT, number=WHOLE, nonce=TEXT, outputs=st.dictionaries(TEXT, FLOATS | COUNTS, max_size=4))
def test_a_reply_survives_the_wire_exactly(run: str, number: int, nonce: str, outputs: dict[str, Any]) -> None:
    read = parse_reply(reply_bytes(RoundReply(run, number, nonce, "digest", 5, 1, STATEMENT, outputs)))
    assert (read.run, read.number, read.nonce, read.used, read.removed) == (run, number, nonce, 5, 1)
    assert {*read.outputs} == {*outputs}
    for name, output in outputs.items():
        assert read.outputs[name].dtype == output.dtype
        assert read.outputs[name].tobytes() == output.tobytes()


@given(run=TEXT, nonce=TEXT, number=WHOLE)
def test_an_answer_to_an_order_survives_the_wire(run: str, nonce: str, number: int) -> None:
    assert parse_opened(opened_bytes(Opened(run, nonce, number))) == Opened(run, nonce, number)


@pytest.mark.parametrize("code", list(Refusal))
def test_every_code_survives_the_wire(code: Refusal) -> None:
    assert parse_refused(refused_bytes(Refused(code))) == Refused(code)


def test_a_code_of_a_later_version_counts_as_internal() -> None:
    assert parse_refused(frame({"kind": "refused", "code": "from-the-future"})).code is Refusal.INTERNAL
    assert parse_refused(frame({"kind": "refused"})).code is Refusal.INTERNAL


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_malformed_and_nothing_worse(message: bytes) -> None:
    for parse in PARSERS:
        with pytest.raises(MalformedError):
            parse(message)


@given(st.data())
def test_a_reply_cut_or_lengthened_is_malformed(data: st.DataObject) -> None:
    message = reply_bytes(RoundReply("run", 1, "nonce", "digest", 5, 1, STATEMENT, {"gradient": np.arange(4.0)}))
    cut = data.draw(st.integers(0, len(message) - 1))
    for wrong in (message[:cut], message + b"x"):
        with pytest.raises(MalformedError):
            parse_reply(wrong)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_do_not_arrive(number: float) -> None:
    vector = np.array([1.0, number])
    with pytest.raises(MalformedError):
        parse_reply(reply_bytes(RoundReply("run", 1, "nonce", "digest", 5, 1, STATEMENT, {"gradient": vector})))
    with pytest.raises(MalformedError):
        parse_request(request_bytes(RoundRequest("run", 1, None, vector)))


@pytest.mark.parametrize(
    "header",
    [
        {"kind": "reply", "blobs": [-1]},
        {"kind": "reply", "blobs": [True]},
        {"kind": "reply", "blobs": 0},
        {"kind": "reply", "blobs": ["8"]},
        {"blobs": []},
    ],
)
def test_headers_that_count_wrongly_are_malformed(header: dict[str, Any]) -> None:
    from federated.signed import encode

    with pytest.raises(MalformedError):
        unframe(encode(header) + b"\n", kind="reply")


def test_a_reply_with_a_surplus_or_missing_field_is_malformed() -> None:
    good = {"kind": "reply", "run": "r", "number": 1, "nonce": "n", "used_digest": "d", "used": 1, "removed": 0}
    said = [STATEMENT.to_text().encode()]
    parse_reply(frame({**good, "outputs": {}}, said))
    for wrong in ({**good}, {**good, "outputs": {}, "extra": 1}, {**good, "outputs": {}, "used": True}):
        with pytest.raises(MalformedError):
            parse_reply(frame(wrong, said))
