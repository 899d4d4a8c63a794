"""Bad input is one line that says what to do, exit code 2; an interruption is 130; neither leaves half a demo."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from consent_center.cli.main import run
from consent_center.demo import federation

ACCORD = [sys.executable, "-c", "from consent_center.cli.main import main; main()"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["demo", "--data", "secret"], "choose one of journey, telco, departments, synthetic"),
        (["demo", "--data", "departments", "--sites", "5"], "departments is four sites"),
        (["demo", "--epsilon", "0"], "--epsilon 0: choose a number"),
        (["demo", "--epsilon", "nan"], "--epsilon nan: choose a number"),
        (["demo", "--epsilon", "many"], "epsilon"),
        (["demo", "--rounds", "0"], "--rounds 0: choose a whole number"),
        (["demo", "--model", "rfm", "--rounds", "5"], "a rule is not trained; leave it out"),
        (["demo", "--model", "decay", "--data", "telco"], "does not say when members last came"),
        (["demo", "--sites", "2"], "--sites 2: choose a whole number"),
        (["demo", "--seed", "-1"], "--seed -1: choose a whole number"),
        (["demo", "--nonsense"], "No such option"),
        (["deom"], "No such command"),
        ([], "Usage"),
    ],
)
def test_a_wrong_option_is_one_line_and_exit_2(
    arguments: list[str], said: str, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run([*arguments, "--out", str(tmp_path / "out")] if arguments[:1] == ["demo"] else arguments) == 2
    printed = capfd.readouterr()
    assert said in printed.err
    assert "Traceback" not in printed.err
    if arguments:
        assert len(printed.err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_with_foreign_files_is_left_alone(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine", encoding="utf-8")
    assert run(["demo", "--out", str(tmp_path / "out")]) == 2
    assert "choose another folder with --out" in capfd.readouterr().err
    assert (tmp_path / "out" / "thesis.txt").read_text(encoding="utf-8") == "mine"


def test_a_file_in_the_place_of_the_folder_is_left_alone(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine", encoding="utf-8")
    assert run(["demo", "--out", str(tmp_path / "out")]) == 2
    assert len(capfd.readouterr().err.strip().splitlines()) == 1


def test_a_missing_data_package_names_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(federation, "import_module", missing)
    assert run(["demo", "--data", "telco", "--out", str(tmp_path / "out")]) == 2
    said = capfd.readouterr().err
    assert "pip install" in said
    assert len(said.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(disk)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("only root can mount a small disk")
    try:
        done = subprocess.run(
            [*ACCORD, "demo", "--data", "telco", "--out", str(disk / "out"), "--quiet"],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 2, done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        assert "disk" in done.stderr
        assert "full" in done.stderr
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_an_interruption_is_130_and_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = subprocess.Popen(
        [*ACCORD, "demo", "--data", "telco", "--rounds", "400", "--out", str(out), "--quiet"],
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 90
    while not (tmp_path / ".out.draft" / "sites" / "partner-4" / "data.duckdb").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert len(said.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
