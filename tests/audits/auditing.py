"""A programme in which audits can be judged: real studies and admissions, counts of one's choice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_center.storage.releases import Release
from consent_center.storage.transaction import Store
from consent_center.studies.override import sign_override
from consent_center.studies.study import Study
from consent_center.workflows.admit_run import admit_run
from consent_center.workflows.file_study import file_study
from consent_center.workflows.override_release import override_of, override_release
from consent_center.workflows.settle_run import settle_run
from federated.gate import RunReport
from federated.models.audit_plan import audit_plan
from federated.models.decisions import Declaration, Measure, declaration_bytes
from federated.models.package import Package, package_bytes
from federated.plan import Attribute, Plan, digest, plan_bytes
from tests.consent_center.studies.studying import Programme, programme, study_text
from tests.consent_center.world import DAY, NOW

EVEN = {"young": (6000, 0.30), "old": (6000, 0.30)}
UNEVEN = {"young": (6000, 0.40), "old": (6000, 0.20)}
UNSURE = {"young": (6000, 0.30), "old": (300, 0.25)}
FEW = {"young": (6000, 0.30), "old": (3, 1 / 3)}
ONE_CLASS = {"young": (6000, 0.0), "old": (6000, 0.0)}
REASON = "Shown to <staff> on a stand only; never used for a decision."
REVIEWERS = ("huang", "lai", "lin", "sales-op")
SIGNER = Ed25519PrivateKey.generate()


def cells(groups: Mapping[str, tuple[int, float]], *, not_given: int = 900) -> list[list[list[int]]]:
    """Groups x labels x (below, at or above the threshold): half of each have the label."""
    rows = []
    for members, share in (*groups.values(), (not_given, 0.3)):
        yes = round(members * share)
        rows.append([[(members - yes) // 2, yes // 2], [(members - yes + 1) // 2, (yes + 1) // 2], [0, 0]])
    return np.asarray(rows).tolist()


def results(groups: Mapping[str, tuple[int, float]], *, variance: float = 5.0) -> dict:
    return {"tables": {"age": {"attribute": "age", "cells": cells(groups), "noise_variance": variance}}}


def of_bins(
    counts: Mapping[str, tuple[Sequence[int], Sequence[int]]], *, variance: float = 5.0, name: str = "age"
) -> dict:
    """Tables of several bins: group -> counts of label 0 and of label 1."""
    rows = [[list(zeros), list(ones), [0] * len(zeros)] for zeros, ones in counts.values()]
    rows.append([[40] * len(rows[0][0]), [20] * len(rows[0][0]), [0] * len(rows[0][0])])
    return {"tables": {name: {"attribute": name, "cells": rows, "noise_variance": variance}}}


CONTENT = of_bins(
    {"young": ([300, 0, 0, 0, 0], [100, 200, 500, 700, 500]), "old": ([700, 0, 0, 0, 0], [400, 500, 400, 200, 100])}
)
BINNED = of_bins({"young": ([900, 700, 500, 300, 200], [100, 200, 300, 500, 700]),
                  "old": ([1500, 900, 400, 100, 40], [150, 250, 250, 150, 60])})  # fmt: skip


def content(name: str = "content_1") -> bytes:
    """A declaration of answers from 1 to 5."""
    scale = Measure("answers", 0.5, 5.5, 5, 0.2)
    return declaration_bytes(Declaration(name, "Service", "2026.10", {"sales": "ab" * 32}, scale))


@dataclass
class Audits:
    """The programme, and a counter of runs."""

    programme: Programme
    number: int = 0

    @property
    def store(self) -> Store:
        return self.programme.store

    def approve(self, study: Study, *, at: datetime = NOW) -> Study:
        self.programme.assess(study.id, at=at)
        for name in REVIEWERS:
            where = self.programme.answer(study, name, at=at)
        assert where.approved, where
        return study

    def train(self, name: str, found: dict | None, *, at: datetime = NOW) -> tuple[str, bytes]:
        """A training run of this study that settled with these results, and its model."""
        study = self.approve(self.programme.file(study_text(name, audit=True, epsilon=0.3), at=at), at=at)
        weights = np.zeros(2)
        model = package_bytes(Package(f"run-{self.number + 1}", study.plan, weights))
        return self.run(study, found, model=model, at=at), model

    def again(self, name: str, package: bytes, found: dict | None, *, at: datetime = NOW, **changes) -> str:
        """An audit of a finished model, filed, approved, run, settled."""
        filed = self.filed(self.plan(name, package, **changes), {"demographics": "Gaps cannot be seen else."}, at=at)
        return self.run(self.approve(filed, at=at), found, model=b"", at=at)

    def filed(self, plan: Plan, why: dict[str, str], *, at: datetime = NOW) -> Study:
        """A study with this plan."""
        template = self.programme.plan(study_text(plan.study, audit=True), at=at).study
        return self.store.run(file_study, replace(template, plan=plan_bytes(plan), necessity=why), at=at)

    def plan(self, name: str, package: bytes, **changes):
        return audit_plan(
            **{
                "study": name,
                "country": "TW",
                "sites": ("sales",),
                "purpose": "fairness-audit",
                "scopes": ("demographics",),
                "attributes": (Attribute("age", ("young", "old")),),
                "package": package,
                "minimum_cohort": 50,
                "epsilon_table": 0.2,
                **changes,
            }
        )

    def override(
        self, model: bytes, *, by: str = "lai", when: datetime = NOW, key: str = "", **changes: object
    ) -> Release:
        """A reviewer signs an override and hands it in; `key` signs in the place of hers."""
        said = self.store.read(override_of, digest(model), reviewer=by, reason=REASON, until=when + 20 * DAY, at=when)
        signed = sign_override(replace(said, **changes), self.programme.keys[key or by])
        return self.store.run(override_release, signed, reviewer=by, at=when)

    def run(self, study: Study, found: dict | None, *, model: bytes, at: datetime = NOW) -> str:
        self.number += 1
        run = f"run-{self.number}"
        self.store.run(admit_run, study.id, run=run, signer=SIGNER, at=at)
        outcome = "no-quorum" if found is None else "completed"
        self.store.run(settle_run, RunReport(run, outcome, 1, model=model, results=found or {}), at=at)
        return run


def audits(store: Store) -> Audits:
    return Audits(programme(store))


LATER = NOW + DAY
