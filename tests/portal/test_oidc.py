"""Law: an identity provider's answer signs in only with our state, from the issuer we know, under one of its keys,
for our client, with our nonce, unexpired, in the browser that began; and only somebody whom we know by it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from consent_center.app import create_app
from consent_center.settings import clock
from consent_center.storage import sessions
from consent_center.web.oidc import Provider
from tests.portal.visitor import House, Visitor

ISSUER = "https://id.example"


@dataclass
class FakeProvider:
    """An identity provider that answers in this process; tests change what it says."""

    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "one", "alg": "ES256"}))
    claims: dict[str, Any] = field(default_factory=dict)
    signs_with: ECKey | None = None
    asked: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        match request.url.path:
            case "/.well-known/openid-configuration":
                about = {"issuer": ISSUER, "authorization_endpoint": f"{ISSUER}/go"}
                more = {"token_endpoint": f"{ISSUER}/token", "jwks_uri": f"{ISSUER}/keys"}
                return httpx2.Response(200, json=about | more)
            case "/keys":
                return httpx2.Response(200, json={"keys": [self.key.as_dict(private=False)]})
            case "/token":
                self.asked.append({k: v[0] for k, v in parse_qs(request.content.decode()).items()})
                key = self.signs_with or self.key
                token = jwt.encode({"alg": "ES256", "kid": "one"}, self.claims, key)
                return httpx2.Response(200, json={"access_token": "x", "token_type": "Bearer", "id_token": token})
        return httpx2.Response(404)


@pytest.fixture
def fake(house: House) -> Iterator[FakeProvider]:
    """The portal with an identity provider configured."""
    answers = FakeProvider()
    provider = Provider(
        issuer=ISSUER,
        name="Example ID",
        client_id="accord",
        client_secret="s",
        callback="http://localhost:8000/sign-in/oidc/back",
        transport=httpx2.MockTransport(answers),
    )
    before = house.app
    house.app = create_app(house.world.settings, wiring=replace(house.world.wiring, provider=provider))
    yield answers
    house.app = before


def known(house: House, subject: str) -> str:
    """A member whom the provider means by this subject."""
    name, _ = house.newcomer()

    def link(tx, *, at):
        del at
        sessions.put_identity(tx, issuer=ISSUER, subject=subject, member=name)

    house.world.wiring.store.run(link, at=house.clock())
    return name


def begun(visitor: Visitor) -> dict[str, str]:
    """What the browser is sent to the provider with."""
    answer = visitor.client.get("/sign-in/oidc", follow_redirects=False)
    assert answer.headers["location"].startswith(f"{ISSUER}/go?")
    return {k: v[0] for k, v in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def good_claims(sent: dict[str, str], subject: str) -> dict[str, Any]:
    now = int(clock().timestamp())
    return {"iss": ISSUER, "aud": "accord", "sub": subject, "nonce": sent["nonce"], "iat": now, "exp": now + 300}


def test_a_good_answer_signs_in_with_pkce(house: House, fake: FakeProvider) -> None:
    known(house, "mei-1")
    visitor = house.visitor()
    assert "Continue with Example ID" in visitor.get("/sign-in").text
    sent = begun(visitor)
    assert sent["response_type"] == "code"
    assert sent["code_challenge_method"] == "S256"
    fake.claims = good_claims(sent, "mei-1")
    page = visitor.get(f"/sign-in/oidc/back?code=c&state={sent['state']}")
    assert page.url.path == "/"
    assert fake.asked[0]["code_verifier"]
    assert fake.asked[0]["redirect_uri"] == "http://localhost:8000/sign-in/oidc/back"


LIES: list[Callable[[FakeProvider, dict[str, str]], dict[str, str] | None]] = [
    lambda fake, sent: fake.claims.update(iss="https://evil.example"),
    lambda fake, sent: fake.claims.update(aud="somebody-else"),
    lambda fake, sent: fake.claims.update(aud=["accord", "other"]),
    lambda fake, sent: fake.claims.update(nonce="another"),
    lambda fake, sent: fake.claims.pop("nonce"),
    lambda fake, sent: fake.claims.update(exp=1),
    lambda fake, sent: fake.claims.pop("exp"),
    lambda fake, sent: fake.claims.pop("sub"),
    lambda fake, sent: fake.claims.update(sub="nobody-here"),
    lambda fake, sent: setattr(fake, "signs_with", ECKey.generate_key("P-256", {"kid": "one", "alg": "ES256"})),
    lambda fake, sent: {"code": "c", "state": "forged"},
    lambda fake, sent: {"state": sent["state"], "error": "access_denied"},
    lambda fake, sent: {"code": "c", "state": sent["state"], "iss": "https://evil.example"},
]


@pytest.mark.parametrize("lie", LIES)
def test_an_answer_with_one_thing_wrong_signs_nobody_in(house: House, fake: FakeProvider, lie: Any) -> None:
    known(house, "mei-2")
    visitor = house.visitor()
    sent = begun(visitor)
    fake.claims = good_claims(sent, "mei-2")
    query = lie(fake, sent)
    if not isinstance(query, dict) or "state" not in query:
        query = {"code": "c", "state": sent["state"]}
    page = visitor.get("/sign-in/oidc/back", params=query)
    assert page.status_code == 403
    assert "who you are" in page.text
    assert visitor.get("/").url.path == "/sign-in"


def test_an_answer_is_used_once_and_only_in_the_browser_that_began(house: House, fake: FakeProvider) -> None:
    known(house, "mei-3")
    visitor = house.visitor()
    sent = begun(visitor)
    fake.claims = good_claims(sent, "mei-3")
    back = f"/sign-in/oidc/back?code=c&state={sent['state']}"
    assert house.visitor().get(back).status_code == 403
    assert visitor.get(back).url.path == "/"
    assert house.visitor().get(back).status_code == 403


def test_keys_that_were_rotated_are_fetched_again(house: House, fake: FakeProvider) -> None:
    known(house, "mei-4")
    for _ in range(2):
        visitor = house.visitor()
        sent = begun(visitor)
        fake.claims = good_claims(sent, "mei-4")
        assert visitor.get(f"/sign-in/oidc/back?code=c&state={sent['state']}").url.path == "/"
        fake.key = ECKey.generate_key("P-256", {"kid": "one", "alg": "ES256"})


def test_without_a_provider_there_is_no_such_way(house: House) -> None:
    visitor = house.visitor()
    assert "Continue with" not in visitor.get("/sign-in").text
    assert visitor.get("/sign-in/oidc").url.path == "/sign-in"
    assert json.dumps(house.world.wiring.provider) == "null"
