"""Law: the staff signs in through the programme's identity provider: a provider that is not ours, on loopback, with
every step over HTTP; only the subject whom an administrator knows, only in the browser that began, only once."""

import base64
import hashlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from fastapi.testclient import TestClient

from consent_center.settings import clock
from consent_center.web.oidc import Provider
from consent_center.workflows.staff_accounts import keep_person
from consent_center.workflows.staff_sign_in import know_identity
from tests.consent_center.world import NOW
from tests.console.office import ORIGIN, Office

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # deprecations inside the provider are its own matter
    import oidc_provider_mock

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the provider's own, in its own threads
BACK = f"{ORIGIN}/console/sign-in/oidc/back"


@dataclass
class Listening(httpx2.HTTPTransport):
    """The network, with what was sent to the token endpoint written down."""

    tokens: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/token"):
            self.tokens.append({k: v[0] for k, v in parse_qs(request.read().decode()).items()})
        return super().handle_request(request)


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with oidc_provider_mock.run_server_in_thread(require_nonce=True) as server:
            yield f"http://localhost:{server.server_port}"


@pytest.fixture
def network() -> Listening:
    return Listening()


@pytest.fixture
def joined(office: Office, issuer: str, network: Listening) -> Iterator[Office]:
    """The office, with the provider connected as `staff_oidc` does, and one subject known."""
    provider = Provider(issuer, "Harbour identity", "accord", "secret", BACK, transport=network)
    office.programme.store.run(know_identity, issuer=issuer, subject="shu-fen", person="huang", at=office.clock())
    console = next(route.app for route in office.app.routes if getattr(route, "path", "") == "/console")
    before = console.state.wiring
    console.state.wiring = replace(before, staff_provider=provider)
    office.clock.ahead = clock() - NOW  # the provider reads the real clock
    yield office
    console.state.wiring = before


def browser(office: Office) -> TestClient:
    client = TestClient(office.app, base_url=ORIGIN, follow_redirects=False)
    client.headers |= {"Sec-Fetch-Site": "same-origin"}
    return client


def sent(client: TestClient) -> str:
    """Where the console sends this browser."""
    answer = client.get("/console/sign-in/oidc")
    assert answer.status_code == 303
    return answer.headers["location"]


def comes_back(address: str, subject: str) -> str:
    """The path with which the provider sends the browser back after its holder typed who she is."""
    answer = httpx2.post(address, data={"sub": subject})
    assert answer.status_code == 302, answer.text
    back = answer.headers["location"]
    assert back.startswith(BACK)
    return back.removeprefix(ORIGIN)


def test_somebody_known_signs_in_with_pkce_and_may_do_what_her_role_may(joined: Office, network: Listening) -> None:
    client = browser(joined)
    assert "Harbour identity" in client.get("/console/sign-in").text
    address = sent(client)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    answer = client.get(comes_back(address, "shu-fen"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/")
    verifier = network.tokens[-1]["code_verifier"]
    proved = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    assert proved == asked["code_challenge"]
    assert "Huang Shu-fen" in client.get("/console/").text
    assert client.get("/console/people").status_code == 403


def test_a_stranger_of_the_same_provider_is_nobody_here(joined: Office) -> None:
    client = browser(joined)
    answer = client.get(comes_back(sent(client), "a-stranger"))
    assert answer.status_code == 410
    assert "ask an administrator" in answer.text
    assert client.get("/console/").headers["location"] == "/console/sign-in"


def test_an_answer_counts_in_the_browser_that_began_and_only_once(joined: Office) -> None:
    client, other = browser(joined), browser(joined)
    back = comes_back(sent(client), "shu-fen")
    assert other.get(back).status_code == 410
    assert client.get(back).status_code == 303
    assert client.get(back).status_code == 410


def test_an_answer_for_another_state_or_with_another_code_signs_nobody_in(joined: Office) -> None:
    for changed in ("state=", "code="):
        client = browser(joined)
        back = comes_back(sent(client), "shu-fen")
        assert client.get(back.replace(changed, f"{changed}x")).status_code == 403
        assert client.get("/console/").headers["location"] == "/console/sign-in"


def test_who_denies_at_the_provider_is_not_signed_in(joined: Office) -> None:
    client = browser(joined)
    address = sent(client)
    back = httpx2.post(address, data={"action": "deny"}).headers["location"].removeprefix(ORIGIN)
    assert client.get(back).status_code == 403


def test_an_account_that_ended_does_not_sign_in_however_well_the_provider_knows_her(joined: Office) -> None:
    store, at, person = joined.programme.store, joined.clock(), joined.programme.person("huang")
    store.run(keep_person, replace(person, ends_at=at - timedelta(days=1)), by="ada", at=at)
    client = browser(joined)
    assert client.get(comes_back(sent(client), "shu-fen")).status_code == 410
    store.run(keep_person, person, by="ada", at=at)


def test_a_provider_that_does_not_answer_is_said_so_and_nothing_breaks(joined: Office) -> None:
    console = next(route.app for route in joined.app.routes if getattr(route, "path", "") == "/console")
    gone = Provider("http://localhost:1", "Gone", "accord", "secret", BACK)
    console.state.wiring = replace(console.state.wiring, staff_provider=gone)
    assert browser(joined).get("/console/sign-in/oidc").status_code == 403
