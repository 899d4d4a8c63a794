"""Law: before anything is filed, a file is refused with every reason, and a preview says the same thing all day."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_center.storage import ledger
from consent_center.studies.errors import StudyError, StudyFileError
from consent_center.studies.planner import band_of, outlook_of, share_of
from consent_center.studies.policy import PARTS, Quorum, StudyPolicy
from consent_center.studies.study_file import KEYS, read_study_file
from consent_center.studies.yaml_mapping import did_you_mean
from consent_center.workflows.file_study import file_study
from consent_center.workflows.plan_study import plan_study
from federated.price import price
from privacy.errors import OverBudgetError
from privacy.ledger import PROGRAMME, Balance, Budget, Charge
from privacy.quantities import Cost
from tests.consent_center.studies.studying import programme, study_text
from tests.consent_center.world import DAY, NOW


@pytest.fixture
def here(small_store):
    return programme(small_store)


def test_every_problem_of_a_file_is_told_at_once():
    text = study_text().replace("title:", "titel:").replace("epsilon: 2.0", "epsilon: -1").replace("[sales]", "sales")
    with pytest.raises(StudyFileError) as refused:
        read_study_file(text)
    told = " ".join(refused.value.problems)
    for part in ("did you mean title?", "title is missing", "epsilon is a number above 0", "sites is a list"):
        assert part in told


@pytest.mark.parametrize("text", ["", "[", "a: 1", "- x", "study: {", "a: &a [*a]", "x" * 70_000, "1: 2", "\x00"])
def test_what_is_no_study_file_is_refused_in_words(text):
    with pytest.raises(StudyFileError):
        read_study_file(text)


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text):
    with pytest.raises(StudyFileError):
        read_study_file(text)


@pytest.mark.parametrize("key", KEYS)
def test_a_misspelt_key_is_recognised(key):
    assert did_you_mean(f"{key}x", KEYS) == f", did you mean {key}?"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("title:", "title: Again\ntitle:"), "title is named twice in line"),
        (("epsilon: 2.0", "epsilon: .nan"), "epsilon is a number above 0"),
        (("epsilon: 2.0", "epsilon: .inf"), "epsilon is a number above 0"),
        (("epsilon: 2.0", "epsilon: yes"), "epsilon is a number above 0"),
        (("closes: 2027-03-31", "closes: tomorrow"), "closes is a date"),
        (("closes: 2027-03-31", "closes: 2027-02-30"), "a value that cannot be, such as a 30 February, in line 8"),
        (("retention_days: 365", "retention_days: 1e3"), "retention_days is a whole number"),
        (("sites: [sales]", "sites: [sales, sales]"), "sites names something twice"),
        (("country: TW", "country: 7"), "country is a text"),
        (("rounds: 3", "rounds: 0"), "rounds is a whole number"),
        (("horizon_days: 28", "horizon_days: 28\nthreshold: 2"), "threshold is a number"),
        (("horizon_days: 28", "horizon_days: 28\naudit: all"), "audit has the keys"),
        (
            ("horizon_days: 28", "horizon_days: 28\naudit: {purpos: x}"),
            "did you mean audit.purpose|did you mean purpose",
        ),
    ],
)
def test_a_value_that_is_none_is_refused_with_what_it_should_be(change, said):
    text = study_text()
    assert change[0] in text
    with pytest.raises(StudyFileError, match=said):
        read_study_file(text.replace(*change))


def test_a_scope_without_a_reason_is_refused():
    with pytest.raises(StudyFileError, match="has no reason"):
        read_study_file(study_text().replace("Changes in shopping precede leaving.", "why"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("2027-03-31", "2026-11-20"), "closing date"),
        (("2027-03-31", "2028-03-31"), "closing date"),
        (("epsilon: 2.0", "epsilon: 9.0"), "ceiling"),
        (("accountable: head", "accountable: haed"), "nobody here is called haed, did you mean head?"),
        (
            ("retention_days: 365", "retention_days: 365\nproposed_by: [lai]\nreplaces: never-filed"),
            "no study never-filed",
        ),
        (("study: churn-1", "study: Churn 1"), "named by 1 to 64"),
        (("minimum_cohort: 50", "minimum_cohort: 49"), "no plan may run on fewer"),
        (("  purchases:", "  browsing:"), "no column of the plan lies in browsing"),
        (("churn-model", "personalised-offers"), "unasked:purchases|purpose-assessment|undefined"),
    ],
)
def test_an_impossible_plan_is_refused_with_its_reason(here, change, said):
    text = study_text().replace(*change)
    if change[0] == "churn-model":
        text = text.replace("sites: [sales]", "sites: [grocer]")
    planned = here.plan(text)
    assert planned.outlook.refusals
    with pytest.raises(StudyError, match=said):
        here.store.run(file_study, planned.study, at=NOW)


def test_columns_and_sites_that_do_not_exist_are_refused_with_the_nearest(here):
    with pytest.raises(StudyFileError, match="did you mean spend"):
        here.plan(study_text().replace("spend]", "spendd]"))
    with pytest.raises(StudyFileError, match="did you mean sales"):
        here.plan(study_text().replace("[sales]", "[sale]"))
    with pytest.raises(StudyFileError, match="offers no schema"):
        here.plan(study_text().replace("[sales]", "[service]"))


def test_a_preview_is_drawn_once_a_day_and_then_only_repeated(here):
    drawn = []

    def draw(epsilon):
        drawn.append(epsilon)
        return len(drawn)

    file = read_study_file(study_text())
    ask = {"author": "wu", "organisation": "programme", "draw": draw}
    bands = {here.store.run(plan_study, file, **ask, at=NOW).outlook.cohort for _ in range(3)}
    assert len(drawn) == 1
    assert bands == {(100, 200)}
    here.store.run(plan_study, file, **ask, at=NOW + DAY)
    assert len(drawn) == 2


def test_a_band_never_tells_less_than_the_minimum():
    assert band_of(49, minimum=50) is None
    assert band_of(50, minimum=50) == (50, 100)
    assert band_of(199, minimum=150) == (150, 200)
    assert band_of(250, minimum=50) == (200, 300)


def test_the_planner_counts_the_runs_that_the_ledger_admits(here):
    planned = here.plan(study_text(epsilon=1.0))
    (account,) = planned.outlook.accounts
    admitted = 0
    while account.fits and admitted <= (account.runs_left or 0):
        try:
            charge = Charge(f"c{admitted}", PROGRAMME, f"r{admitted}", price(planned.plan), (), NOW)
            here.store.run(ledger.charge, charge)
        except OverBudgetError:
            break
        admitted += 1
    assert admitted == account.runs_left
    (after,) = here.plan(study_text(epsilon=1.0)).outlook.accounts
    assert not after.fits
    assert (after.weeks, after.months) == (0, 0)


def test_spent_and_asked_are_shares_of_the_same_part_so_that_they_add_up():
    budget = Budget.create(epsilon=8.0, delta=1e-5, epsilon_pure=4.0, members=1000)
    noise = budget.limit.gaussian
    balance = Balance(budget, Cost(gaussian=noise // 2, pure=0))
    found = outlook_of("programme", balance, Cost(gaussian=noise // 10, pure=budget.limit.pure * 4 // 5))
    assert (round(float(found.spent), 3), round(float(found.asked), 3), found.runs_left) == (0.0, 0.8, 1)
    found = outlook_of("programme", balance, Cost(gaussian=noise // 4, pure=budget.limit.pure * 3 // 5))
    assert (round(float(found.spent), 3), round(float(found.asked), 3), float(found.share)) == (0.5, 0.25, 0.6)


def test_a_share_counts_what_may_not_be_spent_at_all_as_too_much():
    assert share_of(Cost(1, 0), Cost(0, 5)) > 1
    assert share_of(Cost(0, 0), Cost(0, 0)) == 0


def test_weights_are_shares_of_one_whole():
    assert sum(StudyPolicy().weights.values()) == 1
    assert set(StudyPolicy().weights) == set(PARTS)
    with pytest.raises(StudyError):
        StudyPolicy(weights=dict.fromkeys(PARTS, 0))
    with pytest.raises(StudyError):
        Quorum({"legal": 0})
