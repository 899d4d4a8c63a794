"""Law: a document of joining is believed only if it was signed by the key it names, for this site, as this kind."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from federated.approvals import Pinned
from federated.certificates import create_node_key, public_pem
from federated.errors import MalformedError
from federated.signed import Signed, sign
from federated.site.joining import (
    INVITATION_KIND,
    REQUEST_KIND,
    Invitation,
    SiteRequest,
    fingerprint,
    read_invitation,
    read_package,
    read_request,
    sign_invitation,
    sign_package,
    sign_request,
)

HUB, SITE, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2, 3))
REVIEWER = Pinned("ada", "legal", "programme", OTHER.public_key())
INVITATION = Invitation("grocer", HUB.public_key(), "127.0.0.1:8800", "PEM", (REVIEWER,))


@pytest.fixture(scope="module")
def request_(tmp_path_factory: pytest.TempPathFactory) -> SiteRequest:
    node = public_pem(create_node_key(tmp_path_factory.mktemp("node") / "node.key"))
    return SiteRequest("grocer", "Grocer Ltd", node, SITE.public_key(), OTHER.public_key())


def test_what_is_signed_is_read_back(request_: SiteRequest) -> None:
    assert read_invitation(sign_invitation(INVITATION, HUB)) == INVITATION
    assert read_request(sign_request(request_, SITE)) == request_
    package = sign_package("grocer", {"grocer": SITE.public_key(), "airline": OTHER.public_key()}, HUB)
    assert read_package(package, site="grocer", hub_key=HUB.public_key()) == {"airline": OTHER.public_key()}


def test_a_document_signed_by_another_key_than_it_names_is_refused(request_: SiteRequest) -> None:
    with pytest.raises(MalformedError):
        read_invitation(sign_invitation(INVITATION, OTHER))
    with pytest.raises(MalformedError):
        read_request(sign_request(request_, OTHER))
    with pytest.raises(MalformedError):
        read_package(sign_package("grocer", {}, OTHER), site="grocer", hub_key=HUB.public_key())


def test_a_package_for_another_site_is_refused() -> None:
    with pytest.raises(MalformedError, match="is for airline"):
        read_package(sign_package("airline", {}, HUB), site="grocer", hub_key=HUB.public_key())


def test_one_kind_of_document_never_passes_as_another(request_: SiteRequest) -> None:
    invitation = sign_invitation(INVITATION, HUB)
    with pytest.raises(MalformedError):
        read_invitation(replace(invitation, kind=REQUEST_KIND))
    with pytest.raises(MalformedError):
        read_request(sign(SITE, kind=INVITATION_KIND, payload=sign_request(request_, SITE).payload))


@pytest.mark.parametrize("payload", [b"", b"{}", b"[]", b'{"site": 1}', b"\xff"])
def test_what_is_no_document_is_malformed(payload: bytes) -> None:
    for kind, read in ((INVITATION_KIND, read_invitation), (REQUEST_KIND, read_request)):
        with pytest.raises(MalformedError):
            read(Signed(kind, payload, bytes(64)))


def test_a_changed_document_has_other_digits() -> None:
    one, two = (sign_invitation(replace(INVITATION, coordinator=host), HUB) for host in ("a:1", "b:1"))
    assert fingerprint(one) != fingerprint(two)
    assert len(fingerprint(one).replace(" ", "")) == 32
