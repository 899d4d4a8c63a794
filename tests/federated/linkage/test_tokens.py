"""Law: a token names one member to one partner for one purpose and epoch, only the consent centre can make it, and what
is not signed, current and for this site is refused before a row is read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from federated.errors import MalformedError, Refusal, RefusedError
from federated.linkage.pairing import Pairing, epoch_of
from federated.linkage.tokens import KIND, Linked, TokenHeader, Tokens, check_tokens, issue, link_token, pair_key
from federated.signed import Signed, sign

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
PAIR = Pairing("sales", "service", "matching", "2026-q4")
ROOT = bytes(range(32))
HUB = Ed25519PrivateKey.generate()
MEMBERS = [Linked(bytes([n]) * 16, bytes([100 + n]) * 16, bytes([n]) * 32) for n in range(1, 21)]


def signed(body: bytes, **changes: object) -> Signed:
    header = TokenHeader(
        pairing=PAIR, site="sales", run="run-1", issued_at=NOW, expires_at=NOW + timedelta(minutes=10),
        count=len(body) // 48, digest=sha256(body).hexdigest(),
    )  # fmt: skip
    return sign(HUB, kind=KIND, payload=replace(header, **changes).to_bytes())


def checked(body: bytes, document: Signed, *, at: datetime = NOW, enrolled: set[bytes] | None = None) -> Tokens:
    return check_tokens(
        document, body, hub_key=HUB.public_key(), pairing=PAIR, site="sales", run="run-1",
        enrolled=enrolled if enrolled is not None else {one.at_holder for one in MEMBERS}, at=at,
    )  # fmt: skip


def refusal(body: bytes, document: Signed, **given: object) -> Refusal:
    with pytest.raises(RefusedError) as refused:
        checked(body, document, **given)
    return refused.value.code


def test_both_sites_get_the_same_tokens_under_their_own_names() -> None:
    holder, helper = issue(ROOT, PAIR, MEMBERS)
    ours = checked(holder, signed(holder)).pseudonym_of
    theirs = {helper[i + 16 : i + 48]: helper[i : i + 16] for i in range(0, len(helper), 48)}
    assert set(ours) == set(theirs)
    pairs = {(one.at_holder, one.at_helper) for one in MEMBERS}
    assert {(ours[token], theirs[token]) for token in ours} == pairs


def test_tokens_of_another_pair_purpose_or_epoch_do_not_link() -> None:
    tokens = set(checked(issue(ROOT, PAIR, MEMBERS)[0], signed(issue(ROOT, PAIR, MEMBERS)[0])).pseudonym_of)
    for other in (
        Pairing("service", "sales", "matching", "2026-q4"),
        Pairing("sales", "marketing", "matching", "2026-q4"),
        Pairing("sales", "service", "other", "2026-q4"),
        Pairing("sales", "service", "matching", "2027-q1"),
    ):
        assert not tokens & {link_token(pair_key(ROOT, other), one.link_key) for one in MEMBERS}


def test_names_that_could_be_read_in_two_ways_are_no_names() -> None:
    for wrong in ("a|b", "", "A", "x" * 70, "-a", "a\n"):
        with pytest.raises(MalformedError):
            Pairing(wrong, "service", "matching", "2026-q4")
    for epoch in ("2026-q5", "2026", "2026-Q4", "2026-q4\n", "٢٠٢٦-q1"):
        with pytest.raises(MalformedError):
            Pairing("sales", "service", "matching", epoch)
    with pytest.raises(MalformedError):
        Pairing("sales", "sales", "matching", "2026-q4")


def test_the_epoch_is_the_quarter_in_utc() -> None:
    assert epoch_of(NOW) == "2026-q4"
    assert epoch_of(datetime.fromisoformat("2027-01-01T03:00:00+08:00")) == "2026-q4"
    with pytest.raises(MalformedError):
        epoch_of(datetime(2026, 1, 1))  # noqa: DTZ001  a time without a zone is what is tried


def test_two_members_with_one_key_or_one_member_with_two_cards_are_refused_at_issue() -> None:
    doubled = [MEMBERS[0], replace(MEMBERS[1], link_key=MEMBERS[0].link_key)]
    two_cards = [MEMBERS[0], replace(MEMBERS[1], at_helper=MEMBERS[0].at_helper)]
    for members in (doubled, two_cards):
        with pytest.raises(RefusedError) as refused:
            issue(ROOT, PAIR, members)
        assert refused.value.code is Refusal.LINK_DUPLICATE


def test_what_does_not_match_is_refused_with_its_reason() -> None:
    body = issue(ROOT, PAIR, MEMBERS)[0]
    good = signed(body)
    assert len(checked(body, good).pseudonym_of) == 20
    assert refusal(body[:-1] + b"x", good) is Refusal.LINK_TAMPERED
    assert refusal(body[48:], signed(body[48:], count=20)) is Refusal.LINK_TAMPERED
    assert refusal(body, replace(good, signature=bytes(64))) is Refusal.LINK_TAMPERED
    assert refusal(body, signed(body, site="service")) is Refusal.LINK_TAMPERED
    assert refusal(body, signed(body, run="run-2")) is Refusal.LINK_TAMPERED
    assert refusal(body, signed(body, pairing=replace(PAIR, helper="bank"))) is Refusal.LINK_TAMPERED
    assert refusal(body, signed(body, pairing=replace(PAIR, epoch="2026-q3"))) is Refusal.LINK_EPOCH
    assert refusal(body, good, at=NOW + timedelta(minutes=10)) is Refusal.LINK_STALE
    assert refusal(body, good, at=NOW - timedelta(seconds=1)) is Refusal.LINK_STALE
    assert refusal(body, good, enrolled={MEMBERS[0].at_holder}) is Refusal.LINK_TAMPERED
    swapped = body[48:96] + body[:48] + body[96:]
    assert refusal(swapped, signed(swapped)) is Refusal.LINK_DUPLICATE
    assert refusal(body, sign(HUB, kind=KIND, payload=b'{"pairing":{}}')) is Refusal.LINK_TAMPERED


def test_a_token_taken_back_is_a_stranger_and_no_partner_can_make_one_up() -> None:
    body = issue(ROOT, PAIR, MEMBERS)[0]
    tokens = checked(body, signed(body))
    gone, hers = next(iter(tokens.pseudonym_of.items()))
    left = tokens.without({hers})
    assert len(left.pseudonym_of) == 19
    for named in ({gone}, {bytes(32)}):
        with pytest.raises(RefusedError) as refused:
            left.known(named)
        assert refused.value.code is Refusal.LINK_UNKNOWN
    assert gone in tokens.known({gone})
