"""Law: a ciphertext opens with its own key at its own place and nowhere else; a destroyed key opens nothing."""

import stat
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.envelope import OVERHEAD, Key, key_id_of, place, seal, unseal
from privacy.errors import EnvelopeError, KeyFileError, SecretError, UnknownKeyError
from privacy.keys import KeyRing, create_root_key, read_root_key, replace_root_key
from privacy.pseudonym import subject_tag

HERE = place("entry", "payload", "42")


@given(st.binary(max_size=200), st.integers(0, 2**32 - 1))
def test_what_was_sealed_is_opened(plaintext, key_id):
    key = Key.generate(key_id)
    envelope = seal(key, plaintext, where=HERE)
    assert unseal(key, envelope, where=HERE) == plaintext
    assert key_id_of(envelope) == key_id
    assert len(envelope) == len(plaintext) + OVERHEAD == len(plaintext) + 33


def test_the_layout_is_version_key_nonce_ciphertext_tag():
    key = Key(0x01020304, bytes(32))
    envelope = seal(key, b"secret", where=HERE)
    assert envelope[:5] == b"\x01\x01\x02\x03\x04"
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    assert AESGCM(bytes(32)).decrypt(envelope[5:17], envelope[17:], envelope[:5] + b"entry|payload|42") == b"secret"


def test_two_envelopes_of_one_text_differ():
    key = Key.generate()
    assert seal(key, b"x", where=HERE) != seal(key, b"x", where=HERE)


def test_any_changed_byte_is_refused():
    key = Key.generate(7)
    envelope = seal(key, b"secret", where=HERE)
    for position in range(len(envelope)):
        altered = bytearray(envelope)
        altered[position] ^= 1
        with pytest.raises(EnvelopeError):
            unseal(key, bytes(altered), where=HERE)


@pytest.mark.parametrize("where", [place("entry", "payload", "43"), place("entry", "salt", "42"), b""])
def test_an_envelope_moved_to_another_place_is_refused(where):
    key = Key.generate()
    with pytest.raises(EnvelopeError):
        unseal(key, seal(key, b"secret", where=HERE), where=where)


@pytest.mark.parametrize("junk", [b"", b"\x01", b"\x02" + bytes(40), bytes(33)])
def test_bytes_that_are_no_envelope_are_refused(junk):
    with pytest.raises(EnvelopeError):
        key_id_of(junk)


def test_another_key_with_the_same_id_is_refused():
    with pytest.raises(EnvelopeError):
        unseal(Key.generate(7), seal(Key.generate(7), b"secret", where=HERE), where=HERE)


def test_a_place_cannot_be_written_in_two_ways():
    with pytest.raises(SecretError):
        place("a|b", "c", "d")
    with pytest.raises(SecretError):
        place("a", "b|c", "d")
    with pytest.raises(SecretError):
        place("", "b", "d")


def test_a_key_is_never_printed():
    key = Key(1, b"\x41" * 32)
    assert "A" * 8 not in repr(key)
    assert "41" * 8 not in repr(KeyRing((key,)))


@pytest.mark.parametrize(("key_id", "secret"), [(-1, bytes(32)), (2**32, bytes(32)), (1, bytes(31)), (True, bytes(32))])
def test_malformed_keys_are_refused(key_id, secret):
    with pytest.raises(SecretError):
        Key(key_id, secret)


# Three levels of keys


def test_rotation_rewraps_and_never_rewrites_data():
    root = KeyRing((Key.generate(),))
    tenant, member = Key.generate(), Key.generate()
    data = seal(member, b"her data", where=HERE)
    wrapped_tenant = root.wrap(tenant, where=b"tenant|t1")
    wrapped_member = KeyRing((tenant,)).wrap(member, where=b"member|m1")

    rotated = root.rotated()
    rewrapped = rotated.rewrap(wrapped_tenant, where=b"tenant|t1")
    after = rotated.without(root.current.id)
    opened = KeyRing((after.unwrap(rewrapped, where=b"tenant|t1"),)).unwrap(wrapped_member, where=b"member|m1")
    assert unseal(opened, data, where=HERE) == b"her data"
    assert rotated.rewrap(rewrapped, where=b"tenant|t1") == rewrapped


def test_a_destroyed_generation_opens_nothing_any_more():
    old = KeyRing((Key.generate(),))
    backup = old.wrap(Key.generate(), where=b"member|m1")
    after = old.rotated().without(old.current.id)
    with pytest.raises(UnknownKeyError) as refused:
        after.unwrap(backup, where=b"member|m1")
    assert refused.value.key_id == old.current.id


def test_a_wrapped_key_is_tied_to_its_place_and_is_no_data_envelope():
    ring = KeyRing((Key.generate(),))
    wrapped = ring.wrap(Key.generate(), where=b"member|m1")
    with pytest.raises(EnvelopeError):
        ring.unwrap(wrapped, where=b"member|m2")
    with pytest.raises(EnvelopeError):
        unseal(ring.current, wrapped, where=b"member|m1")
    with pytest.raises(EnvelopeError):
        ring.unwrap(seal(ring.current, bytes(36), where=b"member|m1"), where=b"member|m1")


def test_the_current_generation_cannot_be_destroyed():
    ring = KeyRing((Key.generate(), Key.generate()))
    with pytest.raises(SecretError):
        ring.without(ring.current.id)
    with pytest.raises(UnknownKeyError):
        ring.without((ring.current.id + 1) % 2**32 if (ring.current.id + 1) % 2**32 != ring.generations[0].id else 0)


def test_a_ring_has_generations_with_different_ids():
    with pytest.raises(SecretError):
        KeyRing(())
    with pytest.raises(SecretError):
        KeyRing((Key(1, bytes(32)), Key(1, bytes(32))))


# The root key file


def test_a_root_key_is_created_once_for_its_owner_alone(tmp_path):
    path = tmp_path / "root.key"
    ring = create_root_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_root_key(path) == ring
    with pytest.raises(KeyFileError, match="never overwritten"):
        create_root_key(path)
    assert read_root_key(path) == ring


def test_a_missing_root_key_is_an_error_and_stays_missing(tmp_path):
    path = tmp_path / "root.key"
    with pytest.raises(KeyFileError, match="create one explicitly"):
        read_root_key(path)
    with pytest.raises(KeyFileError):
        replace_root_key(path, KeyRing((Key.generate(),)))
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_root_key_that_others_can_read_is_refused(tmp_path, mode):
    path = tmp_path / "root.key"
    create_root_key(path)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match="chmod 600"):
        read_root_key(path)


@pytest.mark.parametrize(
    "text",
    ["", "accord root key v1\n", "accord root key v2\n00000001 AAAA\n", "accord root key v1\nnot a key\n",
     "accord root key v1\n00000001 AAAA\n", "accord root key v1\nzz AAAA\n", "\xff"],
)  # fmt: skip
def test_a_malformed_root_key_file_is_refused(tmp_path, text):
    path = tmp_path / "root.key"
    path.write_bytes(text.encode("latin-1"))
    path.chmod(0o600)
    with pytest.raises(KeyFileError):
        read_root_key(path)


def test_a_rotated_root_key_replaces_the_old_one(tmp_path):
    path = tmp_path / "root.key"
    rotated = create_root_key(path).rotated()
    replace_root_key(path, rotated)
    assert read_root_key(path) == rotated
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["root.key"]


def test_a_root_key_cannot_be_written_where_there_is_no_folder(tmp_path):
    with pytest.raises(KeyFileError):
        create_root_key(tmp_path / "missing" / "root.key")


# Names that do not link


def test_a_subject_tag_is_half_of_hmac_sha256():
    # RFC 4231 pads keys below 64 bytes with zeros, so a published vector with a short key serves a padded one too:
    # test case 2, key "Jefe", data "what do ya want for nothing?".
    key = b"Jefe" + bytes(28)
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert subject_tag(key, b"what do ya want for nothing?").hex() == expected[:32]


def test_a_subject_tag_differs_in_every_entry():
    entries = [uuid.UUID(int=n).bytes for n in range(100)]
    assert len({subject_tag(bytes(32), entry) for entry in entries}) == 100


def test_a_short_key_is_refused():
    with pytest.raises(SecretError):
        subject_tag(bytes(16), bytes(16))
