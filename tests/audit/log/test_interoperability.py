"""Tools that are not ours verify what we publish, and we verify what we did not write."""

import base64
import struct
from hashlib import sha256
from types import SimpleNamespace

import pymerkle
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sigstore._internal.merkle import verify_merkle_inclusion
from sigstore._internal.rekor.checkpoint import verify_checkpoint
from sigstore._internal.trust import Keyring
from sigstore.errors import VerificationError
from sigstore_models.common.v1 import PublicKey, PublicKeyDetails

from audit.__main__ import main
from audit.log.hashing import leaf_hash
from audit.log.note import SignerKey, parse_note
from audit.log.proofs import verify_inclusion
from audit.log.publish import publish
from audit.log.source import DirectorySource
from audit.log.tiles import TileSubtrees
from audit.log.tlog_proof import prove_entry
from tests.audit.log import merkle

KEY = SignerKey.from_seed("example.com/log", bytes(32))
LEAVES = [b'{"k":"run.admitted","n":%d}' % i for i in range(700)]
PLACES = [0, 1, 255, 256, 511, 512, 640, 698, 699]


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    directory = tmp_path_factory.mktemp("log")
    publish(directory, LEAVES, KEY, KEY.name, with_bundles=True)
    return directory


def prove(log, index):
    note = (log / "checkpoint").read_bytes()
    return prove_entry(LEAVES[index], index, note, TileSubtrees(700, DirectorySource(log).read))


def root_in(note):
    return base64.b64decode(note.split(b"\n")[2])


def test_pymerkle_computes_our_root_and_makes_our_inclusion_proofs(log):
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for leaf in LEAVES:
        tree.append_entry(leaf)
    root = root_in((log / "checkpoint").read_bytes())
    assert tree.get_root() == root
    for index in PLACES:
        theirs = tree.prove_inclusion(index + 1)
        ours = prove(log, index).hashes
        assert theirs.path == [leaf_hash(LEAVES[index]), *ours]
        verify_inclusion(leaf_hash(LEAVES[index]), index, 700, theirs.path[1:], root)
        made_of_ours = pymerkle.InclusionProof("sha256", True, 700, index + 1, theirs.rule, [theirs.path[0], *ours])
        pymerkle.verify_inclusion(leaf_hash(LEAVES[index]), root, made_of_ours, index=index + 1, size=700)


def rekor_entry(log, index, *, leaf=None):
    """Our proof in the shape in which sigstore gets one from Rekor."""
    proof = prove(log, index)
    return SimpleNamespace(
        _inner=SimpleNamespace(
            canonicalized_body=leaf or LEAVES[index],
            log_id=SimpleNamespace(key_id=parse_note(proof.checkpoint).signatures[0].key_id + bytes(28)),
            inclusion_proof=SimpleNamespace(
                log_index=index,
                tree_size=700,
                hashes=list(proof.hashes),
                root_hash=root_in(proof.checkpoint),
                checkpoint=SimpleNamespace(envelope=proof.checkpoint.decode()),
            ),
        )
    )


def keyring(signer):
    der = signer.private_key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return Keyring([PublicKey(raw_bytes=base64.b64encode(der), key_details=PublicKeyDetails.PKIX_ED25519)])


def test_sigstore_verifies_our_inclusion_proofs_and_our_checkpoint(log):
    for index in PLACES:
        entry = rekor_entry(log, index)
        verify_merkle_inclusion(entry)
        verify_checkpoint(keyring(KEY), entry)


def test_sigstore_refuses_another_leaf_and_another_key(log):
    with pytest.raises(VerificationError):
        verify_merkle_inclusion(rekor_entry(log, 5, leaf=b"another"))
    with pytest.raises(VerificationError):
        verify_checkpoint(keyring(SignerKey.from_seed(KEY.name, b"\1" * 32)), rekor_entry(log, 5))


SIZES = [0, 1, 2, 255, 256, 257, 700, 66_000]


def foreign_log(directory, size, *, with_bundles):
    """Write a log from the text of the specifications alone: RFC 6962, tlog-tiles, tlog-checkpoint, signed-note.

    Nothing of `audit` is used. Returns the vkey.
    """
    leaves = [b"foreign \x00\xff entry %d" % i for i in range(size)]

    def path(level, n, w):
        text = f"{n % 1000:03d}"
        while n >= 1000:
            n //= 1000
            text = f"x{n % 1000:03d}/{text}"
        file = directory / "tile" / level / (text if w == 256 else f"{text}.p/{w}")
        file.parent.mkdir(parents=True, exist_ok=True)
        return file

    level, hashes = 0, [sha256(b"\x00" + leaf).digest() for leaf in leaves]
    while hashes:
        for n in range(0, len(hashes), 256):
            part = hashes[n : n + 256]
            path(str(level), n // 256, len(part)).write_bytes(b"".join(part))
        hashes = [mth_of(hashes[n : n + 256]) for n in range(0, len(hashes) - 255, 256)]
        level += 1
    if with_bundles:
        for n in range(0, size, 256):
            part = leaves[n : n + 256]
            path("entries", n // 256, len(part)).write_bytes(b"".join(struct.pack(">H", len(e)) + e for e in part))
    name = "foreign.example/log"
    key = Ed25519PrivateKey.from_private_bytes(b"\x42" * 32)
    public = key.public_key().public_bytes_raw()
    key_id = sha256(name.encode() + b"\n\x01" + public).digest()[:4]
    root = mth_of([sha256(b"\x00" + leaf).digest() for leaf in leaves]) if size else sha256(b"").digest()
    text = f"{name}\n{size}\n{base64.b64encode(root).decode()}\n"
    signature = base64.b64encode(key_id + key.sign(text.encode())).decode()
    unknown = base64.b64encode(b"\1\2\3\4" + bytes(70)).decode()
    directory.mkdir(exist_ok=True)
    (directory / "checkpoint").write_text(f"{text}\n— {name} {signature}\n— somebody.example {unknown}\n")
    return "+".join([name, key_id.hex(), base64.b64encode(b"\x01" + public).decode()])


def mth_of(hashes):
    """MTH over leaf hashes."""
    if len(hashes) == 1:
        return hashes[0]
    k = merkle.split(len(hashes))
    return sha256(b"\x01" + mth_of(hashes[:k]) + mth_of(hashes[k:])).digest()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("with_bundles", [True, False])
def test_a_log_written_from_the_specification_alone_verifies(tmp_path, size, with_bundles):
    vkey = foreign_log(tmp_path / "log", size, with_bundles=with_bundles)
    assert main(["verify", str(tmp_path / "log"), "--key", vkey]) == 0


def test_a_changed_byte_in_a_log_written_from_the_specification_is_found(tmp_path, capsys):
    vkey = foreign_log(tmp_path / "log", 700, with_bundles=True)
    for path in ("tile/0/001", "tile/0/002.p/188", "tile/1/000.p/2", "tile/entries/000", "tile/entries/002.p/188"):
        file = tmp_path / "log" / path
        original = file.read_bytes()
        file.write_bytes(original[:-1] + bytes([original[-1] ^ 1]))
        assert main(["verify", str(tmp_path / "log"), "--key", vkey]) == 1, path
        file.write_bytes(original)


def test_a_foreign_log_is_continued_by_nobody_but_its_key(tmp_path):
    foreign_log(tmp_path / "log", 700, with_bundles=True)
    ours = SignerKey.from_seed("foreign.example/log", b"\x42" * 32)
    published = publish(tmp_path / "log", [b"more"], ours, ours.name, with_bundles=True, start=700)
    assert published.checkpoint.size == 701
    assert main(["verify", str(tmp_path / "log"), "--key", ours.verifier.text(), "--entries"]) == 0
