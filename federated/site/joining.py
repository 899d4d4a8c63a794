"""How a site joins a programme without a shared secret: three documents, each signed, each checked before it is used.

    invitation   hub -> site    hub's key, coordinator, authority, reviewers; its digits are read out by telephone
    request      site -> hub    the site's public keys, signed with its approval key
    package      hub -> site    that the site is approved, and the other sites' keys for secure sums

Private keys are made at the site and never leave it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from federated.approvals import Pinned
from federated.certificates import read_public_pem
from federated.errors import MalformedError, SignatureError
from federated.keyfile import public_text, read_public
from federated.passkey_signature import key_text, read_key_text
from federated.plan import digest
from federated.signed import Signed, check, decode, encode, sign
from federated.site.columns import EXAMPLE, Columns, columns_data, read_columns

INVITATION_KIND, REQUEST_KIND, PACKAGE_KIND = "site-invitation/v2", "site-request/v1", "site-package/v1"


@dataclass(frozen=True)
class Invitation:
    """What a site needs to know of the programme.

    Attributes:
        coordinator: host:port of the fleet API.
        authority: PEM of the authority that vouches for coordinator and consent centre.
        columns: of the programme's plans, so that the site can prepare its rows.
    """

    site: str
    hub_key: Ed25519PublicKey
    coordinator: str
    authority: str
    reviewers: tuple[Pinned, ...]
    columns: Columns = EXAMPLE


@dataclass(frozen=True)
class SiteRequest:
    """What the hub needs to know of a site: its public keys, by use."""

    site: str
    organisation: str
    node: str
    approval: Ed25519PublicKey
    speak: Ed25519PublicKey


def sign_invitation(invitation: Invitation, key: Ed25519PrivateKey) -> Signed:
    """The invitation, signed with the hub's key that it names."""
    reviewers = [
        {"reviewer": one.reviewer, "role": one.role, "organisation": one.organisation, "key": key_text(one.key)}
        for one in invitation.reviewers
    ]
    data = {
        "site": invitation.site,
        "hub_key": public_text(invitation.hub_key),
        "coordinator": invitation.coordinator,
        "authority": invitation.authority,
        "reviewers": reviewers,
        "columns": columns_data(invitation.columns),
    }
    return sign(key, kind=INVITATION_KIND, payload=encode(data))


def read_invitation(signed: Signed) -> Invitation:
    """An invitation; compare `fingerprint` over another channel before anything in it is believed.

    Raises:
        MalformedError: not one, or not signed by the key that it names.
    """
    fields = _fields(signed, site=str, hub_key=str, coordinator=str, authority=str, reviewers=list, columns=dict)
    key = read_public(fields["hub_key"])
    _signed_by(signed, key, kind=INVITATION_KIND)
    try:
        pinned = tuple(Pinned(**{**one, "key": read_key_text(one["key"])}) for one in fields["reviewers"])
    except (TypeError, KeyError) as error:
        raise MalformedError("the invitation's reviewers are not") from error
    columns = read_columns(fields["columns"])
    return Invitation(fields["site"], key, fields["coordinator"], fields["authority"], pinned, columns)


def fingerprint(signed: Signed) -> str:
    """What both sides read out over the telephone: 32 digits of the document's SHA-256, in groups of four."""
    text = digest(signed.payload)[:32]
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def sign_request(request: SiteRequest, key: Ed25519PrivateKey) -> Signed:
    """The request, signed with the approval key that it names."""
    data = {
        "site": request.site,
        "organisation": request.organisation,
        "node": request.node,
        "approval": public_text(request.approval),
        "speak": public_text(request.speak),
    }
    return sign(key, kind=REQUEST_KIND, payload=encode(data))


def read_request(signed: Signed) -> SiteRequest:
    """A site's request; compare `fingerprint` over another channel before it is approved.

    Raises:
        MalformedError: not one, or not signed by the key that it names.
    """
    fields = _fields(signed, site=str, organisation=str, node=str, approval=str, speak=str)
    approval = read_public(fields["approval"])
    _signed_by(signed, approval, kind=REQUEST_KIND)
    read_public_pem(fields["node"])
    return SiteRequest(fields["site"], fields["organisation"], fields["node"], approval, read_public(fields["speak"]))


def sign_package(site: str, peers: Mapping[str, Ed25519PublicKey], key: Ed25519PrivateKey) -> Signed:
    """That a site is approved, with the keys of the sites that it may sum with."""
    keys = {name: public_text(one) for name, one in peers.items() if name != site}
    return sign(key, kind=PACKAGE_KIND, payload=encode({"site": site, "peers": keys}))


def read_package(signed: Signed, *, site: str, hub_key: Ed25519PublicKey) -> dict[str, Ed25519PublicKey]:
    """The other sites' keys.

    Raises:
        MalformedError: not a package for this site, or not signed by the hub.
    """
    fields = _fields(signed, site=str, peers=dict)
    _signed_by(signed, hub_key, kind=PACKAGE_KIND)
    if fields["site"] != site:
        raise MalformedError(f"this package is for {fields['site']}; ask for the one of {site}")
    return {str(name): read_public(str(text)) for name, text in fields["peers"].items()}


def _fields(signed: Signed, **types: type) -> dict[str, Any]:
    data = decode(signed.payload)
    if not isinstance(data, dict) or {*data} != {*types}:
        raise MalformedError(f"such a document has exactly {', '.join(sorted(types))}")
    if any(type(data[name]) is not kind for name, kind in types.items()):
        raise MalformedError("a field of the document has the wrong form")
    return data


def _signed_by(signed: Signed, key: Ed25519PublicKey, *, kind: str) -> None:
    try:
        check(signed, key, kind=kind)
    except SignatureError as error:
        raise MalformedError("the document was not signed by the key it names; ask for it again") from error
