"""Law: `accord serve --dev` lets one person of each role in by a one-time link, to pages with something on them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from consent_center.app import create_app
from consent_center.console.desk import RAIL
from consent_center.errors import SettingsError
from consent_center.example.office import link_for_staff, seed_office
from consent_center.example.world import DevWorld, dev_world
from consent_center.studies.person import Person
from consent_center.studies.roles import Role
from consent_center.web.tokens import form_token

ORIGIN = "http://localhost:8000"


@pytest.fixture(scope="module")
def dev(tmp_path_factory) -> Iterator[tuple[DevWorld, TestClient, tuple[Person, ...]]]:
    folder = tmp_path_factory.mktemp("dev") / "world"
    with dev_world(folder, origin=ORIGIN, database=f"sqlite:///{folder / 'accord.db'}") as world:
        people = seed_office(world.wiring.store, at=world.wiring.clock())
        app = create_app(world.settings, wiring=world.wiring)
        client = TestClient(app, base_url=ORIGIN, follow_redirects=False)
        client.headers |= {"Sec-Fetch-Site": "same-origin"}
        yield world, client, people


def test_every_role_is_there(dev) -> None:
    assert {role for person in dev[2] for role in person.roles} == set(Role)


def test_a_world_that_runs_is_not_emptied_by_another(dev) -> None:
    folder = Path(dev[0].settings.root_key).parent
    with pytest.raises(SettingsError, match="in use"), dev_world(folder, origin=ORIGIN, database="sqlite://"):
        pass
    assert (folder / "accord.db").exists()


def test_each_link_signs_in_once_and_every_page_of_hers_is_drawn(dev) -> None:
    world, client, people = dev
    for person in people:
        client.cookies.clear()
        path = link_for_staff(world.wiring.store, person, origin="", at=world.wiring.clock())
        client.get(path)
        token = form_token(client.cookies[world.wiring.house.cookies.name("visit")], path)
        assert client.post(path, data={"token": token}).status_code == 303
        assert client.get(path).status_code == 410
        for _, links in RAIL:
            for name, address, act in links:
                answer = client.get(address)
                assert answer.status_code == (200 if person.may(act) else 403), (person.id, name, answer.text[-300:])


def test_a_study_waits_for_its_reviewers(dev) -> None:
    world, client, people = dev
    reviewer = next(one for one in people if Role.LEGAL in one.roles)
    client.cookies.clear()
    path = link_for_staff(world.wiring.store, reviewer, origin="", at=world.wiring.clock())
    client.get(path)
    token = form_token(client.cookies[world.wiring.house.cookies.name("visit")], path)
    client.post(path, data={"token": token})
    assert "Who stops coming" in client.get("/console/").text
