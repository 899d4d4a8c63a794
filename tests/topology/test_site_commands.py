"""Law: a list or a table that holds nobody changes nothing at a site, and says so."""

from pathlib import Path

import duckdb
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_center.cli import site as commands
from consent_center.cli.main import run
from federated.site.folder import Limits, Permissions, SiteFolder, create_site
from federated.site.store import SiteStore


@pytest.fixture
def site(tmp_path: Path) -> SiteFolder:
    return create_site(
        tmp_path / "grocer",
        name="grocer",
        organisation="Grocer Ltd",
        hub_key=Ed25519PrivateKey.generate().public_key(),
        allow=Permissions(["churn-linear"], ["churn-model"], ["purchases"], ["spend"], ["TW"]),
        limits=Limits(minimum_cohort=1, members=10),
        reviewers=(),
    )


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    code = run([*map(str, arguments)])
    said = capsys.readouterr()
    return code, said.out + said.err


def rows(site: SiteFolder) -> list[tuple[str, float]]:
    with duckdb.connect(str(site.data), read_only=True) as database:
        return database.sql("SELECT pseudonym, spend FROM members").fetchall()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("pseudonym,spend\n", "0 rows of 0 members"),
        (f"pseudonym,spend\n{'ab' * 16},1\n{'ab' * 16},2\n", "2 rows of 1 members"),
        (f"customer,spend\n{'ab' * 16},1\n", "no table with a column pseudonym"),
    ],
)
def test_rows_that_cannot_be_used_replace_nothing(
    site: SiteFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, says: str
) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(f"pseudonym,spend\n{'12' * 16},3\n")
    assert told(capsys, "site", "load", file, "--site", site.path)[0] == 0
    file.write_text(text)
    code, said = told(capsys, "site", "load", file, "--site", site.path)
    assert (code, says in said) == (2, True), said
    assert rows(site) == [("12" * 16, 3)]
    assert not site.data.with_suffix(".draft").exists()


@pytest.mark.parametrize("text", ["", "pseudonym,cohort_key\n", "abcd,ef\n", f"{'ab' * 16}\n", "x,y\n"])
def test_a_list_of_nobody_enrols_nobody(
    site: SiteFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    file = tmp_path / "linked.csv"
    file.write_text(text)
    code, said = told(capsys, "site", "enrol", file, "--site", site.path)
    assert code == 2, said
    store = SiteStore(site.database)
    assert store.cohort_keys() == {}
    store.close()


def test_a_study_that_is_no_scoring_of_this_site_is_refused_before_it_is_admitted(
    site: SiteFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Admission charges, so a mistyped study must not come so far."""
    asked: list[str] = []
    monkeypatch.setattr(commands, "coordinator_of", lambda _: ("127.0.0.1:8800", ""))
    monkeypatch.setattr(commands.Operator, "start", lambda _, study: ("token", ("airline", "grocer")))
    monkeypatch.setattr(commands, "HttpGate", lambda *_, **__: asked.append("a gate"))
    token = tmp_path / "scoring.token"
    token.touch(0o600)
    code, said = told(
        capsys, "site", "score", tmp_path / "model", "--site", site.path, "--study", "churn-1",
        "--at", "https://hub.example.org", "--token-file", token,
    )  # fmt: skip
    assert (code, "no scoring of grocer's members" in said, asked) == (2, True, []), said
