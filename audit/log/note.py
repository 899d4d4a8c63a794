"""Signed notes: text, a blank line, and one line per signature.

    example.com/log
    20852163
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

    — example.com/log Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=

The law: the text of a note is never used before a signature by a known key was checked. Lines by unknown keys are
ignored, as the specification says; one wrong signature under a known name and key id refuses the whole note.

Source: C2SP signed-note (type 0x01, Ed25519 of RFC 8032); the text form of keys is that of Go's sumdb/note.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from audit.errors import FormatError, SignatureError
from audit.log.lines import read_base64, write_base64
from audit.log.vkey import (
    KEY_ID_SIZE,
    SEED_SIZE,
    check_key_name,
    key_id,
    parse_secret,
    parse_vkey,
    secret_text,
    vkey_text,
)

ED25519 = 0x01
"""Signature type of a plain Ed25519 signature over the text."""

MAX_NOTE_SIZE = 1_000_000
MAX_SIGNATURES = 100

_FORMAT = "signed-note"
_DASH = "— "


class Verifier(Protocol):
    """A public key that checks one kind of signature."""

    @property
    def name(self) -> str:
        """Name on the signature line."""

    @property
    def key_id(self) -> bytes:
        """First 4 bytes of every signature by this key."""

    def verify(self, text: bytes, signature: bytes) -> None:
        """Check one signature (without key id) over the text of a note; raise SignatureError if it is wrong."""


AnyVerifier = TypeVar("AnyVerifier", bound=Verifier)


class Signer(Protocol):
    """A private key that signs the text of notes."""

    def signature_line(self, text: bytes) -> bytes:
        """Sign the text and return the whole signature line, with its newline."""


@dataclass(frozen=True)
class Signature:
    """One signature line, not yet checked.

    Attributes:
        name: who is said to have signed.
        key_id: 4 bytes that, with the name, say which key.
        signature: the bytes after the key id.
    """

    name: str
    key_id: bytes
    signature: bytes

    def line(self) -> bytes:
        """Write the line as it stands in a note."""
        return f"{_DASH}{self.name} {write_base64(self.key_id + self.signature)}\n".encode()


@dataclass(frozen=True)
class Note:
    """A parsed note: its text with the final newline, and its lines. Nobody has vouched for the text yet."""

    text: bytes
    signatures: tuple[Signature, ...]


@dataclass(frozen=True)
class VerifierKey:
    """The public half of a key that signs notes, type 0x01.

    Attributes:
        name: the key's name, for a log its origin.
        public_key: 32 bytes (RFC 8032).
    """

    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        """Refuse names and keys that no note can carry."""
        check_key_name(self.name)
        if len(self.public_key) != SEED_SIZE:
            raise FormatError("vkey", f"an Ed25519 key has 32 bytes, not {len(self.public_key)}")

    @property
    def key_id(self) -> bytes:
        """SHA-256(name, newline, 0x01, public key)[:4]."""
        return key_id(self.name, ED25519, self.public_key)

    def text(self) -> str:
        """Write the vkey: name+hash+base64, to be handed to whoever verifies."""
        return vkey_text(self.name, ED25519, self.public_key)

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Read a vkey of type 0x01.

        Raises:
            FormatError: another spelling, another type, or a hash that does not belong to name and key.
        """
        name, key_type, public_key = parse_vkey(text)
        if key_type != ED25519:
            raise FormatError("vkey", f"the key of a log is of type 0x01, not {key_type:#04x}")
        return cls(name, public_key)

    def verify(self, text: bytes, signature: bytes) -> None:
        """Check one signature over the text.

        Raises:
            SignatureError: it is wrong.
        """
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, text)
        except (InvalidSignature, ValueError):
            raise SignatureError(f"the signature by {self.name} is wrong") from None


@dataclass(frozen=True)
class SignerKey:
    """The private half, which signs the text of notes; `repr` never shows it."""

    name: str
    private_key: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def generate(cls, name: str) -> "SignerKey":
        """Draw a new key."""
        return cls(check_key_name(name), Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, name: str, seed: bytes) -> "SignerKey":
        """Rebuild a key from the 32 bytes of its seed."""
        return cls(check_key_name(name), Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def parse_secret(cls, text: str) -> "SignerKey":
        """Read a key from `secret_text`.

        Raises:
            FormatError: it is not one; the message never repeats the text.
        """
        name, stated_id, key_type, seed = parse_secret(text)
        if key_type != ED25519:
            raise FormatError("signing key", "it is not the key of a log (type 0x01)")
        signer = cls.from_seed(name, seed)
        if signer.verifier.key_id != stated_id:
            raise FormatError("signing key", "its hash does not belong to its name and key")
        return signer

    def secret_text(self) -> str:
        """Write the private key: PRIVATE+KEY+name+hash+base64. Keep it as secret as the key."""
        return secret_text(self.name, self.verifier.key_id, ED25519, self.private_key.private_bytes_raw())

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.name, self.private_key.public_key().public_bytes_raw())

    def signature_line(self, text: bytes) -> bytes:
        """Sign the text and return the whole signature line."""
        return Signature(self.name, self.verifier.key_id, self.private_key.sign(text)).line()

    def sign(self, text: bytes) -> bytes:
        """Sign the text and return the whole note."""
        return sign_note(text, self)


def sign_note(text: bytes, *signers: Signer) -> bytes:
    """Write a note: the text, a blank line, one line per signer.

    Raises:
        FormatError: the text is empty, has no final newline, or has control characters.
    """
    _check_text(text)
    return text + b"\n" + b"".join(signer.signature_line(text) for signer in signers)


def parse_note(data: bytes) -> Note:
    """Read a note without checking any signature.

    Raises:
        FormatError: the bytes are not a note.
    """
    if len(data) > MAX_NOTE_SIZE:
        raise FormatError(_FORMAT, f"longer than {MAX_NOTE_SIZE} bytes")
    end = data.rfind(b"\n\n")
    if end < 0:
        raise FormatError(_FORMAT, "no blank line before the signatures")
    text, rest = data[: end + 1], data[end + 2 :]
    _check_text(text)
    return Note(text, parse_signature_lines(rest))


def parse_signature_lines(data: bytes) -> tuple[Signature, ...]:
    """Read one or more signature lines, each with its newline.

    Raises:
        FormatError: none, too many, or a line that is not one.
    """
    if not data.endswith(b"\n"):
        raise FormatError(_FORMAT, "the last line has no newline, or there is no signature")
    lines = _decode(data).split("\n")[:-1]
    if len(lines) > MAX_SIGNATURES:
        raise FormatError(_FORMAT, f"more than {MAX_SIGNATURES} signatures")
    return tuple(_parse_signature_line(line) for line in lines)


def signed_by(note: Note, keys: Iterable[AnyVerifier]) -> tuple[AnyVerifier, ...]:
    """Check every signature by a known key, and return the keys that signed, in the order of `keys`.

    Lines by unknown keys are ignored; a repeated line counts once.

    Raises:
        SignatureError: a line bears the name and id of a known key and does not verify.
    """
    signed: list[AnyVerifier] = []
    for key in keys:
        lines = [line for line in note.signatures if (line.name, line.key_id) == (key.name, key.key_id)]
        for line in lines:
            key.verify(note.text, line.signature)
        if lines:
            signed.append(key)
    return tuple(signed)


def verify_note(data: bytes, keys: Iterable[Verifier]) -> bytes:
    """Return the text of a note that at least one of these keys signed.

    Raises:
        FormatError: the bytes are not a note.
        SignatureError: no known key signed, or a signature under a known name and id is wrong.
    """
    note = parse_note(data)
    if not signed_by(note, keys):
        raise SignatureError("no key that is trusted here signed this; check that you have the right key")
    return note.text


def _check_text(text: bytes) -> None:
    if not text.endswith(b"\n"):
        raise FormatError(_FORMAT, "the text does not end in a newline")
    _decode(text)


def _decode(data: bytes) -> str:
    """Read UTF-8 without control characters but the newline."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise FormatError(_FORMAT, "it is not UTF-8") from None
    if any(character < " " and character != "\n" for character in text):
        raise FormatError(_FORMAT, "it has control characters")
    return text


def _parse_signature_line(line: str) -> Signature:
    if not line.startswith(_DASH):
        raise FormatError(_FORMAT, "a signature line does not start with an em dash and a space")
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not space:
        raise FormatError(_FORMAT, "a signature line has no signature")
    data = read_base64(encoded, _FORMAT)
    if len(data) <= KEY_ID_SIZE:
        raise FormatError(_FORMAT, "a signature is too short")
    return Signature(check_key_name(name), data[:KEY_ID_SIZE], data[KEY_ID_SIZE:])
