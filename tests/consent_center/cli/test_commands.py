"""Law: a command is loaded by who asks for it, and only then; the table says of each what its module says itself."""

import inspect
import json
import subprocess
import sys

import click
import pytest

from consent_center.cli.commands import COMMANDS
from consent_center.cli.main import run

HEAVY = ("torch", "scipy", "ibis", "flwr", "fastapi", "sqlmodel", "numpy")


def loaded_by(work: str) -> list[str]:
    """Which heavy packages a fresh interpreter has loaded after this work."""
    script = f"import json, sys\n{work}\nprint(json.dumps([one for one in {HEAVY!r} if one in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout.splitlines()[-1]))


def test_help_and_a_mistyped_command_load_nothing_heavy() -> None:
    assert loaded_by("from consent_center.cli.main import run\nrun(['--help'])\nrun(['stuudy'])") == []


def test_commands_of_studies_and_staff_load_no_torch() -> None:
    assert "torch" not in loaded_by("import consent_center.cli.study, consent_center.cli.staff")


@pytest.mark.parametrize("name", list(COMMANDS))
def test_the_table_and_the_module_say_the_same(name: str) -> None:
    command = COMMANDS[name].load(name)
    assert command.name == name
    first = inspect.cleandoc(command.help or "").splitlines()[0]
    assert first == COMMANDS[name].help
    assert isinstance(command, click.Group) == (COMMANDS[name].name == "app")


def test_a_mistyped_command_is_one_line_and_exit_code_two(capsys) -> None:
    assert run(["stuudy"]) == 2
    assert capsys.readouterr().err.splitlines() == ["accord: No such command 'stuudy'; see accord --help"]


def test_a_folder_that_cannot_be_is_one_line_and_exit_code_two(capsys, tmp_path) -> None:
    (tmp_path / "file").write_text("somebody's")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        assert run(["admin", "keys", str(folder)]) == 2
        (said,) = capsys.readouterr().err.splitlines()
        assert said == f"accord: {folder}: Not a directory; check the path, its permissions and the space left"


def test_help_shows_its_brackets_as_they_are(capsys) -> None:
    assert run(["token", "issue", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "[required]" in shown
    assert "\\" not in shown
