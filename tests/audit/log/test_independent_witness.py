"""A log, a witness and a client of the same specifications, written by others: each works with ours.

The peer, `aics-witness` (Apache-2.0), needs Python 3.12 and so cannot be installed beside Accord. To run these tests,
install it elsewhere (`python3.12 -m venv peer && peer/bin/pip install aics-witness==0.1.0`) and name that Python in
ACCORD_TEST_WITNESS_PYTHON; without it they are skipped.
"""

import os
import re
import subprocess
import threading
import time
from itertools import pairwise

import pytest

from audit.errors import ConflictError, WitnessRefusalError
from audit.log.checkpoint import parse
from audit.log.cosignature import Algorithm, Cosigner, CosignerKey
from audit.log.note import SignerKey, parse_note, signed_by
from audit.log.publish import publish, write_checkpoint
from audit.log.source import DirectorySource
from audit.log.tiles import TileSubtrees
from audit.log.tlog_policy import parse_policy
from audit.log.witness import Witness
from audit.log.witness_client import cosign
from audit.log.witness_server import WitnessServer

PEER = os.environ.get("ACCORD_TEST_WITNESS_PYTHON")  # noqa: TID251 (a test tool's place, not a setting of Accord)
pytestmark = pytest.mark.skipif(not PEER, reason="needs ACCORD_TEST_WITNESS_PYTHON, see the module's docstring")

KEY = SignerKey.from_seed("example.com/log", bytes(32))
SIZES = [1, 5, 256, 300, 66_000]


def leaves(size, fork=None):
    return [b"forked" if index == fork else b"leaf %d" % index for index in range(size)]


def run(code, *arguments):
    done = subprocess.run([PEER, "-c", code, *arguments], capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


def subtrees(directory, size):
    return TileSubtrees(size, DirectorySource(directory).read)


AUDIT = """
import sys
from aics_tlog import *
directory, log, witness = sys.argv[1:]
note = parse_note(open(directory + "/checkpoint", "rb").read())
verified = verify_checkpoint(note, parse_vkey(log), [parse_vkey(witness)], 1, expected_origin="example.com/log")
assert verified.ok, verified
print(audit_tiles(FileSystemTileReader(directory), verified.size, verified.root, entries=True))
"""


def test_the_peer_verifies_our_log_and_our_cosignature(tmp_path):
    published = publish(tmp_path, leaves(66_000), KEY, KEY.name, with_bundles=True)
    witness = Cosigner.from_seed("witness.example/w1", b"\1" * 32, Algorithm.ED25519)
    line = witness.cosignature_line(parse_note(published.note).text, at=int(time.time()))
    write_checkpoint(tmp_path, published.note + line)
    arguments = (str(tmp_path), KEY.verifier.text(), witness.verifier.text())
    code, said = run(AUDIT, *arguments)
    assert code == 0, said
    assert "size=66000, tiles=261, bundles=258" in said
    tile = tmp_path / "tile/0/100"
    tile.write_bytes(bytes(8192))
    assert run(AUDIT, *arguments)[0] != 0


@pytest.fixture
def peer(tmp_path):
    """The peer's witness, serving. Yields its address and its key."""
    config = str(tmp_path / "witness.json")
    command = [PEER, "-m", "aics_witness"]
    init = subprocess.run(
        [*command, "init", "-c", config, "--name", "peer.example/w1", "--listen", "127.0.0.1:0"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    key = CosignerKey.parse(re.search(r"peer\.example/w1\+[0-9a-f]{8}\+\S+", init.stdout)[0])
    subprocess.run(
        [*command, "add-log", "-c", config, "--origin", KEY.name, "--vkey", KEY.verifier.text()],
        capture_output=True, check=True,
    )  # fmt: skip
    process = subprocess.Popen([*command, "serve", "-c", config], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        address = None
        while address is None:
            line = process.stderr.readline().decode()
            assert line, "the peer ended"
            address = re.search(r"http://[\d.]+:\d+", line)
        reading = threading.Thread(target=process.stderr.read, daemon=True)
        reading.start()
        yield address[0], key
    finally:
        process.terminate()
        process.wait(timeout=20)
        reading.join(timeout=20)
        process.stderr.close()


def test_the_peers_witness_cosigns_what_our_client_sends(tmp_path, peer):
    address, key = peer
    policy = parse_policy(f"log {KEY.verifier.text()}\nwitness peer {key.text()}\nquorum peer\n".encode())
    for size in SIZES:
        published = publish(tmp_path / "log", leaves(size), KEY, KEY.name, with_bundles=False)
        line = cosign(address, key, published.note, subtrees(tmp_path / "log", size))
        assert policy.accept(published.note + line, origin=KEY.name).witnesses == ("peer",)


def test_the_peers_witness_refuses_our_fork_and_our_rollback(tmp_path, peer):
    address, key = peer
    for size in (10, 300):
        note = publish(tmp_path / "log", leaves(size), KEY, KEY.name, with_bundles=False).note
        cosign(address, key, note, subtrees(tmp_path / "log", size))
    fork = publish(tmp_path / "fork", leaves(300, fork=5), KEY, KEY.name, with_bundles=False).note
    with pytest.raises(ConflictError) as lied:
        cosign(address, key, fork, subtrees(tmp_path / "fork", 300), old_size=300)
    assert lied.value.fork
    longer = publish(tmp_path / "fork", leaves(400, fork=5), KEY, KEY.name, with_bundles=False).note
    with pytest.raises(WitnessRefusalError) as refused:
        cosign(address, key, longer, subtrees(tmp_path / "fork", 400), old_size=300)
    assert refused.value.status == 422
    old = publish(tmp_path / "old", leaves(20), KEY, KEY.name, with_bundles=False).note
    with pytest.raises(ConflictError) as behind:
        cosign(address, key, old, subtrees(tmp_path / "old", 20))
    assert behind.value.size == 300


FEED = """
import sys
from aics_tlog import FileSystemTileReader, consistency_proof_from_tiles
from aics_witness.feeder import WitnessClient
address, key, size, directory, old = sys.argv[1:]
reader = FileSystemTileReader(directory)
proof = lambda old, new: consistency_proof_from_tiles(reader, old, new)
with WitnessClient(address, key) as client:
    print(client.submit(open(directory + "/checkpoint", "rb").read(), proof, old_size=int(old)), end="")
"""


def test_our_witness_cosigns_what_the_peers_client_sends(tmp_path):
    ours = Cosigner.from_seed("witness.example/w1", b"\1" * 32, Algorithm.ED25519)
    witness = Witness(tmp_path / "memory", ours, {KEY.name: [KEY.verifier]})
    server = WitnessServer(witness, ("127.0.0.1", 0), lambda: int(time.time()))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        address = f"http://127.0.0.1:{server.server_address[1]}"
        for old, size in pairwise([0, *SIZES]):
            note = publish(tmp_path / "log", leaves(size), KEY, KEY.name, with_bundles=False).note
            # Half of the time the client does not know where our witness is, and must learn it from the conflict.
            guess = old if size % 2 else 0
            code, said = run(FEED, address, ours.verifier.text(), str(size), str(tmp_path / "log"), str(guess))
            assert code == 0, said
            assert signed_by(parse_note(note + said.encode()), [ours.verifier]) == (ours.verifier,)
            assert parse(note).size == size
        publish(tmp_path / "fork", leaves(66_000, fork=9), KEY, KEY.name, with_bundles=False)
        code, said = run(FEED, address, ours.verifier.text(), "66000", str(tmp_path / "fork"), "66000")
        assert code != 0, said
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        witness.close()
