"""A real server and a real browser for the stories: the seeded family on a free port, and Debian's Chromium."""

import contextlib
import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from playwright.sync_api import Browser, BrowserContext, Playwright

from consent_center.app import create_app
from consent_center.example.family import Person
from consent_center.example.world import DevWorld, dev_world

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = Path("node_modules/axe-core/axe.min.js")

MEMBER_PAGES = {
    "home": "/",
    "use": "/uses/preference",
    "use-changed": "/uses/offers",
    "item-partner": "/uses/preference/ricefield/purchases/TW",
    "item-sensitive": "/uses/preference/marketing/location/TW",
    "item-border": "/uses/matching/tern/demographics/TW",
    "use-link": "/uses/link-ricefield",
    "item-link": "/uses/link-ricefield/ricefield/purchases/TW",
    "withdraw-link": "/uses/link-ricefield/marketing/purchases/TW/answer?say=refuse",
    "allow": "/uses/preference/marketing/browsing/TW/answer?say=allow",
    "refuse": "/uses/matching/tern/demographics/TW/answer?say=refuse",
    "withdraw": "/uses/preference/marketing/purchases/TW/answer?say=refuse",
    "stop-all": "/stop-all",
    "notice": "/notices/preference/2",
    "history": "/history",
    "trainings": "/trainings",
    "decisions": "/decisions",
    "tags": "/tags",
    "rights": "/rights",
    "copy": "/rights/copy",
    "account": "/account",
    "limits": "/limits",
    "seen": "/seen",
    "family": "/family",
    "help": "/help",
    "required": "/required",
    "not-found": "/nowhere",
}
"""Every page that a signed-in member reaches by an address that is the same for everybody."""

VISITOR_PAGES = {
    "sign-in": "/sign-in",
    "sent": "/sign-in/sent",
    "help-outside": "/help",
    "link-gone": "/sign-in/link/x",
}
"""Pages for somebody who is not signed in."""


@dataclass
class Served:
    """A running server with its world."""

    world: DevWorld
    origin: str
    folder: Path

    def person(self, language: str) -> Person:
        """The member of the family who reads this language."""
        return next(one for one in self.world.people if one.language.value == language)


def chromium_path() -> str | None:
    """Where Chromium is, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@contextlib.contextmanager
def serving(folder: Path, *, database: str | None = None) -> Iterator[Served]:
    """The seeded family behind a real server on this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    origin = f"http://localhost:{port}"
    with dev_world(folder, origin=origin, database=database or f"sqlite:///{folder}/accord.db") as world:
        app = create_app(world.settings, wiring=world.wiring)
        config = uvicorn.Config(
            app, host="127.0.0.1", port=port, log_level="error", access_log=False, ws="none", lifespan="off"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        try:
            yield Served(world, origin, folder)
        finally:
            server.should_exit = True
            thread.join()


def launch(playwright: Playwright) -> Browser:
    """Debian's Chromium, alone on this machine."""
    path = chromium_path()
    assert path is not None, "Chromium is missing: run `make browser-tools`"
    return playwright.chromium.launch(executable_path=path, args=FLAGS)


def use_link(context: BrowserContext, link: str) -> None:
    """Do what the form behind a one-time link does, without drawing its page: a second less for each browser."""
    token = re.search(r'name="token" value="([^"]+)"', context.request.get(link).text())
    assert token is not None
    same = {"Sec-Fetch-Site": "same-origin"}
    answer = context.request.post(link.partition("?")[0], form={"token": token[1]}, headers=same, max_redirects=0)
    assert answer.status == 303, answer.text()


def sign_in(context: BrowserContext, served: Served, person: Person, *, drawn: bool = False) -> None:
    """Use a one-time link in this browser, in the person's language; on the link's own page if `drawn`."""
    if not drawn:
        use_link(context, served.world.link_for(person))
        return
    page = context.new_page()
    page.goto(served.world.link_for(person))
    page.get_by_role("main").get_by_role("button").click()
    page.wait_for_url(f"{served.origin}/")
    page.close()
