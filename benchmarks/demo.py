"""The demo's training, five times over disjoint held-out fifths, against a central training without privacy.

Everything but the comparison is the product: consents entered through its workflows, a signed cohort per site, Flower,
local noise, the ledger. One enrolment per data set is copied five times, so that the same pseudonyms and the same run
identifier give five disjoint fifths; each copy has its own ledger of epsilon 4, of which 2 are for counts.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from time import monotonic

from consent_center.demo import load
from consent_center.demo.asking import STUDY, approve, file_and_assess, plan_of, register
from consent_center.demo.comparison import compare
from consent_center.demo.stage import Stage, ask, consent_centre, enrol
from consent_center.demo.telling import MINIMUM_COHORT
from consent_center.demo.world import Options, World
from consent_center.gate import StoreGate
from consent_center.storage import ledger, runs
from consent_center.storage.transaction import Store
from federated.flower.embedded import run_embedded
from federated.price import ledger_releases
from federated.site.folder import SiteFolder, open_site
from privacy.accounting import epsilon_of_cost
from privacy.keys import read_root_key
from privacy.ledger import PROGRAMME, cost_by_part

RUN = "run-benchmark"
FOLDS = tuple((start, start + 20) for start in range(0, 100, 20))
T_95_4_DEGREES = 2.776
"""Student's t, 97.5 % quantile, 4 degrees of freedom."""


def run() -> dict[str, dict[str, object]]:
    """Both data sets, five folds each."""
    figures: dict[str, object] = {}
    for data in ("journey", "telco"):
        figures |= {f"{data}_{name}": value for name, value in _data_set(data).items()}
    goals: dict[str, object] = {
        "journey_auc": [">=", 0.70],
        "telco_auc": [">=", 0.83],
        "journey_of_central": [">=", 0.96],
        "telco_of_central": [">=", 0.96],
        "journey_epsilon_member": ["<=", 2.0],
        "telco_epsilon_member": ["<=", 2.0],
        "journey_epsilon_ledger": ["<=", 4.0],
        "telco_epsilon_ledger": ["<=", 4.0],
    }
    return {"figures": figures, "goals": goals}


def _data_set(data: str) -> dict[str, float]:
    began = monotonic()
    world = World(new_run=lambda: RUN)
    options = Options(data=data, seed=7)
    federation = load.load(data, sites=options.sites, seed=options.seed)
    exact, central, charged, lows, highs = [], [], [], [], []
    epsilons: tuple[float, float] = (0.0, 0.0)
    with tempfile.TemporaryDirectory() as temporary:
        enrolled = Path(temporary) / "enrolled"
        enrolled.mkdir()
        with consent_centre(options, world, enrolled, federation) as stage:
            enrol(stage, tick=lambda _: None)
            ask(stage, tick=lambda _: None)
            register(stage)
            for agent in stage.agents.values():
                agent.close()
        for number, fold in enumerate(FOLDS):
            with _copy(stage, enrolled, Path(temporary) / f"fold-{number}") as copied:
                found = _fold(copied, fold)
            exact.append(found["exact"])
            central.append(found["central"])
            charged.append(found["auc"])
            lows.append(found["low"])
            highs.append(found["high"])
            epsilons = (found["epsilon_member"], found["epsilon_ledger"])
            print(
                f"{data} fold {number + 1}: exact {found['exact']:.4f} (non-private), central {found['central']:.4f} "
                f"(non-private), charged estimate {found['auc']:.3f} [{found['low']:.3f}, {found['high']:.3f}]",
                flush=True,
            )
    half = T_95_4_DEGREES * stdev(exact) / len(exact) ** 0.5
    return {
        "auc": mean(exact),
        "auc_low": mean(exact) - half,
        "auc_high": mean(exact) + half,
        "central": mean(central),
        "of_central": mean(exact) / mean(central),
        "charged_auc": mean(charged),
        "charged_low": mean(lows),
        "charged_high": mean(highs),
        "epsilon_member": epsilons[0],
        "epsilon_ledger": epsilons[1],
        "seconds": round(monotonic() - began, 1),
    }


@contextmanager
def _copy(stage: Stage, enrolled: Path, folder: Path) -> Iterator[Stage]:
    shutil.copytree(enrolled, folder)
    sites = {name: SiteFolder(folder / "sites" / name) for name in stage.sites}
    keys = read_root_key(folder / "hub" / "root.key")
    with Store.open(f"sqlite:///{folder / 'hub' / 'accord.db'}", keys=keys) as store:
        agents = {name: open_site(site, clock=stage.world.clock) for name, site in sites.items()}
        reviewers = {role: folder / "reviewers" / path.name for role, path in stage.reviewers.items()}
        yield replace(stage, folder=folder, store=store, sites=sites, agents=agents, reviewers=reviewers)
        for agent in agents.values():
            agent.close()


def _fold(stage: Stage, held_out: tuple[int, int]) -> dict[str, float]:
    names = [site.site for site in stage.federation.sites]
    plan = plan_of(stage, STUDY, sites=names, minimum_cohort=MINIMUM_COHORT, held_out=held_out)
    study, _ = file_and_assess(stage, plan)
    approve(stage, study)
    gate = StoreGate(stage.store, signer=stage.signer, clock=stage.world.clock, new_run=stage.world.new_run)
    report = run_embedded(gate, STUDY, {name: agent.answer for name, agent in stage.agents.items()})
    if report.outcome != "completed":
        raise RuntimeError(f"the run ended with {report.outcome}")
    used = stage.store.read(runs.members, report.run)
    cohorts = {site: tuple(one.pseudonym for one in used if one.site == site) for site in names}
    compared = compare(plan, report.run, cohorts=cohorts, sites=stage.sites, model=report.model)
    balance = stage.store.read(ledger.balance, PROGRAMME)
    histogram = report.results["histogram"]
    return {
        "exact": compared.federated,
        "central": compared.central,
        "auc": histogram["auc"],
        "low": histogram["auc_interval"][0],
        "high": histogram["auc_interval"][1],
        "epsilon_member": max(
            epsilon_of_cost(cost, stage.budget.delta) for cost in cost_by_part(ledger_releases(plan)).values()
        ),
        "epsilon_ledger": epsilon_of_cost(balance.spent, stage.budget.delta),
    }
