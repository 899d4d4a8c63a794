"""Law: what an audit found can be read in three languages, in the console, as a file, on paper and as data; every copy
says the verdict, who was not counted, what gap could have been seen, and each override; nothing says "fair"."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from consent_center.console.audit_calibration import calibration_rows
from consent_center.console.audit_export import bom_of, card_of, json_of, pdf_of
from consent_center.console.audit_sheet import report_html
from consent_center.web.languages import Language
from consent_center.workflows.release_model import release_model
from consent_center.workflows.show_audits import AuditPage, show_audit
from consent_center.workflows.show_lineage import show_lineage
from federated.models.decisions import Declaration, declaration_bytes
from tests.audit.fairness.boms import problems
from tests.audits.auditing import BINNED, CONTENT, EVEN, FEW, REASON, UNEVEN, UNSURE, Audits, content, of_bins, results
from tests.audits.test_measured import PRICES, SHELVES, declared
from tests.consent_center.world import NOW
from tests.console.office import Office, open_office

LANGUAGES = list(Language)
LOW, HIGH = [5, 20, 100, 400, 900, 400, 100, 20, 5, 0], [0, 5, 20, 100, 400, 900, 400, 100, 20, 5]
SILENT = [0] * 10
RUNGS = {"tables": {
    **of_bins({"young": (SILENT, LOW), "old": (SILENT, HIGH)}, name="age:price_week")["tables"],
    **of_bins({"young": (SILENT, LOW), "old": (SILENT, LOW)}, name="age:price_shelf")["tables"],
}}  # fmt: skip
SHOWN = of_bins({"young": ([0] * 3, [900, 60, 40]), "old": ([0] * 3, [50, 500, 450])}, name="age:list_shelf")
VERDICTS = {"run-1": "PASS", "run-2": "FAIL", "run-3": "INCONCLUSIVE", "run-4": "INSUFFICIENT", "run-5": "FAIL",
            "run-6": "FAIL", "run-7": "FAIL", "run-8": "FAIL", "run-9": "INCONCLUSIVE", "run-10": "FAIL"}  # fmt: skip


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Ten audits: one of each verdict, the second overridden, the fifth of a model that had passed, two of what members
    answered, one with several bins, a ladder of prices, and what groups are shown."""
    with open_office(tmp_path_factory.mktemp("audits")) as opened:
        made = Audits(opened.programme)
        models = []
        for number, found in enumerate((EVEN, UNEVEN), start=1):
            run, model = made.train(f"churn-{number}", results(found))
            made.store.run(release_model, run, at=NOW)
            models.append(model)
        for number, found in enumerate((UNSURE, FEW), start=1):
            vendor = declaration_bytes(Declaration(f"vendor_{number}", "A vendor", "2026.10", {"sales": "ab" * 32}))
            made.store.run(release_model, made.again(f"vendor-{number}", vendor, results(found)), at=NOW)
        made.override(models[1])
        made.store.run(release_model, made.again("again-1", models[0], results(UNEVEN)), at=NOW)
        for number in (1, 2):
            made.store.run(release_model, made.again(f"content-{number}", content(), CONTENT), at=NOW)
        vendor = declaration_bytes(Declaration("vendor_9", "A vendor", "2026.10", {"sales": "ab" * 32}))
        made.store.run(release_model, made.again("binned-1", vendor, BINNED, bins=5, threshold=0.6), at=NOW)
        for name, measure, tables in (("prices-1", PRICES, RUNGS), ("shown-1", SHELVES, SHOWN)):
            made.store.run(release_model, made.again(name, declared(measure), tables, epsilon_table=0.05), at=NOW)
        yield opened


@pytest.fixture(scope="module")
def pages(office: Office) -> dict[str, AuditPage]:
    return {run: office.programme.store.read(show_audit, run) for run in VERDICTS}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("run", VERDICTS)
def test_each_audit_is_drawn_in_each_language(office: Office, run: str, language: Language) -> None:
    answer = office.seat("huang", language=language.value).get(f"/console/audits/{run}")
    assert answer.status_code == 200, answer.text[-2000:]
    assert f'<h2 id="verdict">{VERDICTS[run]}</h2>' in answer.text
    assert f'<html lang="{language.value}"' in answer.text
    words = re.sub(r"<[^>]+>", " ", answer.text)
    assert not re.search(r"\b(is|are) fair\b|公平的模型", words)
    assert "style=" not in answer.text
    assert "<script" not in answer.text.split("<main")[1].split("</main")[0]


def test_a_ladder_shows_each_rung_and_its_chance_and_shelves_what_each_group_sees(office: Office) -> None:
    said = office.seat("huang").get("/console/audits/run-9").text
    assert "Asked in several ways, fixed beforehand" in said
    assert "What she paid against the shelf price of the same product, week and store" in said
    assert said.count('class="state is-good"') >= 2
    shown = office.seat("huang").get("/console/audits/run-10").text
    assert "What each group is shown" in shown
    for figure in ("drinks", "all members", "Concentration (Gini)", "largest difference in the share of a shelf"):
        assert figure in shown, figure


def test_means_say_how_many_are_silent_what_they_could_change_and_what_was_said_before(
    office: Office, pages: dict[str, AuditPage]
) -> None:
    said = office.seat("huang").get("/console/audits/run-7").text
    assert "Satisfaction: what members answered themselves (content_1, 0.5 to 5.5)." in said
    assert "This is noted; no model is released or held back by it." in said
    assert "If the silent were all worst or best" in said
    rows = {one["group"]: one for one in json_of(pages["run-7"])["means"]}
    assert float(rows["young"]["mean"]) > float(rows["old"]["mean"])
    assert (rows["young"]["response"], rows["old"]["response"]) == (87, 70)
    assert float(rows["old"]["worst"]) < float(rows["old"]["low"])
    assert json_of(pages["run-7"])["earlier"] == [{"run": "run-6", "verdict": "FAIL", "counted_at": NOW.isoformat()}]
    assert "Over time" in said
    assert "Over time" not in office.seat("huang").get("/console/audits/run-6").text


def test_remedies_are_offered_with_what_they_cost_and_whom_they_help(pages: dict[str, AuditPage]) -> None:
    offered = json_of(pages["run-8"])["offered"]
    young, old = offered["thresholds"]
    assert young["selected"] < young["selected_now"]
    assert old["selected"] > old["selected_now"]
    assert abs(young["selected"] - old["selected"]) < abs(young["selected_now"] - old["selected_now"])
    assert int(old["gained"].replace(",", "")) > 0
    assert old["lost"] == "0"
    assert all(0 < float(one["ones"]) <= 1 and 0 < float(one["zeros"]) <= 1 for one in offered["weights"])
    assert all(0 < one["kept"] <= 100 for one in offered["weights"])
    assert json_of(pages["run-4"])["offered"]["thresholds"] == []  # two bins know one threshold
    assert {one["group"] for one in json_of(pages["run-4"])["offered"]["weights"]} == {
        "young"
    }  # three people: no figure


def test_estimates_that_do_not_come_true_are_said_so_group_by_group(pages: dict[str, AuditPage]) -> None:
    """By hand from BINNED, whose bins are a fifth wide; the same members with every outcome turned are far off."""
    young, old = calibration_rows(pages["run-8"])
    assert (young.group, young.said, young.came, young.error, young.off) == ("young", "49", "41", ".066", False)
    assert (old.group, old.said, old.came, old.off) == ("old", "29", "23", False)
    (table,) = pages["run-8"].tables
    turned = replace(pages["run-8"], tables=[replace(table, cells=table.cells[:, [1, 0, 2], :])])
    assert [one.off for one in calibration_rows(turned)] == [True, True]
    few = replace(pages["run-8"], tables=[replace(table, cells=table.cells // 90)])
    assert [one.error for one in calibration_rows(few)] == ["", ""]
    assert calibration_rows(pages["run-1"]) == []
    assert calibration_rows(pages["run-6"]) == []


def test_a_model_audited_again_is_shown_over_time(office: Office) -> None:
    said = office.seat("huang").get("/console/audits/run-5").text
    assert "The same model in each audit" in said


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", ["audits", "audits/compare?one=run-1&other=run-2"])
def test_lists_and_comparisons_are_drawn_in_each_language(office: Office, path: str, language: Language) -> None:
    answer = office.seat("huang", language=language.value).get(f"/console/{path}")
    assert answer.status_code == 200, answer.text[-2000:]
    for run in ("run-1", "run-2"):
        assert f"/console/audits/{run}" in answer.text


def test_two_audits_beside_each_other_are_drawn_on_one_axis(office: Office) -> None:
    for one, other in (("run-1", "run-2"), ("run-2", "run-4")):
        said = office.seat("huang").get(f"/console/audits/compare?one={one}&other={other}").text
        zones = re.findall(r'<rect class="zone" ([^>]*)/>', said)
        assert len(zones) == (2 if other == "run-2" else 1)
        assert len(set(zones)) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_models_are_listed_and_each_shows_its_origin_and_every_decision_about_it(
    office: Office, pages: dict[str, AuditPage], language: Language
) -> None:
    seat = office.seat("huang", language=language.value)
    listed = seat.get("/console/models")
    assert listed.status_code == 200, listed.text[-2000:]
    for run in ("run-1", "run-2"):
        model = pages[run].audit.model_digest
        assert f"/console/models/{model}" in listed.text
        page = seat.get(f"/console/models/{model}")
        assert page.status_code == 200, page.text[-2000:]
        assert f"/console/audits/{run}" in page.text
    assert "Shown to &lt;staff&gt; on a stand only" in page.text
    again = office.programme.store.read(show_lineage, pages["run-5"].audit.model_digest, at=NOW)
    assert (again.run, again.scored_by) == ("run-1", ()), "who audits a model does not score with it"
    assert seat.get(f"/console/models/{'0' * 64}").status_code == 404


def test_an_empty_office_says_so(fresh_office: Office) -> None:
    assert "No audit has been judged yet." in fresh_office.seat("huang").get("/console/audits").text


@pytest.mark.parametrize(
    "path", ["audits/run-99", "audits/run-99/report.pdf", "audits/compare", "audits/compare?one=run-1&other=x"]
)
def test_what_was_not_judged_is_not_found(office: Office, path: str) -> None:
    assert office.seat("huang").get(f"/console/{path}").status_code == 404


def test_an_administrator_reads_no_audit(office: Office) -> None:
    assert office.seat("ada").get("/console/audits").status_code == 403


def test_files_can_be_taken_from_the_page(office: Office) -> None:
    seat = office.seat("huang")
    for name, begins in (("report.html", b"<!doctype"), ("report.json", b"{"), ("model.cdx.json", b"{")):
        answer = seat.get(f"/console/audits/run-2/{name}")
        assert answer.status_code == 200
        assert answer.content.lstrip().startswith(begins)
        assert "attachment" in answer.headers["content-disposition"]


def test_every_copy_tells_the_override(office: Office, pages: dict[str, AuditPage]) -> None:
    page, house = pages["run-2"], office.wiring.house
    assert json_of(page)["overrides"][0]["reason"] == REASON
    assert REASON in json.dumps(bom_of(page))
    for language in LANGUAGES:
        assert "Shown to &lt;staff&gt; on a stand only" in report_html(page, language, house)


@pytest.mark.parametrize("run", VERDICTS)
def test_the_model_card_is_valid_cyclonedx(pages: dict[str, AuditPage], run: str) -> None:
    found = bom_of(pages[run])
    assert problems(found) is None
    assert found["components"][0]["hashes"][0]["content"] == pages[run].audit.model_digest
    assert found == bom_of(pages[run])


def test_the_metadata_for_a_model_hub_carry_figures_and_verdict(pages: dict[str, AuditPage]) -> None:
    card = card_of(pages["run-2"])
    assert "audit:FAIL" in card["tags"]
    figures = card["model-index"][0]["results"][0]["metrics"]
    assert {"type": "impact_ratio age: old compared with young", "value": 0.5} in figures


def test_the_report_as_one_file_loads_nothing(office: Office, pages: dict[str, AuditPage]) -> None:
    for language in LANGUAGES:
        html = report_html(pages["run-3"], language, office.wiring.house)
        assert not re.search(r"(src|href)=|url\(|@import|<script", html.split("</style>")[1])


def test_the_report_is_a_pdf_with_the_fonts_of_its_language(office: Office, pages: dict[str, AuditPage]) -> None:
    paper = pdf_of(report_html(pages["run-2"], Language.HANT, office.wiring.house))
    assert paper.startswith(b"%PDF-")
    assert len(paper) > 10_000
