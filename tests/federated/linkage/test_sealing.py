"""Law: a key is worth something for one run, pair, quarter, plan, list and consent state, and to nobody but the partner
who signed it; what is sealed under it opens there, one way, unchanged, and nowhere else."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from federated.errors import Refusal, RefusedError
from federated.linkage.pairing import Pairing
from federated.linkage.sealing import KIND, Occasion, advertise, partner_key, seal, unseal
from federated.signed import Signed, encode, sign

PAIR = Pairing("sales", "service", "matching", "2026-q4")
NOW = Occasion(run="run-2", pairing=PAIR, plan="p" * 64, listed="l" * 64, consent=7)
KEY = Ed25519PrivateKey.generate()
SALES, SERVICE = bytes(range(32)), bytes(range(32, 64))


def refusal(signed: Signed, *, partner: str = "service", pinned: Ed25519PrivateKey = KEY) -> Refusal:
    with pytest.raises(RefusedError) as refused:
        partner_key(signed, NOW, partner, pinned=pinned.public_key())
    return refused.value.code


def public_of(site: str, secret: bytes, occasion: Occasion = NOW) -> bytes:
    return partner_key(advertise(occasion, site, key=KEY, secret=secret), occasion, site, pinned=KEY.public_key())


@pytest.mark.parametrize(
    ("made_for", "code"),
    [
        (replace(NOW, run="run-1"), Refusal.LINK_STALE),
        (replace(NOW, listed="m" * 64), Refusal.LINK_STALE),
        (replace(NOW, consent=6), Refusal.LINK_STALE),
        (replace(NOW, pairing=replace(PAIR, epoch="2026-q3")), Refusal.LINK_EPOCH),
        (replace(NOW, pairing=replace(PAIR, helper="bank")), Refusal.LINK_TAMPERED),
        (replace(NOW, plan="q" * 64), Refusal.LINK_TAMPERED),
    ],
    ids=["a stale key: another run", "another list", "before a withdrawal", "another epoch", "another pair", "plan"],
)
def test_a_key_that_was_made_for_something_else_is_refused_with_its_reason(made_for: Occasion, code: Refusal) -> None:
    assert refusal(advertise(made_for, "service", key=KEY, secret=SERVICE)) is code


def test_only_the_pinned_partner_speaks_and_only_for_itself() -> None:
    good = advertise(NOW, "service", key=KEY, secret=SERVICE)
    assert refusal(good, pinned=Ed25519PrivateKey.generate()) is Refusal.LINK_TAMPERED
    assert refusal(good, partner="bank") is Refusal.LINK_TAMPERED
    for said in (b"{}", b"[]", b"not data", encode({"site": "service", "public": "zz"})):
        assert refusal(sign(KEY, kind=KIND, payload=said)) is Refusal.LINK_TAMPERED


def test_what_is_sealed_opens_at_the_partner_one_way_and_unchanged() -> None:
    ours, theirs = public_of("sales", SALES), public_of("service", SERVICE)
    sealed = seal(b"\x00\x01\xff", NOW, "labels", mine=SALES, theirs=theirs)
    assert unseal(sealed, NOW, "labels", mine=SERVICE, theirs=ours) == b"\x00\x01\xff"
    for attempt in (
        lambda: unseal(sealed, NOW, "bins", mine=SERVICE, theirs=ours),
        lambda: unseal(sealed, replace(NOW, run="run-3"), "labels", mine=SERVICE, theirs=ours),
        lambda: unseal(sealed, NOW, "labels", mine=bytes(range(1, 33)), theirs=ours),
        lambda: unseal(sealed[:-1] + bytes([sealed[-1] ^ 1]), NOW, "labels", mine=SERVICE, theirs=ours),
        lambda: seal(b"\x00", NOW, "labels", mine=SALES, theirs=bytes(32)),  # a point that makes the key public
    ):
        with pytest.raises(RefusedError) as refused:
            attempt()
        assert refused.value.code is Refusal.LINK_TAMPERED
