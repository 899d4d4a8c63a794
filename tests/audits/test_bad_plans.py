"""Law: an audit's plan that cannot be counted as it says is refused when it is made, and a plan other than the approved
one is never run: the refusal names its reason, and nothing is charged."""

import pytest

from consent_center.storage import ledger, studies
from consent_center.studies.audit_file import read_audit_file
from consent_center.studies.errors import StudyFileError
from consent_center.workflows.admit_run import admit_run
from federated.errors import MalformedError, Refusal, RefusedError
from federated.models.audit_plan import finished_weights
from federated.models.decisions import DECISIONS, Declaration, Measure, declaration_bytes, parse_declaration
from federated.plan import plan_bytes
from privacy.ledger import PROGRAMME
from tests.audits.auditing import SIGNER, Audits, content
from tests.consent_center.world import NOW

VENDOR = declaration_bytes(Declaration("vendor_1", "A vendor", "2026.10", {"sales": "ab" * 32}))
WHY = {"demographics": "Gaps cannot be seen else."}
FILE = """
study: audit-1
title: A vendor's rule
reason: Nobody has looked at it.
benefits: Members who are passed over are found.
accountable: head
retention_days: 365
closes: 2027-03-31
country: TW
sites: [sales]
purpose: fairness-audit
scopes: {demographics: Gaps between groups cannot be seen else.}
attributes: {age: [young, old]}
"""
PRICES = (
    "measure: {kind: prices, name: c, maker: m, version: 1, bins: 10, materiality: 0.01, ladder: {price_week: [-1, 1]}}"
)
MEASURE = "measure: {kind: answers, name: c, maker: m, version: 1, files: {}, low: 1, high: 5, bins: 5, materiality: 1}"
DECIDED = "decisions: {name: vendor_1, maker: m, version: 1, files: {sales: a}}\n"


def test_a_threshold_off_the_bins_is_refused_when_the_plan_is_made(office: Audits) -> None:
    for bins, threshold in ((10, 0.55), (4, 0.1), (3, 0.5), (2, 0.0), (2, 1.0)):
        with pytest.raises((MalformedError, RefusedError), match=r"edge|laid out|bins"):
            office.plan("audit-1", VENDOR, bins=bins, threshold=threshold)
    plan = office.plan("audit-1", VENDOR, bins=10, threshold=0.7)
    assert (plan.settings["table_bins"], plan.settings["threshold"]) == (10, 0.7)


def test_a_plan_changed_after_approval_is_no_longer_approved_and_nothing_is_charged(office: Audits) -> None:
    study = office.approve(office.filed(office.plan("audit-1", VENDOR), WHY))
    changed = plan_bytes(office.plan("audit-1", VENDOR, epsilon_table=0.9))
    before = office.store.read(ledger.balance, PROGRAMME).spent
    with pytest.raises(RefusedError) as refused:
        office.store.run(_admit_changed, study.id, changed, at=NOW)
    assert refused.value.code is Refusal.PLAN_NOT_APPROVED
    assert office.store.read(ledger.balance, PROGRAMME).spent == before


def test_another_model_than_the_approved_one_is_not_counted_with(office: Audits) -> None:
    plan = office.plan("audit-1", VENDOR)
    other = declaration_bytes(Declaration("vendor_1", "A vendor", "2026.11", {"sales": "ab" * 32}))
    with pytest.raises(RefusedError) as refused:
        finished_weights(plan, DECISIONS, other)
    assert refused.value.code is Refusal.PLAN_CHANGED


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "name a finished model"),
        ("model: ab\n" + MEASURE, "one of these"),
        (MEASURE.replace("answers", "moods"), "kind is one of"),
        (MEASURE.replace("bins: 5, ", ""), "measure.bins is missing"),
        (MEASURE.replace("low: 1", "low: cold"), "measure.low is a number"),
        (MEASURE + "\nbins: many", "bins is"),
        (MEASURE.replace("files: {}, low: 1, high: 5", "ladder: {price_week: [-1, 1]}"), "of answers: none"),
        (PRICES.replace("price_week", "price_moon"), "knows no price_moon"),
        (PRICES.replace("bins", "files: {}, bins"), "unknown key measure.files"),
        (
            "measure: {kind: shelves, name: c, maker: m, version: 1, ladder: {list_shelf: [0, 1]}, materiality: 0.1}",
            "shelves is missing",
        ),
        (MEASURE, "no file of site sales is named"),
        (DECIDED.replace("sales:", "sales: a, grocer:"), "a file of grocer is named"),
        (DECIDED + "limits: {imact_ratio: 0.7}", "unknown key limits.imact_ratio, did you mean impact_ratio"),
        (DECIDED + "limits: {impact_ratio: 7}", "must lie between 0 and 1"),
        (DECIDED + "limits: {minimum_members: 0}", "minima at 1 or more"),
        (DECIDED + "limits: {minimum_members: .nan}", "minima at 1 or more"),
        (DECIDED + "limits: {minimum_outcomes: .inf}", "minima at 1 or more"),
        (MEASURE.replace("low: 1", "low: -.inf"), "measure.low is a number"),
        (MEASURE.replace("high: 5", "high: .nan"), "measure.high is a number"),
        (PRICES.replace("[-1, 1]", "[-1, .inf]"), "two numbers"),
    ],
)
def test_a_file_that_says_too_little_or_too_much_is_told_so(line: str, said: str) -> None:
    with pytest.raises(StudyFileError, match=said):
        read_audit_file(FILE + line)


def test_a_group_alone_has_nobody_to_be_compared_with() -> None:
    with pytest.raises(StudyFileError, match="attribute age needs two groups"):
        read_audit_file(FILE.replace("[young, old]", "[young]") + DECIDED)
    assert read_audit_file(FILE + DECIDED + "limits: {impact_ratio: 0.7}").limits == {"impact_ratio": 0.7}


def test_a_declared_measure_is_read_back_and_a_broken_one_refused() -> None:
    assert parse_declaration(content()).measure == Measure("answers", 0.5, 5.5, 5, 0.2)
    for broken in (b'"low":0.5', b'"bins":5'):
        with pytest.raises(MalformedError):
            parse_declaration(content().replace(broken, broken.split(b":")[0] + b':"x"'))


def test_a_materiality_that_means_nothing_is_refused(office: Audits) -> None:
    for materiality in (0.0, -1.0, 5.0):
        scale = Measure("answers", 0.5, 5.5, 5, materiality)
        declared = declaration_bytes(Declaration("content_1", "Service", "1", {"sales": "ab" * 32}, scale))
        with pytest.raises((MalformedError, RefusedError), match="matters"):
            office.plan("audit-1", declared)


def _admit_changed(tx, study: str, plan: bytes, *, at) -> None:
    """Somebody who reached the database writes another plan into an approved study."""
    tx.session.get(studies.StudyRow, study).plan = plan
    tx.session.flush()
    admit_run(tx, study, run="run-x", signer=SIGNER, at=at)
