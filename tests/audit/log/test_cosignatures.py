"""A cosignature binds a witness to one checkpoint of one log at one time, in the bytes the specification gives."""

import struct

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import FormatError, SignatureError
from audit.log.checkpoint import Checkpoint, sign
from audit.log.cosignature import Algorithm, Cosigner, CosignerKey, cosigned_at
from audit.log.note import Note, SignerKey, parse_note, parse_signature_lines, signed_by

LOG = SignerKey.from_seed("example.com/log", bytes(32))
CHECKPOINT = Checkpoint(LOG.name, 20852163, bytes(range(32)))
SEED = b"\7" * 32
BOTH = pytest.mark.parametrize("algorithm", list(Algorithm))


def cosigner(algorithm, name="witness.example/w1"):
    return Cosigner.from_seed(name, SEED, algorithm)


def signature_of(line):
    (signature,) = parse_signature_lines(line)
    return signature


@BOTH
@given(at=st.integers(0, 2**63 - 1))
def test_what_is_cosigned_verifies_and_tells_its_time(algorithm, at):
    witness = cosigner(algorithm)
    note = sign(CHECKPOINT, LOG) + witness.cosignature_line(CHECKPOINT.text(), at=at)
    parsed = parse_note(note)
    assert signed_by(parsed, [witness.verifier, LOG.verifier]) == (witness.verifier, LOG.verifier)
    assert cosigned_at(parsed.signatures[1].signature) == at


def test_an_ed25519_cosignature_signs_the_text_the_specification_gives():
    signature = signature_of(cosigner(Algorithm.ED25519).cosignature_line(CHECKPOINT.text(), at=1679315147)).signature
    text = b"cosignature/v1\ntime 1679315147\n" + CHECKPOINT.text()
    assert signature[:8] == struct.pack(">Q", 1679315147)
    Ed25519PrivateKey.from_private_bytes(SEED).public_key().verify(signature[8:], text)


def test_an_ml_dsa_cosignature_signs_the_structure_the_specification_gives():
    signature = signature_of(cosigner(Algorithm.ML_DSA_44).cosignature_line(CHECKPOINT.text(), at=1679315147)).signature
    message = (
        b"subtree/v1\n\x00"
        b"\x12witness.example/w1"
        + struct.pack(">Q", 1679315147)
        + b"\x0fexample.com/log"
        + struct.pack(">QQ", 0, 20852163)
        + bytes(range(32))
    )
    assert len(signature) == 8 + 2420
    MLDSA44PrivateKey.from_seed_bytes(SEED).public_key().verify(signature[8:], message)


@BOTH
def test_a_cosignature_is_good_for_its_own_checkpoint_time_and_name_only(algorithm):
    witness = cosigner(algorithm)
    line = signature_of(witness.cosignature_line(CHECKPOINT.text(), at=1000))
    for other in (
        Checkpoint("example.com/other", CHECKPOINT.size, CHECKPOINT.root),
        Checkpoint(CHECKPOINT.origin, CHECKPOINT.size + 1, CHECKPOINT.root),
        Checkpoint(CHECKPOINT.origin, CHECKPOINT.size, bytes(32)),
    ):
        with pytest.raises(SignatureError):
            witness.verifier.verify(other.text(), line.signature)
    with pytest.raises(SignatureError):
        witness.verifier.verify(CHECKPOINT.text(), struct.pack(">Q", 1001) + line.signature[8:])
    for cut in (b"", line.signature[:8], line.signature[:-1], line.signature + b"\0", b"\x80" + line.signature[1:]):
        with pytest.raises(SignatureError):
            witness.verifier.verify(CHECKPOINT.text(), cut)


def test_an_ml_dsa_cosignature_is_bound_to_the_name_of_the_witness():
    line = signature_of(cosigner(Algorithm.ML_DSA_44).cosignature_line(CHECKPOINT.text(), at=1))
    renamed = CosignerKey("witness.example/w2", Algorithm.ML_DSA_44, cosigner(Algorithm.ML_DSA_44).verifier.public_key)
    with pytest.raises(SignatureError):
        renamed.verify(CHECKPOINT.text(), line.signature)


def test_the_signature_of_a_log_is_no_cosignature():
    witness = cosigner(Algorithm.ED25519)
    plain = Ed25519PrivateKey.from_private_bytes(SEED).sign(CHECKPOINT.text())
    with pytest.raises(SignatureError):
        witness.verifier.verify(CHECKPOINT.text(), bytes(8) + plain)


@BOTH
def test_keys_are_read_back_from_their_text(algorithm):
    witness = cosigner(algorithm)
    assert CosignerKey.parse(witness.verifier.text()) == witness.verifier
    assert Cosigner.parse_secret(witness.secret_text()).verifier == witness.verifier
    assert "private_key" not in repr(witness)


@BOTH
def test_new_keys_differ_and_sign(algorithm):
    one, other = Cosigner.generate("a.example", algorithm), Cosigner.generate("a.example", algorithm)
    assert one.verifier != other.verifier
    line = signature_of(one.cosignature_line(CHECKPOINT.text(), at=0))
    one.verifier.verify(CHECKPOINT.text(), line.signature)


def test_the_default_is_the_algorithm_that_withstands_quantum_computers():
    assert Cosigner.generate("a.example").verifier.algorithm is Algorithm.ML_DSA_44


def test_keys_of_another_type_or_length_are_refused():
    with pytest.raises(FormatError, match="0x04 or 0x06"):
        CosignerKey.parse(LOG.verifier.text())
    with pytest.raises(FormatError, match="type 0x04 or 0x06"):
        Cosigner.parse_secret(LOG.secret_text())
    with pytest.raises(FormatError, match="type 0x01"):
        SignerKey.parse_secret(cosigner(Algorithm.ED25519).secret_text())
    for algorithm, size in [(Algorithm.ED25519, 31), (Algorithm.ML_DSA_44, 1311), (Algorithm.ML_DSA_44, 32)]:
        with pytest.raises(FormatError, match="bytes"):
            CosignerKey("a.example", algorithm, bytes(size))
    swapped = cosigner(Algorithm.ED25519).secret_text().replace("w1", "w2")
    with pytest.raises(FormatError, match="hash"):
        Cosigner.parse_secret(swapped)


def test_only_checkpoints_and_times_that_fit_are_cosigned():
    witness = cosigner(Algorithm.ML_DSA_44)
    with pytest.raises(FormatError):
        witness.cosignature_line(b"no checkpoint\n", at=1)
    for at in (-1, 2**63):
        with pytest.raises(FormatError, match="time"):
            witness.cosignature_line(CHECKPOINT.text(), at=at)
    long = Checkpoint("x" * 256, 1, bytes(32))
    with pytest.raises(FormatError, match="255"):
        witness.cosignature_line(long.text(), at=1)
    assert cosigner(Algorithm.ED25519).cosignature_line(long.text(), at=1)


@BOTH
def test_a_line_by_a_known_witness_over_something_else_refuses_the_note(algorithm):
    witness = cosigner(algorithm)
    line = signature_of(witness.cosignature_line(Checkpoint(LOG.name, 1, bytes(32)).text(), at=1))
    with pytest.raises(SignatureError):
        signed_by(Note(CHECKPOINT.text(), (line,)), [witness.verifier])
