"""Law: a passkey signs in only with our challenge, in the browser that asked, for our origin and host, once, within ten
minutes, by a verified person, under the key that was registered, with a counter that grows, and until it is revoked."""

import hashlib
import json
import secrets
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from httpx2 import Response
from webauthn.helpers import bytes_to_base64url

from tests.portal.visitor import ORIGIN, House, Visitor

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@dataclass
class Authenticator:
    """A passkey in software; a test makes it lie by changing what it believes."""

    key: EllipticCurvePrivateKey = field(default_factory=lambda: generate_private_key(SECP256R1()))
    credential: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    origin: str = ORIGIN
    host: str = "localhost"
    flags: int = PRESENT | VERIFIED
    counter: int = 1

    def make(self, options: dict[str, Any]) -> str:
        """The answer that registers it."""
        point = self.key.public_key().public_numbers()
        x, y = (number.to_bytes(32, "big") for number in (point.x, point.y))
        public = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})
        attested = bytes(16) + len(self.credential).to_bytes(2, "big") + self.credential + public
        data = self._data(ATTESTED) + attested
        about = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._answer("webauthn.create", options, {"attestationObject": bytes_to_base64url(about)})

    def get(self, options: dict[str, Any]) -> str:
        """The answer that signs in."""
        client, data = self._client("webauthn.get", options), self._data(0)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ECDSA(SHA256()))
        more = {"authenticatorData": bytes_to_base64url(data), "signature": bytes_to_base64url(signature)}
        return self._answer("webauthn.get", options, more)

    def _data(self, more: int) -> bytes:
        return (
            hashlib.sha256(self.host.encode()).digest() + bytes([self.flags | more]) + self.counter.to_bytes(4, "big")
        )

    def _client(self, kind: str, options: dict[str, Any]) -> bytes:
        return json.dumps({"type": kind, "challenge": options["challenge"], "origin": self.origin}).encode()

    def _answer(self, kind: str, options: dict[str, Any], more: dict[str, str]) -> str:
        name = bytes_to_base64url(self.credential)
        response = {"clientDataJSON": bytes_to_base64url(self._client(kind, options)), **more}
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})


def ask(visitor: Visitor, page: str, action: str) -> dict[str, Any]:
    """What the page's script is handed for the browser's dialogue."""
    found: dict[str, Any] = visitor.submit(page, action, step="options").json()
    return found


def add(visitor: Visitor, passkey: Authenticator) -> Response:
    """Register a passkey from her account."""
    options = ask(visitor, "/account", "/account/passkeys")
    return visitor.submit("/account", "/account/passkeys", step="answer", answer=passkey.make(options), label="key")


def sign_in(visitor: Visitor, passkey: Authenticator) -> Response:
    """Both steps of signing in."""
    options = ask(visitor, "/sign-in", "/sign-in/passkey")
    return visitor.submit("/sign-in", "/sign-in/passkey", step="answer", answer=passkey.get(options))


def inside(visitor: Visitor) -> bool:
    """Whether this browser is signed in."""
    return visitor.get("/account").url.path == "/account"


@pytest.fixture
def passkey(member: Visitor) -> Authenticator:
    """A passkey of the member's."""
    made = Authenticator()
    assert add(member, made).json() == {"go": "/account"}
    return made


def test_a_passkey_signs_in_again_and_again_while_its_counter_grows(house: House, passkey: Authenticator) -> None:
    for counter in (2, 3):
        passkey.counter = counter
        visitor = house.visitor()
        assert sign_in(visitor, passkey).status_code == 200
        assert inside(visitor)
    copied = house.visitor()
    sign_in(copied, passkey)
    assert not inside(copied), "a counter that stands still is that of a copy"


@pytest.mark.parametrize(
    "lie",
    [
        {"origin": "https://evil.example"},
        {"host": "evil.example"},
        {"flags": PRESENT},
        {"flags": VERIFIED},
        {"counter": 1},
        {"key": generate_private_key(SECP256R1())},
        {"credential": b"somebody else's"},
    ],
    ids=["origin", "host", "not verified", "not present", "counter", "key", "credential"],
)
def test_an_answer_with_one_thing_wrong_signs_nobody_in(
    house: House, passkey: Authenticator, lie: dict[str, Any]
) -> None:
    visitor = house.visitor()
    assert sign_in(visitor, replace(passkey, **{"counter": 2, **lie})).status_code < 500
    assert not inside(visitor)


def test_an_answer_is_used_once_in_the_browser_that_asked_and_within_ten_minutes(
    house: House, passkey: Authenticator
) -> None:
    passkey.counter = 2
    first, other = house.visitor(), house.visitor()
    answer = passkey.get(ask(first, "/sign-in", "/sign-in/passkey"))
    ask(other, "/sign-in", "/sign-in/passkey")
    other.submit("/sign-in", "/sign-in/passkey", step="answer", answer=answer)
    assert not inside(other), "another browser's challenge"
    house.clock.ahead = timedelta(minutes=10)
    first.submit("/sign-in", "/sign-in/passkey", step="answer", answer=answer)
    assert not inside(first), "too late"
    again = house.visitor()
    passkey.counter = 3
    used = passkey.get(ask(again, "/sign-in", "/sign-in/passkey"))
    form = again.form("/sign-in", "/sign-in/passkey")
    again.client.post(form.action, data={**form.hidden, "step": "answer", "answer": used})
    assert inside(again)
    again.submit("/account", "/sign-out")
    again.submit("/sign-in", "/sign-in/passkey", step="answer", answer=used)
    assert not inside(again), "used already"


def test_a_revoked_passkey_signs_nobody_in_and_ends_what_it_signed_in(
    house: House, member: Visitor, passkey: Authenticator
) -> None:
    passkey.counter = 2
    telephone = house.visitor()
    sign_in(telephone, passkey)
    assert inside(telephone)
    stranger = house.member()
    revoke = f"/account/passkeys/{bytes_to_base64url(passkey.credential)}/revoke"
    token = stranger.form("/account", "/account/passkeys").hidden
    assert stranger.client.post(revoke, data=token).status_code >= 400, "another member's"
    assert inside(telephone)
    assert member.submit("/account", revoke).status_code == 200
    assert not inside(telephone)
    assert inside(member)
    passkey.counter = 3
    sign_in(telephone, passkey)
    assert not inside(telephone)


@pytest.mark.parametrize(
    "lie",
    [{"origin": "https://evil.example"}, {"host": "evil.example"}, {"flags": PRESENT}],
    ids=["origin", "host", "not verified"],
)
def test_a_passkey_made_for_another_place_or_by_nobody_is_not_kept(member: Visitor, lie: dict[str, Any]) -> None:
    assert add(member, replace(Authenticator(), **lie)).status_code >= 400
    assert "/revoke" not in member.get("/account").text


def test_a_passkey_is_made_with_a_challenge_of_its_own_and_once(member: Visitor, house: House) -> None:
    made = Authenticator()
    answer = made.make(ask(member, "/account", "/account/passkeys"))
    ask(member, "/account", "/account/passkeys")
    stale = member.submit("/account", "/account/passkeys", step="answer", answer=answer, label="old")
    assert stale.status_code >= 400
    assert add(member, made).status_code == 200
    assert 400 <= add(house.member(), made).status_code < 500, "it is known already"


def test_an_eleventh_passkey_is_not_kept(member: Visitor) -> None:
    assert [add(member, Authenticator()).status_code for _ in range(11)] == [200] * 10 + [409]
