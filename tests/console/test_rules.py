"""Law: the rules that data obeys change through forms that keep what was typed, refuse in words, and store all or
nothing."""

import html
import re
from datetime import timedelta

import pytest

from consent_center.storage import governance
from consent_center.studies.policy import PARTS
from consent_center.workflows.show_history import show_history
from tests.consent_center.studies.studying import study_text
from tests.consent_center.world import DAY, NOW
from tests.console.office import Office

POLICY = {
    "quorum-ethics": "1",
    "quorum-legal": "1",
    "quorum-members-representative": "1",
    "quorum-technology": "1",
    "organisations": "2",
    **{
        f"weight-{part.replace(' ', '_')}": str(percent)
        for part, percent in zip(PARTS, (25, 15, 20, 15, 15, 10), strict=True)
    },
    "ethics_threshold": "40",
    "epsilon_ceiling": "3",
    "least_cohort": "80",
    "approval_days": "60",
    "assessment_days": "200",
    "rights_owner": "head",
}
SCHEMA = "site: sales\nfeatures:\n- {name: basket, kind: continuous, lo: 0, hi: 40}\nlabels: [left]\n"
TOOL = {"code": "wifi", "tool-name": "Wi-Fi counters", "site": "sales", "scope": "purchases", "owner": "head"}


def policy(office: Office):
    return office.programme.store.read(governance.policy)


def test_a_policy_is_put_in_force_and_the_next_study_is_judged_by_it(fresh_office: Office) -> None:
    seat = fresh_office.seat("huang")
    assert seat.post("/console/rules/policy", **POLICY).status_code == 303
    kept = policy(fresh_office)
    assert (kept.version, kept.quorum.organisations, kept.epsilon_ceiling, kept.approval_lasts) == (1, 2, 3, 60 * DAY)
    assert kept.rights_owner == "head"
    planned = fresh_office.programme.plan(study_text(epsilon=4.0, minimum=80))
    assert any("the ceiling is 3" in one for one in planned.outlook.refusals)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"weight-minors": "21"}, "add up to 1"),
        (dict.fromkeys((one for one in POLICY if one.startswith("quorum-")), "0"), "a quorum names roles"),
        ({"ethics_threshold": "101"}, ""),
        ({"approval_days": "forever"}, ""),
        ({"least_cohort": "-1"}, ""),
        ({"rights_owner": "nobody"}, "nobody here is called nobody"),
    ],
)
def test_a_policy_that_is_none_is_refused_with_what_was_typed_and_nothing_changes(office, changed, said) -> None:
    answer = office.seat("huang").post("/console/rules/policy", **{**POLICY, **changed})
    assert answer.status_code in (409, 422)
    assert said in html.unescape(answer.text)
    for name, value in changed.items():
        assert re.search(f'name="{name}"[^>]*value="{value}"', answer.text), name
    assert policy(office).version == 0


def test_an_operator_says_what_her_own_site_offers_and_no_other(fresh_office: Office) -> None:
    seat, store = fresh_office.seat("sales-op"), fresh_office.programme.store
    assert "basket" in seat.get("/console/rules").text
    assert seat.post("/console/rules/schemas", schema=SCHEMA).status_code == 303
    assert [one.hi for one in store.read(governance.schemas)["sales"].features] == [40]
    other = SCHEMA.replace("sales", "grocer")
    assert seat.post("/console/rules/schemas", schema=other).status_code == 403
    assert fresh_office.seat("lai").post("/console/rules/schemas", schema=other).status_code == 303


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ("[", "not YAML"),
        ("site: sales\nfeatres: []\nlabels: [left]", "did you mean features?"),
        ("site: sales\nlabels: [left]\nlabels: [right]", "labels is named twice in line 3"),
        ("site: sales\nlabels: [left, left]", "each column once"),
        ("site: nowhere\nlabels: [left]", "nowhere"),
        ("site: sales\nfeatures: [{name: basket, kind: continuous, lo: 9, hi: 1}]", "not a schema"),
        ("site: sales\nfeatures: [{name: basket, kind: magic}]", "needs a kind"),
        ("site: sales\nfeatures: [{name: basket, kind: continuous, lo: .nan, hi: 1}]", "lo below hi"),
        ("site: sales\nfeatures: [{name: basket, kind: categorical, categories: [a, a]}]", "each once"),
        ("site: sales\nlabels: [left]\nattributes: [{name: age, groups: []}]", "its groups"),
        ("site: sales\nfeatures: [basket]", "not a schema"),
    ],
)
def test_a_schema_that_is_none_is_refused_with_the_reason(office, schema, said) -> None:
    answer = office.seat("lai").post("/console/rules/schemas", schema=schema)
    assert answer.status_code == 422
    assert said in html.unescape(answer.text)


def test_a_risky_tool_waits_for_somebody_else_than_its_owner(fresh_office: Office) -> None:
    seat = fresh_office.seat("chen")
    traits = {"trait-runs unseen by members": "yes", "trait-sees people who are not members": "yes"}
    assert seat.post("/console/rules/tools", **TOOL, **traits).status_code == 303
    assert "Needs a review" in seat.get("/console/rules").text
    review = "/console/rules/tools/wifi/review"
    assert seat.post(review, why="").status_code == 422
    assert seat.post(review, why="Signs stand at the doors.").status_code == 303
    assert "Needs a review" not in seat.get("/console/rules").text
    mine = {**TOOL, "code": "mine", "owner": "chen"}
    assert seat.post("/console/rules/tools", **mine, **traits).status_code == 303
    assert seat.post("/console/rules/tools/mine/review", why="I like what I see.").status_code == 409
    assert seat.post("/console/rules/tools", **{**TOOL, "scope": "dreams"}).status_code == 409
    assert seat.post("/console/rules/tools", **{**TOOL, "code": "Not a code"}).status_code == 409


def test_the_committee_closes_a_scope_for_one_site(fresh_office: Office) -> None:
    seat, here = fresh_office.seat("lin"), fresh_office.programme
    here.file(study_text())
    form = {"turn": "close", "why": "The site had a breach.", "site": "grocer"}
    assert seat.post("/console/definitions/scopes/purchases", **form).status_code == 303
    assert "Closed at grocer" in seat.get("/console/definitions").text
    assert "closed purchases" not in seat.get("/console/studies/churn-1").text
    assert seat.post("/console/definitions/scopes/purchases", **{**form, "site": "sales"}).status_code == 303
    assert "closed purchases" in seat.get("/console/studies/churn-1").text


def held(office: Office) -> str:
    """Hand a notice with guilt in it to a reviewer; returns the page of its review."""
    seat = office.seat("huang")
    page = seat.get("/console/definitions/edit?kind=notice&code=core").text
    text = html.unescape(re.search(r'<textarea id="text"[^>]*>(.*?)</textarea>', page, re.DOTALL).group(1))
    guilty = text.replace("title: How we use your data", "title: Are you sure you want to lose this")
    answer = seat.post("/console/definitions/edit", kind="notice", text=guilty, turn="review")
    assert answer.status_code == 303
    return str(answer.headers["location"])


def test_a_held_notice_is_read_by_another_reviewer_and_published_exactly_as_she_read_it(fresh_office: Office) -> None:
    path, author, reviewer = held(fresh_office), fresh_office.seat("huang"), fresh_office.seat("lin")
    assert "Are you sure you want to lose this" in reviewer.get(path).text
    assert path in reviewer.get("/console/reviews").text
    assert author.post(path, turn="pass", why="I wrote it and like it.").status_code == 409
    assert author.post(f"{path}/publish").status_code == 409
    assert reviewer.post(path, turn="pass", why="").status_code == 422
    assert reviewer.post(path, turn="pass", why="It is about a lost card.").status_code == 303
    assert reviewer.post(path, turn="reject", why="I changed my mind.").status_code == 409
    assert author.post(f"{path}/publish").status_code == 303
    assert author.post(f"{path}/publish").status_code == 409
    assert (NOW + 7 * DAY).strftime("%-d %B %Y") in author.get("/console/definitions").text


def test_a_notice_that_was_sent_back_or_whose_day_has_passed_is_not_published(fresh_office: Office) -> None:
    path = held(fresh_office)
    assert fresh_office.seat("lin").post(path, turn="pass", why="It is about a lost card.").status_code == 303
    fresh_office.clock.ahead = timedelta(days=8)
    answer = fresh_office.seat("huang").post(f"{path}/publish")
    assert answer.status_code == 409
    assert "hand it to a reviewer again" in answer.text
    other = held(fresh_office)
    assert fresh_office.seat("lin").post(other, turn="reject", why="It threatens members.").status_code == 303
    assert fresh_office.seat("huang").post(f"{other}/publish").status_code == 409


def test_an_export_is_masked_and_the_member_reads_that_it_was_made(office: Office) -> None:
    seat, member = office.seat("chen"), office.programme.members[3]
    form = {"member": member, "reason": "Her complaint of today.", "turn": "export"}
    masked = seat.post("/console/members", **form, hours="0")
    assert masked.headers["content-disposition"] == 'attachment; filename="member.json"'
    assert member not in masked.text
    assert masked.json()["member"] == f"{member[:4]}…"
    assert member in seat.post("/console/members", **form, hours="1").text
    lines = office.programme.store.read(show_history, member).lines
    assert [line.kind for line in lines[:2]] == ["member.read", "member.read"]


def test_studies_are_found_by_words_and_stage(fresh_office: Office) -> None:
    here, seat = fresh_office.programme, fresh_office.seat("huang")
    here.file(study_text("churn-1"))
    here.file(study_text("other-2", epsilon=1.0))
    here.assess("other-2")
    assert "other-2" not in seat.get("/console/studies?words=CHURN-1").text
    assert "churn-1" not in seat.get("/console/studies?stage=waiting").text
    assert "other-2" in seat.get("/console/studies?stage=waiting&words=who+HEAD").text
    assert "No study fits." in seat.get("/console/studies?words=100%25").text
    assert "No study fits." in seat.get("/console/studies?stage=closed").text
    assert seat.get("/console/studies?stage=nonsense&before=nonsense").status_code == 200


def test_what_was_typed_about_a_member_is_kept_and_only_fitting_colleagues_are_offered(office: Office) -> None:
    seat = office.seat("chen")
    page = seat.post("/console/members", member="m-17", reason="", hours="2", turn="look").text
    assert 'value="m-17"' in page
    assert 'value="2"' in page
    offered = re.findall(r'<option value="([^"]+)">', office.seat("huang").get("/console/key").text)
    assert offered == ["lai", "lin", "yeh"]
    assert "Nobody here can stand in for you." in office.seat("grocer-op").get("/console/key").text


def test_a_suspended_study_says_who_stopped_it_and_why(fresh_office: Office) -> None:
    fresh_office.programme.file(study_text())
    why = "A member complained about the notice."
    answer = fresh_office.seat("lin").post("/console/studies/churn-1/suspension", turn="suspend", why=why)
    assert answer.status_code == 303
    page = fresh_office.seat("chen").get("/console/studies/churn-1").text
    assert f"somebody suspended it: Lin Mei, 21 November 2026: {why}" in page
    assert "A running run stops" not in page


def test_an_account_that_is_refused_keeps_what_was_typed(office: Office) -> None:
    typed = {"id": "new-one", "name": "New One", "organisation": "programme", "role-legal": "yes", "site": "sales"}
    page = office.seat("ada").post("/console/people", **typed)
    assert page.status_code == 409
    assert 'value="new-one"' in page.text
    assert 'name="role-legal" value="yes" checked' in page.text
    assert 'name="role-ethics" value="yes">' in page.text
