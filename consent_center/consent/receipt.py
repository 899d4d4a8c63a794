"""The signed copy of a choice that the member keeps.

A record in the field names of ISO/IEC TS 27560:2023 and the IRIs of the W3C Data Privacy Vocabulary, as JSON-LD; the
receipt is that record with an identifier of its own, signed as a compact JWS (EdDSA over Ed25519, RFC 7515 and 8037),
so that anybody checks it offline with the consent centre's public key.

Law: `read_receipt(sign_receipt(receipt, key), key.public_key()) == receipt`, and of any changed byte raises.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from consent_center.consent.catalogue import Catalogue
from consent_center.consent.grant import Act, ActorKind, Recorded, Statement
from consent_center.errors import ReceiptError

SCHEMA_VERSION = "accord-receipt-1"
TYPE = "consent-receipt+jws"
ALGORITHM = "Ed25519"
DPV = "https://w3id.org/dpv#"

EVENT_STATES: Mapping[Act, str] = {
    Act.GIVEN: "ConsentGiven",
    Act.RENEWED: "RenewedConsentGiven",
    Act.DEFERRED: "ConsentRequestDeferred",
    Act.REFUSED: "ConsentRefused",
    Act.WITHDRAWN: "ConsentWithdrawn",
    Act.REVOKED: "ConsentRevoked",
    Act.INVALIDATED: "ConsentInvalidated",
    Act.PAUSED: "ConsentUnknown",
    Act.RESUMED: "ConsentUnknown",
}
"""The state that DPV has for each act.

A pause or its end says nothing of the choice itself, so its receipt must not be read as a yes; `accord:act` names it.
"""

_CONTEXT = {
    "dpv": DPV,
    "dpv-ai": "https://w3id.org/dpv/ai#",
    "accord": "urn:accord:receipt:1#",
    "@vocab": "urn:accord:receipt:1#",
    "record_id": "dpv:hasIdentifier",
    "pii_principal_id": "dpv:hasDataSubject",
    "privacy_notice": "dpv:hasNotice",
    "purposes": "dpv:hasPurpose",
    "lawful_basis": {"@id": "dpv:hasLegalBasis", "@type": "@id"},
    "pii_information": "dpv:hasPersonalData",
    "pii_controllers": "dpv:hasDataController",
    "recipient_third_parties": "dpv:hasRecipient",
    "jurisdiction": "dpv:hasJurisdiction",
    "state": {"@id": "dpv:hasConsentStatus", "@type": "@id"},
    "name": "dpv:hasName",
    "address": "dpv:hasAddress",
    "contact": "dpv:hasContact",
    "dpv-ai:hasData": {"@type": "@id"},
}
"""ISO's names for people and JSON, DPV's for linked data; what DPV has no word for keeps ours (`@vocab`)."""


@dataclass(frozen=True, slots=True)
class Controller:
    """Who answers for the processing: the loyalty programme."""

    id: str
    name: str
    contact: str
    country: str


@dataclass(frozen=True)
class Receipt:
    """A receipt, as the document that is signed.

    Attributes:
        document: JSON-LD, ready to be written.
    """

    document: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Identifier of the receipt."""
        return str(self.document["receipt_id"])


def receipt_of(recorded: Recorded, catalogue: Catalogue, controller: Controller, *, leaf_hash: str) -> Receipt:
    """The receipt of one statement.

    Args:
        recorded: the statement and its entry.
        catalogue: what was defined when it was made, for the words and parties.
        controller: who answers for the processing.
        leaf_hash: RFC 6962 hash of the entry's leaf, hexadecimal: with the log's proof it shows that the statement
            is on record.
    """
    said = recorded.statement
    notice = catalogue.notice(said.notice, said.notice_version)
    text = notice.text(said.language)
    record = {
        "schema_version": SCHEMA_VERSION,
        "record_id": leaf_hash,
        "pii_principal_id": said.member,
        "privacy_notice": {
            "id": notice.code,
            "version": notice.version,
            "title": text.title,
            "choices_sha256": said.choices,
        },
        "language": said.language,
        "purposes": [_purpose(said, catalogue, code) for code in _distinct(item.purpose for item in said.items)],
        "lawful_basis": "dpv:Consent",
        "pii_controllers": [_controller(controller)],
        "recipient_third_parties": [
            _party(catalogue, code) for code in _distinct(item.recipient for item in said.items)
        ],
        "jurisdiction": _distinct(item.country for item in said.items),
        "collection_method": text.method,
        "storage_locations": _distinct(item.country for item in said.items),
        "retention_period": text.retention,
        "withdrawal_method": text.rights,
        "event": {
            "time": _utc(said.at),
            "validity_until": None if said.expires_at is None else _utc(said.expires_at),
            "validity_duration": None
            if said.expires_at is None
            else f"PT{int((said.expires_at - said.at).total_seconds())}S",
            "type": f"dpv:{EVENT_STATES[said.act]}",
            "state": f"dpv:{EVENT_STATES[said.act]}",
            "accord:act": said.act.value,
            "entity": said.actor.kind.value,
            "entity_id": _speaker(said, controller),
            "delegation": said.actor.delegation,
            "reason": said.reason or None,
        },
    }
    digest = hashlib.sha256(_encode(record)).hexdigest()
    return Receipt({"@context": _CONTEXT, "@type": "dpv:ConsentRecord", "receipt_id": digest[:32], **record})


def sign_receipt(receipt: Receipt, key: Ed25519PrivateKey) -> str:
    """The receipt as a compact JWS."""
    return jws.serialize_compact(
        {"alg": ALGORITHM, "typ": TYPE}, _encode(receipt.document), OKPKey.import_key(key), algorithms=[ALGORITHM]
    )


def read_receipt(signed: str, key: Ed25519PublicKey) -> Receipt:
    """The receipt, if this key signed it.

    Raises:
        ReceiptError: not a receipt, changed, or signed by another key or as another kind of thing.
    """
    try:
        opened = jws.deserialize_compact(signed, OKPKey.import_key(key), algorithms=[ALGORITHM])
        if opened.headers().get("typ") != TYPE:
            raise ReceiptError("signed, but not as a receipt")
        document = json.loads(opened.payload)
    except (JoseError, ValueError, TypeError) as error:
        raise ReceiptError("this receipt was changed, or another key signed it") from error
    if not isinstance(document, dict) or document.get("schema_version") != SCHEMA_VERSION:
        raise ReceiptError("not a receipt of a version this release reads")
    return Receipt(document)


def _speaker(said: Statement, controller: Controller) -> str:
    """Who said it: the member, the delegation under which somebody spoke for her, or the programme."""
    if said.actor.delegation is not None:
        return said.actor.delegation
    return controller.id if said.actor.kind is ActorKind.HUB else said.member


def _purpose(said: Statement, catalogue: Catalogue, code: str) -> dict[str, Any]:
    purpose = catalogue.purposes[code]
    scopes = _distinct(item.scope for item in said.items if item.purpose == code)
    return {
        "purpose": code,
        "@type": purpose.dpv,
        "label": dict(purpose.text).get(said.language, code),
        "trains_models": purpose.trains_models,
        "dpv-ai:hasData": "dpv-ai:TrainingData" if purpose.trains_models else None,
        "processing_method": "automated" if purpose.automated else "supervised",
        "pii_information": [
            {
                "scope": scope,
                "label": dict(catalogue.scopes[scope].text).get(said.language, scope),
                "fields": list(catalogue.scopes[scope].fields),
                "class": catalogue.scopes[scope].scope_class.value,
            }
            for scope in scopes
        ],
    }


def _party(catalogue: Catalogue, code: str) -> dict[str, str]:
    party = catalogue.recipients[code]
    return {
        "id": party.code,
        "name": party.name,
        "address": party.country,
        "contact": party.contact,
        "type": party.kind.value,
    }


def _controller(controller: Controller) -> dict[str, str]:
    return {
        "id": controller.id,
        "name": controller.name,
        "address": controller.country,
        "contact": controller.contact,
        "type": "controller",
    }


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _utc(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _encode(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
