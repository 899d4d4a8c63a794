"""Law: the holder learns exactly which of its own members are at both, once enough are; nobody learns anything else,
and a member who did not consent changes not one byte of what crosses."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federated.errors import MalformedError, Refusal, RefusedError
from federated.linkage.matching import (
    Agreed,
    Blinded,
    Secret,
    blind,
    check_points,
    matched,
    noised_count,
    padded_size,
    tags,
)
from federated.linkage.pairing import Pairing
from tests.privacy.seeded_noise import SeededNoise

PAIR = Pairing(holder="grocer", helper="airline", purpose="matching", epoch="2026-q4")
ANY = Agreed(minimum=-(10**6), epsilon=1.0)


def card(number: int) -> bytes:
    return b"card-%08d" % number


def run(
    ours: list[bytes],
    theirs: list[bytes],
    *,
    agreed: Agreed = ANY,
    pairing: Pairing = PAIR,
    partner: Pairing | None = None,
    secrets: tuple[Secret, Secret] | None = None,
) -> tuple[set[bytes], list[int]]:
    """Both sides of a matching: what the holder learnt, and the sizes of the four lists."""
    a, b = secrets or (Secret(), Secret())
    partner = partner or pairing
    asked, answering = blind(pairing, ours, a), blind(partner, theirs, b)
    check_points(asked.points, own=len(answering.points))
    check_points(answering.points, own=len(asked.points))
    shown = sorted(tags(pairing, answering.points, a))
    answer = tags(partner, asked.points, b)
    noised_count(agreed, shown, answer, SeededNoise(1))
    return matched(asked, shown, answer), [len(x) for x in (asked.points, answering.points, shown, answer)]


@settings(max_examples=25, deadline=None)
@given(st.sets(st.integers(0, 60), min_size=1, max_size=30), st.sets(st.integers(0, 60), min_size=1, max_size=30))
def test_the_holder_learns_exactly_the_intersection(ours: set[int], theirs: set[int]) -> None:
    found, _ = run([card(n) for n in ours], [card(n) for n in theirs])
    assert found == {card(n) for n in ours & theirs}


def test_an_empty_intersection_is_below_every_minimum() -> None:
    with pytest.raises(RefusedError) as refused:
        run([card(n) for n in range(20)], [card(n) for n in range(100, 120)], agreed=Agreed(minimum=50, epsilon=1.0))
    assert refused.value.code is Refusal.LINK_TOO_FEW
    assert "20" not in str(refused.value)


def test_what_is_published_is_the_noised_count_and_nothing_is_answered_below_the_minimum() -> None:
    same = [b"tag-%03d" % n for n in range(100)]
    published = {noised_count(Agreed(50, 1.0), same, same, SeededNoise(seed)) for seed in range(30)}
    assert len(published) > 1
    assert all(60 < count < 140 for count in published)
    with pytest.raises(RefusedError, match="nothing is said"):
        noised_count(Agreed(200, 1.0), same, same, SeededNoise(1))


def test_a_member_who_did_not_consent_changes_no_byte_of_what_crosses() -> None:
    """She is not put in, so the only way she could show is in the sizes: they are the same."""
    secrets = (Secret(), Secret())
    with_her = [card(n) for n in range(1, 41)]
    for member_at_partner in (True, False):
        theirs = [card(n) for n in range(20, 60)] + ([card(99)] if member_at_partner else [])
        consented = [one for one in theirs if one != card(99)]
        found, sizes = run(with_her, consented, secrets=secrets)
        if member_at_partner:
            before = (found, sizes, blind(PAIR, consented, secrets[1]).points)
    assert (found, sizes, blind(PAIR, consented, secrets[1]).points) == before


def test_sizes_show_two_significant_digits() -> None:
    assert [padded_size(n) for n in (1, 9, 10, 99, 101, 1_001, 99_999, 100_001)] == [
        1, 9, 10, 99, 110, 1_100, 100_000, 110_000,
    ]  # fmt: skip
    assert run([card(n) for n in range(101)], [card(n) for n in range(102)])[1] == [110] * 4
    with pytest.raises(RefusedError, match="nobody may be matched"):
        padded_size(0)


def test_another_epoch_purpose_or_partner_matches_nobody() -> None:
    cards = [card(n) for n in range(30)]
    for other in (
        Pairing("grocer", "airline", "matching", "2026-q3"),
        Pairing("grocer", "airline", "other-purpose", "2026-q4"),
        Pairing("grocer", "bank", "matching", "2026-q4"),
    ):
        assert run(cards, cards, partner=other)[0] == set()


def test_points_of_two_epochs_do_not_link() -> None:
    cards, secret = [card(n) for n in range(30)], Secret()
    later = Pairing("grocer", "airline", "matching", "2027-q1")
    assert not set(blind(PAIR, cards, secret).points) & set(blind(later, cards, secret).points)
    assert not set(blind(PAIR, cards, Secret()).points) & set(blind(PAIR, cards, Secret()).points)


def test_padding_is_the_same_again_and_belongs_to_nobody() -> None:
    secret = Secret()
    first, second = (blind(PAIR, [card(n) for n in range(101)], secret) for _ in range(2))
    assert first == second
    assert len(first.points) == 110
    assert len(first.owner) == 101
    assert Secret.from_bytes(secret.to_bytes()) == secret
    with pytest.raises(MalformedError):
        Secret.from_bytes(b"short")


def test_one_identifier_twice_is_refused() -> None:
    with pytest.raises(RefusedError) as refused:
        blind(PAIR, [card(1), card(1)], Secret())
    assert refused.value.code is Refusal.LINK_DUPLICATE
    with pytest.raises(MalformedError):
        blind(PAIR, [b"1"], Secret())


def test_sizes_that_differ_by_more_than_a_thousand_times_are_refused() -> None:
    points = [sha256(bytes([n])).digest() for n in range(2)]
    check_points(sorted(points), own=2_000)
    for received, own in ((points[:1], 1_001), ([], 5)):
        with pytest.raises(RefusedError) as refused:
            check_points(received, own=own)
        assert refused.value.code is Refusal.LINK_SIZES


@pytest.mark.parametrize("damage", ["unsorted", "twice", "short"])
def test_a_damaged_list_of_points_is_refused(damage: str) -> None:
    points = sorted(sha256(bytes([n])).digest() for n in range(5))
    broken = {"unsorted": points[::-1], "twice": [points[0], *points], "short": [points[0][:31], *points[1:]]}[damage]
    with pytest.raises(RefusedError) as refused:
        check_points(broken, own=5)
    assert refused.value.code is Refusal.LINK_TAMPERED


def test_bytes_that_are_no_point_answers_of_another_length_and_doubled_tags_are_refused() -> None:
    asked = blind(PAIR, [card(1), card(2)], Secret())
    for attempt in (
        lambda: tags(PAIR, [b"\xff" * 32], Secret()),
        lambda: matched(asked, [], [b"x" * 16]),
        lambda: matched(asked, [], [b"x" * 16] * 2),
        lambda: noised_count(ANY, [b"x", b"x"], [b"x"], SeededNoise(1)),
        lambda: matched(Blinded((), {}), [], [b"x" * 16]),
    ):
        with pytest.raises(RefusedError) as refused:
            attempt()
        assert refused.value.code is Refusal.LINK_TAMPERED
