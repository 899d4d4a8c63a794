"""The member pages on SQLite with 100,000 members: server time and weight of each page, and what a first visit loads.

Time is what a client on the same machine waits for a page (TestClient into the application, no network), p95 over
interleaved requests by members with an ordinary history; beside it the processor time of the whole process for the same
pages, which other work on the machine does not lengthen. Weight is everything that the page loads, uncompressed,
without fonts.
"""

import logging
import re
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from statistics import quantiles
from typing import Any

from fastapi.testclient import TestClient

from consent_center.app import create_app
from consent_center.consent.grant import Act
from consent_center.consent.notice import choices_digest
from consent_center.consent.scope import Item
from consent_center.consent.speech import Utterance
from consent_center.example.programme import COUNTRY
from consent_center.example.world import DevWorld, dev_world
from consent_center.web.tokens import fingerprint, new_secret
from consent_center.workflows.enrol_member import enrol_members
from consent_center.workflows.make_statements import make_statements
from consent_center.workflows.register_member import register_members
from consent_center.workflows.show_choices import show_choices
from consent_center.workflows.sign_in import hand_out_link

MEMBERS = 100_000
BATCH = 20_000
ROUNDS = 60
ORIGIN = "http://localhost:8000"
PAGES = {
    "home": "/",
    "use": "/uses/preference",
    "item": "/uses/matching/tern/demographics/TW",
    "linkage": "/uses/link-ricefield/ricefield/purchases/TW",
    "answer": "/uses/preference/marketing/purchases/TW/answer?say=refuse",
    "stop_all": "/stop-all",
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
}
SAID = (("preference", "purchases", "marketing"), ("churn", "tickets", "service"), ("offers", "browsing", "marketing"))


def run() -> dict[str, Any]:
    """Measure, and return figures and goals."""
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "dev"
        with dev_world(folder, origin=ORIGIN, database=f"sqlite:///{folder}/accord.db") as world:
            members = _populate(world)
            _wait_for_log(world)
            return _measure(world, members)


def _populate(world: DevWorld) -> list[str]:
    store, at = world.wiring.store, world.wiring.clock() - timedelta(days=20)
    known = store.read(show_choices, world.people[0].member, at=at).catalogue
    members: list[str] = []
    for start in range(0, MEMBERS, BATCH):
        some = store.run(register_members, [None] * BATCH, at=at)
        store.run(enrol_members, some, "marketing", at=at)
        for purpose, scope, recipient in SAID:
            item = Item(scope, purpose, recipient, COUNTRY)
            notice = max(
                (n for n in known.notices.values() if item in n.items and n.open_at(at)), key=lambda n: n.version
            )
            shown = choices_digest(notice, "en", [item])
            said = [Utterance(m, Act.GIVEN, (item,), notice.code, notice.version, "en", shown) for m in some]
            store.run(make_statements, said, at=at)
        members += some
        print(f"members: {start + BATCH}", file=sys.stderr)
    return members


def _wait_for_log(world: DevWorld) -> None:
    """Until everything is published, so that the history is measured with its proofs."""
    world.publisher.publish()


def _measure(world: DevWorld, members: list[str]) -> dict[str, Any]:
    app = create_app(world.settings, wiring=world.wiring)
    clients = [_signed_in(world, app, member) for member in members[:: len(members) // 8]]
    took: dict[str, list[float]] = {name: [] for name in PAGES}
    worked: dict[str, list[float]] = {name: [] for name in PAGES}
    for client in clients:
        for path in PAGES.values():
            client.get(path)
    for turn in range(ROUNDS):
        client = clients[turn % len(clients)]
        for name, path in PAGES.items():
            begun, cpu = time.perf_counter(), time.process_time()
            answer = client.get(path)
            took[name].append(1000 * (time.perf_counter() - begun))
            worked[name].append(1000 * (time.process_time() - cpu))
            assert answer.status_code == 200, (path, answer.status_code)
    figures = {f"p95_ms_{name}": round(quantiles(times, n=20)[-1], 1) for name, times in took.items()}
    figures["p95_cpu_ms_slowest_page"] = round(max(quantiles(times, n=20)[-1] for times in worked.values()), 1)
    weights = {name: _weigh(clients[0], path) for name, path in PAGES.items()}
    figures["members"] = len(members)
    figures["p95_ms_slowest_page"] = max(figures[f"p95_ms_{name}"] for name in PAGES)
    figures["weight_kb_heaviest_page"] = round(max(size for size, _ in weights.values()) / 1000, 1)
    figures["requests_first_load"] = max(count for _, count in weights.values())
    goals = {
        "members": [">=", MEMBERS],
        "p95_ms_slowest_page": ["<=", 50],
        "weight_kb_heaviest_page": ["<=", 60],
        "requests_first_load": ["<=", 10],
    }
    return {"figures": figures, "goals": goals}


def _signed_in(world: DevWorld, app: Any, member: str) -> TestClient:
    client = TestClient(app, base_url=ORIGIN, headers={"sec-fetch-site": "same-origin"})
    secret = new_secret()
    world.wiring.store.run(hand_out_link, link=fingerprint(secret), member=member, at=world.wiring.clock())
    path = f"/sign-in/link/{secret}"
    token = re.search(r'name="token" value="([^"]+)"', client.get(path).text)
    assert token is not None
    assert client.post(path, data={"token": token[1]}).url.path == "/"
    return client


def _weigh(client: TestClient, path: str) -> tuple[int, int]:
    """Bytes and number of everything that a page loads."""
    html = client.get(path)
    loaded = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', html.text))
    return len(html.content) + sum(len(client.get(one).content) for one in loaded), 1 + len(loaded)
