"""What is published is never taken back: publishing goes on from what is there, or refuses."""

import fcntl
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.errors import (
    BusyError,
    CorruptLogError,
    ForkError,
    GapError,
    OriginError,
    PublishError,
    ShrinkError,
    SignatureError,
)
from audit.log import publish as module
from audit.log.fsck import verify_log
from audit.log.hashing import leaf_hash
from audit.log.note import SignerKey
from audit.log.publish import publish, read_published
from audit.log.source import DirectorySource
from audit.log.tlog_policy import policy_for
from audit.log.tree import root_of

KEY = SignerKey.from_seed("example.com/log", bytes(32))
LEAVES = [b"leaf %d" % i for i in range(1200)]


def go(directory, leaves, *, start=0, with_bundles=True, key=KEY, origin=KEY.name):
    return publish(directory, leaves, key, origin, with_bundles=with_bundles, start=start)


def verified(directory):
    return verify_log(DirectorySource(directory), policy=policy_for(KEY.verifier), origin=KEY.name)


def tree_of_files(directory):
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def test_a_published_log_has_the_root_of_its_entries_and_verifies(tmp_path):
    published = go(tmp_path, LEAVES)
    assert published.checkpoint.root == root_of(map(leaf_hash, LEAVES))
    assert (published.checkpoint.size, published.added) == (1200, 1200)
    assert published.edge.root() == published.checkpoint.root
    assert (tmp_path / "checkpoint").read_bytes() == published.note
    report = verified(tmp_path)
    assert report.verified, report.findings
    assert report.entries == 1200


def test_an_empty_log_can_be_published_and_verified(tmp_path):
    assert go(tmp_path, []).checkpoint.size == 0
    assert verified(tmp_path).verified


CUTS = st.lists(st.integers(0, 1200) | st.sampled_from([255, 256, 257, 511, 512, 513, 1024]), max_size=4)


@settings(max_examples=15)
@given(CUTS, st.booleans())
def test_publishing_in_pieces_gives_the_same_files_as_at_once(tmp_path_factory, cuts, with_bundles):
    pieces, whole = tmp_path_factory.mktemp("pieces"), tmp_path_factory.mktemp("whole")
    size = 0
    for cut in [*sorted(cuts), 1200]:
        go(pieces, LEAVES[size:cut], start=size, with_bundles=with_bundles)
        size = cut
    go(whole, LEAVES, with_bundles=with_bundles)
    files = tree_of_files(pieces)
    assert tree_of_files(whole).items() <= files.items()
    # What is left over is partial tiles of earlier checkpoints, only where the full tile is not there yet.
    leftover = files.keys() - tree_of_files(whole).keys()
    assert all(".p/" in path and path.split(".p/")[0] not in files for path in leftover)
    assert verified(pieces).verified
    shutil.rmtree(pieces)
    shutil.rmtree(whole)


def test_publishing_the_whole_history_again_adds_only_what_is_new(tmp_path):
    go(tmp_path, LEAVES[:700])
    assert go(tmp_path, LEAVES).added == 500
    assert verified(tmp_path).verified


def test_publishing_nothing_new_leaves_the_checkpoint_and_its_cosignatures(tmp_path):
    note = go(tmp_path, LEAVES[:10]).note
    cosigned = note + SignerKey.from_seed("w.example", b"\1" * 32).signature_line(note.split(b"\n\n")[0] + b"\n")
    module.write_checkpoint(tmp_path, cosigned)
    assert go(tmp_path, LEAVES[:10]).note == cosigned
    assert go(tmp_path, [], start=10).added == 0
    assert (tmp_path / "checkpoint").read_bytes() == cosigned


def test_a_shorter_history_is_refused(tmp_path):
    go(tmp_path, LEAVES[:700])
    before = tree_of_files(tmp_path)
    for leaves, start in [(LEAVES[:699], 0), ([], 0), (LEAVES[600:650], 600)]:
        with pytest.raises(ShrinkError) as refused:
            go(tmp_path, leaves, start=start)
        assert refused.value.published == 700
    assert tree_of_files(tmp_path) == before


def test_another_history_is_refused_at_its_first_difference(tmp_path):
    go(tmp_path, LEAVES[:700])
    before = tree_of_files(tmp_path)
    for place in (0, 255, 256, 699):
        forked = [*LEAVES[:place], b"forked", *LEAVES[place + 1 :]]
        with pytest.raises(ForkError) as refused:
            go(tmp_path, forked)
        assert refused.value.index == place
    assert tree_of_files(tmp_path) == before


def test_a_gap_is_refused(tmp_path):
    go(tmp_path, LEAVES[:700])
    with pytest.raises(GapError) as refused:
        go(tmp_path, LEAVES[701:], start=701)
    assert (refused.value.published, refused.value.start) == (700, 701)


def test_an_entry_no_bundle_can_hold_is_refused_before_anything_is_signed(tmp_path):
    go(tmp_path, LEAVES[:5])
    with pytest.raises(PublishError, match="entry 6"):
        go(tmp_path, [b"ok", bytes(65_536)], start=5)
    assert read_published(tmp_path, KEY.verifier, KEY.name).size == 5
    assert verified(tmp_path).verified


def test_another_key_or_origin_does_not_go_on_with_the_log(tmp_path):
    go(tmp_path, LEAVES[:5])
    with pytest.raises(SignatureError):
        go(tmp_path, LEAVES[:6], key=SignerKey.from_seed(KEY.name, b"\1" * 32))
    with pytest.raises(OriginError):
        go(tmp_path, LEAVES[:6], origin="example.com/other")


def test_a_damaged_edge_is_never_signed_over(tmp_path):
    go(tmp_path, LEAVES[:700])
    tile = tmp_path / "tile/0/002.p/188"
    data = bytearray(tile.read_bytes())
    data[5] ^= 1
    tile.write_bytes(data)
    with pytest.raises(CorruptLogError):
        go(tmp_path, LEAVES[700:], start=700)


def test_a_log_without_bundles_is_not_continued_with_bundles_in_the_middle_of_one(tmp_path):
    go(tmp_path, LEAVES[:700], with_bundles=False)
    with pytest.raises(GapError, match="without bundles"):
        go(tmp_path, LEAVES[700:], start=700, with_bundles=True)


def test_two_processes_do_not_publish_at_once(tmp_path):
    go(tmp_path, LEAVES[:5])
    with (tmp_path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BusyError):
            go(tmp_path, LEAVES[:6])
    assert go(tmp_path, LEAVES[:6]).added == 1


@pytest.mark.parametrize("fail_at", range(1, 40))
def test_whatever_is_interrupted_the_old_log_stays_whole_and_the_next_attempt_repairs_it(
    tmp_path, monkeypatch, fail_at
):
    go(tmp_path, LEAVES[:300])
    steps = 0

    def breaking(real):
        def step(*arguments, **options):
            nonlocal steps
            steps += 1  # names are flushed by several threads: which of them is hit differs, what must hold does not
            if steps == fail_at:
                raise OSError(28, "No space left on device")
            return real(*arguments, **options)

        return step

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", breaking(os.fsync))
        patch.setattr("pathlib.Path.replace", breaking(type(tmp_path).replace))
        try:
            go(tmp_path, [b"never kept"] * 600, start=300)
        except OSError:
            assert steps >= fail_at
    assert verified(tmp_path).verified, verified(tmp_path).findings
    size = read_published(tmp_path, KEY.verifier, KEY.name).size
    assert size in (300, 900)
    if size == 900:
        return
    # The database is the truth: what it offers next is what will be there, whatever the broken attempt left behind.
    for end in (310, 520, 530, 800, 1200):
        go(tmp_path, LEAVES[:end])
        assert verified(tmp_path).verified, verified(tmp_path).findings


def test_the_checkpoint_is_replaced_only_after_every_tile_is_on_disk(tmp_path, monkeypatch):
    synced: list[str] = []
    replaced: list[str] = []
    real_sync, real_replace = os.fsync, type(tmp_path).replace

    def fsync(handle):
        synced.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        real_sync(handle)

    def replace(path, target):
        if target.name == "checkpoint":
            replaced.extend(synced)
        return real_replace(path, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr("pathlib.Path.replace", replace)
    go(tmp_path, LEAVES)
    files = {str(tmp_path / path) for path in tree_of_files(tmp_path) if path != "checkpoint"}
    folders = {str(folder) for folder in (tmp_path, *tmp_path.rglob("*")) if folder.is_dir()}
    assert files | folders <= set(replaced)
    assert str(tmp_path / ".writing") in replaced, "the checkpoint itself is flushed before it is seen"
    assert str(tmp_path) in synced[len(replaced) :], "and its name after"


def test_partial_tiles_above_level_0_are_dropped_when_the_full_one_is_there(tmp_path):
    entries = [b"%d" % index for index in range(65_540)]
    go(tmp_path, entries[:65_530], with_bundles=False)
    assert (tmp_path / "tile/1/000.p/255").exists()
    go(tmp_path, entries[65_530:], start=65_530, with_bundles=False)
    assert not (tmp_path / "tile/1/000.p").exists()
    assert not (tmp_path / "tile/0/255.p").exists()
    assert (tmp_path / "tile/1/000").exists()
    assert verified(tmp_path).verified
