"""A person at a browser without JavaScript: follows links, fills in the forms that a page really has."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

from fastapi.testclient import TestClient
from httpx2 import Response

from consent_center.app import create_app
from consent_center.example.family import Person
from consent_center.example.world import DevWorld, dev_world
from consent_center.portal.sign_in import address_tag
from consent_center.settings import clock
from consent_center.web.languages import Language
from consent_center.web.pace import Pace
from consent_center.web.tokens import fingerprint, new_secret
from consent_center.workflows.enrol_member import enrol_member
from consent_center.workflows.register_member import register_member
from consent_center.workflows.sign_in import hand_out_link, receive_links_at

ORIGIN = "http://localhost:8000"


@dataclass
class Form:
    """One form of a page."""

    action: str
    method: str
    hidden: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a":
            self.links.append(given.get("href", ""))
        if tag == "form":
            self.forms.append(Form(given.get("action", ""), given.get("method", "get")))
            self._open = True
        if not self._open:
            return
        if tag == "input" and given.get("type") == "hidden":
            self.forms[-1].hidden[given["name"]] = given.get("value", "")
        if tag in ("input", "option") and ("checked" in given or "selected" in given):
            self.forms[-1].checked.append(given.get("name", given.get("value", "")))
        if tag == "button":
            self.forms[-1].buttons.append((given.get("name", ""), given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False


def forms_of(html: str) -> list[Form]:
    """Every form of a page."""
    parser = _Forms()
    parser.feed(html)
    return parser.forms


def links_of(html: str) -> list[str]:
    """Every link of a page."""
    parser = _Forms()
    parser.feed(html)
    return parser.links


class Clock:
    """The programme's clock, which a test can move."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return clock() + self.ahead


class Visitor:
    """One browser."""

    def __init__(self, house: "House", *, headers: dict[str, str] | None = None) -> None:
        self.house = house
        self.client = TestClient(
            house.app,
            base_url=ORIGIN,
            follow_redirects=True,
            headers={"sec-fetch-site": "same-origin", **(headers or {})},
            raise_server_exceptions=False,
        )
        self.member = ""

    def get(self, path: str, **options: object) -> Response:
        return self.client.get(path, **options)

    def form(self, page: str | Response, action: str) -> Form:
        """The form of a page that posts to `action`."""
        answer = self.get(page) if isinstance(page, str) else page
        found = [form for form in forms_of(answer.text) if form.action == action]
        assert found, f"{answer.url} has no form for {action}: {[f.action for f in forms_of(answer.text)]}"
        return found[0]

    def submit(self, page: str | Response, action: str, **fields: str) -> Response:
        """Fill in a form of a page and send it."""
        form = self.form(page, action)
        if form.method == "get":
            return self.client.get(action, params={**form.hidden, **fields})
        return self.client.post(action, data={**form.hidden, **fields})

    def sign_in(self, member: str) -> "Visitor":
        """Sign in by a link that was handed over."""
        secret = new_secret()
        wiring = self.house.world.wiring
        wiring.store.run(hand_out_link, link=fingerprint(secret), member=member, at=wiring.clock())
        path = f"/sign-in/link/{secret}"
        answer = self.submit(path, path)
        assert answer.url.path == "/", answer.text
        self.member = member
        return self

    def answer(self, item: str, say: str, **fields: str) -> Response:
        """Take both steps of an answer, from the item's own page."""
        check = self.submit(item, f"{item}/answer", say=say)
        button = self.form(check, f"{item}/answer").buttons[0]
        return self.submit(check, f"{item}/answer", **{button[0]: button[1], **fields})


@dataclass
class House:
    """A running programme."""

    world: DevWorld
    app: object
    clock: Clock

    def visitor(self, **headers: str) -> Visitor:
        """A browser that was never here."""
        return Visitor(self, headers=headers)

    def person(self, language: Language) -> Person:
        return next(one for one in self.world.people if one.language is language)

    def member(self, *, child: bool = False, **headers: str) -> Visitor:
        """A new member, signed in, who has said nothing yet."""
        store, at = self.world.wiring.store, self.clock()
        name = store.run(register_member, guarded_until=at + timedelta(days=900) if child else None, at=at)
        store.run(enrol_member, name, "marketing", at=at)
        return self.visitor(**headers).sign_in(name)

    def newcomer(self) -> tuple[str, str]:
        """A new member who receives links, and her address."""
        wiring = self.world.wiring
        name = wiring.store.run(register_member, at=self.clock())
        address = f"m{secrets.token_hex(6)}@family.example"
        wiring.store.run(receive_links_at, member=name, tag=address_tag(wiring.address_key, address), at=self.clock())
        return name, address

    def letters(self) -> list[str]:
        """What was written into the outbox, newest last."""
        from email import message_from_bytes
        from email.policy import default

        found = []
        for file in sorted((self.world.wiring.outbox or Path()).glob("*.eml"), key=lambda file: file.stem[-5:]):
            letter = message_from_bytes(file.read_bytes(), policy=default)
            found.append(f"{letter['To']}\n{letter['Subject']}\n{letter.get_content()}")
        return found


@contextmanager
def open_house(folder: Path, *, database: str | None = None) -> Iterator[House]:
    """A running programme with the seeded family."""
    with dev_world(
        folder, origin=ORIGIN, database=database or f"sqlite:///{folder}/accord.db", publishes=False
    ) as seeded:
        moved = Clock()
        world = replace(seeded, wiring=replace(seeded.wiring, clock=moved, pace=Pace(10_000, 1_000_000)))
        yield House(world, create_app(world.settings, wiring=world.wiring), moved)


def link_in(letter: str) -> str:
    """The path of the sign-in link in a letter."""
    found = re.search(rf"{re.escape(ORIGIN)}(/sign-in/link/\S+)", letter)
    assert found, letter
    return urljoin("/", found[1])
