"""Law: every page of the console is drawn in three languages, empty and full, and says what is stored."""

import asyncio
import json
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_center.console import oversight, planning
from consent_center.studies.tool import Tool
from consent_center.workflows.admit_run import admit_run
from consent_center.workflows.govern import register_contract, register_tool
from consent_center.workflows.watch_studies import watch_studies
from federated.approvals import Approval, sign_approval
from tests.consent_center.rounds import settle_honestly
from tests.consent_center.studies.studying import GROCER, study_text
from tests.consent_center.world import NOW
from tests.console.office import Office

PAGES = {
    "huang": (
        "",
        "studies",
        "studies/churn-1",
        "runs",
        "runs/run-1",
        "budgets",
        "contracts",
        "definitions",
        "definitions/edit?kind=notice&code=core",
        "definitions/edit?kind=scope&code=purchases",
        "rules",
        "reviews",
        "studies?words=churn&stage=approved",
        "log",
        "log/0",
        "key",
        "findings",
    ),
    "chen": ("", "members", "people", "findings", "studies/churn-1", "studies/churn-2"),
    "wu": ("", "studies/new"),
    "ada": ("", "people"),
}


@pytest.fixture(scope="module")
def full(office: Office) -> Office:
    """An office with an approved study, one run, a second study, a contract, a tool and a finding."""
    here = office.programme
    study = here.file(study_text())
    here.assess(study.id)
    for name in ("huang", "lai", "lin", "sales-op"):
        here.answer(study, name)
    here.file(study_text("churn-2", epsilon=1.0))
    signer = Ed25519PrivateKey.generate()
    here.store.run(admit_run, study.id, run="run-1", signer=signer, at=NOW)
    settle_honestly(here.store, "run-1", 1, signer=signer, at=NOW)
    here.store.run(register_contract, GROCER, by="huang", at=NOW)
    traits = frozenset({"runs unseen by members", "sees people who are not members"})
    tool = Tool("wifi", "Wi-Fi counters", "sales", "purchases", traits, "head", NOW)
    here.store.run(register_tool, tool, by="chen", at=NOW)
    here.store.run(watch_studies, at=NOW)
    office.publish()
    return office


@pytest.mark.parametrize("language", ["en", "zh-Hant", "zh-Hans"])
@pytest.mark.parametrize("person", list(PAGES))
def test_every_page_is_drawn(full, person, language):
    seat = full.seat(person, language=language)
    for path in PAGES[person]:
        answer = seat.get(f"/console/{path}")
        assert answer.status_code == 200, (path, answer.status_code, answer.text[-300:])
        assert answer.headers["content-language"] == language
        assert f'<html lang="{language}"' in answer.text
        assert "style=" not in answer.text
        assert len(re.findall("<h1", answer.text)) == 1


def test_no_list_names_a_member(full):
    seat = full.seat("huang")
    text = "".join(seat.get(f"/console/{path}").text for path in PAGES["huang"])
    assert not [member for member in full.programme.members if member in text]


def test_an_entry_is_shown_with_a_proof_that_others_can_check(full):
    seat = full.seat("chen")
    assert "Proof checked on the server just now." in seat.get("/console/log/3").text
    proof = seat.get("/console/log/3/proof")
    assert proof.text.startswith("c2sp.org/tlog-proof@v1")
    assert seat.get("/console/log/999999").status_code == 404


def test_the_log_is_filtered_by_kind_and_day(full):
    seat = full.seat("chen")
    assert seat.get("/console/log?kind=study.filed").text.count("<code>study.filed</code>") == 2
    assert "No entry fits." in seat.get("/console/log?since=2030-01-01").text
    assert seat.get("/console/log?index=3").headers["location"] == "/console/log/3"
    assert seat.get("/console/log?since=nonsense&kind=nonsense&below=5").status_code == 200


def test_the_plan_that_is_downloaded_is_the_plan_that_is_signed(full):
    import hashlib

    seat = full.seat("huang")
    plan = seat.get("/console/studies/churn-1/plan").content
    assert hashlib.sha256(plan).hexdigest() in seat.get("/console/studies/churn-1").text


def test_a_data_scientist_checks_and_files_on_the_page(full):
    seat = full.seat("wu")
    wrong = study_text("churn-5").replace("epsilon: 2.0", "epsillon: 2.0")
    answer = seat.post("/console/studies/check", text=wrong)
    assert answer.status_code == 422
    assert "did you mean epsilon?" in answer.text
    good = study_text("churn-5", epsilon=1.0)
    assert "Nothing in it would be refused now." in seat.post("/console/studies/check", text=good).text
    assert seat.post("/console/studies", text=good).headers["location"] == "/console/studies/churn-5"
    assert seat.post("/console/studies", text=good).status_code == 409


def test_an_assessor_finds_the_questions_answered_in_part_and_must_answer_the_rest(full):
    seat = full.seat("chen")
    assert "Changes in shopping precede leaving." in seat.get("/console/studies/churn-2").text
    typed = dict.fromkeys(("need", "limits", "others", "rights"), "Answered in plain words here.")
    assert seat.post("/console/studies/churn-2/assessment", **typed, harm="").status_code == 422
    assert (
        seat.post("/console/studies/churn-2/assessment", **typed, harm="She could be warned wrongly.").status_code
        == 303
    )
    assert "Risk" in seat.get("/console/studies/churn-2").text


def test_a_legal_reviewer_refuses_with_a_document_signed_elsewhere(full):
    study = full.programme.store.read(_study, "churn-2")
    no = Approval("churn-2", study.plan_digest, "huang", "legal", "programme", "no", "The reason is too vague.", NOW)
    line = sign_approval(no, full.programme.keys["huang"]).to_text()
    seat = full.seat("huang")
    assert seat.post("/console/studies/churn-2/document", document="nonsense").status_code == 409
    assert seat.post("/console/studies/churn-1/document", document=line).status_code == 409
    assert seat.post("/console/studies/churn-2/document", document=line).status_code == 303
    page = seat.get("/console/studies/churn-2").text
    assert "The reason is too vague." in page
    assert "Refused" in page


def _study(tx, name):
    from consent_center.storage import studies

    return studies.get(tx, name)


def test_a_refused_answer_becomes_a_finding_for_whoever_answers_for_the_study(full):
    study = full.programme.store.read(_study, "churn-2")
    wrong = Approval("churn-2", "0" * 64, "lai", "technology", "programme", "yes", "over another plan", NOW)
    line = sign_approval(wrong, full.programme.keys["lai"]).to_text()
    assert full.seat("lai").post("/console/studies/churn-2/document", document=line).status_code == 409
    page = full.seat("chen").get("/console/findings").text
    assert "An attempt was refused: churn-2" in page
    assert study.accountable == "head"
    assert "Owner: Head of care" in page


def test_a_finding_is_closed_by_somebody_else_with_a_reason(full):
    seat = full.seat("chen")
    number = re.search(r'action="/console/findings/(\d+)/close"', seat.get("/console/findings").text).group(1)
    assert seat.post(f"/console/findings/{number}/close", reason="").status_code == 422
    assert seat.post(f"/console/findings/{number}/close", reason="Talked to the team.").status_code == 303
    assert seat.post(f"/console/findings/{number}/close", reason="Talked to the team.").status_code == 409


def test_the_committee_closes_a_scope_and_the_study_stops(full):
    seat = full.seat("lin")
    why = "Members complained about it."
    assert seat.post("/console/definitions/scopes/purchases", turn="close", why=why).status_code == 303
    assert "the sharing committee closed purchases" in seat.get("/console/studies/churn-1").text
    assert seat.post("/console/definitions/scopes/purchases", turn="open", why="Talked it through.").status_code == 303


def test_a_notice_with_guilt_is_held_and_can_be_handed_to_a_reviewer(full):
    seat = full.seat("huang")
    page = seat.get("/console/definitions/edit?kind=notice&code=core").text
    import html

    text = html.unescape(re.search(r'<textarea id="text"[^>]*>(.*?)</textarea>', page, re.DOTALL).group(1))
    guilty = text.replace("title: How we use your data", "title: Are you sure you want to lose this")
    assert guilty != text
    form = {"kind": "notice", "text": guilty}
    assert "guilt-wording" in seat.post("/console/definitions/edit", **form, turn="check").text
    assert seat.post("/console/definitions/edit", **form, turn="keep").status_code == 409
    assert "Notices held back: 0." in seat.get("/console/").text
    assert seat.post("/console/definitions/edit", **form, turn="review").status_code == 303
    assert "Notices held back: 1." in seat.get("/console/").text
    assert seat.post("/console/definitions/edit", kind="notice", text="[", turn="check").status_code == 422


def test_reading_a_member_writes_an_entry_she_sees_and_masks(full):
    from consent_center.workflows.show_history import show_history

    seat, member = full.seat("chen"), full.programme.members[0]
    assert seat.post("/console/members", member=member, reason="short", hours="0", turn="look").status_code == 409
    page = seat.post(
        "/console/members", member=member, reason="She called and asked about it.", hours="0", turn="look"
    ).text
    assert member not in page
    assert "2026-11" in page
    line = full.programme.store.read(show_history, member).lines[0]
    assert line.kind == "member.read"
    assert (
        member
        in seat.post("/console/members", member=member, reason="Her complaint of today.", hours="1", turn="look").text
    )


def test_an_administrator_ends_an_account_and_its_sessions(fresh_office):
    gone, admin = fresh_office.seat("lai"), fresh_office.seat("ada")
    assert gone.get("/console/").status_code == 200
    fields = {"id": "lai", "name": "Lai Po-han", "organisation": "programme", "role-technology": "yes"}
    assert admin.post("/console/people", **fields, ends="2026-11-20").status_code == 303
    assert gone.get("/console/").headers["location"] == "/console/sign-in"
    assert admin.post("/console/people", **{**fields, "id": "ada"}).status_code == 409


def test_a_session_ends_after_a_quarter_of_an_hour(fresh_office):
    seat = fresh_office.seat("chen")
    fresh_office.clock.ahead = timedelta(minutes=15)
    assert seat.get("/console/").headers["location"] == "/console/sign-in"


def test_a_run_tells_its_progress_as_server_sent_events(full):
    from consent_center.workflows.settle_run import settle_run
    from federated.gate import RunReport

    full.programme.store.run(settle_run, RunReport("run-1", "completed", 1), at=NOW)
    answer = full.seat("huang").get("/console/runs/run-1/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert json.loads(answer.text.split("data: ")[1].split("\n")[0]) == {"settled": 1, "outcome": "completed"}


def test_a_stream_ends_with_the_session_that_opened_it(full, monkeypatch):
    monkeypatch.setattr(oversight, "_LOOK_EVERY_S", 0.001)
    monkeypatch.setattr(oversight, "_LONGEST_S", 0.01)
    seat, run = full.seat("chen"), f"run-{secrets.token_hex(4)}"
    here = full.programme
    here.store.run(admit_run, "churn-1", run=run, signer=Ed25519PrivateKey.generate(), at=NOW)
    page = SimpleNamespace(wiring=full.wiring, secret=seat.secret)

    async def follow() -> list[str]:
        told = []
        async for line in oversight._changes(page, run):
            told.append(line)
            if len(told) == 2:
                seat.post("/console/sign-out")
        return told

    with ThreadPoolExecutor(1) as apart:  # a browser's test before this one may have left its loop in this thread
        told = apart.submit(lambda: asyncio.run(follow())).result()
    assert told == ['data: {"settled": 0, "outcome": ""}\n\n', ": still here\n\n"]


def test_a_stand_in_is_ended_on_the_page_by_the_stand_in_and_by_an_administrator(fresh_office):
    lin, yeh, ada, huang = (fresh_office.seat(one) for one in ("lin", "yeh", "ada", "huang"))
    for ends in (yeh, ada):
        assert lin.post("/console/key/stand-in", who="yeh", days="9").status_code == 303
        number = re.search(r'name="number" value="(\d+)"', lin.get("/console/key").text)[1]
        assert "Lin Mei" in yeh.get("/console/key").text
        assert f'value="{number}"' not in huang.get("/console/key").text
        assert huang.post("/console/key/stand-in/end", number=number).status_code == 409
        page = "people" if ends is ada else "key"
        assert ends.post(f"/console/{page}/stand-in/end", number=number).status_code == 303
        assert ends.post(f"/console/{page}/stand-in/end", number=number).status_code == 409
        assert 'name="number"' not in lin.get("/console/key").text
    assert huang.post("/console/key/stand-in/end", number="many").status_code == 400


def test_a_data_scientist_sees_what_dropping_a_scope_would_cost_on_mock_rows(full, monkeypatch):
    from consent_center.workflows import try_drops
    from consent_center.workflows.try_study import Tried

    monkeypatch.setattr(try_drops, "try_plan", lambda *_, **__: Tried("completed", 3, 0.1, 3000, 0.81))
    seat, text = full.seat("wu"), study_text("churn-6", epsilon=1.0)
    assert 'action="/console/studies/try"' in seat.post("/console/studies/check", text=text).text
    page = seat.post("/console/studies/try", text=text)
    assert page.status_code == 200
    assert "Without purchases" in page.text
    assert "The model loses basket" in page.text
    assert "0.81" in page.text
    assert "Mock rows are made up" in page.text
    assert seat.post("/console/studies/try", text=text.replace("epsilon:", "epsillon:")).status_code == 422
    with planning._TRIAL:
        busy = seat.post("/console/studies/try", text=text)
    assert busy.status_code == 409
    assert "another trial is running" in busy.text
