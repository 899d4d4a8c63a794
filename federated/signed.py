r"""Bytes with an Ed25519 signature, and the kind of thing they are signed as.

The kind is part of what is signed, so a signature over one kind of document never verifies as another.
Verification raises; it never returns False. The exact bytes are signed and stored; nobody canonicalises.

    signed = Ed25519(key, "accord/" + kind + "\n" + payload)
"""

import base64
import json
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from federated.errors import MalformedError, SignatureError


@dataclass(frozen=True)
class Signed:
    """A document, as bytes, with one signature over its kind and its bytes."""

    kind: str
    payload: bytes
    signature: bytes

    def to_text(self) -> str:
        """One line of JSON that `from_text` reads back."""
        return json.dumps(
            {
                "kind": self.kind,
                "payload": base64.b64encode(self.payload).decode("ascii"),
                "signature": base64.b64encode(self.signature).decode("ascii"),
            }
        )

    @classmethod
    def from_text(cls, text: str | bytes) -> "Signed":
        """Read what `to_text` wrote.

        Raises:
            MalformedError: not such a line.
        """
        try:
            data = json.loads(text)
            if set(data) != {"kind", "payload", "signature"} or not isinstance(data["kind"], str):
                raise MalformedError("a signed document has a kind, a payload and a signature, nothing else")
            return cls(
                kind=data["kind"],
                payload=base64.b64decode(data["payload"], validate=True),
                signature=base64.b64decode(data["signature"], validate=True),
            )
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise MalformedError("not a signed document") from error


def sign(key: Ed25519PrivateKey, *, kind: str, payload: bytes) -> Signed:
    """Sign `payload` as a document of this kind."""
    return Signed(kind=kind, payload=payload, signature=key.sign(_message(kind, payload)))


def check(signed: Signed, public_key: Ed25519PublicKey, *, kind: str) -> bytes:
    """The payload, if this key signed it as this kind.

    Raises:
        SignatureError: another key, another kind, or changed bytes.
    """
    if signed.kind != kind:
        raise SignatureError(f"signed as {signed.kind}, expected {kind}")
    try:
        public_key.verify(signed.signature, _message(kind, signed.payload))
    except InvalidSignature as error:
        raise SignatureError(f"the pinned key did not sign this {kind}") from error
    return signed.payload


def encode(data: Any) -> bytes:
    """Compact JSON with sorted keys: what Accord signs and digests."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def decode(payload: bytes) -> Any:
    """Read JSON bytes.

    Raises:
        MalformedError: not JSON, a key said twice, a number that is not finite, or nesting without end.
    """

    def refuse(constant: str) -> Any:
        raise MalformedError(f"{constant} is not a number that JSON knows")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) != len(pairs):
            raise MalformedError("a key is said twice")
        return dict(pairs)

    try:
        return json.loads(payload, object_pairs_hook=once, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise MalformedError("not JSON") from error


def _message(kind: str, payload: bytes) -> bytes:
    return b"accord/" + kind.encode("ascii") + b"\n" + payload
