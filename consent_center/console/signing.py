"""Passkeys that sign answers: what the browser is asked, and how its answer becomes a signed document."""

import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import webauthn
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    UserVerificationRequirement,
)

from consent_center.studies.errors import ApprovalError
from federated.passkey_signature import ApprovalKey, challenge_of, signed_by_passkey
from federated.signed import Signed

_ALGORITHMS = [COSEAlgorithmIdentifier.ECDSA_SHA_256, COSEAlgorithmIdentifier.EDDSA]


@dataclass(frozen=True)
class Signing:
    """Who asks for signatures.

    Attributes:
        name: what the browser's dialogue shows.
        origin: under which the console is reached.
    """

    name: str
    origin: str

    @property
    def host(self) -> str:
        """The host that passkeys are bound to."""
        return urlsplit(self.origin).hostname or ""

    def ask_for_key(self, person: str) -> tuple[str, dict[str, Any]]:
        """A fresh challenge and what the browser is handed to make a passkey that signs answers."""
        challenge = secrets.token_bytes(32)
        options = webauthn.generate_registration_options(
            rp_id=self.host,
            rp_name=self.name,
            user_id=hashlib.sha256(b"accord staff\x00" + person.encode()).digest()[:32],
            user_name=person,
            user_display_name=person,
            challenge=challenge,
            supported_pub_key_algs=_ALGORITHMS,
            authenticator_selection=AuthenticatorSelectionCriteria(
                user_verification=UserVerificationRequirement.REQUIRED
            ),
        )
        return bytes_to_base64url(challenge), json.loads(webauthn.options_to_json(options))

    def read_key(self, answer: str, challenge: str) -> tuple[bytes, ApprovalKey]:
        """The new passkey's name and public key.

        Raises:
            ApprovalError: the answer does not fit the challenge.
        """
        try:
            made = webauthn.verify_registration_response(
                credential=answer,
                expected_challenge=base64url_to_bytes(challenge),
                expected_rp_id=self.host,
                expected_origin=self.origin,
                require_user_verification=True,
                supported_pub_key_algs=_ALGORITHMS,
            )
            key = decoded_public_key_to_cryptography(decode_credential_public_key(made.credential_public_key))
        except (WebAuthnException, ValueError, KeyError, TypeError, RecursionError) as error:
            raise ApprovalError("the passkey could not be made: start again") from error
        if not isinstance(key, Ed25519PublicKey | EllipticCurvePublicKey):
            raise ApprovalError("this kind of passkey cannot sign answers: use another device")
        return made.credential_id, key

    def ask_for_signature(self, payload: bytes, credential: bytes) -> dict[str, Any]:
        """What the browser is handed to sign exactly these bytes."""
        options = webauthn.generate_authentication_options(
            rp_id=self.host,
            challenge=challenge_of(payload),
            allow_credentials=[PublicKeyCredentialDescriptor(id=credential)],
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return dict(json.loads(webauthn.options_to_json(options)))

    def read_signature(self, payload: bytes, answer: str) -> Signed:
        """The document that the browser signed; whether it is believed is decided by whoever reads it.

        Raises:
            ApprovalError: not an assertion, or of another origin.
        """
        try:
            response = json.loads(answer)["response"]
            client = base64url_to_bytes(response["clientDataJSON"])
            data = base64url_to_bytes(response["authenticatorData"])
            signature = base64url_to_bytes(response["signature"])
            origin = json.loads(client)["origin"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ApprovalError("the passkey's answer cannot be read: start again") from error
        if origin != self.origin or data[:32] != hashlib.sha256(self.host.encode()).digest():
            raise ApprovalError("the passkey answered for another site: open the console here")
        return signed_by_passkey(payload, authenticator_data=data, client_data=client, signature=signature)
