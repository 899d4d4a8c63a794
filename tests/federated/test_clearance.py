"""A clearance clears exactly the decisions that this site asked about, with this nonce, while it is fresh."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from federated.clearance import KIND, Clearance, Proposal, check_clearance, clearance_bytes
from federated.errors import Refusal, RefusedError
from federated.gate import FRESH_FOR
from federated.signed import Signed, sign

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
HUB = Ed25519PrivateKey.from_private_bytes(bytes(32))
PROPOSALS = (Proposal("aa", "offer", "c1"), Proposal("bb", "offer", "c2"))
GIVEN = Clearance(site="grocer", nonce="n1", issued_at=AT, cleared=("c1",), refused={"c2": "withdrawn"})


def signed(clearance: Clearance = GIVEN, *, by: Ed25519PrivateKey = HUB, kind: str = KIND) -> Signed:
    return sign(by, kind=kind, payload=clearance_bytes(clearance))


def checked(one: Signed, *, at: datetime = AT) -> Clearance:
    return check_clearance(one, hub_key=HUB.public_key(), site="grocer", nonce="n1", proposals=PROPOSALS, at=at)


def test_the_answer_to_what_was_asked_is_taken_as_it_was_given():
    assert checked(signed()) == GIVEN


@pytest.mark.parametrize(
    "other",
    [
        replace(GIVEN, nonce="n0"),
        replace(GIVEN, site="airline"),
        replace(GIVEN, cleared=("c1", "c2", "c3"), refused={}),
        replace(GIVEN, cleared=("c1",), refused={}),
    ],
    ids=["the nonce of another question", "another site", "one more than was asked", "one less than was asked"],
)
def test_an_answer_to_another_question_is_refused(other: Clearance):
    with pytest.raises(RefusedError) as refused:
        checked(signed(other))
    assert refused.value.code is Refusal.STATEMENT_REPLAYED


@pytest.mark.parametrize("away", [FRESH_FOR, -FRESH_FOR])
def test_an_answer_is_fresh_for_sixty_seconds_on_either_side_and_no_longer(away: timedelta):
    assert checked(signed(), at=AT + away) == GIVEN
    with pytest.raises(RefusedError) as refused:
        checked(signed(), at=AT + away + away / 1000)
    assert refused.value.code is Refusal.STATEMENT_STALE


def test_only_the_consent_centre_can_clear_and_only_by_a_clearance():
    stranger = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
    for forged in (
        signed(by=stranger),
        signed(kind="removals/v1"),
        signed(replace(GIVEN, issued_at=AT.replace(tzinfo=None))),
    ):
        with pytest.raises(RefusedError) as refused:
            checked(forged)
        assert refused.value.code is Refusal.STATEMENT_FORGED
