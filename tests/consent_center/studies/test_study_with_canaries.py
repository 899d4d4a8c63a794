"""Law: a study file may ask for canaries; the approved plan says so, and costs the same."""

from dataclasses import replace

import pytest

from consent_center.studies.errors import StudyFileError
from consent_center.studies.study_file import read_study_file
from consent_center.studies.study_plan import plan_of
from federated.canaries import count_of
from federated.price import price
from tests.consent_center.studies.studying import SCHEMAS, study_text


def test_the_plan_says_how_many_canaries_each_site_adds() -> None:
    file = read_study_file(study_text() + "canaries: 500\n")
    schema = next(one for one in SCHEMAS if one.site == "sales")
    plans = [plan_of(each, schema, members=1000, delta=1e-5) for each in (file, replace(file, canaries=0))]
    assert [count_of(plan) for plan in plans] == [500, 0]
    assert price(plans[0]) == price(plans[1])
    assert "canaries" not in plans[1].settings


@pytest.mark.parametrize("asked", ["99", "10001", "many", "true"])
def test_a_number_of_canaries_that_shows_nothing_is_refused(asked: str) -> None:
    with pytest.raises(StudyFileError, match="canaries"):
        read_study_file(study_text() + f"canaries: {asked}\n")
