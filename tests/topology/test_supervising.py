"""Law: what ends is started again, in order; what is stopped is exactly what was started, and nobody else."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from consent_center.cli.main import run
from consent_center.topology.description import Service
from consent_center.topology.processes import Known
from consent_center.topology.state import Installation, read_status, write_installation, write_status
from consent_center.topology.supervisor import MOST_TRIES_ONCE, Supervisor

LIMIT_S = 60.0


def script(text: str) -> tuple[str, ...]:
    return (sys.executable, "-S", "-c", text)


FOREVER = "import time, pathlib, sys; pathlib.Path('{0}').touch(); time.sleep(600)"


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Callable[..., Supervisor]]:
    made: list[Supervisor] = []

    def start(*services: Service) -> Supervisor:
        supervisor = Supervisor(
            services=services,
            folder=tmp_path,
            place=lambda one: one,
            well=lambda one: not one.health or (tmp_path / one.health).exists(),
            environment={"PATH": os.environ["PATH"]},  # noqa: TID251
        )
        made.append(supervisor)
        return supervisor

    yield start
    for one in made:
        one.stop()


def until(supervisor: Supervisor, true: Callable[[], bool]) -> None:
    begun = time.monotonic()
    while not true():
        assert time.monotonic() - begun < LIMIT_S, read_status(supervisor.folder)
        supervisor.step()
        time.sleep(0.01)


def service(name: str, text: str, **more: object) -> Service:
    return Service(name, "for a test", script(text), **more)  # type: ignore[arg-type]


def test_each_waits_for_those_before_it(supervised: Callable[..., Supervisor], tmp_path: Path) -> None:
    first = service("first", f"open({str(tmp_path / 'order')!r}, 'a').write('first ')", once=True)
    text = f"open({str(tmp_path / 'order')!r}, 'a').write('second'); " + FOREVER.format(tmp_path / "up")
    second = service("second", text, after=("first",), health="up")
    never = service("asked", "raise SystemExit(1)", profile="admin")
    supervisor = supervised(first, second, never)
    supervisor.step()
    assert supervisor.watched["second"].state == "waiting"
    until(supervisor, lambda: supervisor.watched["second"].state == "well")
    assert (tmp_path / "order").read_text() == "first second"
    assert "asked" not in supervisor.watched


def test_what_is_killed_is_started_again(supervised: Callable[..., Supervisor], tmp_path: Path) -> None:
    supervisor = supervised(service("one", FOREVER.format(tmp_path / "up"), health="up"))
    until(supervisor, lambda: supervisor.watched["one"].state == "well")
    before = supervisor.watched["one"].known
    assert before is not None
    os.kill(before.number, 9)
    until(supervisor, lambda: supervisor.watched["one"].state == "well" and supervisor.watched["one"].known != before)
    assert supervisor.watched["one"].restarts == 1
    assert not before.runs


def test_what_should_end_well_and_does_not_is_given_up(supervised: Callable[..., Supervisor]) -> None:
    supervisor = supervised(service("one", "raise SystemExit(3)", once=True), service("two", "", after=("one",)))
    until(supervisor, lambda: supervisor.watched["one"].state == "failed")
    assert supervisor.watched["one"].restarts == MOST_TRIES_ONCE
    assert supervisor.watched["two"].state == "waiting"


def test_stopping_stops_everything_and_says_so(supervised: Callable[..., Supervisor], tmp_path: Path) -> None:
    supervisor = supervised(
        service("one", FOREVER.format(tmp_path / "a"), health="a"),
        service("two", FOREVER.format(tmp_path / "b"), health="b", after=("one",)),
    )
    until(supervisor, lambda: supervisor.watched["two"].state == "well")
    known = [one.known for one in supervisor.watched.values()]
    supervisor.stopping.set()
    supervisor.stop()
    assert not any(one.runs for one in known if one)
    assert read_status(tmp_path)["supervisor"] is None
    assert {one["state"] for one in read_status(tmp_path)["services"].values()} == {"stopped"}


def test_a_number_that_was_given_to_somebody_else_is_left_alone() -> None:
    other = subprocess.Popen(script("import time; time.sleep(600)"))
    try:
        before_it = Known(other.pid, str(int(Known.of(other.pid).began) - 1))
        assert not before_it.runs
        assert before_it.stop() is False
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_what_does_not_end_when_asked_is_ended() -> None:
    text = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    )
    stubborn = subprocess.Popen(script(text), stdout=subprocess.PIPE)
    assert stubborn.stdout is not None
    stubborn.stdout.readline()
    assert Known.of(stubborn.pid).stop(wait_s=0.2) is True
    assert stubborn.wait() == -9
    stubborn.stdout.close()


def test_down_stops_what_lost_its_supervisor_and_nothing_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stray = subprocess.Popen(script("import time; time.sleep(600)"))
    write_installation(Installation(tmp_path, "journey", ("a", "b", "c")))
    dead = {"number": 2**22 - 1, "began": "1"}
    services = {"one": {"state": "well", "process": Known.of(stray.pid).written()}}
    write_status(tmp_path, {"supervisor": dead, "services": services})
    assert run(["down", "--folder", str(tmp_path)]) == 0
    assert stray.wait(10) == -15
    assert "1 processes had lost their supervisor" in capsys.readouterr().out
    assert run(["down", "--folder", str(tmp_path)]) == 0
    assert "Nothing runs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["up", "--data", "nothing"], "choose one of"),
        (["up", "--database", "sqlite:///x"], "address of a PostgreSQL"),
        (["status"], "no installation"),
        (["up", "--runs", "0"], "Invalid value"),
        (["run", "start", "s1", "--as", "nowhere.toml"], "run make up"),
    ],
)
def test_bad_input_is_one_line_that_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    where = [] if arguments[0] == "run" else ["--folder", str(tmp_path / "up")]
    assert run([*arguments, *where]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "precious").write_text("mine")
    assert run(["up", "--folder", str(tmp_path)]) == 2
    assert "did not make" in capsys.readouterr().err
    assert [one.name for one in tmp_path.iterdir()] == ["precious"]


def test_a_status_that_is_half_written_is_no_status(tmp_path: Path) -> None:
    (tmp_path / "status.json").write_text(json.dumps({"supervisor": {}})[:5])
    assert read_status(tmp_path) == {}
