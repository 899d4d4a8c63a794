"""Law: from an empty folder, with nothing but commands, two sites join and a run over TLS is driven to its end.

The sites and the coordinator are processes of their own; the consent centre is one too but for its thread.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from sqlmodel import select

from consent_center.api.create import create_api
from consent_center.api.world import World
from consent_center.cli.main import run
from consent_center.consent.receipt import Controller
from consent_center.storage import runs
from consent_center.storage.members import EnrolmentRow
from consent_center.storage.transaction import Store, Transaction
from consent_center.workflows.machine_tokens import TokenScope, issue_token
from consent_center.workflows.register_reviewer import register_reviewer
from federated.approvals import Pinned
from federated.certificates import issue_server
from federated.keyfile import create_key
from federated.site.folder import SiteFolder
from privacy.keys import create_root_key
from tests.consent_center.gate.test_gate_http import _MADE, _serving
from tests.consent_center.workflows.test_admission import AUTHOR, ROLES, answer, assessed, filed, plan_for
from tests.federated.flower.network import free_port

SITES = ("sales", "service")


def clock() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  sites in their own processes have no other clock


class Town:
    """The folders of everybody, and commands run in them."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capture = folder, capture
        self.environment = {
            **os.environ,  # noqa: TID251
            "ACCORD_ENV": "test",
            "ACCORD_DATABASE": f"sqlite:///{folder / 'hub' / 'accord.db'}",
            "ACCORD_ROOT_KEY": str(folder / "hub" / "root.key"),
            "ACCORD_SIGNING_KEY": str(folder / "hub" / "signing.key"),
        }
        self.processes: list[subprocess.Popen[str]] = []

    def started(self, *arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", "from consent_center.cli import main; main()", *map(str, arguments)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        self.processes.append(process)
        return process

    def accord(self, *arguments: object) -> str:
        """A command that needs no process of its own, so that the test need not import everything ten times."""
        self.capture.readouterr()
        code = run([*map(str, arguments)])
        told = self.capture.readouterr()
        assert code == 0, told
        return str(told.out)

    def stop(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
                try:
                    process.communicate(timeout=10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.communicate()
            if process.stdout is not None:
                process.stdout.close()


@pytest.fixture
def town(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    made = Town(tmp_path, capsys)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    yield made
    made.stop()


def digits(output: str) -> str:
    found = re.search(r"((?:[0-9a-f]{4} ){7}[0-9a-f]{4})", output)
    assert found, output
    return found.group(1)


def test_two_sites_join_with_commands_alone_and_a_run_completes(town: Town) -> None:
    folder, at = town.folder, clock()
    hub = folder / "hub"
    hub.mkdir()
    keys_of_store = create_root_key(hub / "root.key")
    signer = create_key(hub / "signing.key")
    port, hub_port = free_port(), free_port()
    with Store.open(f"sqlite:///{hub / 'accord.db'}", keys=keys_of_store) as store:
        keys = {name: Ed25519PrivateKey.generate() for name in (*ROLES[:3], AUTHOR)}
        _MADE(store, keys)
        coordinator = folder / "coordinator"
        for name in SITES:
            told = town.accord(
                "admin", "site", "invite", name, "--address", f"127.0.0.1:{port}",
                "--out", folder / f"{name}.invitation", "--coordinator", coordinator,
            )  # fmt: skip
            asked = town.accord(
                "site", "init", folder / name, "--invitation", folder / f"{name}.invitation",
                "--confirm", digits(told), "--organisation", "programme", "--members", 500,
            )  # fmt: skip
            town.accord(
                "admin", "site", "approve", folder / name / "request.json", "--confirm", digits(asked),
                "--out", folder / f"{name}.package", "--coordinator", coordinator,
            )  # fmt: skip
            town.accord("site", "accept", folder / f"{name}.package", "--site", folder / name)
            own = SiteFolder(folder / name).approval_key()
            keys[f"site:{name}"] = own
            pinned = Pinned(f"site:{name}", f"site:{name}", "programme", own.public_key())
            store.run(register_reviewer, pinned, at=at)
            allow(folder / name)
            people = store.read(people_at, name)
            (folder / f"{name}.csv").write_text("\n".join(f"{p.hex()},{k.hex()}" for p, k in people.items()))
            town.accord("site", "enrol", folder / f"{name}.csv", "--site", folder / name)
            rows(folder / name / "data.duckdb", [*people])
        study = filed(store, plan_for("s1"), at=at)
        assessed(store, study, at=at)
        for role in ROLES:
            answer(store, study, keys, role, now=at)
        world = World(store, clock, Controller("hub", "The programme", "privacy@example.org", "TW"), signer)
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        app.mount("/v1", create_api(world))
        certificate, key = issue_server(coordinator / "ca", hub, hosts=["127.0.0.1"], at=at)
        _, secret = store.run(
            issue_token, [TokenScope.RUNS_DRIVE], study="s1", expires_at=at + timedelta(days=1), at=at
        )
        token = folder / "token"
        token.touch(0o600)
        token.write_text(secret)
        with _serving(app, hub_port, certificate, key):
            for name in SITES:
                town.started("site", "run", "--site", folder / name)
            began = time.monotonic()
            driver = town.started(
                "run", "start", "s1", "--hub", f"https://127.0.0.1:{hub_port}", "--token-file", token,
                "--site", "sales", "--site", "service", "--address", f"127.0.0.1:{port}",
                "--coordinator", coordinator, "--wait-s", 120, "--watch",
            )  # fmt: skip
            told, _ = driver.communicate(timeout=200)
            took = time.monotonic() - began
            name = re.findall(r"run-[0-9a-f]{16}", told)[-1]
        outcome = store.read(runs.outcome, name)
    assert f"{name}: completed after 7 rounds" in told
    assert told.count("round ") >= 7
    assert outcome is not None
    assert outcome.model
    assert took < 200


def people_at(tx: Transaction, site: str) -> dict[bytes, bytes]:
    rows = tx.session.exec(select(EnrolmentRow).where(EnrolmentRow.site == site)).all()
    return {row.pseudonym: row.cohort_key for row in rows}


def allow(site: Path) -> None:
    text = (site / "site.toml").read_text()
    for key, values in (
        ("models", '["churn-shapes"]'), ("purposes", '["churn-model"]'), ("scopes", '["purchases"]'),
        ("columns", '["spend", "label", "gender"]'), ("countries", '["TW"]'),
    ):  # fmt: skip
        text = text.replace(f"{key} = []", f"{key} = {values}")
    (site / "site.toml").write_text(text.replace("minimum_cohort = 100", "minimum_cohort = 20"))


def rows(path: Path, pseudonyms: list[bytes]) -> None:
    with duckdb.connect(str(path)) as database:
        database.execute("CREATE TABLE members (pseudonym TEXT, spend DOUBLE, label INTEGER, gender TEXT)")
        database.executemany(
            "INSERT INTO members VALUES (?, ?, ?, ?)",
            [(one.hex(), one[0] / 2.56, int(one[0] > 128), ("female", "male")[one[1] % 2]) for one in pseudonyms],
        )
