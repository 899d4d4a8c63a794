"""Law: a study that asks another site for help is judged like any other: its page says what crosses and at which price,
and a yes is to the helper's scopes, too."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from consent_center.consent.purpose import Purpose
from consent_center.consent.scope import Item
from consent_center.console import studies
from consent_center.workflows.define import define
from consent_center.workflows.govern import register_schema
from consent_center.workflows.publish_notice import publish_notice
from tests.consent_center.studies.studying import EXCHANGE, HELPER, study_text
from tests.consent_center.world import DAY, NOW, notice
from tests.console.office import Office, open_office


def file_with_help(office: Office, name: str) -> None:
    """File a study at sales that service helps, under a linkage that members are asked about at both."""
    store = office.programme.store
    linkage = Purpose("link-service", ("purchases", "browsing"), trains_models=True, between=("sales", "service"))
    ends = Item("purchases", "link-service", "sales", "TW"), Item("browsing", "link-service", "service", "TW")
    store.run(define, (linkage,), at=NOW - DAY)
    store.run(publish_notice, replace(notice(items=ends), code="link-service"), at=NOW - DAY)
    store.run(register_schema, HELPER, by="chen", at=NOW - DAY)
    office.programme.file(study_text(name, epsilon=0.5) + EXCHANGE)
    office.programme.assess(name)


@pytest.fixture(scope="module")
def helped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """An office with a study that asks for help."""
    with open_office(tmp_path_factory.mktemp("helped")) as opened:
        file_with_help(opened, "churn-helped")
        yield opened


@pytest.mark.parametrize("language", ["en", "zh-Hant", "zh-Hans"])
def test_a_studys_page_names_the_helper_what_crosses_and_what_it_costs(helped: Office, language: str) -> None:
    """ε of the label and of the answer, and what both and the edges of the groups come to: 1 + 2 + .25."""
    study = helped.seat("huang", language=language).get("/console/studies/churn-helped").text
    asked = helped.seat("wu", language=language)
    planned = asked.post("/console/studies/check", text=study_text("churn-again", epsilon=0.5) + EXCHANGE)
    assert planned.status_code == 200
    for page in (study, planned.text):
        said = re.sub(r"\s+|&nbsp;", "", page)
        assert all(one in said for one in ("link-service", "2026-q4", "ε1", "ε2", "ε3.25"))


def test_a_yes_that_leaves_out_the_helpers_scope_is_none(helped: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(studies, "key_of", lambda tx, *, reviewer: (None, b"her passkey"))
    seat, path = helped.seat("huang"), "/console/studies/churn-helped/answer"
    partly = {"step": "options", "say": "yes", "reason": "read and judged", "role": "legal", "scope-purchases": "yes"}
    refused = seat.post(path, **partly)
    assert refused.status_code == 409
    assert "tick each scope that you approve" in refused.text
    assert seat.post(path, **partly, **{"scope-browsing": "yes"}).status_code == 200
