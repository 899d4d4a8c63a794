"""Law: a study file asks for one noise shared under a secure sum: it costs no more, or it is refused."""

from datetime import UTC, datetime

import pytest

from consent_center.studies.errors import StudyFileError
from consent_center.studies.schema import SiteSchema
from consent_center.studies.study_file import SecureSum, read_study_file
from consent_center.studies.study_plan import plan_of
from consent_center.workflows.try_study import try_plan
from federated.plan import Feature, Plan
from federated.price import price
from tests.consent_center.studies.studying import study_text

SCHEMA = SiteSchema(
    "sales", (Feature("basket", "continuous", 0, 50), Feature("spend", "continuous", 0, 500)), ("left",)
)
SITES = ("sales", "service", "grocer", "airline")


def planned(more: str, *, sites: int = 4) -> Plan:
    text = study_text(sites=", ".join(SITES[:sites])) + more
    return plan_of(read_study_file(text), SCHEMA, members=1000, delta=1e-5)


def test_it_is_the_same_plan_with_shared_noise_at_no_higher_price() -> None:
    local, shared = planned(""), planned("secure_sum: {dropouts: 1}\n")
    assert (local.noise_mode, shared.noise_mode, shared.colluders, shared.dropouts) == ("local", "secure-sum", 1, 1)
    assert price(shared).fits(price(local))


def test_it_runs_on_mock_rows() -> None:
    tried = try_plan(planned("secure_sum: {dropouts: 0}\n", sites=3), clock=lambda: datetime(2026, 11, 21, tzinfo=UTC))
    assert tried.outcome == "completed"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("{dropouts: 2}", "4 sites cannot lose 2"),
        ("{dropouts: 0, colluders: 0}", "colluders is a whole number"),
        ("{dropouts: -1}", "dropouts is a whole number"),
        ("{dropout: 1}", "did you mean dropouts?"),
        ("yes", "how many sites may leave"),
    ],
)
def test_what_cannot_be_summed_is_refused(asked: str, said: str) -> None:
    with pytest.raises(StudyFileError, match=said.replace("?", r"\?")):
        planned(f"secure_sum: {asked}\n")


def test_two_sites_would_see_each_others_vector() -> None:
    with pytest.raises(StudyFileError, match="two would see"):
        planned("secure_sum: {dropouts: 0}\n", sites=2)
    assert read_study_file(study_text()).secure_sum is None
    assert read_study_file(study_text() + "secure_sum: {dropouts: 0}\n").secure_sum == SecureSum(0)
