"""The text of a note is believed only if a known key signed exactly these bytes; reading a note is exact."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import FormatError, SignatureError
from audit.log.note import SignerKey, VerifierKey, parse_note, sign_note, verify_note
from audit.log.vkey import parse_vkey, vkey_text

# Source: Go, golang.org/x/mod/sumdb/note, note_test.go.
NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NEUMANN_SECRET = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
TEXT = b"If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
LINE = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
NOTE = TEXT + b"\n" + LINE.encode()

ALICE = SignerKey.from_seed("alice.example/log", bytes(32))
BOB = SignerKey.from_seed("bob.example/log", b"\1" * 32)


def test_the_note_of_the_go_implementation_verifies_and_is_signed_alike():
    assert verify_note(NOTE, [VerifierKey.parse(NEUMANN)]) == TEXT
    signer = SignerKey.parse_secret(NEUMANN_SECRET)
    assert signer.sign(TEXT) == NOTE
    assert signer.verifier.text() == NEUMANN
    assert signer.secret_text() == NEUMANN_SECRET


def test_a_secret_key_does_not_show_itself():
    signer = SignerKey.parse_secret(NEUMANN_SECRET)
    assert "PrivateKey" not in repr(signer)
    assert signer.secret_text() not in repr(signer)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=40))
def test_what_is_signed_is_what_is_read(line):
    text = f"{line}\n".encode()
    note = sign_note(text, ALICE, BOB)
    for keys in ([ALICE.verifier], [BOB.verifier], [ALICE.verifier, BOB.verifier]):
        assert verify_note(note, keys) == text
    assert [signature.name for signature in parse_note(note).signatures] == [ALICE.name, BOB.name]


def test_a_note_by_strangers_is_refused():
    with pytest.raises(SignatureError, match="no key that is trusted"):
        verify_note(ALICE.sign(b"text\n"), [BOB.verifier])
    with pytest.raises(SignatureError, match="no key that is trusted"):
        verify_note(ALICE.sign(b"text\n"), [])


@given(st.integers(0, len(NOTE) - 1), st.integers(0, 7))
def test_any_flipped_bit_is_refused(place, bit):
    broken = bytearray(NOTE)
    broken[place] ^= 1 << bit
    with pytest.raises((FormatError, SignatureError)):
        verify_note(bytes(broken), [VerifierKey.parse(NEUMANN)])


def test_lines_by_unknown_keys_are_ignored_and_a_repeated_line_counts_once():
    strangers = LINE.replace("PeterNeumann", "Somebody").encode() + BOB.signature_line(TEXT)
    assert verify_note(TEXT + b"\n" + strangers + LINE.encode() * 2, [VerifierKey.parse(NEUMANN)]) == TEXT


def test_a_wrong_signature_under_a_known_name_and_id_refuses_the_whole_note():
    wrong = ALICE.signature_line(b"another text\n")
    with pytest.raises(SignatureError, match="alice"):
        verify_note(TEXT + b"\n" + wrong + LINE.encode(), [VerifierKey.parse(NEUMANN), ALICE.verifier])


def test_a_key_that_shares_only_its_name_is_unknown():
    impostor = SignerKey.from_seed(ALICE.name, b"\2" * 32)
    both = sign_note(TEXT, impostor, ALICE)
    assert verify_note(both, [ALICE.verifier]) == TEXT
    with pytest.raises(SignatureError):
        verify_note(impostor.sign(TEXT), [ALICE.verifier])


def test_empty_lines_in_the_text_do_not_end_it():
    text = b"one\n\n\nfour\n"
    assert verify_note(ALICE.sign(text), [ALICE.verifier]) == text


GOOD = "— a.example " + base64.b64encode(b"\0" * 68).decode() + "\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"text\n",
        b"text\n\n",
        b"text\n" + GOOD.encode(),
        b"\n\n" + GOOD.encode()[:-1],
        b"text\n\n" + GOOD.encode() + b"x",
        b"text\n\n" + GOOD.replace("— ", "- ").encode(),
        b"text\n\n" + GOOD.replace("— ", "—").encode(),
        b"text\n\n" + GOOD.replace("a.example", "a+example").encode(),
        b"text\n\n" + GOOD.replace("a.example", "").encode(),
        b"text\n\n" + GOOD.replace("a.example", "a\u00a0b").encode(),
        b"text\n\n" + GOOD.replace("AAAA", "AAA ", 1).encode(),
        b"text\n\n" + GOOD.replace("AAAA", "AA_-", 1).encode(),
        b"text\n\n" + GOOD.replace("AAA=", "AAB=").encode(),
        b"text\n\n" + GOOD.replace("=", "").encode(),
        b"text\n\n" + b"\xe2\x80\x94 a.example AAAAAA==\n",
        b"text\n\n" + b"\xe2\x80\x94 a.example\n",
        b"te\rxt\n\n" + GOOD.encode(),
        b"te\0xt\n\n" + GOOD.encode(),
        b"te\xffxt\n\n" + GOOD.encode(),
        b"text\n\n" + GOOD.replace("\n", "\r\n").encode(),
        b"text\n\n" + GOOD.encode() * 101,
        b"x" * 1_000_000 + b"\n\n" + GOOD.encode(),
    ],
)
def test_every_other_form_is_refused(data):
    with pytest.raises(FormatError):
        parse_note(data)


def test_sixteen_signatures_and_more_are_accepted():
    assert len(parse_note(b"text\n\n" + GOOD.encode() * 100).signatures) == 100


def test_only_text_a_note_can_carry_is_signed():
    for text in (b"", b"no newline", b"tab\there\n", b"\xff\n"):
        with pytest.raises(FormatError):
            ALICE.sign(text)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u2003b", "a\nb", "a\x01b"])
def test_only_names_a_line_can_carry_are_accepted(name):
    with pytest.raises(FormatError):
        SignerKey.generate(name)
    with pytest.raises(FormatError):
        VerifierKey(name, bytes(32))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a3",
        NEUMANN + " ",
        NEUMANN.replace("c74f20a3", "c74f20a4"),
        NEUMANN.replace("c74f20a3", "C74F20A3"),
        NEUMANN.replace("PeterNeumann", "peterneumann"),
        NEUMANN.replace("10TW", "10TX"),
        "x+00000000+AQ==",
        "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ],
)
def test_a_key_with_another_spelling_or_a_foreign_hash_is_refused(text):
    with pytest.raises(FormatError):
        VerifierKey.parse(text)


def test_a_key_of_another_type_does_not_sign_for_a_log():
    text = vkey_text("w.example", 0x04, bytes(32))
    assert parse_vkey(text) == ("w.example", 0x04, bytes(32))
    with pytest.raises(FormatError, match="0x01"):
        VerifierKey.parse(text)


@pytest.mark.parametrize(
    "text",
    ["", NEUMANN, NEUMANN_SECRET.replace("c74f20a3", "c74f20a4"), NEUMANN_SECRET + "=", "PRIVATE+KEY+a+0+AA=="],
)
def test_a_broken_secret_key_is_refused_without_being_repeated(text):
    with pytest.raises(FormatError) as refused:
        SignerKey.parse_secret(text)
    assert "AYEKFALV" not in str(refused.value)


def test_new_keys_differ():
    assert SignerKey.generate("a.example").verifier != SignerKey.generate("a.example").verifier


def test_a_public_key_of_another_length_is_refused():
    with pytest.raises(FormatError, match="32 bytes, not 31"):
        VerifierKey("a.example", bytes(31))
