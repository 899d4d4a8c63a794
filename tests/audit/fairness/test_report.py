"""A report says what was found, on whom, and what could not have been seen; its forms are those other tools read."""

import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.fairness.chart import Axis, axis_for, gap_svg, signed, unsigned
from audit.fairness.counts import CountTable, Layout
from audit.fairness.differences import differences
from audit.fairness.errors import LanguageError, ReportError
from audit.fairness.gaps import judge
from audit.fairness.model_card import Measured, Model, cyclonedx, hugging_face, selection_table
from audit.fairness.reach import reach
from audit.fairness.report import audit_report, gap_as_json, gap_from_json
from audit.fairness.verdict import Measure, Thresholds, Verdict
from audit.fairness.words import LANGUAGES, measure_name, sentence
from tests.audit.fairness.boms import problems

LIMITS = Thresholds()
EDGES = tuple(np.linspace(0, 1, 11).round(1))
MODEL = Model(
    name="early-warning",
    version="2026-10",
    digest="ab" * 32,
    task="tabular-classification",
    uses=("Tell the service team whom to call.",),
    limits=("Trained on members who agreed.",),
    privacy="One member changes any answer by a factor of at most e^2, but for chances of 1 in 100,000.",
)


def table(*rates, members=4000, not_given=500, noise_variance=7.36):
    layout = Layout("age", tuple(f"band {index}" for index in range(len(rates))), EDGES, 0.5)
    cells = np.zeros(layout.shape, dtype=np.int64)
    for index, rate in enumerate(rates):
        for label, share in ((0, 0.7), (1, 0.3)):
            cells[index, label, :5] = members * share * (1 - rate) / 5
            cells[index, label, 5:] = members * share * rate / 5
    cells[-1, 2, :] = not_given / 10
    return CountTable(layout, cells, noise_variance)


def gaps_of(t, limits=LIMITS):
    return (*judge(t, limits), *differences(t, limits))


def test_sentences_say_what_could_have_been_seen():
    passed, failed = judge(table(0.3, 0.31), LIMITS)[0], judge(table(0.3, 0.1), LIMITS)[0]
    assert "no gap above" in sentence(passed)
    assert "detectable at 80 % power among members who agreed to the audit" in sentence(passed)
    assert "at 90 % power" in sentence(passed, power=0.9)
    assert "outside the limit" in sentence(failed)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_gap_has_a_sentence_in_every_language(language):
    tables = [table(0.3, 0.31), table(0.3, 0.1), table(0.3, 0.27, members=600), table(0.3, 0.3, members=20)]
    tables += [table(0.0, 0.0), table(0.9, 0.95, noise_variance=60.0)]
    said = {}
    for t in tables:
        for gap in gaps_of(t, Thresholds(difference=0.05)) + differences(t, LIMITS):
            text = sentence(gap, language=language)
            assert "{" not in text
            assert "None" not in text
            said[gap.verdict] = text
    assert set(said) == {*Verdict, None}
    assert ("。" in "".join(said.values())) is False
    assert any("一" <= letter <= "鿿" for letter in "".join(said.values())) == (language != "en")
    assert all(measure_name(measure, language) for measure in Measure)


def test_a_language_nobody_wrote_is_refused():
    with pytest.raises(LanguageError):
        sentence(judge(table(0.3, 0.3), LIMITS)[0], language="fr")


def test_a_stored_gap_is_read_back_as_it_was():
    for gap in (*gaps_of(table(0.3, 0.31, 0.1)), *judge(table(0.3, 0.3, members=20), LIMITS)):
        assert gap_from_json(json.loads(json.dumps(gap_as_json(gap)))) == gap


@pytest.mark.parametrize("wrong", [{"verdict": "FAIR"}, {"value": "x"}, {"low": True}, {"measure": None}])
def test_a_stored_gap_that_was_tampered_with_is_refused(wrong):
    good = json.loads(json.dumps(gap_as_json(judge(table(0.3, 0.31), LIMITS)[0])))
    with pytest.raises(ReportError):
        gap_from_json({**good, **wrong})
    with pytest.raises(ReportError):
        gap_from_json({})


def test_the_report_is_plain_json_and_names_those_who_gave_no_value():
    t = table(0.3, 0.31, 0.1)
    report = json.loads(json.dumps(audit_report([t], judge(t, LIMITS), differences(t, LIMITS), thresholds=LIMITS)))
    assert report["verdict"] == "FAIL"
    assert report["tables"][0]["groups"][-1]["group"] == "not given"
    assert report["reach"][0]["not_given"] == 500
    assert report["reach"][0]["share"] == pytest.approx(0.96, abs=1e-3)


def test_reach_tells_how_many_more_members_would_decide():
    t = table(0.3, 0.27, members=600, noise_variance=0.0)
    assert judge(t, LIMITS)[0].verdict is Verdict.INCONCLUSIVE
    (found,) = reach(t, LIMITS, tests=1).groups
    assert found.more_members > 0
    grown = 1 + found.more_members / 1200
    decided = table(0.3, 0.27, members=round(600 * grown * 1.02), noise_variance=0.0)
    assert judge(decided, LIMITS)[0].verdict is Verdict.PASS
    assert reach(decided, LIMITS, tests=1).groups[0].more_members == 0


def test_reach_tells_how_different_unseen_members_must_be_to_turn_a_pass():
    many, few = (
        reach(table(0.3, 0.31, not_given=size, noise_variance=0.0), LIMITS, tests=1).groups[0].turns_at
        for size in (20_000, 4_000)
    )
    assert 1.0 < many < few
    assert reach(table(0.3, 0.1), LIMITS, tests=1).groups[0].turns_at == 1.0


def test_reach_of_a_ratio_on_the_limit_is_never_decided():
    (found,) = reach(table(0.4, 0.32, noise_variance=0.0), LIMITS, tests=1).groups
    assert found.more_members is None


def test_reach_of_nobody_is_empty():
    assert reach(table(0.3, 0.3, members=0), LIMITS, tests=1).groups == ()


def test_few_bins_know_no_ranking():
    layout = Layout("age", ("a", "b"), (0.0, 0.5, 1.0), 0.5)
    cells = np.full(layout.shape, 300, dtype=np.int64)
    shown = differences(CountTable(layout, cells), LIMITS)
    assert "auc" not in {str(gap.measure) for gap in shown}
    assert "auc" in {str(gap.measure) for gap in differences(table(0.3, 0.3), LIMITS)}


def test_a_picture_shows_dot_line_and_limit_in_place():
    limits = Thresholds(difference=0.05)
    (gap,) = [g for g in differences(table(0.30, 0.32), limits) if str(g.measure) == "selection"]
    axis = axis_for([gap], limits)
    assert (axis.low, axis.high, axis.within) == (-0.1, 0.1, (-0.05, 0.05))
    svg = ET.fromstring(gap_svg(gap, axis, "Gap & more"))
    assert svg.get("aria-label") == "Gap & more"
    assert (svg.find("rect").get("x"), svg.find("rect").get("width")) == ("25.0%", "50.0%")
    line = svg.findall("line")[-1]
    ends = [float(line.get(end).rstrip("%")) for end in ("x1", "x2")]
    assert ends == [pytest.approx(50 + 500 * end, abs=0.06) for end in (gap.low, gap.high)]
    assert svg.find("circle").get("cx") == f"{axis.place(gap.value)}%"
    assert {part.tag for part in svg.iter()} <= {"svg", "rect", "line", "circle"}
    assert not any({"style", "id"} & set(part.attrib) for part in svg.iter())


def test_ratios_are_drawn_so_that_four_fifths_and_five_quarters_are_equally_far_from_none():
    gaps = judge(table(0.3, 0.31, 0.1), LIMITS)
    axis = axis_for(gaps, LIMITS)
    assert axis.logarithmic
    assert axis.place(1) - axis.place(0.8) == pytest.approx(axis.place(1.25) - axis.place(1), abs=0.11)


def test_a_gap_without_evidence_has_no_picture():
    gaps = judge(table(0.3, 0.3, members=20), LIMITS)
    assert gap_svg(gaps[0], axis_for(gaps, LIMITS), "") == ""


@given(st.floats(1e-6, 1e6), st.floats(0, 1e6))
def test_nothing_is_drawn_outside_the_picture(value, low):
    axis = Axis(0.4, 1.3, 1.0, (0.8, 1.25), logarithmic=True)
    assert 0 <= axis.place(value) <= 100
    assert 0 <= Axis(-0.1, 0.1, 0.0, None, logarithmic=False).place(low) <= 100


def test_numbers_are_printed_as_the_design_asks():
    assert [signed(0.019), signed(-0.008), signed(1.25, 2)] == ["+.019", "−.008", "+1.25"]
    assert [unsigned(0.426), unsigned(1.04), unsigned(-0.5, 1)] == [".426", "1.040", "−.5"]


def card(t):
    measured = [Measured("auc", 0.84, 0.82, 0.86)]
    return cyclonedx(
        MODEL,
        judge(t, LIMITS),
        differences(t, LIMITS),
        measured,
        serial=UUID(int=7),
        at=datetime(2026, 11, 21, tzinfo=UTC),
    )


@pytest.mark.parametrize("rates", [(0.3, 0.31), (0.3, 0.1, 0.2)], ids=["passed", "failed"])
def test_the_model_card_is_valid_cyclonedx(rates):
    bom = card(table(*rates))
    assert problems(bom) is None
    inside = bom["components"][0]["modelCard"]
    assert len(inside["considerations"]["fairnessAssessments"]) == len(rates) - 1
    assert all("confidenceInterval" in one for one in inside["quantitativeAnalysis"]["performanceMetrics"])


def test_the_validator_would_notice_a_wrong_card():
    bom = card(table(0.3, 0.3))
    bom["components"][0]["modelCard"]["fairness"] = "yes"
    assert problems(bom) is not None


def test_the_card_of_an_insufficient_audit_is_valid_and_says_so():
    bom = card(table(0.3, 0.3, members=20))
    assert problems(bom) is None
    assert bom["components"][0]["properties"][0]["value"] == "INSUFFICIENT"


def test_a_shown_gap_without_evidence_does_not_change_the_verdict_of_the_card():
    t = table(0.30, 0.31, members=150_000)
    t.cells[:2, 1] = 0
    shown = differences(t, LIMITS)
    assert Verdict.INSUFFICIENT in {gap.verdict for gap in shown}
    bom = cyclonedx(MODEL, judge(t, LIMITS), shown, serial=UUID(int=7), at=datetime(2026, 11, 21, tzinfo=UTC))
    assert bom["components"][0]["properties"][0]["value"] == "PASS"


def test_hugging_face_metadata_carry_the_same_figures():
    t = table(0.3, 0.31)
    gaps = gaps_of(t)
    figures = [Measured("auc", 0.84, 0.82, 0.86)]
    front = hugging_face(MODEL, judge(t, LIMITS), differences(t, LIMITS), figures, dataset="members who agreed")
    metrics = front["model-index"][0]["results"][0]["metrics"]
    assert metrics[0] == {"type": "auc", "value": 0.84}
    assert len(metrics) == 1 + sum(gap.value is not None for gap in gaps)
    json.dumps(front, allow_nan=False)


def test_the_table_of_impact_ratios_starts_with_the_most_selected_group():
    rows = selection_table(gaps_of(table(0.3, 0.1)), LIMITS)
    assert [(row["category"], row["impact_ratio"]) for row in rows] == [
        ("band 0", 1.0),
        ("band 1", pytest.approx(1 / 3, abs=1e-3)),
    ]
    small = selection_table(judge(table(0.3, 0.1, members=20), LIMITS), LIMITS)
    assert all(row["impact_ratio"] is None and row["fewer_than"] == 50 for row in small)
