"""An office for the tests of the console: the programme of the study tests behind the real pages, on a test clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.resources import as_file, files
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from fastapi.testclient import TestClient

from audit.log.note import SignerKey
from audit.log.publish import publish
from consent_center.console.create import create_console
from consent_center.storage.entries import leaves_since
from consent_center.storage.transaction import Store
from consent_center.web.headers import SecurityHeaders
from consent_center.web.house import House
from consent_center.web.mail import Outbox
from consent_center.web.pages import STATIC_PATH, static_files
from consent_center.web.passkeys import Party
from consent_center.web.published import PublishedLog
from consent_center.web.switches import Switches
from consent_center.web.tokens import fingerprint, form_token, new_secret
from consent_center.web.wiring import Wiring
from consent_center.workflows.staff_sign_in import hand_out_staff_link
from tests.consent_center.studies.studying import Programme, programme
from tests.consent_center.world import KEYS, NOW

ORIGIN = "http://localhost:8000"
_LOG = "harbour.example/accord"


@dataclass
class Clock:
    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return NOW + self.ahead


@dataclass
class Office:
    """The programme, the application, and the clock that both read."""

    programme: Programme
    app: FastAPI
    wiring: Wiring
    clock: Clock
    signer: SignerKey
    folder: Path
    published: int = 0
    _seats: dict[tuple[str, str], "Seat"] = field(default_factory=dict)

    def seat(self, person: str, *, language: str = "en") -> "Seat":
        """Somebody of the staff, signed in through a one-time link."""
        client = TestClient(self.app, base_url=ORIGIN, follow_redirects=False, raise_server_exceptions=False)
        client.headers |= {"Sec-Fetch-Site": "same-origin", "Accept-Language": language}
        secret = new_secret()
        self.programme.store.run(hand_out_staff_link, link=fingerprint(secret), person=person, at=self.clock())
        path = f"/console/sign-in/link/{secret}"
        client.get(path)
        visit = client.cookies[self.wiring.house.cookies.name("visit")]
        answer = client.post(path, data={"token": form_token(visit, path)})
        assert answer.status_code == 303, answer.text
        return Seat(self, client, client.cookies[self.wiring.house.cookies.name("staff")])

    def publish(self) -> None:
        """Publish the log as it is now."""
        leaves = self.programme.store.read(leaves_since, self.published)
        done = publish(self.folder, leaves, self.signer, _LOG, with_bundles=True, start=self.published)
        self.published = done.checkpoint.size


@dataclass
class Seat:
    """A signed-in browser without JavaScript."""

    office: Office
    client: TestClient
    secret: str

    def get(self, path: str):
        return self.client.get(path)

    def post(self, path: str, **fields: str):
        return self.client.post(path, data={"token": form_token(self.secret, path), **fields})


@contextmanager
def open_office(folder: Path, *, database: str = "") -> Iterator[Office]:
    """A fresh office."""
    clock, signer = Clock(), SignerKey.generate(_LOG)
    with Store.open(database or f"sqlite:///{folder / 'accord.db'}", keys=KEYS) as store:
        with as_file(files("consent_center.web") / "harbour_club.yaml") as example:
            house = House.read(example, origin=ORIGIN)
        wiring = Wiring(
            store=store,
            house=house,
            post=Outbox(folder / "outbox", sender="x@example.org"),
            outbox=folder / "outbox",
            party=Party(name="Accord", origin=ORIGIN),
            provider=None,
            address_key=b"k" * 32,
            log=PublishedLog(folder / "log", _LOG, signer.verifier),
            receipt_key=Ed25519PrivateKey.generate(),
            clock=clock,
        )
        app = FastAPI(openapi_url=None)
        app.mount(STATIC_PATH, static_files(), name="static")
        app.mount("/console", create_console(wiring))
        app.add_middleware(Switches, cookies=house.cookies)
        app.add_middleware(SecurityHeaders, https=False)
        yield Office(programme(store), app, wiring, clock, signer, folder / "log")
