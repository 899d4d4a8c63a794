"""A leaf has exactly one spelling; a commitment opens only with its salt; a tag is found only with its key."""

import hashlib
import hmac
import json
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import CommitmentError, LeafError
from audit.log.entry import (
    MAX_INTEGER,
    MAX_LEAF_SIZE,
    commitment,
    decode_leaf,
    encode_leaf,
    subject_tag,
    verify_commitment,
)

INTEGERS = st.integers(-MAX_INTEGER, MAX_INTEGER) | st.sampled_from([MAX_INTEGER, -MAX_INTEGER, 0])
KEYS = st.text(st.characters(max_codepoint=127), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | INTEGERS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
LEAVES = st.dictionaries(KEYS, VALUES, max_size=6)


@given(LEAVES)
def test_reading_a_leaf_gives_what_was_written(mapping):
    assert decode_leaf(encode_leaf(mapping)) == mapping


@given(LEAVES, st.randoms(use_true_random=False))
def test_the_order_of_keys_makes_no_difference(mapping, random):
    shuffled = list(mapping.items())
    random.shuffle(shuffled)
    assert encode_leaf(dict(shuffled)) == encode_leaf(mapping)


@given(LEAVES)
def test_leaves_are_what_rfc8785_writes(mapping):
    rfc8785 = pytest.importorskip("rfc8785")
    assert encode_leaf(mapping) == rfc8785.dumps(mapping)


def test_a_leaf_is_compact_sorted_json():
    leaf = encode_leaf({"v": 1, "k": "run.admitted", "a": [True, None, -3], "n": {"b": "é", "a": '\u0007\n"'}})
    assert leaf == '{"a":[true,null,-3],"k":"run.admitted","n":{"a":"\\u0007\\n\\"","b":"é"},"v":1}'.encode()


def test_mappings_tuples_and_string_enums_are_written_as_what_they_hold():
    class Kind(StrEnum):
        RIGHT = "right"

    leaf = encode_leaf(MappingProxyType({"k": Kind.RIGHT, "m": MappingProxyType({"x": (1, 2)})}))
    assert leaf == b'{"k":"right","m":{"x":[1,2]}}'


@pytest.mark.parametrize(
    "mapping",
    [
        {"x": 0.5},
        {"x": float("nan")},
        {"x": MAX_INTEGER + 1},
        {"x": -MAX_INTEGER - 1},
        {"x": b"bytes"},
        {"x": {1, 2}},
        {"名": 1},
        {1: 1},
        {None: 1},
        {"x": [{"y": object()}]},
        {"x": "\ud800"},
        {"x": "x" * MAX_LEAF_SIZE},
    ],
)
def test_what_has_no_exact_form_is_refused(mapping):
    with pytest.raises(LeafError):
        encode_leaf(mapping)


def test_endless_nesting_is_refused():
    knot: list[object] = []
    knot.append(knot)
    with pytest.raises(LeafError, match="nested"):
        encode_leaf({"x": knot})


def test_the_longest_leaf_is_accepted_and_one_byte_more_is_not():
    room = MAX_LEAF_SIZE - len(b'{"x":""}')
    assert len(encode_leaf({"x": "a" * room})) == MAX_LEAF_SIZE
    with pytest.raises(LeafError, match="longer"):
        encode_leaf({"x": "a" * (room + 1)})


@pytest.mark.parametrize(
    "leaf",
    [
        b"",
        b"[]",
        b"1",
        b"{",
        b'{"a":1} ',
        b' {"a":1}',
        b'{"a": 1}',
        b'{"b":1,"a":1}',
        b'{"a":1,"a":1}',
        b'{"a":1.0}',
        b'{"a":-0}',
        b'{"a":1e2}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":9007199254740992}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":"\\u0041"}',
        b'{"a":"\\/"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xff"}',
        b'\xef\xbb\xbf{"a":1}',
        b'{"\xc3\xa9":1}',
        b'{"a":' + b"[" * 60_000,
        b'{"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        b" " * (MAX_LEAF_SIZE + 1),
    ],
)
def test_every_other_spelling_is_refused(leaf):
    with pytest.raises(LeafError):
        decode_leaf(leaf)


def test_errors_never_repeat_the_value():
    for mapping in ({"name": 2**60}, {"梅": 1}, {"x": b"mei@example.com"}):
        with pytest.raises(LeafError) as refused:
            encode_leaf(mapping)
        assert not any(text in str(refused.value) for text in ("1152921504606846976", "梅", "mei@"))


def test_a_commitment_is_the_hash_of_label_salt_and_payload():
    salt, payload = bytes(range(32)), json.dumps({"purpose": "churn"}).encode()
    committed = commitment(salt, payload)
    assert committed == hashlib.sha256(b"commit/v1" + salt + payload).digest()
    verify_commitment(committed, salt, payload)


@given(st.binary(max_size=20), st.binary(max_size=20), st.binary(min_size=32, max_size=32))
def test_a_commitment_opens_with_its_own_payload_only(payload, other, salt):
    committed = commitment(salt, payload)
    if payload != other:
        with pytest.raises(CommitmentError):
            verify_commitment(committed, salt, other)
    with pytest.raises(CommitmentError):
        verify_commitment(committed, bytes(32) if any(salt) else b"\1" * 32, payload)


def test_a_salt_of_another_length_is_refused_because_it_could_be_moved_into_the_payload():
    for size in (0, 31, 33):
        with pytest.raises(CommitmentError):
            commitment(bytes(size), b"payload")


def test_a_subject_tag_is_the_truncated_mac_of_the_entry():
    key, entry = bytes(range(32)), UUID("12345678-1234-5678-1234-567812345678")
    assert subject_tag(key, entry) == hmac.new(key, entry.bytes, "sha256").digest()[:16]
    assert subject_tag(key, UUID(int=1)) != subject_tag(key, UUID(int=2))


def test_a_short_tag_key_is_refused():
    with pytest.raises(LeafError, match="32 bytes"):
        subject_tag(bytes(31), UUID(int=1))
