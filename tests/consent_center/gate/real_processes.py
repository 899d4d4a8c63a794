"""Law: from an empty folder, with nothing but commands, sites join and a run is driven to its verdict.

Sites and coordinator are processes of their own; the consent centre is one too but for its thread. Everything is dated
from the real clock, because processes have no other: no date in here ever expires.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from consent_center.api.create import create_api
from consent_center.api.world import World
from consent_center.cli.main import run
from consent_center.consent.receipt import Controller
from consent_center.demo.asking import approve, file_and_assess, plan_of, register
from consent_center.demo.stage import Stage, ask, enrol, furnish
from consent_center.demo.synthetic import load
from consent_center.demo.world import Options
from consent_center.demo.world import World as Outside
from consent_center.settings import clock
from consent_center.storage import runs
from consent_center.storage.transaction import Store
from federated.keyfile import create_key
from federated.site.folder import SiteFolder
from privacy.keys import create_root_key
from tests.consent_center.gate.test_gate_http import _serving
from tests.consent_center.workflows.test_admission import kinds
from tests.federated.flower.network import free_port

SITES = ("site-1", "partner-3")


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
            "ACCORD_REGISTRY": str(folder / "registry"),
            "ACCORD_AUTHORITY": str(folder / "keys" / "ca.crt"),
            "OMP_NUM_THREADS": "1",
        }
        self.processes: list[subprocess.Popen[bytes]] = []

    def started(self, *arguments: object) -> None:
        log = (self.folder / f"process-{len(self.processes)}.log").open("wb")
        with log:
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "consent_center.cli", *map(str, arguments)],
                    env=self.environment,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=Path(__file__).parents[3],
                )
            )

    def accord(self, *arguments: object, code: int = 0) -> str:
        """A command that needs no process of its own, so that the test need not import everything ten times."""
        self.capture.readouterr()
        found = run([*map(str, arguments)])
        told = self.capture.readouterr()
        assert found == code, (told, [log.read_text() for log in self.folder.glob("process-*.log")])
        return str(told.out)

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


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


def test_sites_join_with_commands_alone_and_a_run_is_driven_to_its_verdict(town: Town) -> None:
    folder = town.folder
    (folder / "hub").mkdir()
    ring, signer = create_root_key(folder / "hub" / "root.key"), create_key(folder / "hub" / "signing.key")
    port, hub_port, control = free_port(), free_port(), free_port()
    town.accord("admin", "keys", folder / "keys")
    with Store.open(town.environment["ACCORD_DATABASE"], keys=ring) as store:
        options = Options(data="synthetic", sites=3, epsilon=4.0, rounds=2)
        federation = load(sites=3, members=900)
        stage = furnish(options, Outside(), folder / "drawn", federation, store=store, signer=signer)
        enrol(stage, tick=lambda _: None)
        ask(stage, tick=lambda _: None)
        for agent in stage.agents.values():
            agent.close()
        for name in SITES:
            joined(town, stage, name, port)
        packages(town)
        stage.sites = {name: SiteFolder(folder / name) for name in SITES}
        register(stage)
        plan = plan_of(stage, "s1", sites=SITES, minimum_cohort=100)
        study, _ = file_and_assess(stage, plan)
        assert approve(stage, study).approved
        world = World(store, clock, Controller("hub", "The programme", "privacy@example.org", "TW"), signer)
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        app.mount("/v1", create_api(world))
        operator(town, hub_port, control)
        keys = folder / "keys"
        with _serving(app, hub_port, keys / "consent-centre.crt", keys / "consent-centre.key"):
            town.started(
                "run", "serve", "--hub", f"https://127.0.0.1:{hub_port}", "--authority", keys / "ca.crt",
                "--certificate", keys / "coordinator.crt", "--certificate-key", keys / "coordinator.key",
                "--registry", folder / "registry", "--folder", folder / "coordinator",
                "--fleet-port", port, "--control-port", control, "--wait-s", 150,
            )  # fmt: skip
            for name in SITES:
                town.started("site", "run", "--site", folder / name)
            told = town.accord("run", "start", "s1", "--watch", "--as", folder / "operator.toml", code=1)
            town.accord("run", "start", "s1", "--as", folder / "operator.toml", code=2)  # the account is spent
            for name in SITES:
                assert "FIX" not in town.accord("site", "check", "--site", folder / name)
                assert "left     : mu" in town.accord("site", "status", "--site", folder / name)
            town.accord("admin", "site", "revoke", SITES[1])
            assert "1 sites may connect" in town.accord("admin", "site", "list")
            refused = town.accord("run", "start", "s1", "--as", folder / "operator.toml", code=2)
        name = re.findall(r"run-[0-9a-f]{16}", told)[-1]
        outcome = store.read(runs.outcome, name)
        written = kinds(store)
    assert f"{name}: completed after 4 rounds" in told
    assert told.count("round ") == 4
    assert re.search(r"(INSUFFICIENT|INCONCLUSIVE|FAIL): the model is withheld", told)
    assert outcome is not None
    assert outcome.model
    assert refused == "s1: 2 sites (site-1, partner-3)\n"
    assert [written.count(kind) for kind in ("site.invited", "site.approved", "site.revoked")] == [2, 4, 1]


def joined(town: Town, stage: Stage, name: str, port: int) -> None:
    """Steps 1 to 5 of docs/how-to/join-as-a-partner.md, with the rows that the stage drew."""
    folder = town.folder
    told = town.accord(
        "admin", "site", "invite", name, "--address", f"127.0.0.1:{port}", "--out", folder / f"{name}.invitation"
    )
    asked = town.accord(
        "site", "init", folder / name, "--invitation", folder / f"{name}.invitation",
        "--confirm", digits(told), "--organisation", (stage.federation.site(name).partner and name) or "programme",
        "--members", 900,
    )  # fmt: skip
    (folder / f"{name}.digits").write_text(digits(asked))
    town.accord("admin", "site", "members", name, "--out", folder / f"{name}.csv")
    town.accord("site", "enrol", folder / f"{name}.csv", "--site", folder / name)
    shutil.copy(stage.sites[name].data, folder / name / "data.duckdb")
    text = (folder / name / "site.toml").read_text()
    rules = stage.sites[name].policy.read_text()
    for part in ("allow", "limits"):
        text = re.sub(section(part), lambda _, part=part: re.search(section(part), rules)[0], text)  # type: ignore[index]
    (folder / name / "site.toml").write_text(text)


def section(name: str) -> str:
    return rf"(?s)\[{name}\].*?(?=\n\[(?!{name}))"


def packages(town: Town) -> None:
    """Every site is approved, then once more, so that each package has the keys of all."""
    folder = town.folder
    for _ in range(2):
        for name in SITES:
            digits_of = (folder / f"{name}.digits").read_text()
            package = folder / f"{name}.package"
            town.accord(
                "admin", "site", "approve", folder / name / "request.json", "--confirm", digits_of, "--out", package
            )
    for name in SITES:
        town.accord("site", "accept", folder / f"{name}.package", "--site", folder / name)


def operator(town: Town, hub_port: int, control: int) -> None:
    folder = town.folder
    town.accord("token", "issue", "--scope", "runs:start", "--out", folder / "operator.token")
    (folder / "operator.toml").write_text(
        f'hub = "https://127.0.0.1:{hub_port}"\ncoordinator = "https://127.0.0.1:{control}"\n'
        'authority = "keys/ca.crt"\ntoken_file = "operator.token"\n'
    )
