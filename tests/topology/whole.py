"""Law: everything starts, trains through a crash to a verdict, publishes what verifies, and stops without a trace.

Real processes on PostgreSQL, minutes of it: `make topology`, not part of the suite.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from consent_center.settings import clock
from consent_center.topology.processes import Known
from consent_center.topology.state import Installation, read_installation, read_status

STUDY = "churn-2026-11"
ROUNDS = 40


def accord(*arguments: object, code: int | None = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "consent_center.cli", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert code is None or done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def free_range() -> int:
    for since in range(21000, 60000, 20):
        probes = [socket.socket() for _ in range(8)]
        try:
            for offset, probe in enumerate(probes):
                probe.bind(("127.0.0.1", since + offset))
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()
        return since
    raise AssertionError("no free ports")


@pytest.fixture(scope="module")
def up() -> Iterator[Installation]:
    folder = Path("var/topology-test")
    accord("down", "--folder", folder)
    shutil.rmtree(folder, ignore_errors=True)
    accord("up", "--folder", folder, "--ports-from", free_range(), "--rounds", ROUNDS, "--runs", 2, "--wait-s", 900)
    made = read_installation(folder)
    yield made
    logs = made.folder / "logs"
    accord("down", "--folder", folder)
    assert not running(made), [log.read_text()[-500:] for log in logs.glob("*.log")]


def running(made: Installation) -> list[str]:
    """Processes that have the installation's folder on their command line, whoever started them."""
    found = subprocess.run(["ps", "-eo", "pid=,args="], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if str(made.folder) in line and "whole.py" not in line]


def process(made: Installation, service: str) -> Known:
    known = Known.read(read_status(made.folder)["services"][service]["process"] or {})
    assert known is not None
    return known


def until_well(made: Installation) -> None:
    until = time.monotonic() + 300
    while "not well" in (told := accord("status", "--folder", made.folder, code=None)) or not all(
        one["state"] in ("well", "ended") for one in read_status(made.folder)["services"].values()
    ):
        assert time.monotonic() < until, told
        time.sleep(1)


def test_up_again_starts_nothing_twice(up: Installation) -> None:
    before = read_status(up.folder)
    told = accord("up", "--folder", up.folder)
    assert read_status(up.folder)["supervisor"] == before["supervisor"]
    assert {name: one["process"] for name, one in read_status(up.folder)["services"].items()} == {
        name: one["process"] for name, one in before["services"].items()
    }
    assert all(f"site-{site}" in told for site in up.sites)


def test_nothing_listens_but_on_loopback(up: Installation) -> None:
    ours = {f"{number:04X}" for number in up.numbers.values()}
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:] if line.split()[3] == "0A"]
    found = {one[1].split(":")[1]: one[1].split(":")[0] for one in listening if one[1].split(":")[1] in ours}
    assert set(found) == ours
    assert set(found.values()) == {"0100007F"}


def test_a_run_goes_on_through_the_death_of_coordinator_and_site_and_comes_to_its_verdict(up: Installation) -> None:
    told: list[str] = []
    command = ["run", "start", STUDY, "--watch", "--as", str(up.folder / "operator.toml")]
    driver = subprocess.Popen(
        [sys.executable, "-u", "-m", "consent_center.cli", *command],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert driver.stdout is not None
    listening = threading.Thread(target=lambda: told.extend(driver.stdout or ()), daemon=True)
    listening.start()
    until = time.monotonic() + 300
    while not any(line.startswith("round  10") for line in told):
        assert time.monotonic() < until, told
        assert driver.poll() is None, told
        time.sleep(0.1)
    os.kill(process(up, "coordinator").number, signal.SIGKILL)
    os.kill(process(up, f"site-{up.sites[0]}").number, signal.SIGKILL)
    assert driver.wait(600) in (0, 1), told
    listening.join(5)
    driver.stdout.close()
    said = "".join(told)
    assert re.search(rf"run-[0-9a-f]{{16}}: completed after {ROUNDS + 2} rounds", said), said
    assert re.search(r"(PASS: the model is released|[A-Z]+: the model is withheld)", said), said
    until_well(up)
    services = read_status(up.folder)["services"]
    assert services["coordinator"]["restarts"] == 1
    assert services[f"site-{up.sites[0]}"]["restarts"] == 1


def test_a_model_that_is_withheld_goes_through_a_signed_override_with_an_end_and_no_other_way(
    up: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for line in (up.folder / "admin.env").read_text().splitlines():
        monkeypatch.setenv(line.partition("=")[0], line.partition("=")[2].strip("'"))
    run = re.findall(r"run-[0-9a-f]{16}", accord("audit", "list"))[0]
    shown = accord("audit", "show", run, code=1)  # few members of each group: no PASS on this data
    model = re.findall(r"  model ([0-9a-f]{64})", shown)[0]
    assert "not released" in accord("study", "model", model, tmp_path / "early.model", code=2)
    reviewer = [
        "--key",
        up.folder / "reviewers" / "members-representative.key",
        "--as",
        "members-representative-reviewer",
    ]
    until = (clock() + timedelta(days=7)).date().isoformat()
    signed = [*reviewer, "--reason", "To be shown to staff on a stand only, never used for a decision."]
    assert "within 90 days" in accord("audit", "override", run, *signed, "--until", "2099-01-01", code=2)
    assert f"Overridden until {until}" in accord("audit", "override", run, *signed, "--until", until)
    assert "OVERRIDDEN by members-representative-reviewer" in accord("audit", "show", run, code=1)
    accord("study", "model", model, tmp_path / "churn.model")
    assert hashlib.sha256((tmp_path / "churn.model").read_bytes()).hexdigest() == model


def test_the_log_is_witnessed_and_verifies(up: Installation) -> None:
    key = (up.folder / "secrets" / "log.vkey").read_text().strip()
    checkpoint = up.folder / "shared" / "log" / "checkpoint"
    until = time.monotonic() + 60
    while "witness.example" not in checkpoint.read_text():
        assert time.monotonic() < until, checkpoint.read_text()
        time.sleep(0.5)
    assert "VERIFIED" in accord("log", "verify", up.folder / "shared" / "log", "--key", key)


def test_secrets_are_on_no_command_line_and_readable_by_nobody_else(up: Installation) -> None:
    secret = (up.folder / "operator.token").read_text().strip()
    lines = subprocess.run(["ps", "-eo", "args="], capture_output=True, text=True, check=True).stdout
    assert secret not in lines
    secrets = [one for one in (up.folder / "secrets").iterdir() if one.suffix != ".crt"]  # certificates are public
    for file in [*secrets, up.folder / "operator.token"]:
        assert not file.stat().st_mode & 0o077, file
    written = "".join(log.read_text() for log in (up.folder / "logs").glob("*.log"))
    assert secret not in written
    assert json.dumps(secret) not in written
