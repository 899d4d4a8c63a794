"""Law: every route of the console is one act of the table, and each role gets exactly what the table says."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from consent_center.console.create import create_console
from consent_center.console.desk import Desk, posted, staff_page
from consent_center.studies.errors import StaffError
from consent_center.studies.finding import CLOCKS
from consent_center.studies.roles import ALLOWED, Act, Role, check_roles, may
from consent_center.web.pace import TooFastError
from consent_center.workflows.staff_accounts import keep_person
from tests.consent_center.world import NOW

OPEN = {
    ("GET", "/sign-in"),
    ("GET", "/sign-in/link/{secret}"),
    ("POST", "/sign-in/link/{secret}"),
    ("GET", "/sign-in/oidc"),
    ("GET", "/sign-in/oidc/back"),
}
SIGNED_IN = {("POST", "/sign-out")}
PERSON_OF = {
    Role.DATA_SCIENTIST: "wu",
    Role.LEGAL: "huang",
    Role.TECHNOLOGY: "lai",
    Role.ETHICS: "yeh",
    Role.MEMBERS: "lin",
    Role.OPERATOR: "sales-op",
    Role.COMPLIANCE: "chen",
    Role.AUDITOR: "aud",
    Role.ADMINISTRATOR: "ada",
}
FILL = {
    "{study}": "churn-1",
    "{run}": "none",
    "{index}": "0",
    "{number}": "1",
    "{scope}": "purchases",
    "{code}": "x",
    "{digest}": "0" * 64,
    "{name}": "0" * 64,
}


def flat(some) -> Iterator[APIRoute]:
    """Every route, those of included routers too."""
    for route in some:
        if isinstance(route, APIRoute):
            yield route
        else:
            assert hasattr(route, "original_router"), f"{route} is no route that a table could know"
            yield from flat(route.original_router.routes)


def routes() -> list[tuple[str, str, Act | None, bool]]:
    """(method, path, act or None, reads a form) of every route."""
    found = []
    for route in flat(create_console(None).routes):  # type: ignore[arg-type]
        calls = [one.call for one in route.dependant.dependencies]
        acts = [call.act for call in calls if isinstance(call, Desk)]
        assert len(acts) <= 1, route.path
        for method in sorted(route.methods):
            found.append((method, route.path, acts[0] if acts else None, posted in calls))
            if not acts and (method, route.path) in SIGNED_IN:
                assert staff_page in calls
    return found


ROUTES = routes()


def test_no_route_is_without_a_rule() -> None:
    assert {(method, path) for method, path, act, _ in ROUTES if act is None} == OPEN | SIGNED_IN
    assert len(ROUTES) > 35


def test_every_form_is_checked_for_forgery() -> None:
    assert [path for method, path, _, form in ROUTES if method == "POST" and not form] == []


def test_the_table_names_every_act_and_only_roles() -> None:
    assert set(ALLOWED) == set(Act)
    assert all(roles and roles <= set(Role) for roles in ALLOWED.values())


def test_the_documentation_says_what_the_table_says() -> None:
    lines = (Path(__file__).parents[2] / "docs/reference/console.md").read_text(encoding="utf-8").splitlines()
    told = {cells[1].strip(): cells[2:-1] for line in lines if len(cells := line.split("|")) == len(Role) + 3}
    for act, allowed in ALLOWED.items():
        assert [bool(cell.strip()) for cell in told[act.value]] == [role in allowed for role in Role], act


def test_every_kind_of_finding_is_documented_with_its_clock() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/console.md").read_text(encoding="utf-8")
    for kind, clock in CLOCKS.items():
        line = next(one for one in page.splitlines() if kind in one)
        assert line.split("|")[2].strip() == str(clock.days), kind


def test_what_the_table_does_not_name_is_refused() -> None:
    assert not may([], Act.SEE_QUEUE)
    assert not may(list(Role), "no-such-act")  # type: ignore[arg-type]


def test_an_administrator_answers_nothing_and_reads_no_member() -> None:
    mine = {act for act in Act if may([Role.ADMINISTRATOR], act)}
    assert mine == {Act.SEE_QUEUE, Act.SEE_PEOPLE, Act.EDIT_PEOPLE}


def test_an_auditor_only_reads() -> None:
    assert all(act.value.startswith("see-") for act in Act if may([Role.AUDITOR], act))


@pytest.mark.parametrize("role", list(Role))
def test_each_role_opens_exactly_what_the_table_allows(office, role: Role) -> None:
    seat = office.seat(PERSON_OF[role])
    for method, path, act, _ in ROUTES:
        if act is None or path.endswith("/events"):
            continue
        address = "/console" + path
        for name, value in FILL.items():
            address = address.replace(name, value)
        answer = seat.get(address) if method == "GET" else seat.post(address)
        assert answer.status_code != 500, (address, answer.text[-500:])
        assert (answer.status_code == 403) != may([role], act), (role, method, path, answer.status_code)


@pytest.mark.parametrize(("method", "path"), [(m, p) for m, p, act, _ in ROUTES if act is not None])
def test_a_stranger_is_sent_to_sign_in(office, method: str, path: str) -> None:
    from fastapi.testclient import TestClient

    client = TestClient(office.app, base_url="http://localhost:8000", follow_redirects=False)
    for name, value in FILL.items():
        path = path.replace(name, value)
    answer = client.request(method, "/console" + path, headers={"Sec-Fetch-Site": "same-origin"})
    if method == "GET":
        assert answer.headers["location"] == "/console/sign-in"
    else:
        assert answer.status_code in (303, 400, 403)
        assert answer.headers.get("location", "/console/sign-in") == "/console/sign-in"


def test_a_form_without_its_token_changes_nothing(office) -> None:
    seat = office.seat("ada")
    answer = seat.client.post("/console/people", data={"id": "x", "name": "X", "organisation": "y"})
    assert answer.status_code == 403
    other = office.seat("ada")
    from consent_center.web.tokens import form_token

    stolen = form_token(other.secret, "/console/people")
    assert seat.client.post("/console/people", data={"token": stolen}).status_code == 403


def test_more_forms_than_a_person_sends_are_refused(office, monkeypatch) -> None:
    def refuse(*, browser: str | None, address: str) -> None:
        assert browser == seat.secret
        raise TooFastError(30)

    seat = office.seat("wu")
    monkeypatch.setattr(office.wiring.pace, "count", refuse)
    answer = seat.post("/console/studies/check", text="study: x")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "30")
    assert "Wait a minute" in answer.text
    assert seat.get("/console/studies").status_code == 200


def test_an_auditor_is_gone_on_her_last_day_and_never_comes_for_longer_than_180_days(fresh_office) -> None:
    """Hers ends by itself after 30 days: the open session with it, and nothing signs her in again."""
    last = NOW + timedelta(days=30)
    fresh_office.clock.ahead = last - timedelta(minutes=1) - NOW
    seat = fresh_office.seat("aud")
    assert seat.get("/console/studies").status_code == 200
    fresh_office.clock.ahead = last - NOW
    assert seat.get("/console/studies").headers["location"] == "/console/sign-in"
    longer = replace(fresh_office.programme.person("aud"), ends_at=last + timedelta(days=181))
    with pytest.raises(StaffError, match="180 days"):
        fresh_office.programme.store.run(keep_person, longer, by="ada", at=last)


def test_roles_that_exclude_each_other_are_never_joined() -> None:
    reviewing = [Role.LEGAL, Role.TECHNOLOGY, Role.ETHICS, Role.MEMBERS]
    for one, other in itertools.combinations(reviewing, 2):
        with pytest.raises(StaffError):
            check_roles({one, other}, site="", ends=False)
    for role in set(Role) - {Role.ADMINISTRATOR}:
        with pytest.raises(StaffError):
            check_roles({Role.ADMINISTRATOR, role}, site="sales" if role is Role.OPERATOR else "", ends=True)
    with pytest.raises(StaffError, match="last day"):
        check_roles({Role.AUDITOR}, site="", ends=False)
    with pytest.raises(StaffError):
        check_roles(set(), site="", ends=False)
    check_roles({Role.OPERATOR}, site="sales", ends=False)
