"""Law: an operator sees and touches what concerns her own site; of another site's study, run or account there is
nothing on any route, and no answer tells it from one that never was. Two programmes share nobody and nothing."""

import re
from dataclasses import dataclass
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_center.console import audit_override, audits, models
from consent_center.storage import ledger
from consent_center.storage.releases import Release
from consent_center.studies.errors import StaffError
from consent_center.studies.finding import Finding
from consent_center.studies.lifecycle import Stage
from consent_center.studies.person import Person
from consent_center.studies.roles import Role, may
from consent_center.studies.tool import Tool
from consent_center.workflows import show_shapes
from consent_center.workflows._auditing import Due
from consent_center.workflows.admit_run import admit_run
from consent_center.workflows.enrol_member import enrol_members
from consent_center.workflows.govern import register_tool
from consent_center.workflows.record_refusal import record_refused_answer
from consent_center.workflows.show_audits import AuditLine
from consent_center.workflows.show_lineage import Lineage
from consent_center.workflows.show_oversight import show_run
from consent_center.workflows.sight import Sight
from consent_center.workflows.staff_accounts import keep_person, stand_in
from federated.approvals import Approval, sign_approval
from privacy.ledger import Budget, sub_limit
from tests.consent_center.rounds import settle_honestly
from tests.consent_center.studies.studying import study_text
from tests.consent_center.world import DAY, NOW
from tests.console.office import Office, open_office
from tests.console.test_roles import FILL, PERSON_OF, ROUTES

OPERATORS = {"sales": "sales-op", "grocer": "grocer-op"}
OF = {"sales": ("for-sales", "run-sales"), "grocer": ("for-grocer", "run-grocer")}
REVIEWERS = ("huang", "lai", "lin")
SHARED = "/log"
"""The one list that is the same for everybody: codes and digests that any witness may hold."""


@dataclass
class Brands:
    """Two brands with a study and a run each, and one that both take part in."""

    office: Office


@pytest.fixture(scope="module")
def brands(office: Office) -> Brands:
    here = office.programme
    here.store.run(enrol_members, here.members, "grocer", at=NOW - timedelta(hours=1))
    budget = Budget.create(epsilon=8.0, delta=1e-5, epsilon_pure=4.0, members=1000)
    for site in OPERATORS:
        here.store.run(ledger.open_account, sub_limit(site, "churn-model"), budget, at=NOW - timedelta(hours=1))
    for sites, (study, run) in {**OF, "sales, grocer": ("for-both", "run-both")}.items():
        filed = here.file(study_text(study, sites=sites, epsilon=0.5))
        here.assess(filed.id)
        for name in (*REVIEWERS, *(OPERATORS[site] for site in sites.split(", "))):
            here.answer(filed, name)
        signer = Ed25519PrivateKey.generate()
        here.store.run(admit_run, study, run=run, signer=signer, at=NOW)
        settle_honestly(here.store, run, 1, signer=signer, at=NOW)
        here.store.run(record_refused_answer, study=study, code="answer-refused", at=NOW)
    for site in OPERATORS:
        tool = Tool(f"tool-{site}", f"Counters of {site}", site, "purchases", frozenset(), "head", NOW)
        here.store.run(register_tool, tool, by="chen", at=NOW)
    return Brands(office)


def concerning(path: str) -> bool:
    return "{study}" in path or "{run}" in path


def filled(path: str, site: str) -> str:
    study, run = OF[site]
    for name, value in {**FILL, "{study}": study, "{run}": run}.items():
        path = path.replace(name, value)
    return "/console" + path


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("site", list(OPERATORS))
def test_each_route_answers_each_role_for_each_site_as_the_table_and_her_site_say(brands, role, site, monkeypatch):
    """An operator of sales and nobody else: of the grocer's study she gets what she gets of none at all."""
    judged = []
    monkeypatch.setattr(audit_override, "show_audit", lambda tx, run: judged.append(run) or _never())
    seat = brands.office.seat(PERSON_OF[role])
    hers = role is not Role.OPERATOR or site == "sales"
    reached = 0
    for method, path, act, _ in ROUTES:
        if act is None or not concerning(path) or (path.endswith("/events") and hers):
            continue
        address = filled(path, site)
        answer = seat.get(address) if method == "GET" else seat.post(address)
        if not may([role], act):
            assert answer.status_code == 403, (role, path)
        elif not hers:
            none = re.sub("for-grocer|run-grocer", "nothing", address)
            unknown = seat.get(none) if method == "GET" else seat.post(none)
            assert (answer.status_code, unknown.status_code) == (404, 404), path
            assert plain(answer.text) == plain(unknown.text), path
        elif "/audits/" not in path:
            assert answer.status_code != 404, path
            reached += 1
    assert bool(reached) == (hers and role is not Role.ADMINISTRATOR)
    assert hers or judged == []


def test_two_audits_are_compared_only_if_both_concern_her(brands, monkeypatch):
    judged = []
    monkeypatch.setattr(audit_override, "show_audit", lambda tx, run: judged.append(run) or _never())
    seat = brands.office.seat("sales-op")
    for one, other in (("run-grocer", "run-sales"), ("run-sales", "run-grocer")):
        assert seat.get(f"/console/audits/compare?one={one}&other={other}").status_code == 404
    assert judged == ["run-sales"]


def _never():
    from consent_center.web.failures import NotFoundError

    raise NotFoundError


def plain(text: str) -> str:
    """A page without what names the request itself."""
    return re.sub(r'for-grocer|run-grocer|nothing|value="[^"]*"', "", text)


@pytest.mark.parametrize("site", list(OPERATORS))
def test_no_list_shows_an_operator_another_site(brands, site):
    other = next(one for one in OPERATORS if one != site)
    seat = brands.office.seat(OPERATORS[site])
    seen = {}
    for method, path, act, _ in ROUTES:
        if method == "GET" and act is not None and "{" not in path and not path.startswith(SHARED):
            seen[path] = seat.get(f"/console{path}").text
            for name in (*OF[other], f"Counters of {other}", f"schema-{other}", f"site/{other}/"):
                assert name not in seen[path], (path, name)
    for path in ("/studies", "/runs", "/findings", "/budgets"):
        assert OF[site][path in ("/runs", "/budgets")] in seen[path], path
    assert f"Counters of {site}" in seen["/rules"]
    assert "for-both" in seen["/studies"]
    assert f"site/{site}/" in seen["/budgets"]
    assert "A run of other sites" in seen["/budgets"]


@pytest.mark.parametrize("site", list(OPERATORS))
def test_no_stage_shows_an_operator_another_sites_study(brands, site):
    other, seat = next(one for one in OPERATORS if one != site), brands.office.seat(OPERATORS[site])
    pages = [seat.get(f"/console/studies?stage={stage.value}").text for stage in Stage]
    assert any(OF[site][0] in page for page in pages)
    assert not any(OF[other][0] in page for page in pages)


def test_of_a_study_that_both_take_part_in_each_sees_its_own_account(brands):
    for site, other in (("sales", "grocer"), ("grocer", "sales")):
        page = brands.office.seat(OPERATORS[site]).get("/console/studies/for-both").text
        assert f"site/{site}/" in page
        assert f"site/{other}/" not in page


def test_a_reviewer_of_the_programme_sees_every_site(brands):
    seat = brands.office.seat("huang")
    for study, run in OF.values():
        assert study in seat.get("/console/studies").text
        assert run in seat.get("/console/runs").text
        assert run in seat.get("/console/budgets").text


def test_of_a_run_that_both_take_part_in_each_sees_its_own_numbers(brands):
    for site, other in (("sales", "grocer"), ("grocer", "sales")):
        page = brands.office.seat(OPERATORS[site]).get("/console/runs/run-both").text
        assert f'<th scope="row">{site}</th>' in page
        assert f'<th scope="row">{other}</th>' not in page
        found = brands.office.programme.store.read(show_run, "run-both", sight=Sight(frozenset({site})))
        assert [{*sites} for _, _, sites in found.rounds] == [{site}], "the sums of a round are hers"
    page = brands.office.seat("huang").get("/console/runs/run-both").text
    assert '<th scope="row">sales</th>' in page
    assert '<th scope="row">grocer</th>' in page


@pytest.mark.parametrize("site", list(OPERATORS))
def test_of_audits_and_models_an_operator_sees_those_that_concern_her_site(brands, site, monkeypatch):
    other, seat = next(one for one in OPERATORS if one != site), brands.office.seat(OPERATORS[site])
    judged = [(one, Release("ab" * 32, OF[one][1], "released", "PASS", {}, "", "", NOW, None)) for one in OPERATORS]
    lines = [AuditLine(release, release, OF[one][0], f"Audit of {one}") for one, release in judged]
    due = [Due(release, OF[one][0], f"Due at {one}", NOW + DAY) for one, release in judged]
    cases = [Finding(1, "audit-failed", OF[one][0], f"Head of {one}", NOW, NOW + DAY) for one in OPERATORS]
    monkeypatch.setattr(audits, "list_audits", lambda _: lines)
    monkeypatch.setattr(audits, "show_calendar", lambda _: due)
    monkeypatch.setattr(audits, "audit_cases", lambda _: cases)
    monkeypatch.setattr(models, "affected_models", lambda _, at: [made_by(*OF[one], at=at) for one in OPERATORS])
    for path, names in (("audits", ("Audit of ", "Due at ", "Head of ")), ("models", ("for-",))):
        page = seat.get(f"/console/{path}").text
        assert all(f"{name}{site}" in page for name in names), path
        assert not any(f"{name}{other}" in page for name in names), path


@pytest.mark.parametrize("site", list(OPERATORS))
def test_of_a_model_that_both_trained_each_sees_her_own_site(brands, site, monkeypatch):
    other, seat = next(one for one in OPERATORS if one != site), brands.office.seat(OPERATORS[site])
    for study, run in (OF[other], ("for-both", "run-both")):
        monkeypatch.setattr(show_shapes, "show_lineage", lambda *_, of=(study, run), at: made_by(*of, at=at))
        page = seat.get(f"/console/models/{'ab' * 32}")
        assert page.status_code == (404 if study in OF[other] else 200)
    assert f"{site}-cohort" in page.text
    assert f"run-{site}" in page.text
    assert other not in page.text


def made_by(study: str, run: str, *, at) -> Lineage:
    """A model of a study: both sites' contracts ended and scores moved, and both scored with it."""
    cohorts, both = {site: f"{site}-cohort" for site in OPERATORS}, (*OPERATORS,)
    scored, remedy = tuple(run for _, run in OF.values()), "retrain scheduled"
    return Lineage(
        "ab" * 32, "released", study, run, "cd" * 32, at, 5, cohorts, 100, 9, both, scored, both, remedy
    )  # fmt: skip


def test_an_operator_answers_for_no_other_site(brands):
    """Not even with a document that was signed elsewhere, in her own role or the other's."""
    here = brands.office.programme
    study = here.file(study_text("for-grocer-2", sites="grocer", epsilon=0.5))
    for role in ("site:grocer", "site:sales"):
        yes = Approval(study.id, study.plan_digest, "sales-op", role, "programme", "yes", "not hers", NOW)
        line = sign_approval(yes, here.keys["sales-op"]).to_text()
        seat = brands.office.seat("sales-op")
        assert seat.post(f"/console/studies/{study.id}/document", document=line).status_code == 404
    assert "not hers" not in brands.office.seat("grocer-op").get(f"/console/studies/{study.id}").text


def test_a_site_is_lent_within_its_own_organisation_and_then_seen(fresh_office):
    here = fresh_office.programme
    with pytest.raises(StaffError, match="its own organisation"):
        here.store.run(stand_in, reviewer="sales-op", stand_in="grocer-op", ends=NOW + DAY, at=NOW)
    store_op = Person("store-op", "Operator of stores", "grocer", frozenset({Role.OPERATOR}), site="sales")
    here.store.run(keep_person, store_op, by="ada", at=NOW)
    here.file(study_text("for-grocer", sites="grocer"))
    assert fresh_office.seat("store-op").get("/console/studies/for-grocer").status_code == 404
    here.store.run(stand_in, reviewer="grocer-op", stand_in="store-op", ends=NOW + DAY, at=NOW)
    page = fresh_office.seat("store-op").get("/console/studies/for-grocer").text
    assert "--role site:grocer" in page
    fresh_office.clock.ahead = timedelta(days=1)
    assert fresh_office.seat("store-op").get("/console/studies/for-grocer").status_code == 404


def test_two_programmes_share_no_session_no_study_and_no_key(brands, tmp_path):
    """A tenant is an installation: its own database, keys, log and staff."""
    mine = brands.office.seat("huang")
    with open_office(tmp_path) as other:
        mine.client.cookies.clear()
        name = other.wiring.house.cookies.name("staff")
        theirs = other.seat("huang")
        theirs.client.cookies.set(name, mine.secret)
        answers = [
            theirs.client.get("/console/", headers={"Cookie": f"{name}={mine.secret}"}),
            theirs.client.get("/console/studies/for-both", headers={"Cookie": f"{name}={mine.secret}"}),
        ]
        assert [one.headers.get("location") for one in answers] == ["/console/sign-in"] * 2
        assert other.seat("huang").get("/console/studies/for-both").status_code == 404
        assert other.signer.verifier != brands.office.signer.verifier
