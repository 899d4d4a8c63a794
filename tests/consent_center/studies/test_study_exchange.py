"""Law: a study file that asks other sites for help becomes the plan that it says, or is told why not."""

from datetime import UTC, datetime

import pytest

from consent_center.studies.errors import StudyFileError
from consent_center.studies.study_exchange import exchange_lines
from consent_center.studies.study_file import read_study_file
from consent_center.studies.study_plan import plan_of
from consent_center.workflows.try_study import try_plan
from federated.plan import Plan, parse_plan, plan_bytes
from federated.price import price
from tests.consent_center.studies.studying import EXCHANGE, HELPER, SCHEMAS, study_text

FILE = study_text("churn-helped") + EXCHANGE


def plan(text: str = FILE) -> Plan:
    return plan_of(read_study_file(text), SCHEMAS[0], members=1000, delta=1e-5, helping={"service": HELPER})


def test_the_plan_names_the_helper_and_prices_every_crossing() -> None:
    made = plan()
    assert made.concerned == made.reached == ("sales", "service")
    assert made.scopes == {"purchases", "browsing"}
    assert ("sales", "link-service") in made.recipients
    # Of the part that is trained on: labels 1, answers 2, edges .25; the held-out part has answers and the histogram.
    assert price(made).pure == 3_250_000_000_000
    assert parse_plan(plan_bytes(made)) == made


def test_what_it_costs_is_told_in_lines() -> None:
    lines = exchange_lines(plan())
    assert "labels ε 1," in lines[0]
    assert "pure ε 2 of an answer and 0.25" in lines[1]


def test_it_runs_on_mock_rows() -> None:
    tried = try_plan(plan(), members_per_site=200, clock=lambda: datetime(2026, 11, 22, tzinfo=UTC))
    assert (tried.outcome, tried.rounds) == ("completed", 5)


@pytest.mark.parametrize(
    ("was", "is_", "told"),
    [
        ("features: [pages]", "features: [page]", "service has no feature page, did you mean pages?"),
        (
            "site: service",
            "site: servicee",
            "site servicee offers no schema yet, or is not known, did you mean service?",
        ),
        ("epsilon_bin: 2.0", "epsilon_bin: 0", "epsilon_bin is a number above 0, at most 100"),
        ("      epsilon: 0.5", "      epsilom: 0.5", "unknown key exchange.helpers 1.epsilom, did you mean epsilon?"),
        ("quarter: 2026-q4", "quarter: winter", "an epoch is a quarter, such as 2026-q4"),
        ("sites: [sales]", "sites: [sales, shop]", "an exchange has one site that holds the label"),
    ],
)
def test_what_is_wrong_is_told(was: str, is_: str, told: str) -> None:
    with pytest.raises(StudyFileError) as refused:
        plan(FILE.replace(was, is_))
    assert told in "; ".join(refused.value.problems)
