"""A changed byte anywhere in a published log is found, with entries and without; the report says what was looked at."""

import shutil

import numpy as np
import pytest

from audit.errors import MissingFileError, UnreadableError
from audit.log.checkpoint import Checkpoint, parse, sign
from audit.log.fsck import MAX_FINDINGS, verify_log
from audit.log.hashing import leaf_hash
from audit.log.note import SignerKey
from audit.log.publish import publish
from audit.log.source import DirectorySource
from audit.log.tlog_policy import policy_for
from audit.log.tree import root_of

KEY = SignerKey.from_seed("example.com/log", bytes(32))
LEAVES = [b"leaf %d" % i for i in range(1000)]


@pytest.fixture(params=[True, False], ids=["with entries", "hashes only"])
def log(request, tmp_path):
    # In three goes, so that partial tiles of earlier checkpoints lie about.
    for start, end in [(0, 300), (300, 990), (990, 1000)]:
        publish(tmp_path / "log", LEAVES[start:end], KEY, KEY.name, with_bundles=request.param, start=start)
    return tmp_path / "log"


def verify(directory, **options):
    return verify_log(DirectorySource(directory), policy=policy_for(KEY.verifier), origin=KEY.name, **options)


def files(directory):
    return sorted(path for path in directory.rglob("*") if path.is_file() and not path.name.startswith("."))


def test_an_untouched_log_verifies(log):
    report = verify(log)
    assert report.verified, report.findings
    assert report.entries == (1000 if (log / "tile/entries").exists() else None)
    assert not report.remarks
    assert report.tiles == 4 + 1


def test_a_changed_byte_in_any_file_is_found(log):
    chance = np.random.default_rng(7)
    for path in files(log):
        original = path.read_bytes()
        for place in {0, len(original) - 1, *chance.integers(len(original), size=12).tolist()}:
            changed = bytearray(original)
            changed[place] ^= 1 << int(chance.integers(8))
            path.write_bytes(changed)
            assert not verify(log).verified, f"byte {place} of {path.relative_to(log)}"
        path.write_bytes(original)
    assert verify(log).verified


def test_a_shortened_or_lengthened_file_is_found(log):
    for path in files(log):
        original = path.read_bytes()
        for changed in (b"", original[:-1], original[:-32], original + b"\0", original + bytes(32)):
            path.write_bytes(changed)
            assert not verify(log).verified, f"{path.relative_to(log)} with {len(changed)} bytes"
        path.write_bytes(original)


def test_a_missing_file_is_found(log):
    for path in files(log):
        if path.name == "checkpoint" or ".p" in path.parent.name:
            continue
        original = path.read_bytes()
        path.unlink()
        assert not verify(log).verified, path.relative_to(log)
        path.write_bytes(original)


def test_without_a_checkpoint_nothing_is_known(log):
    (log / "checkpoint").unlink()
    with pytest.raises(MissingFileError):
        verify(log)


def test_a_place_that_cannot_be_read_is_not_a_verdict(log):
    shutil.rmtree(log / "tile/0")
    (log / "tile/0").mkdir()
    (log / "tile/0/000").mkdir()
    with pytest.raises(UnreadableError):
        verify(log)


def test_swapped_entries_are_found(log):
    tile = log / "tile/0/000"
    data = tile.read_bytes()
    tile.write_bytes(data[32:64] + data[:32] + data[64:])
    assert not verify(log).verified


def test_a_forged_leaf_tile_that_fits_its_own_forged_parents_is_found(log):
    """CVE-2026-56865: a reader that stops at a parent tile it believes accepts a forged tile of level 0."""
    forged = log.with_name("forged")
    publish(forged, [*LEAVES[:5], b"forged", *LEAVES[6:]], KEY, KEY.name, with_bundles=(log / "tile/entries").exists())
    note = (log / "checkpoint").read_bytes()
    # Every single tile, every pair with its parents, and all tiles at once, under the genuine checkpoint.
    swaps = [["tile/0/000"], ["tile/0/000", "tile/1/000.p/3"], ["tile/1/000.p/3"]]
    for swap in swaps:
        copy = log.with_name("copy")
        shutil.copytree(log, copy)
        for path in swap:
            shutil.copy(forged / path, copy / path)
        assert not verify(copy).verified, swap
        shutil.rmtree(copy)
    shutil.rmtree(log / "tile")
    shutil.copytree(forged / "tile", log / "tile")
    assert (log / "checkpoint").read_bytes() == note
    assert "the entries do not give the signed root" in " ".join(verify(log).findings)


def test_the_report_names_the_first_entry_that_was_changed(log):
    publish(log.with_name("whole"), LEAVES, KEY, KEY.name, with_bundles=True)
    log = log.with_name("whole")
    bundle = log / "tile/entries/001"
    bundle.write_bytes(bundle.read_bytes().replace(b"leaf 300", b"leaf 3OO"))
    assert "entry 300 does not hash to its place in tile/0/001" in verify(log).findings


def test_entries_that_are_required_and_not_there_are_a_fault(log):
    shutil.rmtree(log / "tile/entries", ignore_errors=True)
    assert verify(log).verified
    assert not verify(log, need_entries=True).verified


def test_a_key_of_somebody_else_verifies_nothing(log):
    stranger = SignerKey.from_seed(KEY.name, b"\1" * 32)
    report = verify_log(DirectorySource(log), policy=policy_for(stranger.verifier), origin=KEY.name)
    assert not report.verified
    assert report.checkpoint is None
    assert report.tiles == 0


def test_a_log_that_extends_an_older_checkpoint_says_so(log):
    for size in (0, 1, 255, 256, 257, 300, 999, 1000):
        older = Checkpoint(KEY.name, size, root_of(map(leaf_hash, LEAVES[:size])))
        report = verify(log, since=older)
        assert report.verified, (size, report.findings)
        assert report.since == size


def test_a_rewritten_history_is_found_with_an_older_checkpoint(log):
    forked = [b"forked", *LEAVES[1:]]
    for size in (1, 255, 256, 257, 300, 1000):
        older = Checkpoint(KEY.name, size, root_of(map(leaf_hash, forked[:size])))
        findings = verify(log, since=older).findings
        assert any("history was rewritten" in finding for finding in findings), size


def test_an_older_checkpoint_of_an_empty_log_has_its_one_root(log):
    assert not verify(log, since=Checkpoint(KEY.name, 0, bytes(32))).verified


def test_a_log_that_went_back_is_found_with_an_older_checkpoint(log):
    older = Checkpoint(KEY.name, 1001, bytes(32))
    assert any("went back" in finding for finding in verify(log, since=older).findings)


def test_tiles_ahead_of_the_checkpoint_are_named_and_not_trusted(log):
    note = (log / "checkpoint").read_bytes()
    publish(log, LEAVES[:1000] + [b"more"] * 300, KEY, KEY.name, with_bundles=(log / "tile/entries").exists())
    (log / "checkpoint").write_bytes(note)
    report = verify(log)
    assert report.verified, report.findings
    assert "go past the checkpoint" in report.remarks[0]


def test_strange_files_are_named(log):
    (log / "tile/0/readme.txt").write_text("hello")
    report = verify(log)
    assert report.verified
    assert "not tiles" in report.remarks[0]


def test_a_hopeless_log_is_given_up_after_a_bounded_number_of_findings(log):
    for path in files(log):
        if path.name != "checkpoint" and not path.as_posix().endswith("/000"):
            path.unlink()
    assert len(verify(log).findings) <= MAX_FINDINGS + 3


def test_a_signed_lie_about_the_size_is_found(log):
    head = parse((log / "checkpoint").read_bytes())
    for size in (0, 999, 1001, 2**40, 2**63 - 1):
        (log / "checkpoint").write_bytes(sign(Checkpoint(head.origin, size, head.root), KEY))
        assert not verify(log).verified, size


def test_the_report_says_in_plain_words_what_was_checked_and_what_was_not(log):
    words = " ".join(verify(log).in_words())
    assert "1,000 entries" in words
    assert ("Read 1,000 entries" in words) == (log / "tile/entries").exists()
    assert "Not checked: that the log shows everybody the same history" in words
    assert words.endswith("VERIFIED")
    (log / "tile/0/000").write_bytes(bytes(8192))
    assert verify(log).in_words()[-1] == "NOT VERIFIED"
