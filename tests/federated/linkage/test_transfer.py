"""Law: a transfer that is cut goes on where it was, and only the list that was announced can be read; a matching counts
when it is opened, and an epoch holds as many as were agreed."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federated.errors import MalformedError, Refusal, RefusedError
from federated.linkage import transfer
from federated.linkage.limits import Matchings
from federated.linkage.matching import Agreed, Blinded, Secret, blind, matched, noised_count, tags
from federated.linkage.pairing import Pairing
from federated.linkage.transfer import Arriving, Manifest, parts
from tests.privacy.seeded_noise import SeededNoise

ITEMS = [n.to_bytes(32, "big") for n in range(1, 10_001)]


def test_a_list_that_is_cut_at_any_byte_goes_on_and_arrives_whole(tmp_path: Path) -> None:
    manifest = Manifest.of(ITEMS, width=32)
    for cut in (0, 1, 31, 32, 33, 4096 * 32, 4096 * 32 + 17, 320_000):
        path = tmp_path / f"cut-{cut}"
        path.write_bytes(b"".join(ITEMS)[:cut])
        arriving = Arriving(path, manifest)
        assert arriving.have == cut // 32
        for part in parts(ITEMS, have=arriving.have):
            arriving.add(part, at=arriving.have)
        assert arriving.items() == ITEMS


def test_a_part_that_does_not_follow_is_refused_and_nothing_is_kept(tmp_path: Path) -> None:
    arriving = Arriving(tmp_path / "list", Manifest.of(ITEMS, width=32))
    first = next(parts(ITEMS))
    arriving.add(first, at=0)
    for part, at in ((first, 0), (first, 1), (b"", 4096), (b"x", 4096), (bytes(32 * 9_000), 4096)):
        with pytest.raises(RefusedError) as refused:
            arriving.add(part, at=at)
        assert refused.value.code is Refusal.LINK_TAMPERED
        assert arriving.have == 4096
    with pytest.raises(RefusedError, match="4096 of 10000"):
        arriving.items()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 32 * 50 - 1))
def test_one_changed_byte_throws_the_list_away(tmp_path_factory: pytest.TempPathFactory, place: int) -> None:
    path = tmp_path_factory.mktemp("list") / "list"
    body = bytearray(b"".join(ITEMS[:50]))
    body[place] ^= 1
    path.write_bytes(body)
    with pytest.raises(RefusedError) as refused:
        Arriving(path, Manifest.of(ITEMS[:50], width=32)).items()
    assert refused.value.code is Refusal.LINK_TAMPERED
    assert not path.exists()


def test_a_matching_that_is_killed_in_each_of_its_transfers_goes_on_and_finds_the_same(tmp_path: Path) -> None:
    """Both sides forget everything but their secret and their files, in the middle of each list."""
    pair, agreed = Pairing("grocer", "airline", "matching", "2026-q4"), Agreed(minimum=20, epsilon=1.0)
    ours, theirs = ([b"card-%06d" % number for number in range(start, start + 90)] for start in (0, 30))
    a, b = Secret().to_bytes(), Secret().to_bytes()
    sent = 0

    def arrived(name: str, items: Sequence[bytes]) -> list[bytes]:
        nonlocal sent
        manifest, path = Manifest.of(items, width=len(items[0])), tmp_path / name
        for part in islice(parts(items, size=16), 3):
            Arriving(path, manifest).add(part, at=Arriving(path, manifest).have)
            sent += len(part)
        with path.open("ab") as cut:
            cut.write(items[48][:5])  # the last part was cut in the middle of an item
        for part in parts(items, have=Arriving(path, manifest).have, size=16):
            Arriving(path, manifest).add(part, at=Arriving(path, manifest).have)
            sent += len(part)
        return Arriving(path, manifest).items()

    def asked() -> Blinded:
        return blind(pair, ours, Secret.from_bytes(a))

    at_helper = arrived("A", asked().points)
    at_holder = arrived("B", blind(pair, theirs, Secret.from_bytes(b)).points)
    shown = arrived("C", sorted(tags(pair, at_holder, Secret.from_bytes(a))))
    answer = tags(pair, at_helper, Secret.from_bytes(b))
    noised_count(agreed, shown, answer, SeededNoise(1))
    answered = arrived("D", answer)
    assert matched(asked(), sorted(tags(pair, at_holder, Secret.from_bytes(a))), answered) == {*ours} & {*theirs}
    assert sent == 90 * (32 + 32 + 16 + 16)


def test_a_longer_file_and_an_empty_list_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes(bytes(32 * 60))
    assert Arriving(path, Manifest.of(ITEMS[:50], width=32)).have == 0
    with pytest.raises(MalformedError):
        Arriving(path, Manifest(32, 0, ""))
    assert transfer.PART_ITEMS * 32 < 1 << 20


def test_a_run_counts_when_it_is_opened_and_once(tmp_path: Path) -> None:
    pair = Pairing("grocer", "airline", "matching", "2026-q4")
    now = datetime(2026, 11, 22, tzinfo=UTC)
    matchings = Matchings(tmp_path / "matchings.db", most=2)
    matchings.open(pair, "run-1", at=now)
    matchings.open(pair, "run-1", at=now)
    matchings.open(pair, "run-2", at=now)
    with pytest.raises(RefusedError) as refused:
        Matchings(tmp_path / "matchings.db", most=2).open(pair, "run-3", at=now)
    assert refused.value.code is Refusal.LINK_LIMIT
    matchings.open(Pairing("grocer", "airline", "matching", "2027-q1"), "run-3", at=now)
