"""Law: the preflight looks at everything, stops at nothing, and names a fix for each thing that is not in order."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from federated.certificates import create_authority, create_node_key
from federated.site.columns import EXAMPLE, Columns, columns_data, mock_rows, read_columns, write_mock
from federated.site.folder import SiteFolder, source_of
from federated.site.preflight import Finding, check_coordinator, check_data, check_folder
from federated.site.source import DuckDbSource
from tests.federated.flower.network import free_port, listening
from tests.federated.world import build_world


def clock() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  certificates and the coordinator have no other clock


def test_an_empty_folder_names_a_fix_for_everything(tmp_path: Path) -> None:
    found = [*check_folder(tmp_path), *check_data(tmp_path, source_of(SiteFolder(tmp_path)))]
    found += check_coordinator(f"127.0.0.1:{free_port()}", "", at=clock())
    fixes = {one.what: one.fix for one in found if not one.fine}
    assert {"policy: site.toml", "key: approval.key", "key: speak.key", "key: node.key", "enrolments", "data"} <= {
        *fixes
    }
    assert any(what.startswith("coordinator") for what in fixes)


def test_a_site_that_is_ready_needs_no_fix_but_a_wrong_clock_does(tmp_path: Path) -> None:
    world = build_world(tmp_path / "world", sites=("north",), members=5)
    folder = world.folders["north"].path
    create_node_key(folder / "keys" / "node.key")
    with listening(tmp_path / "net") as network:
        address, authority = network.coordinator.address, network.coordinator.authority.decode()
        assert wrong([*check_folder(folder), *check_data(folder, source_of(SiteFolder(folder)))]) == []
        assert wrong(check_coordinator(address, authority, at=clock())) == []
        late = clock() + timedelta(minutes=2)
        assert [one.what for one in wrong(check_coordinator(address, authority, at=late))] == ["clock"]
        stranger = create_authority(tmp_path / "other", name="x", at=clock()).read_text()
        assert "not believed" in wrong(check_coordinator(address, stranger, at=clock()))[0].fix


def wrong(found: Iterable[Finding]) -> list[Finding]:
    return [one for one in found if not one.fine]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site's folder with made-up members, whose policy allows their columns."""
    folder = build_world(tmp_path / "world", sites=("north",), members=5).folders["north"].path
    text = (folder / "site.toml").read_text()
    columns = json.dumps([*EXAMPLE.names])
    lines = [f"columns = {columns}" if line.startswith("columns = ") else line for line in text.splitlines()]
    (folder / "site.toml").write_text("\n".join(lines) + "\n")
    (folder / "columns.json").write_text(json.dumps(columns_data(EXAMPLE)))
    return folder


def fixes(folder: Path, source: DuckDbSource, members: list[bytes]) -> dict[str, str]:
    return {one.what: one.fix for one in check_data(folder, source, members=members) if not one.fine}


def test_made_up_members_pass_as_they_were_made(site: Path) -> None:
    members = write_mock(site / "mock.duckdb", EXAMPLE)
    assert fixes(site, DuckDbSource(site / "mock.duckdb"), members) == {}


def test_a_column_that_is_missing_is_named(site: Path) -> None:
    members = write_mock(site / "mock.duckdb", EXAMPLE)
    with duckdb.connect(str(site / "mock.duckdb")) as database:
        database.execute("ALTER TABLE members DROP COLUMN spend_8w")
    told = fixes(site, DuckDbSource(site / "mock.duckdb"), members)
    assert "no column spend_8w" in told["data"]


def test_values_of_another_form_are_named_by_column_and_never_shown(site: Path) -> None:
    members = write_mock(site / "mock.duckdb", EXAMPLE)
    with duckdb.connect(str(site / "mock.duckdb")) as database:
        database.execute("ALTER TABLE members ALTER spend_8w TYPE VARCHAR USING 'secret-' || spend_8w")
    told = fixes(site, DuckDbSource(site / "mock.duckdb"), members)
    assert "most values of spend_8w" in told["data: columns"]
    assert "secret" not in str(told)


def test_rows_of_nobody_who_is_enrolled_are_no_rows(site: Path) -> None:
    write_mock(site / "mock.duckdb", EXAMPLE)
    told = fixes(site, DuckDbSource(site / "mock.duckdb"), [bytes(16)])
    assert "no enrolled member has a row" in told["data: columns"]


@pytest.mark.parametrize(
    ("line", "instead", "what", "said"),
    [
        ("minimum_cohort = ", "minimum_cohort = 3", "policy: limits", "below 20 members"),
        ("required = ", 'required = ["site:north", "ethics"]', "policy: limits", "nobody is pinned for ethics"),
        ("delta = ", "delta = 2.0", "policy: site.toml", "is no budget"),
        ("columns = ", "columns = []", "policy: site.toml", "list columns under [allow]"),
    ],
)
def test_a_policy_that_is_not_sane_is_told_what_to_change(
    site: Path, line: str, instead: str, what: str, said: str
) -> None:
    text = (site / "site.toml").read_text()
    (site / "site.toml").write_text(
        "\n".join(instead if one.startswith(line) else one for one in text.splitlines()) + "\n"
    )
    told = {one.what: one.fix for one in check_folder(site) if not one.fine}
    assert said in told[what]


def test_a_folder_that_others_can_look_into_is_told(site: Path) -> None:
    site.chmod(0o755)
    assert "chmod 700" in {one.what: one.fix for one in check_folder(site)}["folder"]


def test_columns_are_read_back_and_the_same_seed_makes_the_same_members() -> None:
    assert read_columns(json.loads(json.dumps(columns_data(EXAMPLE)))) == EXAMPLE
    one, two = (mock_rows(EXAMPLE, members=50, seed=3)[1] for _ in range(2))
    assert one.equals(two)
    assert mock_rows(Columns(labels=("left",)), members=3, seed=1)[1].column_names == ["pseudonym", "left"]
