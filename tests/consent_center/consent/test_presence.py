"""A member is proven to be in a cohort exactly when she is, and proven absent exactly when she is not."""

from dataclasses import replace

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from audit.log.hashing import leaf_hash
from audit.log.tree import root_of
from consent_center.consent.presence import Presence, check, prove
from consent_center.errors import PresenceError
from federated.cohort import KIND, CohortHeader, CohortMember, header_bytes
from federated.cohort_leaves import leaf_key
from federated.signed import sign
from tests.consent_center.world import DAY, NOW

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
HUB = KEY.public_key()


def cohort(numbers, *, run="run-1", site="sales"):
    keyed = sorted(
        (leaf_key(run, number.to_bytes(32, "big")), CohortMember(number.to_bytes(16, "big"), 3)) for number in numbers
    )
    root = root_of([leaf_hash(key + one.pseudonym + bytes([one.uses])) for key, one in keyed]).hex()
    header = CohortHeader(run, site, "0" * 64, 7, NOW, NOW + DAY, len(keyed), root, {"train": len(keyed)})
    return sign(KEY, kind=KIND, payload=header_bytes(header)), keyed


def proven(header, keyed, *, mine):
    keys = np.frombuffer(b"".join(key for key, _ in keyed), dtype=np.uint8).reshape(-1, 32)
    return prove(header, keys, b"".join(one.pseudonym + bytes([one.uses]) for _, one in keyed), mine=mine)


def shown(proof, number, *, run="run-1", site="sales"):
    return check(proof, hub_key=HUB, run=run, site=site, cohort_key=number.to_bytes(32, "big"))


@given(st.sets(st.integers(0, 40), max_size=20), st.integers(0, 40))
def test_a_proof_shows_presence_exactly_for_members_and_absence_exactly_for_others(numbers, asked):
    header, keyed = cohort(numbers)
    proof = proven(header, keyed, mine=leaf_key("run-1", asked.to_bytes(32, "big")))
    found = shown(proof, asked)
    assert (found is not None) == (asked in numbers)
    if found is not None:
        assert found.pseudonym == asked.to_bytes(16, "big")


@given(st.sets(st.integers(0, 40), min_size=1, max_size=20), st.data())
def test_nobody_in_the_cohort_can_be_proven_absent(numbers, data):
    header, keyed = cohort(numbers)
    member = data.draw(st.sampled_from(sorted(numbers)))
    mine = leaf_key("run-1", member.to_bytes(32, "big"))
    without = [(key, one) for key, one in keyed if key != mine]
    for lie in (proven(header, without, mine=mine), Presence(header, ())):
        with pytest.raises(PresenceError):
            shown(lie, member)
    honest = [proven(header, keyed, mine=key).places[0] for key, _ in keyed]
    for left in honest:
        for right in honest:
            with pytest.raises(PresenceError):
                shown(Presence(header, (left, right)), member)


def test_neighbours_with_a_gap_between_them_prove_nothing():
    header, keyed = cohort(range(10))
    absent = next(
        number
        for number in range(100, 200)
        if keyed[3][0] < leaf_key("run-1", number.to_bytes(32, "big")) < keyed[4][0]
    )
    honest = {index: proven(header, keyed, mine=keyed[index][0]).places[0] for index in range(10)}
    assert shown(Presence(header, (honest[3], honest[4])), absent) is None
    for left, right in ((2, 4), (3, 5), (0, 9)):
        with pytest.raises(PresenceError):
            shown(Presence(header, (honest[left], honest[right])), absent)
    for alone in (honest[3], honest[4], honest[0], honest[9]):
        with pytest.raises(PresenceError):
            shown(Presence(header, (alone,)), absent)


def test_a_proof_of_another_run_site_or_signer_is_refused():
    header, keyed = cohort(range(5))
    proof = proven(header, keyed, mine=leaf_key("run-1", (2).to_bytes(32, "big")))
    assert shown(proof, 2) is not None
    for other in ({"run": "run-2"}, {"site": "grocer"}):
        with pytest.raises(PresenceError):
            shown(proof, 2, **other)
    forged = replace(proof, header=replace(proof.header, payload=proof.header.payload.replace(b"sales", b"salem")))
    with pytest.raises(PresenceError):
        shown(forged, 2)
    place = proof.places[0]
    with pytest.raises(PresenceError):
        shown(replace(proof, places=(replace(place, leaf=place.leaf[:-1] + b"\xff"),)), 2)
