"""The programme's machines are run from the command line: tokens, the propagator, the database's steps."""

import pytest

from consent_center.cli.main import run
from consent_center.consent.grant import Act
from consent_center.settings import clock
from consent_center.storage.migrate import is_current
from consent_center.storage.transaction import Store
from consent_center.workflows.machine_tokens import check_token
from consent_center.workflows.make_statements import make_statements
from privacy.keys import create_root_key, read_root_key
from tests.consent_center.world import DAY, TRAIN, found, said


@pytest.fixture
def programme(tmp_path, monkeypatch):
    """A programme in a file, and the environment that names it."""
    key, url = tmp_path / "root.key", f"sqlite:///{tmp_path / 'accord.db'}"
    create_root_key(key)
    for name, value in {"ENV": "test", "DATABASE": url, "ROOT_KEY": str(key)}.items():
        monkeypatch.setenv(f"ACCORD_{name}", value)
    with Store.open(url, keys=read_root_key(key)) as store:
        members = found(store, at=clock() - DAY)
    return url, key, members


def test_a_token_is_shown_once_and_taken_back(programme, capsys):
    url, key, _ = programme
    assert run(["token", "issue", "--scope", "verdicts:read", "--site", "sales", "--days", "1"]) == 0
    first, secret = capsys.readouterr().out.splitlines()
    token = first.split()[1]
    with Store.open(url, keys=read_root_key(key)) as store:
        known = store.read(check_token, secret, at=clock())
    assert (known.id, known.site, known.scopes) == (token, "sales", {"verdicts:read"})
    assert run(["token", "revoke", token]) == 0
    capsys.readouterr()
    assert run(["token", "list"]) == 0
    listed = capsys.readouterr().out
    assert token in listed
    assert "taken back" in listed
    assert secret not in listed


@pytest.mark.parametrize(
    "arguments",
    [
        ["issue"],
        ["issue", "--scope", "everything"],
        ["issue", "--scope", "log:read", "--site", "nowhere"],
        ["issue", "--scope", "log:read", "--days", "400"],
        ["revoke", "0123456789abcdef"],
    ],
)
def test_a_token_that_cannot_be_is_one_line_and_exit_code_two(programme, capsys, arguments):
    assert run(["token", *arguments]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_propagator_says_what_nobody_could_be_told(programme, capsys):
    url, key, (mei, *_) = programme
    assert run(["propagate", "--once"]) == 0
    assert "none" in capsys.readouterr().out
    with Store.open(url, keys=read_root_key(key)) as store:
        store.run(make_statements, [said(mei, Act.WITHDRAWN, TRAIN)], at=clock())
    assert run(["propagate", "--once"]) == 1, "sales has named no address"
    assert capsys.readouterr().out.strip() == "0 messages tried; still open: sales 1"


def test_a_database_is_brought_to_this_release(tmp_path, monkeypatch, capsys):
    url = f"sqlite:///{tmp_path / 'old.db'}"
    monkeypatch.setenv("ACCORD_ENV", "test")
    monkeypatch.setenv("ACCORD_DATABASE", url)
    assert run(["migrate", "--check"]) == 1
    assert run(["migrate"]) == 0
    assert run(["migrate", "--check"]) == 0
    assert is_current(url)
    assert "of this release" in capsys.readouterr().out
