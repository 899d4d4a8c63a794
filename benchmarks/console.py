"""The console on PostgreSQL with 100,000 members, 500 studies and 1,000,000 log entries: server time of each page.

Time is what a client on the same machine waits for a page (TestClient into the application, no network), p95 over
interleaved requests; beside it the processor time of this process for the same pages, which other work on the machine
does not lengthen (PostgreSQL's own is not in it). Each page is opened by somebody whose page it is; a page of the
console that is not asked for here stops the benchmark. Members and studies come in through the product's workflows:
each study is assessed, nine of ten have four signed answers, the others wait for the members' representative. The log
is filled up with copies of real leaves, written in bulk.
"""

import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from importlib.resources import as_file, files
from pathlib import Path
from statistics import quantiles
from typing import Any

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from benchmarks._stores import ANSWERED, ITEM, NOW, found, new_database, postgres
from consent_center.consent.grant import Act
from consent_center.consent.speech import Utterance
from consent_center.console.create import create_console
from consent_center.storage import ledger
from consent_center.storage.transaction import Store
from consent_center.studies.person import Person
from consent_center.studies.roles import Role
from consent_center.studies.study import Study
from consent_center.web.house import House
from consent_center.web.mail import Outbox
from consent_center.web.passkeys import Party
from consent_center.web.tokens import fingerprint, form_token, new_secret
from consent_center.web.wiring import Wiring
from consent_center.workflows.admit_run import admit_run
from consent_center.workflows.approve_study import approve_study
from consent_center.workflows.assess_study import assess_study
from consent_center.workflows.file_study import file_study
from consent_center.workflows.make_statements import make_statements
from consent_center.workflows.register_reviewer import register_reviewer
from consent_center.workflows.staff_accounts import keep_person
from consent_center.workflows.staff_sign_in import hand_out_staff_link
from federated.approvals import Approval, Pinned, sign_approval
from federated.models.churn_plan import churn_plan
from federated.plan import Feature, Use, plan_bytes
from privacy.envelope import Key
from privacy.keys import KeyRing
from privacy.ledger import PROGRAMME, Budget

MEMBERS, STUDIES, ENTRIES, ROUNDS = 100_000, 500, 1_000_000, 40
WAITING, RUNS = 50, 10
"""Studies that lack the answer of the members' representative, and runs of the first studies."""
LATER = NOW + timedelta(hours=2)
ORIGIN = "http://localhost:8000"
GOAL_MS = 80.0
PAGES = {
    "today": ("chen", "/"),
    "queue": ("lin", "/"),
    "studies": ("chen", "/studies"),
    "studies_found": ("chen", "/studies?words=study+7&stage=approved"),
    "studies_waiting": ("lin", "/studies?stage=waiting"),
    "study": ("chen", "/studies/study-7"),
    "study_to_answer": ("lin", f"/studies/study-{STUDIES - 1}"),
    "study_new": ("wu", "/studies/new"),
    "runs": ("wu", "/runs"),
    "run": ("wu", "/runs/run-7"),
    "audits": ("chen", "/audits"),
    "budgets": ("chen", "/budgets"),
    "log": ("chen", "/log"),
    "log_by_kind": ("chen", "/log?kind=study.filed"),
    "log_by_day": ("chen", "/log?since=2026-11-20"),
    "log_entry": ("chen", f"/log/{ENTRIES // 2}"),
    "contracts": ("legal", "/contracts"),
    "definitions": ("chen", "/definitions"),
    "definition": ("legal", "/definitions/edit?kind=notice&code=core"),
    "rules": ("tech", "/rules"),
    "reviews": ("legal", "/reviews"),
    "findings": ("chen", "/findings"),
    "members": ("chen", "/members"),
    "people": ("ada", "/people"),
    "key": ("legal", "/key"),
    "models": ("wu", "/models"),
    "decisions": ("chen", "/decisions"),
    "operator_studies": ("sales-op", "/studies"),
    "operator_study": ("sales-op", "/studies/study-7"),
    "operator_runs": ("sales-op", "/runs"),
    "operator_budgets": ("sales-op", "/budgets"),
    "operator_findings": ("sales-op", "/findings"),
}
"""Name -> who opens it, and its path in the console."""
ELSEWHERE = {
    *("/sign-in", "/sign-in/link/{secret}", "/sign-in/oidc", "/sign-in/oidc/back"),
    *("/studies/{study}/plan", "/runs/{run}/events", "/log/{index}/proof", "/reviews/{digest}", "/models/{digest}"),
    *("/audits/compare", "/audits/{run}", "/audits/{run}/model.cdx.json"),
    *(f"/audits/{{run}}/report.{kind}" for kind in ("html", "pdf", "json")),
}
"""What is no page of a signed-in person, is a file, or shows an audit, model or draft: this programme has none."""
STAFF = (
    Person("ada", "Ada", "programme", frozenset({Role.ADMINISTRATOR})),
    Person("wu", "Wu", "programme", frozenset({Role.DATA_SCIENTIST})),
    Person("chen", "Chen", "programme", frozenset({Role.COMPLIANCE})),
    Person("legal", "Legal", "programme", frozenset({Role.LEGAL})),
    Person("tech", "Tech", "programme", frozenset({Role.TECHNOLOGY})),
    Person("lin", "Lin", "council", frozenset({Role.MEMBERS})),
    Person("sales-op", "Sales", "programme", frozenset({Role.OPERATOR}), site="sales"),
)
KEYS = {one.id: Ed25519PrivateKey.generate() for one in STAFF if one.answers_as}
LAST = "lin"
ANSWERS = {"need": "Purchases precede leaving.", "harm": "A member could be warned wrongly."}


def run() -> dict[str, Any]:
    """Fill a database, then ask for every page in turn."""
    with postgres() as server, tempfile.TemporaryDirectory() as scratch:
        url = new_database(server)
        with Store.open(url, keys=KeyRing((Key(7, bytes(range(32))),))) as store:
            began = time.perf_counter()
            _people(store)
            members = found(store, members=MEMBERS)
            said = [Utterance(one, Act.GIVEN, (ITEM,), "core", 1, "en", ANSWERED["choices"]) for one in members[:2000]]
            store.run(make_statements, said, at=NOW - timedelta(hours=1))
            print(f"{MEMBERS} members after {time.perf_counter() - began:.0f} s", flush=True)
            _studies(store)
            print(f"{STUDIES} studies after {time.perf_counter() - began:.0f} s", flush=True)
            _log(url)
            print(f"{ENTRIES} entries after {time.perf_counter() - began:.0f} s", flush=True)
            with _desks(store, Path(scratch)) as desks:
                return _measure(store, desks)


def _people(store: Store) -> None:
    at = NOW - timedelta(days=2)
    for person in STAFF:
        store.run(keep_person, person, by="" if person.id == "ada" else "ada", at=at)
    budget = Budget.create(epsilon=100.0, delta=1e-6, epsilon_pure=50.0, members=MEMBERS)
    store.run(ledger.open_account, PROGRAMME, budget, at=at)


def _studies(store: Store) -> None:
    for person in STAFF:
        if person.id in KEYS:
            pinned = Pinned(person.id, str(person.answers_as), person.organisation, KEYS[person.id].public_key())
            store.run(register_reviewer, pinned, at=NOW)
    signer = Ed25519PrivateKey.generate()
    for number in range(STUDIES):
        at = NOW + timedelta(seconds=number)
        study = _study(number, at=at)
        store.run(file_study, study, at=at)
        store.run(assess_study, study.id, assessor="chen", answers=ANSWERS, at=at)
        for reviewer in KEYS:
            if reviewer != LAST or number < STUDIES - WAITING:
                _answer(store, study, reviewer, at=at)
        if number < RUNS:
            store.run(admit_run, study.id, run=f"run-{number}", signer=signer, at=at)


def _study(number: int, *, at: datetime) -> Study:
    name = f"study-{number}"
    plan = churn_plan(
        study=name,
        country=ITEM.country,
        sites=(ITEM.recipient,),
        uses=(Use(("train", "evaluate"), ITEM.purpose, (ITEM.scope,)),),
        features=(Feature("basket", "continuous", 0.0, 50.0),),
        label="left",
        horizon_days=28,
        attributes=(),
        members=5_000,
        epsilon=0.5,
        delta=1e-6,
        model="churn-linear",
        rounds=3,
    )
    return Study(
        id=name,
        title=f"Study {number}",
        author="wu",
        organisation="programme",
        accountable="chen",
        reason="Ask in time.",
        benefits="Members are asked earlier.",
        retention_days=365,
        plan=plan_bytes(plan),
        filed_at=at,
        closes_at=at + timedelta(days=100),
    )


def _answer(store: Store, study: Study, person: str, *, at: datetime) -> None:
    who = next(one for one in STAFF if one.id == person)
    yes = Approval(
        study.id, study.plan_digest, person, str(who.answers_as), who.organisation, "yes", "read and judged", at
    )
    store.run(approve_study, sign_approval(yes, KEYS[person]), reviewer=person, at=at)


def _log(url: str) -> None:
    with psycopg.connect(url.replace("postgresql+psycopg", "postgresql")) as database:
        database.execute(
            "INSERT INTO leaf (leaf_index, entry_id) SELECT row_number() OVER (ORDER BY id) - 1 + coalesce("
            "(SELECT max(leaf_index) + 1 FROM leaf), 0), id FROM entry WHERE id NOT IN (SELECT entry_id FROM leaf)"
        )
        (have,) = database.execute("SELECT count(*) FROM leaf").fetchone() or (0,)
        (top,) = database.execute("SELECT max(id) FROM entry").fetchone() or (0,)
        wanted = max(0, ENTRIES - have)
        last = int((NOW + timedelta(hours=1)).timestamp())
        database.execute(
            "INSERT INTO entry (id, leaf, at, about_member) SELECT %s + n, (SELECT leaf FROM entry WHERE about_member "
            "LIMIT 1), %s + n / 1000, true FROM generate_series(1, %s) n",
            (top, last, wanted),
        )
        database.execute(
            "INSERT INTO leaf (leaf_index, entry_id) SELECT %s + n - 1, %s + n FROM generate_series(1, %s) n",
            (have, top, wanted),
        )
        database.execute("SELECT setval('entry_id_seq', (SELECT max(id) FROM entry))")
        database.execute("ANALYZE")


@contextmanager
def _desks(store: Store, folder: Path) -> Iterator[dict[str, TestClient]]:
    """A browser of everybody who opens a page, signed in through a one-time link."""
    with as_file(files("consent_center.web") / "harbour_club.yaml") as example:
        house = House.read(example, origin=ORIGIN)
    wiring = Wiring(
        store=store,
        house=house,
        post=Outbox(folder, sender="x@example.org"),
        outbox=folder,
        party=Party(name="Accord", origin=ORIGIN),
        provider=None,
        address_key=b"k" * 32,
        log=None,
        receipt_key=Ed25519PrivateKey.generate(),
        clock=lambda: LATER,
    )
    console = create_console(wiring)
    if unasked := sorted(_unasked(console.routes)):
        raise RuntimeError(f"pages that nobody asks for here: {', '.join(unasked)}")
    app = FastAPI(openapi_url=None)
    app.mount("/console", console)
    with ExitStack() as open_ones:
        desks = {}
        for person in sorted({who for who, _ in PAGES.values()}):
            desks[person] = open_ones.enter_context(TestClient(app, base_url=ORIGIN, follow_redirects=False))
            _sign_in(store, house, desks[person], person)
        yield desks


def _sign_in(store: Store, house: House, client: TestClient, person: str) -> None:
    secret = new_secret()
    store.run(hand_out_staff_link, link=fingerprint(secret), person=person, at=LATER)
    client.headers["Sec-Fetch-Site"] = "same-origin"
    path = f"/console/sign-in/link/{secret}"
    client.get(path)
    answer = client.post(path, data={"token": form_token(client.cookies[house.cookies.name("visit")], path)})
    if answer.status_code != 303:
        raise RuntimeError(f"signing in answered {answer.status_code}")


def _unasked(routes: Iterable[Any]) -> Iterator[str]:
    """Paths of pages that `PAGES` does not ask for."""
    asked = [path.partition("?")[0] for _, path in PAGES.values()]
    for route in routes:
        if not isinstance(route, APIRoute):
            yield from _unasked(route.original_router.routes)
        elif not any(route.path_regex.fullmatch(path) for path in asked) and "GET" in (route.methods or ()):
            yield from {route.path} - ELSEWHERE


def _measure(store: Store, desks: dict[str, TestClient]) -> dict[str, Any]:
    """Ask for every page in every round; between rounds somebody answers a study, as in an office at work."""
    took: dict[str, list[float]] = {name: [] for name in PAGES}
    worked: dict[str, list[float]] = {name: [] for name in PAGES}
    for round_number in range(ROUNDS + 3):
        number = STUDIES - WAITING + round_number
        _answer(store, _study(number, at=NOW + timedelta(seconds=number)), LAST, at=LATER)
        for name, (person, path) in PAGES.items():
            start, cpu = time.perf_counter(), time.process_time()
            answer = desks[person].get(f"/console{path}")
            spent, busy = (time.perf_counter() - start) * 1000, (time.process_time() - cpu) * 1000
            if answer.status_code != 200:
                raise RuntimeError(f"{path} answered {answer.status_code}")
            if round_number >= 3:
                took[name].append(spent)
                worked[name].append(busy)
    figures = {f"{name}_p95_ms": quantiles(times, n=20)[-1] for name, times in took.items()}
    figures |= {f"{name}_cpu_p95_ms": quantiles(times, n=20)[-1] for name, times in worked.items()}
    figures["slowest_p95_ms"] = max(figures[f"{name}_p95_ms"] for name in PAGES)
    return {"figures": figures, "goals": {"slowest_p95_ms": ["<=", GOAL_MS]}}
