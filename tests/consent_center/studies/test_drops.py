"""Law: a plan without a scope is judged on the rows of the whole plan, so dropping what carries something costs
something, and dropping what carries nothing is told as that."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from consent_center.studies.errors import StudyError
from consent_center.studies.schema import shared
from consent_center.studies.study_file import read_study_file
from consent_center.workflows import try_drops
from consent_center.workflows.try_drops import lost_without
from consent_center.workflows.try_study import Tried
from tests.consent_center.studies.studying import SCHEMAS, study_text

SCHEMA = shared({one.site: one for one in SCHEMAS}, ("sales",))
COVERS = {"purchases": {"basket", "spend"}, "browsing": {"pages"}, "location": {"home"}}
FILE = replace(
    read_study_file(study_text("drops")),
    features=("basket", "pages"),
    scopes={"purchases": "why", "browsing": "why", "location": "why"},
)


def tried(file=FILE, **more):
    return try_drops.try_drops(file, SCHEMA, covers=COVERS, clock=lambda: datetime(2026, 11, 22, tzinfo=UTC), **more)


def test_a_column_is_lost_only_with_the_last_scope_that_covers_it() -> None:
    covers = {"a": {"x", "y"}, "b": {"y"}, "c": {"z"}}
    assert lost_without("a", ("x", "y"), covers) == ("x",)
    assert lost_without("b", ("x", "y"), covers) == ()


def test_dropping_what_carries_half_of_the_label_costs_accuracy() -> None:
    """In earnest: two columns weigh the same, so without one of them much is lost, and a coin toss is .5."""
    found = tried(replace(FILE, scopes={"purchases": "why"}), only="purchases")
    (one,) = found.dropped
    assert one.columns == ("basket",)
    assert found.auc > 0.7
    assert 0.52 < one.auc < found.auc - 0.05


def test_each_scope_is_left_out_in_turn_on_the_rows_of_the_whole_plan(monkeypatch) -> None:
    runs = []

    def trial(plan, *, members_per_site, clock, world):
        runs.append((tuple(one.name for one in plan.features), world.features))
        return Tried("completed", 1, 0.0, members_per_site, 0.6)

    monkeypatch.setattr(try_drops, "try_plan", trial)
    found = tried()
    assert [(one.scope, one.columns, one.auc) for one in found.dropped] == [
        ("browsing", ("pages",), 0.6),
        ("location", (), None),
        ("purchases", ("basket",), 0.6),
    ]
    assert [features for features, _ in runs] == [("basket",), ("pages",), ("basket", "pages")]
    assert len({world for _, world in runs}) == 1
    alone = tried(replace(FILE, features=("basket",)), only="purchases").dropped[0]
    assert (alone.columns, alone.auc) == (("basket",), 0.5)


def test_a_scope_that_the_model_does_not_ask_for_and_a_plan_without_accuracy_are_refused(monkeypatch) -> None:
    with pytest.raises(StudyError, match="browsing, location, purchases"):
        tried(only="phone")
    monkeypatch.setattr(try_drops, "try_plan", lambda *_, **__: Tried("completed", 1, 0.0, 200, None))
    with pytest.raises(StudyError, match="nothing to compare"):
        tried()
