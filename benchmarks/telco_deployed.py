"""Telco, deployed and embedded, on the same cohorts and splits: does the network change the model?

Five runs over real site processes (`make up`: TLS, secure sums, PostgreSQL). After each, the same admission, with its
cohorts and its run's name that decides the split, runs embedded over copies of the sites' folders from before the first
run; noise is drawn afresh by both. The AUC is exact, on the held-out members, for comparison only: a benchmark may look
at all rows because it made them.
"""

import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np

from benchmarks._installation import STUDY, accord, installation, opened
from consent_center.demo.comparison import rows_of
from consent_center.demo.reference import auc
from consent_center.settings import clock
from consent_center.storage import runs, studies
from consent_center.storage.transaction import Transaction
from consent_center.topology.state import Installation
from consent_center.workflows._studying import known
from federated.flower.embedded import run_embedded
from federated.gate import (
    REMOVALS_KIND,
    Admission,
    Order,
    Removals,
    RoundReport,
    RunReport,
    read_permit,
    removals_bytes,
)
from federated.keyfile import read_key
from federated.models.package import parse_package
from federated.models.registry import scorer_of
from federated.signed import Signed, sign
from federated.site.folder import SiteFolder, open_site

RUNS = 5
WITHIN = 0.01


@dataclass
class Again:
    """A gate that gives an admission again, and signs that nobody was removed; it records nothing."""

    admission: Admission
    made: Installation

    def admit_run(self, study: str) -> Admission:
        """The same cohorts, permit and name."""
        assert study == self.admission.plan.study
        return self.admission

    def admit_round(self, run: str, number: int, nonces: Mapping[str, str]) -> Mapping[str, Signed]:
        """Nobody withdraws in a benchmark of accuracy."""
        key, epoch = read_key(Path(self.made.place.secret("signing.key"))), self.admission.permit.epoch
        return {
            site: sign(
                key,
                kind=REMOVALS_KIND,
                payload=removals_bytes(
                    Removals(run=run, site=site, round=number, nonce=nonce, epoch=epoch, issued_at=clock(), removed=())
                ),
            )
            for site, nonce in nonces.items()
        }

    def settle_round(self, report: RoundReport) -> None:
        """Nothing is kept."""

    def settle_run(self, report: RunReport) -> None:
        """Nothing is kept."""


def run() -> dict[str, Any]:
    """Measure, and return figures and goals."""
    deployed, embedded = [], []
    with installation("benchmark-telco", data="telco", runs=RUNS, ports_from=19600) as made:
        copies = made.folder / "copies"
        for site in made.sites:
            shutil.copytree(made.folder / "sites" / site, copies / site, ignore=shutil.ignore_patterns("*.db-*"))
        for number in range(1, RUNS + 1):
            said = accord(
                "run", "start", STUDY, "--watch", "--as", str(made.folder / "operator.toml"), fine=(0, 1), quiet=True
            )
            name = re.findall(r"(run-[0-9a-f]{16}): completed", said)[0]
            admission, model = _taken(made, name)
            deployed.append(_held_out(made, admission, model))
            embedded.append(_held_out(made, admission, _embedded(made, admission, copies)))
            print(
                f"run {number}, {admission.plan.noise_mode}: held-out AUC {deployed[-1]:.4f} deployed, "
                f"{embedded[-1]:.4f} embedded",
                file=sys.stderr,
            )
    figures = {
        "runs": RUNS,
        "auc_deployed": round(mean(deployed), 4),
        "auc_embedded": round(mean(embedded), 4),
        "sd_deployed": round(stdev(deployed), 4),
        "sd_embedded": round(stdev(embedded), 4),
        "means_differ_by": round(abs(mean(deployed) - mean(embedded)), 4),
    }
    return {"figures": figures, "goals": {"means_differ_by": ["<=", WITHIN]}}


def _taken(made: Installation, name: str) -> tuple[Admission, bytes]:
    """The admission of a run as it was, and the model that it made."""

    def read(tx: Transaction) -> tuple[Admission, bytes]:
        study, admitted, outcome = studies.get(tx, STUDY), runs.get(tx, name), runs.outcome(tx, name)
        assert outcome is not None
        approvals = tuple(signed for _, signed in known(tx, study, at=clock()).answers)
        orders = {
            site: Order(plan=study.plan, approvals=approvals, permit=admitted.permit, cohort=header, members=body)
            for site, (header, body) in runs.cohorts(tx, name).items()
        }
        return Admission(name, study.parsed(), read_permit(admitted.permit), orders), outcome.model

    with opened(made) as store:
        return store.read(read)


def _embedded(made: Installation, admission: Admission, copies: Path) -> bytes:
    agents = {site: open_site(SiteFolder(copies / site), clock=clock) for site in made.sites}
    try:
        report = run_embedded(Again(admission, made), STUDY, {site: one.answer for site, one in agents.items()})
    finally:
        for one in agents.values():
            one.close()
    assert report.outcome == "completed", report
    return report.model


def _held_out(made: Installation, admission: Admission, model: bytes) -> float:
    with opened(made) as store:
        used = store.read(runs.members, admission.run)
    cohorts = {site: tuple(one.pseudonym for one in used if one.site == site) for site in made.sites}
    sites = {site: SiteFolder(made.folder / "sites" / site) for site in made.sites}
    rows = rows_of(admission.plan, admission.run, "held-out", cohorts=cohorts, sites=sites)
    scores = scorer_of(admission.plan).score(rows.inputs, parse_package(model).weights)
    return auc(scores, rows.labels.astype(np.int64))
