"""Laws: only a pinned reviewer's own signed yes, in her role, over exactly this plan, counts; the author's never."""

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from federated.approvals import Approval, Pinned, missing_roles, read_approval, sign_approval
from federated.errors import MalformedError, SignatureError
from federated.signed import Signed, encode, sign
from tests.federated.world import ROLES, START

DIGEST = "a" * 64
KEYS = {role: Ed25519PrivateKey.from_private_bytes(bytes([index]) * 32) for index, role in enumerate(ROLES, start=1)}
PINNED = {f"{role}-1": Pinned(f"{role}-1", role, "programme", key.public_key()) for role, key in KEYS.items()}


def yes(role: str, /, **changes: object) -> Approval:
    said = Approval("study-1", DIGEST, f"{role}-1", role, "programme", "yes", "", START)
    return replace(said, **changes)  # type: ignore[arg-type]


def missing(*documents: Signed, author: str = "dan") -> tuple[str, ...]:
    return missing_roles(documents, plan_digest=DIGEST, required=ROLES, pinned=PINNED, author=author)


ALL = [sign_approval(yes(role), KEYS[role]) for role in ROLES]


def test_all_roles_having_said_yes_nothing_is_missing() -> None:
    assert missing(*ALL) == ()
    assert missing() == tuple(sorted(ROLES))


@given(st.permutations(range(3)), st.sampled_from(ROLES))
def test_the_order_of_documents_does_not_matter(order: list[int], role: str) -> None:
    no = sign_approval(yes(role, answer="no", reason="why", at=START + timedelta(seconds=1)), KEYS[role])
    assert missing(*(ALL[index] for index in order), no) == missing(no, *ALL) == (role,)


@pytest.mark.parametrize(
    "changes",
    [
        {"plan_digest": "b" * 64},
        {"role": "technology"},
        {"organisation": "partner"},
        {"reviewer": "technology-1"},
        {"reviewer": "nobody"},
    ],
)
def test_an_approval_that_differs_from_what_is_pinned_does_not_count(changes: dict[str, str]) -> None:
    wrong = sign_approval(yes("legal", **changes), KEYS["legal"])
    assert "legal" in missing(wrong, *ALL[1:])


def test_a_forged_approval_does_not_count_and_does_not_hide_a_good_one() -> None:
    forged = sign_approval(yes("legal", answer="no", at=START + timedelta(days=1)), KEYS["technology"])
    assert missing(forged, *ALL) == ()
    assert missing(sign_approval(yes("legal"), KEYS["technology"]), *ALL[1:]) == ("legal",)


def test_the_authors_own_approval_never_counts() -> None:
    assert missing(*ALL, author="legal-1") == ("legal",)


def test_at_the_same_moment_the_no_counts() -> None:
    no = sign_approval(yes("legal", answer="no", reason="why"), KEYS["legal"])
    assert missing(no, *ALL) == missing(*ALL, no) == ("legal",)


@pytest.mark.parametrize("payload", [b"", b"[]", b"7", b'{"reviewer":"legal-1"}', encode({"reviewer": ["legal-1"]})])
def test_rubbish_among_the_documents_is_ignored(payload: bytes) -> None:
    assert missing(sign(KEYS["legal"], kind="approval/v1", payload=payload), *ALL) == ()


def test_an_approval_survives_its_signature() -> None:
    approval = yes("legal", reason="fine by me")
    assert read_approval(sign_approval(approval, KEYS["legal"]), KEYS["legal"].public_key()) == approval
    with pytest.raises(SignatureError):
        read_approval(sign_approval(approval, KEYS["legal"]), KEYS["technology"].public_key())


@pytest.mark.parametrize("changes", [{"answer": "maybe"}, {"at": START.replace(tzinfo=None)}])
def test_a_signed_answer_that_is_none_is_malformed(changes: dict[str, object]) -> None:
    with pytest.raises(MalformedError):
        read_approval(sign_approval(yes("legal", **changes), KEYS["legal"]), KEYS["legal"].public_key())
