"""An approved study of the pages' tests, and the permit of a run of it, as admission writes them."""

from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_center.events import Event
from consent_center.storage import studies
from consent_center.storage.columns import EntryId
from consent_center.storage.runs import Run
from consent_center.studies.study import Study
from federated.gate import PERMIT_KIND, Permit, permit_bytes
from federated.models.churn_plan import churn_plan
from federated.models.exchange_plan import Asking
from federated.plan import Feature, Plan, Use, plan_bytes
from federated.signed import sign
from privacy.quantities import Cost


def plan_of(name: str, *, members: int, rounds: int, minimum_cohort: int, exchange: Asking | None = None) -> Plan:
    """A training at marketing on what members bought."""
    return churn_plan(
        study=name,
        country="TW",
        sites=("marketing",),
        uses=(Use(("train", "evaluate", "audit"), "preference", ("purchases",)),),
        features=(Feature("spend", "continuous", 0.0, 100.0),),
        label="label",
        horizon_days=30,
        attributes=(),
        members=members,
        epsilon=1.0,
        rounds=rounds,
        minimum_cohort=minimum_cohort,
        exchange=exchange,
    )


def file(tx: Any, plan: Plan, title: str, *, at: datetime) -> Study:
    """File it."""
    entry = tx.append(Event.of("study.filed", public={"study": plan.study}), at=at)
    about = (title, "ada", "harbour", "cho", "why", "who", 365)
    study = Study(plan.study, *about, plan_bytes(plan), at, at + timedelta(days=90))
    studies.add(tx, study, entry=entry)
    return study


def admit(tx: Any, study: Study, price: Cost, *, signer: Ed25519PrivateKey, at: datetime) -> tuple[Run, EntryId]:
    """A run of the same name, admitted at that price, and its entry."""
    name = study.id
    permit = Permit(name, name, "ada", study.plan_digest, {}, price, 1, at, at + timedelta(minutes=5))
    signed = sign(signer, kind=PERMIT_KIND, payload=permit_bytes(permit))
    entry = tx.append(Event.of("run.admitted", public={"run": name, "study": name}), at=at)
    return Run(name, name, 1, signed), entry
