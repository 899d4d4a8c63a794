"""One member, several holders: from separate yeses to a judged model with an exchange inside; both uses are told.

Few members, to keep the suite quick: the release check then cannot tell, and the named way round it is taken.
"""

import json
from typing import Any

import pytest
from sqlmodel import select

from consent_center.demo import departments, departments_story
from consent_center.demo.show import Show
from consent_center.demo.world import Options, World
from consent_center.storage import definitions, links, runs
from consent_center.storage.members import MemberRow
from consent_center.storage.transaction import Transaction
from consent_center.workflows._exchanged import exchanges_of
from tests.privacy.seeded_noise import SeededNoise


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The report, and what the hub keeps of the run and of one member, read before the story's folder is closed."""
    out, seen = tmp_path_factory.mktemp("departments") / "out", {}
    released = departments_story.check_release

    def look(told: Any, show: Show, *, number: int) -> None:
        released(told, show, number=number)
        seen["exchanges"], seen["rounds"] = told.stage.store.read(_kept, told.run.run)
        seen["plan"] = told.admission.plan

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(departments, "SUBSCRIBERS", 400)
        patch.setattr(departments_story, "MINIMUM_COHORT", 80)
        patch.setattr(departments_story, "check_release", look)
        options = Options(data="departments", rounds=2, out=out)
        departments_story.run_departments(options, Show(quiet=True), World(noise=lambda: SeededNoise(3)))
    return json.loads((out / "report.json").read_text(encoding="utf-8")), seen


def test_a_study_over_departments_and_a_partner_comes_to_its_verdict(told: Any) -> None:
    report, seen = told
    assert report["sites"] == ["sales", "service", "marketing", "bank"]
    assert report["release"]["verdict"] in ("PASS", "INSUFFICIENT", "INCONCLUSIVE", "FAIL")
    assert report["log"]["verified"]
    assert report["log"]["tamper_detected"]
    assert [kind for _, kind, _ in seen["rounds"]] == ["exchange", *["train"] * 2, "evaluate", "audit"]


def test_fewer_are_linked_with_the_partner_because_some_said_no_to_it(told: Any) -> None:
    linked = told[0]["linked"]
    assert linked["service"] == linked["marketing"] > linked["bank"] > 150
    assert linked["sales"] >= linked["service"]


def test_the_member_is_told_of_each_exchange_with_what_crossed(told: Any) -> None:
    exchanges = told[1]["exchanges"]
    assert {one.pairing.helper for one in exchanges} == {"service", "marketing", "bank"}
    assert {(one.numbers.epsilon_label, one.numbers.epsilon_bin) for one in exchanges} == {(1.0, 2.0)}
    assert all(len(one.under) == 2 and one.left_at is None for one in exchanges)


def _kept(tx: Transaction, run: str) -> tuple[Any, Any]:
    known = definitions.catalogue(tx)
    for number in tx.session.exec(select(MemberRow.no)):
        if len(links.of_member(tx, number)) == 3:
            return exchanges_of(tx, known, number), runs.rounds(tx, run)
    raise AssertionError("nobody was linked with all three")
