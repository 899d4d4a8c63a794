"""Laws: a masked vector is uniform, whatever is under it; masks, keys and shares are those of their RFCs and papers."""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from federated.errors import MalformedError
from federated.secure_sum import masks, shares
from federated.secure_sum.masks import add_mask, agreed
from tests.federated.secure_sum.sums import seed_of, started, vectors

VECTORS = Path(__file__).parents[2] / "vectors" / "secure_sum.json"


def uniform(words: np.ndarray) -> bool:
    """Does each byte of each word look uniform, for one fixed transcript?"""
    for column in words.view(np.uint8).reshape(words.size, words.itemsize).T:
        counts = np.bincount(column, minlength=256)
        expected = words.size / 256
        if chi2.sf(((counts - expected) ** 2 / expected).sum(), 255) < 1e-6:
            return False
    return True


@pytest.mark.parametrize("bits", [32, 64])
def test_one_sites_masked_vector_is_uniform(bits: int) -> None:
    sum_ = started(3)
    sum_.mask({"site-00": np.full(50_000, 12_345)}, bits=bits)  # type: ignore[arg-type]
    assert uniform(sum_.words["site-00"])


@pytest.mark.parametrize("broken", ["no mask", "narrow mask", "one mask for two sites"])
def test_the_statistical_test_catches_planted_breaks(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = masks.add_mask

    def wrong(vector: np.ndarray, seed: bytes, *, negative: bool = False) -> None:
        if broken == "narrow mask":
            narrow = np.zeros(vector.size, dtype=np.uint32)
            right(narrow, seed, negative=negative)
            vector += narrow
        elif broken == "one mask for two sites":
            right(vector, bytes(32), negative=negative)

    monkeypatch.setattr("federated.secure_sum.protocol.add_mask", wrong)
    sum_ = started(3)
    sum_.mask({site: np.full(50_000, 12_345) for site in sum_.occasion.sites})
    seen = sum_.words["site-00"]
    if broken == "one mask for two sites":
        seen = seen - sum_.words["site-01"]
    assert not uniform(seen)


def test_the_difference_of_two_masked_vectors_is_uniform() -> None:
    sum_ = started(3)
    sum_.mask({site: np.full(50_000, 12_345) for site in sum_.occasion.sites})
    assert uniform(sum_.words["site-00"] - sum_.words["site-01"])


def test_the_mask_is_the_chacha20_of_rfc_8439() -> None:
    """RFC 8439, appendix A.1, test vectors 1 and 2: key 0, nonce 0, blocks 0 and 1."""
    first = (
        "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7da41597c5157488d7724e03fb8d84a376a43b8f41518a11c"
        "c387b669b2ee6586"
    )
    second = (
        "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed29b721769ce64e43d57133b074d839d531ed1f28510afb45"
        "ace10a1f4b794d6f"
    )
    vector = np.zeros(16, dtype="<u8")
    add_mask(vector, bytes(32))
    assert vector.tobytes().hex() == first + second


def test_a_mask_is_the_same_in_one_piece_and_in_many() -> None:
    long = np.zeros((1 << 16) + 5, dtype="<u8")
    add_mask(long, seed_of("mask"))
    short = np.zeros(1 << 16, dtype="<u8")
    add_mask(short, seed_of("mask"))
    assert np.array_equal(long[: 1 << 16], short)
    assert long[1 << 16 :].all()
    add_mask(long, seed_of("mask"), negative=True)
    assert not long.any()


def test_the_pair_key_is_the_x25519_of_rfc_7748() -> None:
    """RFC 7748, section 5.2, the iterated test: one iteration from k = u = 9."""
    nine = b"\x09" + bytes(31)
    assert agreed(nine, nine).hex() == "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"


@settings(max_examples=30, deadline=None)
@given(secret=st.binary(min_size=32, max_size=32), threshold=st.integers(1, 6), surplus=st.integers(0, 3))
def test_any_threshold_shares_give_the_secret_back(secret: bytes, threshold: int, surplus: int) -> None:
    drawn = [int.from_bytes(seed_of("coefficient", n), "big") for n in range(threshold - 1)]
    made = shares.split(secret, drawn=drawn, numbers=range(1, threshold + surplus + 1))
    for chosen in combinations(made.items(), threshold):
        assert shares.join(dict(chosen)) == secret


def test_fewer_shares_fit_every_secret() -> None:
    """With t - 1 shares, each candidate secret is explained by exactly one polynomial."""
    made = shares.split(bytes(31) + b"\x2a", drawn=[7, 9], numbers=(1, 2, 3))
    for candidate in (0, 1, 2**255):
        two = {1: made[1], 2: made[2], 3: made[3]}
        points = {0: candidate, **{n: int.from_bytes(two[n], "big") for n in (1, 2)}}
        at_three = _lagrange(points, 3)
        again = shares.join({1: made[1], 2: made[2], 3: at_three.to_bytes(66, "big")})
        assert int.from_bytes(again, "big") == candidate


def _lagrange(points: dict[int, int], at: int) -> int:
    total = 0
    for n, value in points.items():
        term = value
        for other in points:
            if other != n:
                term = term * (at - other) * pow(n - other, -1, shares.PRIME) % shares.PRIME
        total += term
    return total % shares.PRIME


@pytest.mark.parametrize("bad", [{}, {1: bytes(65)}, {0: bytes(66)}, {1: b"\xff" * 66}, {1: b"\x01" + bytes(65)}])
def test_what_is_no_share_is_refused(bad: dict[int, bytes]) -> None:
    with pytest.raises(MalformedError):
        shares.join(bad)


def test_transcripts_are_those_of_the_stored_vectors() -> None:
    """A change of any derivation, encoding or order makes sites of two versions unable to sum together."""
    for case in json.loads(VECTORS.read_text()):
        sum_ = started(case["sites"], dropouts=case["dropouts"])
        staying = sum_.occasion.sites[case["leaving"] :]
        sum_.mask(vectors(staying, 4)).unmask()
        assert transcript(sum_) == case["transcript"]


def transcript(sum_: object) -> dict[str, object]:
    from tests.federated.secure_sum.sums import Sum

    assert isinstance(sum_, Sum)
    return {
        "occasion": sum_.occasion.digest,
        "keys": {site: one.advert.payload.decode() for site, one in sum_.advertised.items()},
        "signatures": {site: one.advert.signature.hex() for site, one in sum_.advertised.items()},
        "sealed": {a: {b: one.hex() for b, one in sealed.items()} for a, sealed in sum_.sealed.items()},
        "masked": {site: words.tobytes().hex() for site, words in sum_.words.items()},
        "own": {a: {b: one.hex() for b, one in reveal.own.items()} for a, reveal in sum_.reveals.items()},
        "pair": {a: {b: one.hex() for b, one in reveal.pair.items()} for a, reveal in sum_.reveals.items()},
        "total": sum_.total().tobytes().hex(),
    }
