"""A `.tlog-proof` proves its own entry, offline and for good, and nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.__main__ import main
from audit.errors import FormatError, InclusionError, LogError, QuorumError
from audit.log.checkpoint import Checkpoint, sign
from audit.log.hashing import leaf_hash
from audit.log.note import SignerKey
from audit.log.publish import publish
from audit.log.source import DirectorySource
from audit.log.tiles import TileSubtrees
from audit.log.tlog_policy import Group, Policy, policy_for
from audit.log.tlog_proof import TlogProof, prove_entry

KEY = SignerKey.from_seed("example.com/log", bytes(32))
POLICY = policy_for(KEY.verifier)
LEAVES = [b'{"k":"run.admitted","n":%d}' % i for i in range(600)]


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    directory = tmp_path_factory.mktemp("log")
    publish(directory, LEAVES, KEY, KEY.name, with_bundles=False)
    return directory


def prove(log, index, leaf=None):
    subtrees = TileSubtrees(600, DirectorySource(log).read)
    return prove_entry(leaf or LEAVES[index], index, (log / "checkpoint").read_bytes(), subtrees)


@settings(max_examples=60)
@given(index=st.integers(0, 599) | st.sampled_from([0, 255, 256, 511, 512, 599]))
def test_every_entry_has_a_proof_that_survives_being_written_down(log, index):
    proof = prove(log, index)
    again = TlogProof.parse(proof.text())
    assert again == proof
    assert again.verify(LEAVES[index], POLICY, origin=KEY.name).checkpoint.size == 600
    for wrong in (LEAVES[index - 1], LEAVES[index] + b" ", b""):
        with pytest.raises(InclusionError):
            again.verify(wrong, POLICY, origin=KEY.name)


def verify_text(text):
    proof = TlogProof.parse(text)
    proof.verify(proof.extra or b"", POLICY, origin=KEY.name)


@settings(max_examples=200)
@given(st.data())
def test_any_changed_byte_is_refused(log, data):
    text = bytearray(prove(log, 300).text())
    place = data.draw(st.integers(0, len(text) - 1))
    text[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(LogError):
        verify_text(bytes(text))


def test_no_proof_is_handed_out_for_another_leaf_or_from_damaged_tiles(log, tmp_path):
    with pytest.raises(InclusionError):
        prove(log, 5, leaf=b"another")
    with pytest.raises(InclusionError):
        prove(log, 600, leaf=b"another")
    forged = {"tile/0/001": bytes(8192)}
    subtrees = TileSubtrees(600, lambda path: forged.get(path) or DirectorySource(log).read(path))
    with pytest.raises(InclusionError):
        prove_entry(LEAVES[300], 300, (log / "checkpoint").read_bytes(), subtrees)


def test_the_only_entry_of_a_log_has_a_proof_without_hashes():
    note = sign(Checkpoint(KEY.name, 1, leaf_hash(b"only")), KEY)
    proof = prove_entry(b"only", 0, note, TileSubtrees(1, lambda path: leaf_hash(b"only")))
    assert proof.text() == b"c2sp.org/tlog-proof@v1\nextra b25seQ==\nindex 0\n\n" + note
    assert TlogProof.parse(proof.text()).verify(b"only", POLICY, origin=KEY.name)


def test_a_proof_without_extra_and_one_with_empty_extra_are_kept_apart():
    note = sign(Checkpoint(KEY.name, 1, leaf_hash(b"")), KEY)
    for extra in (None, b""):
        proof = TlogProof(0, (), note, extra)
        assert TlogProof.parse(proof.text()) == proof


HASH = b"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
NOTE = sign(Checkpoint(KEY.name, 2, bytes(32)), KEY)
HEADER = b"c2sp.org/tlog-proof@v1\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        HEADER,
        NOTE,
        HEADER + b"index 0\n" + HASH + NOTE,
        HEADER + b"\nindex 0\n" + HASH + b"\n" + NOTE,
        HEADER[:-2] + b"2\nindex 0\n" + HASH + b"\n" + NOTE,
        HEADER + b"extra AA==\n" + HASH + b"\n" + NOTE,
        HEADER + b"extra AB==\nindex 0\n" + HASH + b"\n" + NOTE,
        HEADER + b"extra\nindex 0\n" + HASH + b"\n" + NOTE,
        HEADER + b"extra AA==\nextra AA==\nindex 0\n" + HASH + b"\n" + NOTE,
        HEADER + b"index 00\n" + HASH + b"\n" + NOTE,
        HEADER + b"index -1\n" + HASH + b"\n" + NOTE,
        HEADER + b"index 0 \n" + HASH + b"\n" + NOTE,
        HEADER + b"index 9223372036854775808\n" + HASH + b"\n" + NOTE,
        HEADER + b"index 0\n" + HASH[:-2] + b"\n\n" + NOTE,
        HEADER + b"index 0\nAAAA\n\n" + NOTE,
        HEADER + b"index 0\n" + HASH * 64 + b"\n" + NOTE,
        HEADER + b"index 0\n" + HASH + b"\n" + NOTE + b"\n",
        HEADER + b"index 0\n" + HASH + b"\n\n" + NOTE,
        HEADER.replace(b"\n", b"\r\n") + b"index 0\n" + HASH + b"\n" + NOTE,
        HEADER + b"index 0\n" + HASH + b"\xff\n\n" + NOTE,
        HEADER + b"extra " + b"A" * 2_000_000 + b"\nindex 0\n" + HASH + b"\n" + NOTE,
    ],
)
def test_every_other_form_is_refused(data):
    with pytest.raises(FormatError):
        TlogProof.parse(data)


def test_an_index_no_proof_can_have_is_refused():
    with pytest.raises(FormatError, match="2\\*\\*63"):
        prove_entry(b"x", 2**63, NOTE, TileSubtrees(1, lambda path: b""))


def test_witnesses_are_asked_for_in_proofs_too(log):
    policy = Policy(POLICY.logs, groups={"nobody": Group(1, ())}, quorum="nobody")
    with pytest.raises(QuorumError):
        prove(log, 5).verify(LEAVES[5], policy, origin=KEY.name)


def test_the_command_verifies_a_proof_and_shows_the_entry(log, tmp_path, capsys):
    file = tmp_path / "receipt.tlog-proof"
    file.write_bytes(prove(log, 7).text())
    assert main(["proof", str(file), "--key", KEY.verifier.text()]) == 0
    said = capsys.readouterr().out
    assert '{"k":"run.admitted","n":7}' in said
    assert said.endswith("VERIFIED\n")
    entry = tmp_path / "entry"
    entry.write_bytes(LEAVES[8])
    assert main(["proof", str(file), "--key", KEY.verifier.text(), "--entry", str(entry)]) == 1
    assert "NOT VERIFIED" in capsys.readouterr().err
    file.write_bytes(file.read_bytes()[:-1])
    assert main(["proof", str(file), "--key", KEY.verifier.text()]) == 1


def test_the_command_never_sends_control_characters_to_a_terminal(tmp_path, capsys):
    leaf = b"\x1b[2J\xff\n"
    file = tmp_path / "p"
    file.write_bytes(TlogProof(0, (), sign(Checkpoint(KEY.name, 1, leaf_hash(leaf)), KEY), leaf).text())
    assert main(["proof", str(file), "--key", KEY.verifier.text()]) == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "\\x1b[2J\\\\xff\\n" in said


def test_a_proof_without_its_entry_says_that_nothing_is_known(log, tmp_path, capsys):
    file = tmp_path / "p"
    proof = prove(log, 7)
    file.write_bytes(TlogProof(proof.index, proof.hashes, proof.checkpoint).text())
    assert main(["proof", str(file), "--key", KEY.verifier.text()]) == 2
    assert "--entry" in capsys.readouterr().err
