"""Law: somebody else's decisions pass the same plan, approvals, consent, noise, charge, judge and report as a model of
ours, on the command line; decisions that copy age are blocked, a file that reviewers did not sign is not counted."""

import csv
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
import yaml

from consent_center.cli.main import run as accord
from consent_center.demo import synthetic
from consent_center.demo.asking import AUTHOR, approve, register
from consent_center.demo.programme import COUNTRY, DEMOGRAPHICS, FAIRNESS
from consent_center.demo.stage import Stage, ask, consent_centre, enrol
from consent_center.demo.world import Options, World
from consent_center.storage import ledger, studies
from consent_center.workflows.assess_study import assess_study
from federated.site.agent import SiteAgent
from federated.site.folder import SiteFolder, open_site
from privacy.ledger import PROGRAMME
from tests.federated.summing import Unreliable

NAME = "vendor_2026"
ASKED = "content_2026"


@dataclass
class Desk:
    """A hub and three sites in folders, and the command line."""

    stage: Stage
    folder: Path
    said: Callable[[], str]

    def accord(self, *arguments: object, code: int | None = 0) -> str:
        found = accord([str(one) for one in arguments])
        assert code in (None, found), self.said()
        return self.said()

    @property
    def sites(self) -> list[str]:
        return [site.site for site in self.stage.federation.sites]

    def at_sites(self, *, decisions: str = "") -> list[object]:
        options: list[object] = []
        for name in self.sites:
            options += ["--site", self.stage.sites[name].path]
        for name in self.sites if decisions else []:
            options += ["--decisions", self.folder / f"{decisions}-{name}.csv"]
        return options

    def decide(self, which: str, rule: str) -> dict[str, str]:
        """A vendor's file for each site, taken in; site -> digest."""
        digests = {}
        for name in self.sites:
            with duckdb.connect(str(self.stage.sites[name].data), read_only=True) as database:
                rows = database.execute(f"SELECT pseudonym, ({rule})::INT, label FROM members").fetchall()
            path = self.folder / f"{which}-{name}.csv"
            with path.open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerows([("member", "decision", "outcome"), *rows])
            told = self.accord("audit", "take", self.stage.sites[name].path, path, "--name", NAME)
            digests[name] = re.search(r"sha256 ([0-9a-f]{64})", told)[1]
        return digests

    def answers(self, rule: str) -> dict[str, str]:
        """A file of answers from 1 to 5 for each site, one in five silent, taken in; site -> digest."""
        digests = {}
        for name in self.sites:
            with duckdb.connect(str(self.stage.sites[name].data), read_only=True) as database:
                said = f"CASE WHEN hash(pseudonym) % 5 > 0 THEN ({rule})::VARCHAR ELSE '' END"
                rows = database.execute(f"SELECT pseudonym, {said} FROM members").fetchall()
            path = self.folder / f"answers-{name}.csv"
            with path.open("w", newline="") as file:
                csv.writer(file).writerows([("member", "value"), *rows])
            told = self.accord(
                "audit", "take", self.stage.sites[name].path, path, "--name", ASKED, "--ends", "0.5", "5.5"
            )
            digests[name] = re.search(r"sha256 ([0-9a-f]{64})", told)[1]
        return digests

    def plan(self, study: str, digests: dict[str, str], *, epsilon: float = 0.3, **measure: object) -> Path:
        path = self.folder / f"{study}.yaml"
        asked = {
            "study": study,
            "title": "A vendor's rule for offers",
            "reason": "The rule decides who gets offers; nobody has looked at it.",
            "benefits": "Members who are passed over are found.",
            "accountable": "Head of marketing",
            "retention_days": 365,
            "closes": (self.stage.world.clock().date().replace(day=1)).replace(year=2027),
            "country": COUNTRY,
            "sites": self.sites,
            "purpose": FAIRNESS,
            "scopes": {DEMOGRAPHICS: "Gaps between groups cannot be seen else."},
            "attributes": {"age_band": ["18-34", "35-54", "55+"]},
            "epsilon": epsilon,
        }
        said = {"name": NAME, "maker": "A vendor", "version": "2026.10", "files": digests}
        asked["measure" if measure else "decisions"] = said | measure
        path.write_text(yaml.safe_dump(asked))
        self.accord("audit", "plan", path, "--author", AUTHOR)
        return path.with_suffix(".declaration.json")

    def approve(self, study: str) -> None:
        found = self.stage.store.read(studies.get, study)
        answers = {"Why?": "Nothing less shows whether groups are treated alike."}
        at = self.stage.world.clock()
        self.stage.store.run(assess_study, study, assessor="po", answers=answers, at=at)
        assert approve(self.stage, found).approved


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("vendor")
    federation = synthetic.load(sites=3, seed=7, members=3_000)
    with consent_centre(Options(data="synthetic", sites=3), World(), folder, federation) as opened:
        enrol(opened, tick=lambda _: None)
        ask(opened, tick=lambda _: None)
        register(opened)
        for agent in opened.agents.values():
            agent.close()
        for site in opened.sites.values():
            text = site.policy.read_text()
            mine = f'columns = ["{NAME}", "{NAME}_outcome", "{ASKED}", "{ASKED}_given", '
            site.policy.write_text(text.replace("columns = [", mine, 1))
        yield opened


@pytest.fixture
def desk(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    hub = stage.folder / "hub"
    for name, value in {
        "ENV": "dev",
        "DATABASE": f"sqlite:///{hub / 'accord.db'}",
        "ROOT_KEY": hub / "root.key",
        "SIGNING_KEY": hub / "signing.key",
    }.items():
        monkeypatch.setenv(f"ACCORD_{name}", str(value))

    def said() -> str:
        captured = capsys.readouterr()
        return captured.out + captured.err

    return Desk(stage, tmp_path, said)


def test_decisions_that_copy_age_are_blocked_and_others_are_not(desk: Desk) -> None:
    before = desk.stage.store.read(ledger.balance, PROGRAMME).spent
    digests = desk.decide("unfair", "hash(pseudonym) % 10 < CASE WHEN age_band = '55+' THEN 6 ELSE 1 END")
    declaration = desk.plan("vendor-unfair", digests, epsilon=1.0)
    desk.accord(
        "audit", "run", "vendor-unfair", *desk.at_sites(), "--declaration", declaration, code=2
    )  # nobody has approved it
    desk.approve("vendor-unfair")
    told = desk.accord(
        "audit", "run", "vendor-unfair", *desk.at_sites(decisions="unfair"), "--declaration", declaration, code=1
    )
    assert "FAIL: A vendor's rule for offers (vendor-unfair); the model is withheld." in told, told
    assert "age_band, 18-34 compared with 55+" in told
    spent = desk.stage.store.read(ledger.balance, PROGRAMME).spent
    assert (spent.pure - before.pure, spent.gaussian - before.gaussian) == (1_000_000_000_000, 0)

    listed = desk.accord("audit", "list")
    run = re.search(r"(run-[0-9a-f]{16})", listed)[1]
    shown = desk.accord("audit", "show", run, "--language", "zh-Hant", code=1)
    assert "與55+相比" in shown
    assert "模型不予放行" in shown
    assert "agreed" not in shown
    out = desk.folder / "report"
    desk.accord("audit", "export", run, out, "--no-pdf")
    assert sorted(one.name.removeprefix(run) for one in out.iterdir()) == sorted(
        [".json", ".cdx.json", ".huggingface.json"] + [f".{language}.html" for language in ("en", "zh-Hans", "zh-Hant")]
    )
    assert json.loads((out / f"{run}.json").read_text())["verdict"] == "FAIL"
    assert "Models in use: 0" in desk.accord("audit", "due")

    desk.decide("other", "hash(pseudonym) % 10 < 6")
    changed = desk.accord(
        "audit", "run", "vendor-unfair", *desk.at_sites(decisions="other"), "--declaration", declaration, code=2
    )
    assert "not the decisions that reviewers signed" in changed


def test_a_site_that_leaves_in_the_middle_leaves_nothing_to_judge_and_a_new_run_is_judged(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    declaration = desk.plan("vendor-left", desk.decide("even", "hash(pseudonym) % 10 < 3"), epsilon=0.1)
    desk.approve("vendor-left")
    spent = desk.stage.store.read(ledger.balance, PROGRAMME).spent.pure

    other = desk.folder / "other.declaration.json"
    other.write_text(declaration.read_text().replace("2026.10", "2026.11"))
    for wrong, said in (
        ((*desk.at_sites(), "--declaration", other), "audits something else than this declaration"),
        ((*desk.at_sites()[:2], "--declaration", declaration), "name each with --site"),
    ):
        assert said in desk.accord("audit", "run", "vendor-left", *wrong, code=2)
    assert desk.stage.store.read(ledger.balance, PROGRAMME).spent.pure == spent

    def opened(folder: SiteFolder, **more: object) -> SiteAgent:
        agent = open_site(folder, **more)
        if agent.policy.name == desk.sites[0]:
            agent.answer = Unreliable(agent.answer, lambda kind, _: kind == "round")
        return agent

    with monkeypatch.context() as patch:
        patch.setattr("consent_center.cli.audit_run.open_site", opened)
        told = desk.accord("audit", "run", "vendor-left", *desk.at_sites(), "--declaration", declaration, code=1)
    assert "nothing was judged" in told
    assert desk.sites[0] in told
    run = re.search(r"(run-[0-9a-f]{16})", told)[1]
    assert "not completed" in desk.accord("audit", "judge", run, code=2)
    assert run not in desk.accord("audit", "list")
    assert desk.stage.store.read(ledger.balance, PROGRAMME).spent.pure > spent
    again = desk.accord("audit", "run", "vendor-left", *desk.at_sites(), "--declaration", declaration, code=None)
    assert "vendor-left" in again
    assert re.search(r"PASS|FAIL|INCONCLUSIVE|INSUFFICIENT", again)


def test_members_own_answers_are_compared_by_group_and_nothing_is_released(desk: Desk) -> None:
    digests = desk.answers("CASE WHEN age_band = '55+' THEN 1 + hash(pseudonym) % 3 ELSE 3 + hash(pseudonym) % 3 END")
    scale = {"kind": "answers", "low": 0.5, "high": 5.5, "bins": 5, "materiality": 0.5}
    declaration = desk.plan("how-content", digests, epsilon=0.75, name=ASKED, **scale)
    desk.approve("how-content")
    told = desk.accord("audit", "run", "how-content", *desk.at_sites(), "--declaration", declaration, code=1)
    assert "FAIL" in told
    assert "age_band, 55+ compared with" in told, told
    assert "difference in means" in told
    run = re.search(r"(run-[0-9a-f]{16})", desk.accord("audit", "list"))[1]
    out = desk.folder / "report"
    desk.accord("audit", "export", run, out, "--no-pdf")
    report = json.loads((out / f"{run}.json").read_text())
    means = {one["group"]: one for one in report["means"]}
    assert float(means["55+"]["mean"]) + 1 < float(means["18-34"]["mean"])
    assert 70 <= means["55+"]["response"] <= 90
    assert report["state"] == "noted"
    assert "Satisfaction" in (out / f"{run}.en.html").read_text()
    assert "Models in use: 0" in desk.accord("audit", "due")


def test_bad_files_and_declarations_are_one_line(desk: Desk) -> None:
    site = desk.stage.sites[desk.sites[0]].path
    bad = desk.folder / "bad.csv"
    bad.write_text("member,decision\nab,3\n")
    assert "line 2" in desk.accord("audit", "take", site, bad, "--name", NAME, code=2)
    assert "own rows" in desk.accord("audit", "take", site, _good(desk.folder), "--name", "label", code=2)
    assert "cannot read" in desk.accord("audit", "take", site, desk.folder / "none.csv", "--name", NAME, code=2)
    (desk.folder / "a.yaml").write_text("study: x\nwhatever: 1\n")
    told = desk.accord("audit", "plan", desk.folder / "a.yaml", "--author", AUTHOR, code=2)
    assert "unknown key whatever" in told
    assert "unknown run" in desk.accord("audit", "show", "run-1", code=2)
    assert "Traceback" not in told


def _good(folder: Path) -> Path:
    path = folder / "good.csv"
    path.write_text("member,decision\nab,1\n")
    return path
