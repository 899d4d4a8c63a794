"""Passkeys: what the browser is asked, and whether its answer is believed. The rules of WebAuthn are the library's.

Law: the answer must carry our challenge, our origin and our host's name, and must be made by a person who was verified
by her device (fingerprint, face or PIN), since the passkey stands alone.
"""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import webauthn
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from consent_center.storage.sessions import Passkey
from consent_center.workflows.sign_in import Answered, PasskeyRefusedError


@dataclass(frozen=True)
class Party:
    """Who asks for passkeys.

    Attributes:
        name: what the browser's dialogue shows.
        origin: under which members reach us; passkeys are bound to its host.
    """

    name: str
    origin: str

    @property
    def host(self) -> str:
        """The host that passkeys are bound to."""
        return urlsplit(self.origin).hostname or ""

    def ask_to_sign_in(self) -> tuple[str, dict[str, Any]]:
        """A fresh challenge (base64url) and what the browser is handed; it names no member."""
        challenge = secrets.token_bytes(32)
        options = webauthn.generate_authentication_options(
            rp_id=self.host, challenge=challenge, user_verification=UserVerificationRequirement.REQUIRED
        )
        return bytes_to_base64url(challenge), json.loads(webauthn.options_to_json(options))

    def ask_to_add(self, member: str, *, known: list[Passkey]) -> tuple[str, dict[str, Any]]:
        """A fresh challenge and what the browser is handed to make a passkey for a signed-in member."""
        challenge = secrets.token_bytes(32)
        options = webauthn.generate_registration_options(
            rp_id=self.host,
            rp_name=self.name,
            user_id=bytes.fromhex(member),
            user_name=self.name,
            user_display_name=self.name,
            challenge=challenge,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=one.credential) for one in known],
        )
        return bytes_to_base64url(challenge), json.loads(webauthn.options_to_json(options))

    def check_sign_in(self, answer: str, challenge: str, passkey: Passkey) -> Answered:
        """Believe an answer, or not.

        Raises:
            PasskeyRefusedError: another challenge, origin or key, no verified person, or a counter that went back.
        """
        try:
            verified = webauthn.verify_authentication_response(
                credential=answer,
                expected_challenge=base64url_to_bytes(challenge),
                expected_rp_id=self.host,
                expected_origin=self.origin,
                credential_public_key=passkey.public_key,
                credential_current_sign_count=passkey.sign_count,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError, RecursionError) as error:
            raise PasskeyRefusedError("the passkey's answer does not fit: try again, or use a link") from error
        return Answered(sign_count=verified.new_sign_count)

    def check_new(self, answer: str, challenge: str, *, member: str, label: str, at: datetime) -> Passkey:
        """The new passkey that an answer makes.

        Raises:
            PasskeyRefusedError: it makes none.
        """
        try:
            made = webauthn.verify_registration_response(
                credential=answer,
                expected_challenge=base64url_to_bytes(challenge),
                expected_rp_id=self.host,
                expected_origin=self.origin,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError, RecursionError) as error:
            raise PasskeyRefusedError("the passkey could not be made: try again") from error
        return Passkey(
            credential=made.credential_id,
            member=member,
            public_key=made.credential_public_key,
            sign_count=made.sign_count,
            label=label,
            added_at=at,
            used_at=None,
            revoked_at=None,
        )


def credential_of(answer: str) -> bytes:
    """Which passkey an answer claims to come from.

    Raises:
        PasskeyRefusedError: it names none.
    """
    try:
        document = json.loads(answer)
        return base64url_to_bytes(document["rawId"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise PasskeyRefusedError("the passkey's answer cannot be read: try again") from error
