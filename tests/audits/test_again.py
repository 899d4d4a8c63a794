"""Law: what is due is audited again by its approved plan when the timer's command runs; a model that does not pass is
suspended, and real scoring at a site stops: the one that has begun at its next statement, every later one at once."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from consent_center.cli.main import run as accord
from consent_center.demo import synthetic
from consent_center.demo.asking import AUTHOR, approve, file_and_assess, let_through, plan_of, register
from consent_center.demo.programme import CHURN, COUNTRY, DEMOGRAPHICS, FAIRNESS, PURCHASES
from consent_center.demo.stage import Stage, ask, consent_centre, enrol
from consent_center.demo.world import Options, World
from consent_center.gate import StoreGate
from consent_center.storage import releases, studies
from consent_center.studies.study import Study
from consent_center.workflows.assess_study import assess_study
from consent_center.workflows.audit_again import audits_again
from consent_center.workflows.release_model import release_model
from consent_center.workflows.show_audits import audit_cases
from federated.errors import Refusal, RefusedError
from federated.flower.embedded import run_embedded
from federated.models.score_plan import score_plan
from federated.plan import Plan, digest
from federated.site.scoring import Desk, open_desk, score_members


@dataclass
class InUse:
    """A model that was trained, judged, let through under a signature, and is scored with."""

    stage: Stage
    package: bytes
    gate: StoreGate
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1000)))

    @property
    def state(self) -> str:
        return self.stage.store.read(releases.latest, digest(self.package)).state

    def filed(self, plan: Plan) -> Study:
        study, _ = file_and_assess(self.stage, plan)
        assert approve(self.stage, study).approved
        return study

    def desk(self) -> Desk:
        site = self.stage.federation.sites[0].site
        return open_desk(
            self.stage.sites[site], clock=self.stage.world.clock, draw_nonce=lambda: f"nonce-{next(self.numbers)}"
        )

    def score(self, study: str, **more: object) -> object:
        return score_members(self.desk(), self.gate, self.package, study=study, **more)


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InUse]:
    folder, federation = tmp_path_factory.mktemp("again"), synthetic.load(sites=3, seed=7, members=1_500)
    names = iter(f"run-{number:016x}" for number in range(100))
    patch = pytest.MonkeyPatch()
    patch.setattr("consent_center.demo.stage.EPSILON_PURE", 8.0)  # the demo's account is for one run
    with consent_centre(Options(data="synthetic", sites=3, rounds=3), World(), folder, federation) as stage:
        enrol(stage, tick=lambda _: None)
        ask(stage, tick=lambda _: None)
        register(stage)
        gate = StoreGate(stage.store, signer=stage.signer, clock=stage.world.clock, new_run=lambda: next(names))
        plan = plan_of(stage, "churn-1", sites=[one.site for one in federation.sites], minimum_cohort=100)
        in_use = InUse(stage, b"", gate)
        trained = run_embedded(gate, in_use.filed(plan).id, {name: one.answer for name, one in stage.agents.items()})
        assert trained.outcome == "completed"
        for agent in stage.agents.values():
            agent.close()
        in_use.package = trained.model
        stage.store.run(release_model, trained.run, at=stage.world.clock())
        let_through(stage, digest(trained.model))
        patch.undo()
        yield in_use


def settings(stage: Stage, patch: pytest.MonkeyPatch) -> None:
    hub = stage.folder / "hub"
    for name, value in {
        "ENV": "dev",
        "DATABASE": f"sqlite:///{hub / 'accord.db'}",
        "ROOT_KEY": hub / "root.key",
        "SIGNING_KEY": hub / "signing.key",
    }.items():
        patch.setenv(f"ACCORD_{name}", str(value))


def again(used: InUse, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    sites = [str(part) for site in used.stage.sites.values() for part in ("--site", site.path)]
    code = accord(["audit", "again", *sites])
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def plan_again(used: InUse, path: Path) -> Study:
    """The audit of this model, asked for on the command line, assessed and approved."""
    stage, at = used.stage, used.stage.world.clock()
    asked = {
        "study": "again-1",
        "title": "The model in use, audited again",
        "reason": "What passed once need not pass on the members of today.",
        "benefits": "A model that has become unfair to a group is stopped.",
        "accountable": "Head of care",
        "retention_days": 365,
        "closes": (at + timedelta(days=90)).date(),
        "country": COUNTRY,
        "sites": [one.site for one in stage.federation.sites],
        "purpose": FAIRNESS,
        "scopes": {DEMOGRAPHICS: "Gaps between groups cannot be seen else."},
        "attributes": {"age_band": ["18-34", "35-54", "55+"]},
        "model": digest(used.package),
        "epsilon": 0.2,
        "minimum_cohort": 50,
    }
    path.write_text(yaml.safe_dump(asked))
    assert accord(["audit", "plan", str(path), "--author", AUTHOR]) == 0
    answers = {"Why?": "Nothing less shows whether groups are treated alike."}
    stage.store.run(assess_study, "again-1", assessor="po", answers=answers, at=at)
    study = stage.store.read(studies.get, "again-1")
    assert approve(stage, study).approved
    return study


def test_what_is_due_is_audited_again_and_what_does_not_pass_is_scored_with_no_more(
    used: InUse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = used.stage
    settings(stage, monkeypatch)
    site = stage.federation.sites[0].site
    assert used.state == "overridden"
    scoring = used.filed(
        score_plan(study="score-1", country=COUNTRY, site=site, purpose=CHURN, scopes=(PURCHASES,),
                   package=used.package, minimum_cohort=50)
    )  # fmt: skip
    assert used.score(scoring.id).members >= 50

    # The override ends in a week: the audit is due within the notice, and nobody has planned one.
    code, told = again(used, capsys)
    assert (code, used.state) == (1, "overridden")
    assert "no approved audit of it is open" in told

    planned = plan_again(used, tmp_path / "again.yaml")
    assert [one.study for one in stage.store.read(audits_again, at=stage.world.clock())] == [planned.id]

    # Between two blocks of a scoring that has begun, the timer's command runs.
    def suspended(_done: int, _all: int) -> None:
        if used.state == "overridden":
            code, told = again(used, capsys)
            assert code == 1, told
            assert re.search(r"again-1 runs\.", told)
            assert "the model is suspended" in told

    monkeypatch.setattr("federated.site.scoring.BLOCK", 20)
    monkeypatch.setattr("federated.site.scoring.FRESH_ENOUGH", timedelta(seconds=-1))
    with pytest.raises(RefusedError) as stopped:
        used.score(scoring.id, progress=suspended)
    assert stopped.value.code is Refusal.MODEL_NOT_RELEASED
    assert used.state == "suspended"
    with pytest.raises(RefusedError) as refused:
        used.score(scoring.id)
    assert refused.value.code is Refusal.MODEL_NOT_RELEASED
    assert again(used, capsys)[0] == 0  # nothing is in use any more
    failed = [one for one in stage.store.read(audit_cases) if one.kind == "audit-failed"]
    assert all(one.owner and one.due_at > one.opened_at for one in failed)
    assert planned.id in {one.about for one in failed}
