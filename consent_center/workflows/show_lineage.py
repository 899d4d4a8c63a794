"""Where a model comes from, and how much of it still stands: model, run, rounds, cohorts, consents, contracts.

When members withdraw or contracts end, each model is listed with the share of its cohort that is gone, and one of
three classes by policy. None of them claims that a model forgets:

    bounded by DP       what any one member can have changed is bounded by the model's ε; nothing is needed
    retrain scheduled   more left than the policy accepts, a site's contract ended, its scores moved, or half a year
                        has passed: a new approved run is due
    retired             far more left, or the model is older than the policy lets it be
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from audit.fairness.drift import drift
from audit.fairness.verdict import Thresholds
from consent_center.consent.verdict import terms_reason
from consent_center.storage import cohorts, definitions, lineage, releases, runs, studies
from consent_center.storage.lineage import Trained
from consent_center.storage.releases import State
from consent_center.storage.transaction import Transaction
from consent_center.studies.errors import ReleaseError
from consent_center.studies.study import Study
from consent_center.workflows._studying import items_of
from federated.plan import Plan, digest, plan_bytes

MOST_STUDIES = 10_000
DRIFT_ALPHA = 0.001
"""How often scores that did not move may call for a training; every new scoring is one more look."""
Remedy = Literal["bounded by DP: none needed", "retrain scheduled", "retired"]
NEEDS: Mapping[Remedy, str] = {
    "bounded by DP: none needed": "nothing",
    "retrain scheduled": "retrain",
    "retired": "retire",
}
"""Each remedy as one word, for pages that say it in the reader's language."""


@dataclass(frozen=True, slots=True)
class RemedyPolicy:
    """When a model is trained anew.

    Attributes:
        retrain_share: of its cohort gone.
        retire_share: of its cohort gone.
        renew: after how long a model is trained anew, whatever happened.
        lasts: how old a model may be.
    """

    retrain_share: float = 0.05
    retire_share: float = 0.30
    renew: timedelta = timedelta(days=180)
    lasts: timedelta = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Lineage:
    """One model's origin and standing.

    Attributes:
        state: candidate until it was judged; a judged one that passed is released.
        plan: digest of the plan that was run.
        cohorts: site -> digest of the signed cohort's header.
        members: how many were in its cohorts.
        gone: how many of them may not be used today as they were then (withdrawn, expired, unlinked, contract ended);
            0 of a rule, which learned from nobody.
        drifted: sites whose scores moved since their first scoring by more than sampling and noise explain.
        contracts_ended: sites for which an item of the plan has no contract or assessment in force now.
        scored_by: runs that scored with it.
    """

    model: str
    state: State | Literal["candidate"]
    study: str
    run: str
    plan: str
    made_at: datetime
    rounds: int
    cohorts: Mapping[str, str]
    members: int
    gone: int
    contracts_ended: tuple[str, ...]
    scored_by: tuple[str, ...]
    drifted: tuple[str, ...]
    remedy: Remedy

    @property
    def share_gone(self) -> float:
        """Of its cohort, 0 to 1."""
        return self.gone / self.members if self.members else 0.0

    @property
    def need(self) -> str:
        """The remedy as one word."""
        return NEEDS[self.remedy]


def show_lineage(tx: Transaction, model_digest: str, *, at: datetime, policy: RemedyPolicy | None = None) -> Lineage:
    """A query for `store.read`: one model.

    Raises:
        ReleaseError: no run made this model.
    """
    made = lineage.trained(tx, model_digest)
    if not made:
        raise ReleaseError("no run made a model with this digest")
    return _lineage(tx, made[0], policy or RemedyPolicy(), at=at)


def affected_models(tx: Transaction, *, at: datetime, policy: RemedyPolicy | None = None) -> list[Lineage]:
    """A query for `store.read`: all models that are not retired, those that need most first."""
    found = [_lineage(tx, one, policy or RemedyPolicy(), at=at) for one in lineage.trained(tx)]
    return sorted((one for one in found if one.state != "retired"), key=_urgency)


def _urgency(one: Lineage) -> tuple[int, float]:
    return -list(NEEDS).index(one.remedy), -one.share_gone


def retraining_of(
    tx: Transaction,
    model_digest: str,
    *,
    study: str,
    author: str,
    closes_at: datetime,
    at: datetime,
    policy: RemedyPolicy | None = None,
) -> Study:
    """A query for `store.read`: the study that trains an affected model anew, for `file_study` and everybody's answers.

    Its plan is the old one under another name: reviewers approve it like any other, and the gate cuts new cohorts of
    those who allow it now, charges it anew, and refuses it if the ledger has nothing left.

    Args:
        tx: the snapshot.
        model_digest: the model that is affected.
        study: the new study's name.
        author: who files it; she cannot approve it.
        closes_at: after that no run of it is admitted.
        at: now.
        policy: when a model is trained anew.

    Raises:
        ReleaseError: no run made this model, or nothing calls for training it anew: name a reason in a study of your
            own.
    """
    found = show_lineage(tx, model_digest, at=at, policy=policy)
    if found.remedy == "bounded by DP: none needed":
        raise ReleaseError("nothing calls for training this model anew; file a study of your own if you want to")
    before = studies.get(tx, found.study)
    gone = f"{found.share_gone:.0%} of the members it learned from are gone"
    ended = f"; contracts ended at {', '.join(found.contracts_ended)}" if found.contracts_ended else ""
    moved = f"; scores moved at {', '.join(found.drifted)}" if found.drifted else ""
    return replace(
        before,
        id=study,
        author=author,
        reason=f"{before.reason} Trained anew: {gone}{ended}{moved}; made on {found.made_at:%Y-%m-%d}.",
        plan=plan_bytes(replace(before.parsed(), study=study)),
        filed_at=at,
        closes_at=closes_at,
        proposers=(),
        replaces=before.id,
    )


def _lineage(tx: Transaction, made: Trained, policy: RemedyPolicy, *, at: datetime) -> Lineage:
    study = studies.get(tx, made.study)
    plan = study.parsed()
    decided = releases.history(tx, made.model)
    last = decided[-1] if decided else None
    made_at = decided[0].decided_at if decided else study.filed_at  # an audit that comes again makes no model younger
    listed = lineage.members_of(tx, made.run)
    left = cohorts.removed_since(tx, made.run, plan, since=0, at=at) if plan.releases_of("train") else {}
    gone = sum(len(one) for one in left.values())
    ended = _ended(tx, plan, at=at)
    scored_by = _scored_by(tx, made.model)
    drifted = _drifted(tx, scored_by)
    share = gone / listed if listed else 0.0
    if share >= policy.retire_share or at - made_at > policy.lasts:
        remedy: Remedy = "retired"
    elif share >= policy.retrain_share or ended or drifted or at - made_at >= policy.renew:
        remedy = "retrain scheduled"
    else:
        remedy = "bounded by DP: none needed"
    return Lineage(
        model=made.model,
        state="candidate" if last is None else last.state,
        study=study.id,
        run=made.run,
        plan=study.plan_digest,
        made_at=made_at,
        rounds=made.rounds,
        cohorts={site: digest(header.payload) for site, (header, _) in runs.cohorts(tx, made.run).items()},
        members=listed,
        gone=gone,
        contracts_ended=ended,
        scored_by=scored_by,
        drifted=drifted,
        remedy=remedy,
    )


def _ended(tx: Transaction, plan: Plan, *, at: datetime) -> tuple[str, ...]:
    """Sites, those that helped among them, for which an item of the plan has no contract or assessment in force."""
    catalogue = definitions.catalogue(tx)
    over = {item.recipient for item in items_of(plan) if terms_reason(catalogue.terms(item), at) is not None}
    return tuple(site for site in plan.concerned if site in over)


def _scored_by(tx: Transaction, model_digest: str) -> tuple[str, ...]:
    """The runs of studies that score with it; an audit of it is none."""
    plans = {name: studies.get(tx, name).parsed() for name in runs.studies_with_runs(tx, limit=MOST_STUDIES)}
    scoring = [name for name, one in plans.items() if one.package == model_digest and one.releases_of("score")]
    return tuple(lineage.runs_of_studies(tx, scoring))


def _drifted(tx: Transaction, scored_by: Sequence[str]) -> tuple[str, ...]:
    """Sites whose last scoring gives another histogram of scores than their first, each already noised and paid for."""
    first: dict[str, Mapping[str, Any]] = {}
    last: dict[str, Mapping[str, Any]] = {}
    for run in scored_by:
        outcome = runs.outcome(tx, run)
        scores = None if outcome is None else outcome.results.get("scores")
        if scores:
            (site,) = studies.get(tx, runs.get(tx, run).study).parsed().sites
            last[site] = scores
            first.setdefault(site, scores)
    return tuple(site for site in sorted(last) if first[site] is not last[site] and _moved(first[site], last[site]))


def _moved(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    if len(before["cells"]) != len(now["cells"]):
        return False
    variance = max(before["noise_variance"], now["noise_variance"])
    found = drift(before["cells"], now["cells"], noise_variance=variance, thresholds=Thresholds(), alpha=DRIFT_ALPHA)
    return found.alarm is True
