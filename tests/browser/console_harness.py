"""The console behind a real server, with an office full of studies, and passkeys that Chromium itself plays."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import BrowserContext, Page

from consent_center.storage.definitions import written
from consent_center.studies.tool import Tool
from consent_center.web.passkeys import Party
from consent_center.web.tokens import fingerprint, new_secret
from consent_center.workflows.admit_run import admit_run
from consent_center.workflows.govern import register_contract, register_tool
from consent_center.workflows.review_notice import hold_notice
from consent_center.workflows.staff_accounts import stand_in
from consent_center.workflows.staff_sign_in import hand_out_staff_link
from consent_center.workflows.suspend_study import suspend_study
from consent_center.workflows.watch_studies import watch_studies
from tests.browser.harness import use_link
from tests.browser.test_every_page import OPEN_ALL
from tests.consent_center.rounds import settle_honestly
from tests.consent_center.studies.studying import GROCER, study_text
from tests.consent_center.world import DAY, NOW, TEXT, notice
from tests.console.office import Office, open_office

SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SEEN = [
    "studies",
    "studies/churn-1",
    "runs",
    "runs/run-1",
    "budgets",
    "contracts",
    "findings",
    "log",
    "log/3",
    "members",
    "people",
]
RULED = ("definitions", "rules", "reviews")
GUILTY = replace(
    notice(2),
    texts=tuple(
        (language, replace(TEXT, title="Are you sure you want to lose this") if language == "en" else text)
        for language, text in notice(2).texts
    ),
)
"""The next version of the notice, in words that the lint holds back."""
GUILTY_DIGEST = written(GUILTY)[1]
CHECK = "form[action$='studies/check'] button"
HELD = "reviews/held"
"""Stands for the page of the one notice that is held back, whose address is its digest."""
PAGES = {
    "chen": ("", *SEEN, "audits", "models", "decisions", *RULED, "definitions/edit?kind=notice&code=core"),
    "huang": ("", "studies/churn-2", "studies/churn-3", "key", "contracts", "definitions", "rules", HELD),
    "lin": ("", "studies/churn-2", HELD),
    "wu": ("studies/new", "studies?words=nothing+fits", "studies/none"),
    "sales-op": ("budgets", "rules"),
    "ada": ("", "people"),
}
FORMS = {
    "wu": {
        "planned": ("studies/new", "#text", study_text("churn-4", sites="sales, grocer"), CHECK),
        "mistyped": ("studies/new", "#text", study_text("churn-4").replace("epsilon:", "epsillon:"), CHECK),
    },
    "huang": {"rules-refused": ("rules", "#epsilon_ceiling", "much", "form[action$='rules/policy'] button")},
    "chen": {"member-refused": ("members", "#member", "nobody", "form[action$='members'] button")},
}
"""Person -> name of a page that answers a form -> where the form is, a field, what is typed there, the button."""


@dataclass
class ServedOffice:
    """A running console."""

    office: Office
    origin: str

    def sign_in(self, context: BrowserContext, person: str, *, drawn: bool = False) -> Page:
        """Use a one-time link in this browser, on the link's own page if `drawn`; the page is her first."""
        secret = new_secret()
        store, at = self.office.programme.store, self.office.clock()
        store.run(hand_out_staff_link, link=fingerprint(secret), person=person, at=at)
        link = f"{self.origin}/console/sign-in/link/{secret}"
        page = context.new_page()
        if drawn:
            page.goto(link)
            page.get_by_role("main").get_by_role("button").click()
            page.wait_for_url(f"{self.origin}/console/")
        else:
            use_link(context, link)
            page.goto(f"{self.origin}/console/")
        return page


@contextlib.contextmanager
def serving_office(folder: Path, *, database: str = "") -> Iterator[ServedOffice]:
    """An office with an approved study and its run, and a second study that waits."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    origin = f"http://localhost:{port}"
    with open_office(folder, database=database) as office:
        fill(office)
        wiring = replace(
            office.wiring,
            house=replace(office.wiring.house, origin=origin),
            party=Party(name="Accord", origin=origin),
        )
        console = next(route.app for route in office.app.routes if getattr(route, "path", "") == "/console")
        console.state.wiring = wiring
        config = uvicorn.Config(
            office.app,
            host="127.0.0.1",
            port=port,
            log_level="error",
            access_log=False,
            ws="none",
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        try:
            yield ServedOffice(office, origin)
        finally:
            server.should_exit = True
            thread.join()


def fill(office: Office) -> None:
    """Let people work for a while."""
    here = office.programme
    study = here.file(study_text())
    here.assess(study.id)
    for name in ("huang", "lai", "lin", "sales-op"):
        here.answer(study, name)
    second = here.file(study_text("churn-2", epsilon=1.0))
    here.assess(second.id)
    here.store.run(admit_run, study.id, run="run-1", signer=SIGNER, at=NOW)
    for number in (1, 2):
        settle_honestly(here.store, "run-1", number, signer=SIGNER, at=NOW)
    stopped = here.file(study_text("churn-3", epsilon=0.5))
    here.assess(stopped.id)
    for name in ("huang", "lai", "lin", "sales-op"):
        here.answer(stopped, name)
    why = "A member complained about the notice."
    here.store.run(suspend_study, stopped.id, by="lin", role="members-representative", reason=why, at=NOW)
    here.store.run(register_contract, GROCER, by="huang", at=NOW)
    traits = frozenset({"runs unseen by members", "sees people who are not members"})
    tool = Tool("wifi", "Wi-Fi counters", "sales", "purchases", traits, "head", NOW)
    here.store.run(register_tool, tool, by="chen", at=NOW)
    here.store.run(stand_in, reviewer="huang", stand_in="yeh", ends=NOW + 9 * DAY, at=NOW)
    here.store.run(hold_notice, GUILTY, author="head", at=NOW)
    here.store.run(watch_studies, at=NOW)
    office.publish()


def places(served: ServedOffice, context: BrowserContext, person: str) -> Iterator[tuple[str, Page]]:
    """Every page of somebody's console in turn, open in her browser: what to call it, and the page."""
    page = served.sign_in(context, person)
    for path in PAGES[person]:
        page.goto(f"{served.origin}/console/{path.replace(HELD, f'reviews/{GUILTY_DIGEST}')}")
        yield f"{person}-{path or 'today'}", page
    for name, (path, field, typed, button) in FORMS.get(person, {}).items():
        page.goto(f"{served.origin}/console/{path}")
        page.evaluate(OPEN_ALL)
        page.locator(field).fill(typed)
        with page.expect_navigation():
            page.locator(button).first.click()
        yield f"{person}-{name}", page
    if person == "ada":
        page.locator("form[action='/console/sign-out'] button").click()
        page.wait_for_url(f"{served.origin}/console/sign-in")
        yield f"{person}-gone", page


def play_passkeys(page: Page) -> None:
    """Give this page an authenticator that verifies its holder."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
