"""Law: hashing and multiplying agree with RFC 9497, so any implementation of it can take the other side."""

import pytest

from federated.errors import MalformedError
from federated.linkage.ristretto import Hasher, multiply, random_scalar

# RFC 9497, appendix A.1.1: ristretto255-SHA512, mode OPRF.
TAG = b"HashToGroup-OPRFV1-\x00-ristretto255-SHA512"
KEY = bytes.fromhex("5ebcea5ee37023ccb9fc2d2019f9d7737be85591ae8652ffa9ef0f4d37063b0e")
BLIND = bytes.fromhex("64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706")
VECTORS = [
    (
        "00",
        "609a0ae68c15a3cf6903766461307e5c8bb2f95e7e6550e1ffa2dc99e412803c",
        "7ec6578ae5120958eb2db1745758ff379e77cb64fe77b0b2d8cc917ea0869c7e",
    ),
    (
        "5a" * 17,
        "da27ef466870f5f15296299850aa088629945a17d1f5b7f5ff043f76b3c06418",
        "b4cbf5a4f1eeda5a63ce7b77c7d23f461db3fcab0dd28e4e17cecb5c90d02c25",
    ),
]


@pytest.mark.parametrize(("message", "blinded", "evaluated"), VECTORS)
def test_the_published_vectors_hold(message: str, blinded: str, evaluated: str) -> None:
    point = multiply(BLIND, Hasher(TAG).point(bytes.fromhex(message)))
    assert point.hex() == blinded
    assert multiply(KEY, point).hex() == evaluated


def test_another_domain_gives_another_point() -> None:
    assert Hasher(b"one").point(b"member") != Hasher(b"two").point(b"member")
    # The tag's length is hashed too, so no message can stand in for a part of a tag.
    assert Hasher(b"ab").point(b"c") != Hasher(b"a").point(b"bc")


@pytest.mark.parametrize("point", [bytes(32), b"\xff" * 32, b"\x01" + bytes(31), bytes(31), b""])
def test_bytes_that_are_no_point_are_refused(point: bytes) -> None:
    with pytest.raises(MalformedError):
        multiply(random_scalar(), point)


@pytest.mark.parametrize("tag", [b"", b"x" * 256])
def test_a_tag_has_one_to_255_bytes(tag: bytes) -> None:
    with pytest.raises(MalformedError):
        Hasher(tag)
