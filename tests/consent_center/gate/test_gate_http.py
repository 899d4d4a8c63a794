"""Law: a coordinator in its own process gets the same four answers over HTTPS, with a token good for nothing else."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from consent_center.api.create import create_api
from consent_center.api.world import World
from consent_center.consent.receipt import Controller
from consent_center.storage import runs
from consent_center.storage.transaction import Store
from consent_center.workflows.machine_tokens import TokenScope, issue_token
from federated.certificates import create_authority, issue_server
from federated.errors import MalformedError, Refusal, RefusedError
from federated.gate import RoundReport, RunReport, SiteRound, check_removals
from federated.gate_http import HttpGate
from federated.gate_wire import (
    parse_admission,
    parse_nonces,
    parse_round,
    parse_run,
    parse_statements,
)
from tests.consent_center.rounds import honest_round
from tests.consent_center.workflows.test_admission import AUTHOR, MEMBERS, ROLES, approved, plan_for, settle
from tests.consent_center.world import DAY, KEYS, NOW
from tests.federated.flower.network import free_port

SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


class Losing:
    """Carries a request out and loses its answer, as often as `losses` says."""

    def __init__(self, app: ASGIApp) -> None:
        self.app, self.losses = app, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self.losses:
            await self.app(scope, receive, send)
            return
        self.losses -= 1

        async def lost(message: object) -> None:
            return None

        await self.app(scope, receive, lost)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Losing, str, str]]:
    """A consent centre over TLS on loopback, with one approved study: store, its door, address, authority."""
    folder = tmp_path_factory.mktemp("hub")
    now = datetime.now(UTC)  # noqa: TID251  certificates are checked against the real time
    authority = create_authority(folder / "ca", name="test", at=now)
    certificate, key = issue_server(folder / "ca", folder / "server", hosts=["127.0.0.1"], at=now)
    with Store.open(f"sqlite:///{folder / 'accord.db'}", keys=KEYS) as store:
        keys = {name: Ed25519PrivateKey.generate() for name in (*ROLES, AUTHOR)}
        settle(store, keys)
        approved(store, plan_for("s1"), keys)
        world = World(store, lambda: NOW, Controller("hub", "The programme", "privacy@example.org", "TW"), SIGNER)
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        app.mount("/v1", create_api(world))
        door, port = Losing(app), free_port()
        with _serving(door, port, certificate, key):
            yield store, door, f"https://127.0.0.1:{port}", authority.read_text()


@contextmanager
def _serving(app: ASGIApp, port: int, certificate: Path, key: Path) -> Iterator[None]:
    config = uvicorn.Config(app, port=port, ssl_certfile=certificate, ssl_keyfile=key, log_level="critical", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield
    server.should_exit = True
    thread.join(5)


@contextmanager
def driving(hub: tuple[Store, Losing, str, str], *scopes: TokenScope, study: str = "s1") -> Iterator[HttpGate]:
    store, _, url, authority = hub
    asked = scopes or (TokenScope.RUNS_DRIVE,)
    _, secret = store.run(issue_token, asked, study=study, expires_at=NOW + DAY, at=NOW)
    gate = HttpGate(url, token=secret, authority=authority, wait=lambda _: None)
    yield gate
    gate.close()


def test_the_four_questions_over_https(hub: tuple[Store, Losing, str, str]) -> None:
    store, door, *_ = hub
    with driving(hub) as gate:
        admission = gate.admit_run("s1")
        assert set(admission.orders) == {"sales", "service"}
        assert store.read(runs.get, admission.run).study == "s1"
        statements = gate.admit_round(admission.run, 1, {"sales": "n1", "service": "n2"})
        removals = check_removals(
            statements["sales"],
            hub_key=SIGNER.public_key(),
            run=admission.run,
            site="sales",
            number=1,
            nonce="n1",
            epoch=0,
            at=NOW,
        )
        assert removals.removed == ()
        first = honest_round(store, admission.run, 1, signer=SIGNER, at=NOW, checkpoint=b"1" * 9)
        with pytest.raises(RefusedError) as refused:
            gate.settle_round(replace(first, sites={"sales": SiteRound("d" * 64, MEMBERS, 0)}))
        assert refused.value.code is Refusal.COHORT_TAMPERED
        gate.settle_round(first)
        with pytest.raises(RefusedError) as refused:
            gate.settle_round(first)
        assert refused.value.code is Refusal.ROUND_OUT_OF_ORDER
        door.losses = 1
        gate.settle_round(RoundReport(admission.run, 2, "train", {"sales": SiteRound(refusal=Refusal.POLICY)}))
        assert [number for number, *_ in store.read(runs.rounds, admission.run)] == [1, 2]
        again = gate.admit_run("s1")
        assert (again.run, again.orders, again.checkpoints) == (admission.run, admission.orders, (b"1" * 9,))
        door.losses = 1
        gate.settle_run(RunReport(admission.run, "completed", 2, model=bytes(5_000_000), results={"a": 1.5}))
        outcome = store.read(runs.outcome, admission.run)
        assert outcome is not None
        assert (outcome.outcome, len(outcome.model), outcome.results) == ("completed", 5_000_000, {"a": 1.5})
        with pytest.raises(RefusedError, match="has ended") as refused:
            gate.admit_run("s1")
        assert refused.value.code is Refusal.ROUND_OUT_OF_ORDER, "a token has one run, however often it asks"
    with driving(hub) as another, pytest.raises(RefusedError) as refused:
        another.admit_run("s1")
    assert refused.value.code is Refusal.OVER_BUDGET
    with driving(hub) as stranger:
        for question in (
            lambda: stranger.admit_round(admission.run, 3, {"sales": "n3"}),
            lambda: stranger.settle_round(RoundReport(admission.run, 3, "train", {})),
            lambda: stranger.settle_run(RunReport(admission.run, "completed", 3)),
        ):
            with pytest.raises(RefusedError, match="another run"):
                question()


def test_an_admission_whose_answer_is_lost_is_asked_for_again(hub: tuple[Store, Losing, str, str]) -> None:
    """It may have been carried out: the same token is then given the same run, and nothing is charged twice."""
    _, door, *_ = hub
    with driving(hub) as gate:
        door.losses = 1
        with pytest.raises(RefusedError) as refused:
            gate.admit_run("s1")
        assert refused.value.code is Refusal.OVER_BUDGET  # the answer of the second asking
        assert door.losses == 0


def test_a_token_without_the_scope_drives_nothing(hub: tuple[Store, Losing, str, str]) -> None:
    with driving(hub, TokenScope.CONSENTS_READ) as gate, pytest.raises(RefusedError, match="runs:drive"):
        gate.admit_run("s1")


@pytest.mark.parametrize("study", ["", "s1"])
def test_a_token_drives_the_study_it_is_for_and_no_other(hub: tuple[Store, Losing, str, str], study: str) -> None:
    with driving(hub, study=study) as gate, pytest.raises(RefusedError, match="another study"):
        gate.admit_run("another")


def test_a_study_that_is_not_there_is_refused(hub: tuple[Store, Losing, str, str]) -> None:
    with driving(hub, study="another") as gate, pytest.raises(RefusedError) as refused:
        gate.admit_run("another")
    assert refused.value.code is Refusal.PLAN_NOT_APPROVED


def test_who_may_start_runs_is_given_a_token_for_one_run(hub: tuple[Store, Losing, str, str]) -> None:
    store, _, url, authority = hub
    _, secret = store.run(issue_token, [TokenScope.RUNS_START], expires_at=NOW + DAY, at=NOW)
    starter = HttpGate(url, token=secret, authority=authority, wait=lambda _: None)
    answer = starter._client.post("start-run", content=b"s1").json()
    assert answer["sites"] == ["sales", "service"]
    assert starter._client.post("admit-run", content=b"s1").status_code == 403, "it drives nothing itself"
    unknown = starter._client.post("start-run", content=b"nothing")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "plan-not-approved")
    driver = HttpGate(url, token=answer["token"], authority=authority, wait=lambda _: None)
    assert driver._client.post("start-run", content=b"s1").status_code == 403
    for gate in (starter, driver):
        gate.close()


@pytest.mark.parametrize("question", ["start-run", "release-run"])
def test_a_sites_token_starts_no_training_and_judges_nothing(
    hub: tuple[Store, Losing, str, str], question: str
) -> None:
    store, _, url, authority = hub
    _, secret = store.run(issue_token, [TokenScope.RUNS_START], site="sales", expires_at=NOW + DAY, at=NOW)
    gate = HttpGate(url, token=secret, authority=authority, wait=lambda _: None)
    assert gate._client.post(question, content=b"s1").status_code == 403
    gate.close()


@pytest.mark.parametrize("question", ["admit-run", "admit-round", "settle-round", "settle-run"])
@pytest.mark.parametrize("body", [b"", b"\xff", b"{}\n", b'{"blobs":[],"kind":"run-report"}\n', b"[" * 5000])
def test_malformed_questions_are_refused_without_a_trace(
    hub: tuple[Store, Losing, str, str], question: str, body: bytes
) -> None:
    with driving(hub) as gate:
        answer = gate._client.post(question, content=body)
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_plain_http_is_never_asked() -> None:
    with pytest.raises(MalformedError, match="https"):
        HttpGate("http://127.0.0.1", token="t")


def test_a_consent_centre_that_is_gone_is_said_to_be() -> None:
    gate = HttpGate(f"https://127.0.0.1:{free_port()}", token="t", wait=lambda _: None)
    with pytest.raises(RefusedError, match="cannot be reached"):
        gate.admit_round("run", 1, {})
    gate.close()


def test_another_authority_is_not_believed(hub: tuple[Store, Losing, str, str], tmp_path: Path) -> None:
    stranger = create_authority(tmp_path, name="stranger", at=datetime.now(UTC))  # noqa: TID251
    gate = HttpGate(hub[2], token="t", authority=stranger.read_text(), wait=lambda _: None)
    with pytest.raises(RefusedError, match="cannot be reached"):
        gate.admit_round("run", 1, {})
    gate.close()


@pytest.mark.parametrize("parse", [parse_admission, parse_nonces, parse_round, parse_run, parse_statements])
@pytest.mark.parametrize("payload", [b"", b"x", b"{}\n", b'{"blobs":[1],"kind":"admission"}\n'])
def test_what_is_no_frame_of_the_gate_is_malformed(parse: object, payload: bytes) -> None:
    with pytest.raises(MalformedError):
        parse(payload)  # type: ignore[operator]
