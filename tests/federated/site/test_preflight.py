"""Law: the preflight looks at everything, stops at nothing, and names a fix for each thing that is not in order."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from federated.certificates import create_authority, create_node_key
from federated.site.preflight import check_site
from tests.federated.flower.network import free_port, listening
from tests.federated.world import build_world


def clock() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  certificates and the coordinator have no other clock


def test_an_empty_folder_names_a_fix_for_everything(tmp_path: Path) -> None:
    found = [*check_site(tmp_path, address=f"127.0.0.1:{free_port()}", authority="", at=clock())]
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
        assert [
            one for one in check_site(folder, address=address, authority=authority, at=clock()) if not one.fine
        ] == []
        late = clock() + timedelta(minutes=2)
        wrong = [one for one in check_site(folder, address=address, authority=authority, at=late) if not one.fine]
        assert [one.what for one in wrong] == ["clock"]
        stranger = create_authority(tmp_path / "other", name="x", at=clock()).read_text()
        wrong = [one for one in check_site(folder, address=address, authority=stranger, at=clock()) if not one.fine]
        assert "not believed" in wrong[0].fix
