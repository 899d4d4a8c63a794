"""Law: a coordinator lets in who is approved now, and drives one run for each token, through a crash of its own."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.testclient import TestClient

from consent_center.coordinator.control import LARGEST_BODY, create_control
from consent_center.coordinator.driving import MOST_AT_ONCE, Runs, TooManyRunsError, UnknownTokenError, Watch
from consent_center.coordinator.operator import OperatorFileError, read_operator
from consent_center.coordinator.registry import Registered, RegistryError, approved_sites
from federated.certificates import create_node_key, public_pem
from federated.errors import Refusal, RefusedError
from federated.gate import RoundReport, RunReport, SiteRound
from federated.site.joining import SiteRequest, sign_request

KEY = Ed25519PrivateKey.from_private_bytes(bytes([4]) * 32)


class Door:
    """Remembers who was let in."""

    def __init__(self) -> None:
        self.inside: dict[int, bytes] = {}
        self.woken: list[int] = []
        self.count = 0

    def register(self, public_key: bytes) -> int:
        self.count += 1
        self.inside[self.count] = public_key
        return self.count

    def unregister(self, node: int) -> None:
        del self.inside[node]

    def wake(self, nodes: Any) -> None:
        self.woken += nodes


def approve(folder: Path, name: str, key: Path) -> None:
    node = public_pem(create_node_key(key))
    request = SiteRequest(name, "Grocer Ltd", node, KEY.public_key(), KEY.public_key())
    (folder / f"{name}.json").write_text(sign_request(request, KEY).to_text())


@pytest.fixture
def registered(tmp_path: Path) -> tuple[Path, Door, Registered]:
    folder, door = tmp_path / "registry", Door()
    folder.mkdir()
    return folder, door, Registered(folder, door, lambda pem: pem.encode())


def test_approval_and_revocation_take_effect_without_a_restart(
    registered: tuple[Path, Door, Registered], tmp_path: Path
) -> None:
    folder, door, sites = registered
    approve(folder, "grocer", tmp_path / "a.key")
    sites.look()
    assert sites.nodes() == {"grocer": 1}
    sites.look()
    assert door.count == 1
    (folder / "grocer.json").rename(folder / "grocer.revoked")
    sites.look()
    assert sites.nodes() == {}
    assert (door.inside, door.woken) == ({}, [1])


def test_another_key_is_another_node(registered: tuple[Path, Door, Registered], tmp_path: Path) -> None:
    folder, door, sites = registered
    approve(folder, "grocer", tmp_path / "a.key")
    sites.look()
    approve(folder, "grocer", tmp_path / "b.key")
    sites.look()
    assert (sites.nodes(), list(door.inside)) == ({"grocer": 2}, [2])


@pytest.mark.parametrize("content", ["", "{}", "not a document"])
def test_a_file_that_is_no_request_is_named(registered: tuple[Path, Door, Registered], content: str) -> None:
    folder, _, sites = registered
    (folder / "grocer.json").write_text(content)
    with pytest.raises(RegistryError, match=r"grocer\.json is not an approved request"):
        sites.look()


def test_a_request_under_another_name_is_refused(registered: tuple[Path, Door, Registered], tmp_path: Path) -> None:
    folder, _, _ = registered
    approve(folder, "grocer", tmp_path / "a.key")
    (folder / "grocer.json").rename(folder / "airline.json")
    with pytest.raises(RegistryError, match="is the request of grocer"):
        approved_sites(folder)


class Driver:
    """Drives runs as told."""

    def __init__(self) -> None:
        self.driven: list[tuple[str, tuple[str, ...], str]] = []
        self.go = threading.Event()
        self.fault: Exception | None = None

    def __call__(self, study: str, sites: tuple[str, ...], token: str, /, *, watch: Watch) -> RunReport:
        self.driven.append((study, sites, token))
        assert self.go.wait(30)
        if self.fault is not None:
            raise self.fault
        watch(
            RoundReport("run-1", 1, "train", {"a": SiteRound("d" * 64, 5, 1), "b": SiteRound(refusal=Refusal.POLICY)})
        )
        return RunReport("run-1", "completed", 1)


def ended(driven: Any) -> list[Any]:
    number = 0
    while not driven.ended:
        number = len(driven.after(number, wait_s=30)) + number
    return list(driven.events)


def test_one_token_drives_one_run_however_often_it_comes(tmp_path: Path) -> None:
    driver = Driver()
    runs = Runs(tmp_path, driver)
    first = runs.start("s1", ("a", "b"), "token")
    assert runs.start("s1", ("a", "b"), "token") is first
    (kept,) = tmp_path.glob("*.run")
    assert not kept.stat().st_mode & 0o077
    driver.go.set()
    events = ended(first)
    assert events[0]["refused"] == {"b": "policy"}
    assert events[0]["removed"] == {"a": 1, "b": 0}
    assert events[1] == {"run": "run-1", "outcome": "completed", "rounds": 1}
    assert len(driver.driven) == 1
    assert list(tmp_path.glob("*.run")) == []
    with pytest.raises(UnknownTokenError):
        runs.find("another")


def test_what_a_dead_process_left_is_taken_up_again(tmp_path: Path) -> None:
    dead = Driver()
    Runs(tmp_path, dead).start("s1", ("a", "b"), "token")  # never goes on: its process is as good as dead
    (tmp_path / "broken.run").write_bytes(b"{")
    driver = Driver()
    driver.go.set()
    again = Runs(tmp_path, driver)
    assert again.resume() == 1
    assert ended(again.find("token"))[-1]["outcome"] == "completed"
    assert driver.driven == [("s1", ("a", "b"), "token")]
    assert not (tmp_path / "broken.run").exists()
    dead.fault = RefusedError(Refusal.INTERNAL, "over")
    dead.go.set()


def test_made_up_tokens_cannot_fill_a_coordinator(tmp_path: Path) -> None:
    driver = Driver()
    runs = Runs(tmp_path, driver)
    for number in range(MOST_AT_ONCE):
        runs.start("s1", (), f"token-{number}")
    with pytest.raises(TooManyRunsError, match="when one has ended"):
        runs.start("s1", (), "one-more")
    client = TestClient(create_control(runs, dict))
    asked = {"study": "s1", "sites": []}
    assert client.post("/runs", json=asked, headers={"Authorization": "Bearer x"}).status_code == 429
    driver.go.set()
    for number in range(MOST_AT_ONCE):
        ended(runs.find(f"token-{number}"))
    ended(runs.start("s1", (), "one-more"))


@pytest.mark.parametrize(
    ("fault", "code"),
    [(RefusedError(Refusal.OVER_BUDGET, "spent"), "over-budget"), (ValueError("a member's data"), "internal")],
)
def test_what_goes_wrong_is_a_code_and_never_data(
    tmp_path: Path, fault: Exception, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    driver = Driver()
    driver.fault = fault
    driver.go.set()
    (event,) = ended(Runs(tmp_path, driver).start("s1", (), "token"))
    assert event["refused"] == code
    assert "member's data" not in str(event)


@pytest.fixture
def control(tmp_path: Path) -> tuple[TestClient, Driver]:
    driver = Driver()
    driver.go.set()
    return TestClient(create_control(Runs(tmp_path, driver), lambda: {"a": True, "b": False})), driver


def test_health_says_who_is_connected(control: tuple[TestClient, Driver]) -> None:
    client, _ = control
    assert client.get("/health").json() == {"sites": {"a": True, "b": False}}
    assert [client.get(f"/health?site={site}").status_code for site in ("a", "b", "c")] == [200, 503, 503]


def test_a_run_is_started_and_watched_with_its_token_alone(control: tuple[TestClient, Driver]) -> None:
    client, _ = control
    asked = {"study": "s1", "sites": ["a"]}
    assert client.post("/runs", json=asked).status_code == 401
    mine = {"Authorization": "Bearer token"}
    assert client.post("/runs", json=asked, headers=mine).status_code == 202
    events: list[Any] = []
    while not events or "round" in events[-1]:
        events += client.get(f"/runs/events?from={len(events)}", headers=mine).json()["events"]
    assert events[-1]["outcome"] == "completed"
    assert client.get("/runs/events", headers={"Authorization": "Bearer other"}).status_code == 404
    assert client.get("/runs/events").status_code == 404


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'{"study": 1, "sites": []}', b'{"study": "s", "sites": [1]}', b'{"study": "s"}',
     b'{"study": "s", "sites": "abc"}', b"[" * 5000],
)  # fmt: skip
def test_malformed_requests_are_refused(control: tuple[TestClient, Driver], body: bytes) -> None:
    client, driver = control
    assert client.post("/runs", content=body, headers={"Authorization": "Bearer t"}).status_code == 422
    assert driver.driven == []


def test_a_body_without_end_is_not_read_to_its_end(control: tuple[TestClient, Driver]) -> None:
    client, _ = control
    answer = client.post("/runs", content=b"x" * (LARGEST_BODY + 1), headers={"Authorization": "Bearer t"})
    assert answer.status_code == 413
    assert client.get("/runs/events?from=-1", headers={"Authorization": "Bearer t"}).status_code == 422


def without_tls(folder: Path) -> None:
    text = (folder / "operator.toml").read_text()
    (folder / "operator.toml").write_text(text.replace("https://h", "http://h"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: (folder / "token").chmod(0o644), "run chmod 600"),
        (lambda folder: (folder / "token").unlink(), "cannot read the token"),
        (lambda folder: (folder / "ca.crt").unlink(), "or what it names"),
        (lambda folder: (folder / "operator.toml").write_text('hub = "https://h"'), "names hub, coordinator"),
        (lambda folder: (folder / "operator.toml").write_text("["), "names hub, coordinator"),
        (without_tls, "start with https"),
    ],
)
def test_an_operators_file_that_cannot_be_used_says_why(tmp_path: Path, change: Any, said: str) -> None:
    (tmp_path / "ca.crt").write_text("PEM")
    with os.fdopen(os.open(tmp_path / "token", os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write("t\n")
    (tmp_path / "operator.toml").write_text(
        'hub = "https://h"\ncoordinator = "https://c"\nauthority = "ca.crt"\ntoken_file = "token"\n'
    )
    assert read_operator(tmp_path / "operator.toml").token == "t"
    change(tmp_path)
    with pytest.raises(OperatorFileError, match=said):
        read_operator(tmp_path / "operator.toml")
