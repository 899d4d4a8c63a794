"""Laws: only the pinned key's signature over exactly these bytes, as exactly this kind, verifies."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from federated.errors import MalformedError, SignatureError
from federated.signed import Signed, check, decode, encode, sign

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
KINDS = st.sampled_from(["permit/v1", "cohort/v1", "removals/v1", "approval/v1"])


@given(kind=KINDS, payload=st.binary(max_size=100))
def test_a_signature_verifies_and_survives_its_text(kind: str, payload: bytes) -> None:
    signed = sign(KEY, kind=kind, payload=payload)
    assert Signed.from_text(signed.to_text()) == signed
    assert check(signed, KEY.public_key(), kind=kind) == payload


@given(kind=KINDS, other=KINDS, payload=st.binary(max_size=50), bit=st.integers(0, 511))
def test_anything_else_raises(kind: str, other: str, payload: bytes, bit: int) -> None:
    signed = sign(KEY, kind=kind, payload=payload)
    flipped = bytearray(signed.signature)
    flipped[bit // 8] ^= 1 << bit % 8
    wrong = [
        (signed, OTHER.public_key(), kind),
        (Signed(kind, payload + b"x", signed.signature), KEY.public_key(), kind),
        (Signed(kind, payload, bytes(flipped)), KEY.public_key(), kind),
        (Signed(kind, payload, b""), KEY.public_key(), kind),
    ]
    if other != kind:
        wrong += [
            (signed, KEY.public_key(), other),
            (Signed(other, payload, signed.signature), KEY.public_key(), other),
        ]
    for document, key, expected in wrong:
        with pytest.raises(SignatureError):
            check(document, key, kind=expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "1",
        '{"kind": 1, "payload": "", "signature": ""}',
        '{"kind": "a", "payload": "", "signature": "", "x": 1}',
        '{"kind": "a", "payload": "é", "signature": ""}',
        '{"kind": "a", "payload": null, "signature": ""}',
    ],
)
def test_what_is_not_a_signed_document_is_malformed(text: str) -> None:
    with pytest.raises(MalformedError):
        Signed.from_text(text)


@pytest.mark.parametrize("payload", [b'{"a":1,"a":2}', b"NaN", b'{"a":-Infinity}', b"\xff", b"", b"[" * 10_000])
def test_ambiguous_json_is_malformed(payload: bytes) -> None:
    with pytest.raises(MalformedError):
        decode(payload)


def test_what_is_signed_is_compact_and_sorted() -> None:
    assert encode({"b": [1.5, "é"], "a": None}) == b'{"a":null,"b":[1.5,"\\u00e9"]}'


def test_brackets_without_end_are_no_document_and_no_fault() -> None:
    for text in ("[" * 100_000, '{"kind": ' + "[" * 100_000):
        with pytest.raises(MalformedError):
            Signed.from_text(text)
        with pytest.raises(MalformedError):
            decode(text.encode())
