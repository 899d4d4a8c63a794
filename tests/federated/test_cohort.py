"""Laws: a cohort that was built verifies; any other bytes, order, key, bit or time do not."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from audit.log.hashing import leaf_hash
from audit.log.tree import root_of
from federated.cohort import (
    KIND,
    Cohort,
    CohortHeader,
    CohortMember,
    build_cohort,
    check_cohort,
    header_bytes,
    members_digest,
    parse_header,
)
from federated.cohort_leaves import RECORD_BYTES, in_order, leaf_key, order_of
from federated.errors import MalformedError, Refusal, RefusedError
from federated.plan import part_of
from federated.signed import Signed, sign
from tests.federated.world import AUDIT, START, TRAIN, make_plan

HUB = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PLAN = make_plan(("north",), members=100, minimum_cohort=50)
LATER = START + timedelta(minutes=10)


def enrolled(members: int) -> dict[bytes, bytes]:
    return {n.to_bytes(16, "big"): n.to_bytes(32, "little") for n in range(members)}


def built(keys: Mapping[bytes, bytes], uses: int = TRAIN | AUDIT) -> tuple[CohortHeader, bytes]:
    return build_cohort(
        PLAN,
        run="run-1",
        site="north",
        plan_digest="d" * 64,
        epoch=3,
        issued_at=START,
        expires_at=LATER,
        members=[(CohortMember(pseudonym, uses), key) for pseudonym, key in keys.items()],
    )


def checked(header: CohortHeader, body: bytes, keys: Mapping[bytes, bytes], **changes: object) -> Cohort:
    signed = sign(HUB, kind=KIND, payload=header_bytes(header))
    expected: dict[str, object] = {
        "hub_key": HUB.public_key(),
        "run": "run-1",
        "site": "north",
        "plan_digest": "d" * 64,
        "cohort_keys": keys,
        "at": START,
        **changes,
    }
    return check_cohort(signed, body, **expected)  # type: ignore[arg-type]


def code(header: CohortHeader, body: bytes, keys: Mapping[bytes, bytes], **changes: object) -> Refusal:
    with pytest.raises(RefusedError) as refused:
        checked(header, body, keys, **changes)
    return refused.value.code


@given(members=st.integers(0, 40), uses=st.integers(1, 3))
def test_a_built_cohort_verifies_with_the_same_members(members: int, uses: int) -> None:
    keys = enrolled(members)
    header, body = built(keys, uses)
    cohort = checked(header, body, {**keys, bytes(15) + b"\xff": bytes(32)})
    assert {member.pseudonym for member in cohort.members} == {*keys}
    assert all(member.uses == uses for member in cohort.members)
    assert parse_header(header_bytes(header)) == header


def test_members_stand_in_the_order_of_their_leaf_keys() -> None:
    keys = enrolled(30)
    header, body = built(keys)
    places = [leaf_key("run-1", keys[member.pseudonym]) for member in checked(header, body, keys).members]
    assert places == sorted(places)


@given(members=st.integers(2, 12), data=st.data())
def test_any_changed_byte_of_the_body_is_found(members: int, data: st.DataObject) -> None:
    keys = enrolled(members)
    header, body = built(keys)
    place = data.draw(st.integers(0, len(body) - 1))
    wrong = bytearray(body)
    wrong[place] ^= data.draw(st.integers(1, 255))
    assert code(header, bytes(wrong), keys) is Refusal.COHORT_TAMPERED


@given(count=st.integers(0, 300))
def test_the_packed_root_is_that_of_rfc_6962_over_each_leaf(count: int) -> None:
    keys = enrolled(count)
    header, body = built(keys)
    records = [body[place : place + RECORD_BYTES] for place in range(0, len(body), RECORD_BYTES)]
    leaves = [leaf_key("run-1", keys[one[:16]]) + one for one in records]
    assert header.root == root_of([leaf_hash(leaf) for leaf in leaves]).hex()


def test_leaf_keys_that_agree_in_their_first_bytes_are_ordered_by_the_rest() -> None:
    """Sorting compares eight bytes first; it must not stop there."""
    draw = np.random.default_rng(8)
    keys = np.zeros((64, 32), dtype=np.uint8)
    keys[:, 31] = draw.permutation(64)
    keys[32:, 9] = 1
    ordered = keys[order_of(keys)]
    assert [one.tobytes() for one in ordered] == sorted(one.tobytes() for one in keys)
    assert in_order(ordered)
    assert not in_order(ordered[::-1].copy())
    assert not in_order(np.repeat(ordered[:1], 2, axis=0))


def test_two_members_with_one_cohort_key_are_malformed() -> None:
    """Equal keys have no order, so absence between them could not be shown."""
    with pytest.raises(MalformedError):
        built({bytes(16): bytes(32), b"\1" * 16: bytes(32)})


def test_two_members_swapped_are_found() -> None:
    keys = enrolled(5)
    header, body = built(keys)
    swapped = body[RECORD_BYTES : 2 * RECORD_BYTES] + body[:RECORD_BYTES] + body[2 * RECORD_BYTES :]
    assert code(header, swapped, keys) is Refusal.COHORT_TAMPERED


def test_members_out_of_order_are_found_even_if_the_root_is_signed_over_them() -> None:
    """Absence is proven by two neighbours, so a signed list in any other order proves nothing."""
    keys = enrolled(5)
    header, body = built(keys)
    records = [body[place : place + RECORD_BYTES] for place in range(0, len(body), RECORD_BYTES)]
    records[0], records[1] = records[1], records[0]
    leaves = [leaf_hash(leaf_key("run-1", keys[record[:16]]) + record) for record in records]
    wrong = replace(header, root=root_of(leaves).hex())
    assert code(wrong, b"".join(records), keys) is Refusal.COHORT_TAMPERED


def test_a_member_listed_twice_is_found_even_if_the_header_counts_her_twice() -> None:
    keys = enrolled(3)
    header, body = built(keys)
    assert code(replace(header, count=4), body + body[-RECORD_BYTES:], keys) is Refusal.COHORT_TAMPERED


@pytest.mark.parametrize("changes", [{"run": "run-2"}, {"site": "south"}, {"plan_digest": "e" * 64}])
def test_a_cohort_for_something_else_is_refused(changes: dict[str, str]) -> None:
    keys = enrolled(3)
    assert code(*built(keys), keys, **changes) is Refusal.COHORT_TAMPERED


def test_a_cohort_signed_by_somebody_else_or_as_something_else_is_refused() -> None:
    keys = enrolled(3)
    header, body = built(keys)
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    assert code(header, body, keys, hub_key=other.public_key()) is Refusal.COHORT_TAMPERED
    crossed = sign(HUB, kind="permit/v1", payload=header_bytes(header))
    with pytest.raises(RefusedError):
        check_cohort(
            Signed(KIND, crossed.payload, crossed.signature),
            body,
            hub_key=HUB.public_key(),
            run="run-1",
            site="north",
            plan_digest="d" * 64,
            cohort_keys=keys,
            at=START,
        )


@pytest.mark.parametrize(("seconds", "good"), [(-0.001, False), (0, True), (599.999, True), (600, False)])
def test_a_cohort_is_good_from_its_issue_until_its_expiry(seconds: float, *, good: bool) -> None:
    keys = enrolled(3)
    at = START + timedelta(seconds=seconds)
    if good:
        checked(*built(keys), keys, at=at)
    else:
        assert code(*built(keys), keys, at=at) is Refusal.COHORT_STALE


def test_sizes_count_members_by_part_who_allow_a_use_of_that_part() -> None:
    """The train part rests on use 0; the held-out part on uses 0 and 1."""
    keys = enrolled(200)
    parts = [part_of(PLAN, "run-1", pseudonym) for pseudonym in keys]
    both, _ = built(keys)
    audit_only, _ = built(keys, AUDIT)
    assert both.sizes == {"train": parts.count("train"), "held-out": parts.count("held-out"), "judge": 0}
    assert audit_only.sizes == {"train": 0, "held-out": parts.count("held-out"), "judge": 0}


@pytest.mark.parametrize(
    "member", [CohortMember(b"short", 1), CohortMember(bytes(16), 256), CohortMember(bytes(16), -1)]
)
def test_members_that_no_body_can_hold_are_malformed(member: CohortMember) -> None:
    with pytest.raises(MalformedError):
        build_cohort(
            PLAN,
            run="run-1",
            site="north",
            plan_digest="",
            epoch=1,
            issued_at=START,
            expires_at=LATER,
            members=[(member, bytes(32))],
        )


def test_the_digest_of_members_does_not_depend_on_their_order() -> None:
    ones = [bytes([n]) * 16 for n in range(5)]
    assert members_digest(ones) == members_digest(reversed(ones))
    assert members_digest(ones) != members_digest(ones[1:])


@pytest.mark.parametrize("payload", [b"", b"{}", b"[]", b'{"run":1}'])
def test_what_is_not_a_header_is_malformed(payload: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_header(payload)
