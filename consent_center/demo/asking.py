"""A study is filed, assessed and answered: reviewers and sites sign the plan's digest with their own keys."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from fractions import Fraction

from consent_center.demo.federation import LABEL_COLUMN
from consent_center.demo.programme import (
    CHURN,
    COUNTRY,
    DEMOGRAPHICS,
    FAIRNESS,
    OFFERS,
    PURCHASES,
    SERVICES,
    link_purpose,
)
from consent_center.demo.stage import HUB_ORGANISATION, Stage
from consent_center.storage.releases import Release
from consent_center.studies.assessment import Assessment, Circumstances
from consent_center.studies.errors import SelfApprovalError
from consent_center.studies.lifecycle import Standing
from consent_center.studies.override import sign_override
from consent_center.studies.policy import DEFAULT
from consent_center.studies.study import Study
from consent_center.workflows.approve_study import approve_study
from consent_center.workflows.assess_study import assess_study
from consent_center.workflows.file_study import file_study
from consent_center.workflows.govern import decide_policy
from consent_center.workflows.override_release import override_of, override_release
from consent_center.workflows.register_reviewer import register_reviewer
from federated.approvals import Approval, Pinned, sign_approval
from federated.keyfile import create_key, read_key
from federated.linkage.pairing import epoch_of
from federated.linkage.randomised import Exchange
from federated.models.churn_plan import churn_plan
from federated.models.exchange_plan import Asking, Help
from federated.plan import Plan, Use, plan_bytes
from federated.plan_exchange import Helper
from federated.signed import Signed

STUDY, SMALL_STUDY = "churn-2026-11", "churn-two-sites"
AUTHOR = "data-scientist"
MODEL = "churn-linear"
THRESHOLDS = {"journey": 0.3, "telco": 0.3, "departments": 0.2, "synthetic": 0.1}
HELD_OUT_HELPED = (60, 100)
"""Where one site alone holds the label, fewer are judged: this share, at that threshold, lets the check tell."""
EPSILON_LABEL, EPSILON_BIN, BINS = 1.0, 2.0, 4
CEILING = 16.0
"""The most ε that a plan of the programme may ask for where helpers are asked, too; decided before any is filed."""
EXPECTED_SHARE = 0.7
ALONE, BEFORE_OFFERS = 0.4, 0.3
"""Pure ε of the histogram of scores: what a scoring run costs must be left where offers follow."""
ANSWERS = {
    "Why are these data necessary?": "Changes in shopping precede leaving; nothing coarser than purchases shows them.",
    "What could go wrong for a member?": "She could be warned about wrongly; no price or benefit depends on a warning.",
    "What limits the harm?": "Rows stay at the site, noise bounds what leaks about her, an audit precedes any use.",
}


@dataclass(frozen=True)
class Words:
    """What a study says of itself, for people."""

    title: str
    reason: str
    benefits: str


WARNING = Words(
    title="Which members shop less and less",
    reason="Members who are about to leave could be asked in time what went wrong.",
    benefits="Members are asked earlier; sites learn what drives people away.",
)


def plan_of(
    stage: Stage, study: str, *, sites: Sequence[str], minimum_cohort: int, held_out: tuple[int, int] = (80, 100)
) -> Plan:
    """The plan: a churn training, one histogram, and a fairness table per attribute."""
    federation, options = stage.federation, stage.options
    return churn_plan(
        study=study,
        country=COUNTRY,
        sites=federation.asked_at if federation.helped_by else tuple(sites),
        uses=(Use(("train", "evaluate"), CHURN, (PURCHASES,)), Use(("audit",), FAIRNESS, (DEMOGRAPHICS,))),
        features=federation.features,
        label=LABEL_COLUMN,
        horizon_days=federation.horizon_days,
        attributes=federation.attributes,
        members=round(federation.members * EXPECTED_SHARE),
        epsilon=options.epsilon,
        delta=federation.delta,
        epsilon_histogram=BEFORE_OFFERS if OFFERS in options.purposes else ALONE,
        model=MODEL,
        threshold=THRESHOLDS[federation.name],
        rounds=options.rounds,
        held_out=HELD_OUT_HELPED if federation.helped_by else held_out,
        minimum_cohort=minimum_cohort,
        exchange=asking_of(stage) if federation.helped_by else None,
    )


def asking_of(stage: Stage) -> Asking:
    """What the first site asks of those that help it, in this quarter."""
    federation = stage.federation
    numbers = Exchange(epsilon_label=EPSILON_LABEL, epsilon_bin=EPSILON_BIN, bins=BINS)
    helpers = [
        Helper(site, link_purpose(site), (SERVICES,), federation.features_at(site)) for site in federation.helped_by
    ]
    return Asking(epoch_of(stage.world.clock()), tuple(Help(one, numbers, stage.options.epsilon) for one in helpers))


def raise_ceiling(stage: Stage) -> None:
    """Decide, as the programme would, that a plan may cost what one with helpers does."""
    policy = replace(DEFAULT, epsilon_ceiling=CEILING)
    stage.store.run(decide_policy, policy, by="compliance-officer", at=stage.world.clock())


def register(stage: Stage) -> None:
    """Register the three reviewers, every site's reviewer and the author, each with a public key only."""
    at = stage.world.clock()
    people = [(f"{role}-reviewer", role, HUB_ORGANISATION, path) for role, path in stage.reviewers.items()]
    people += [
        (f"site:{name}", f"site:{name}", _organisation(stage, name), f.approval_key_file)
        for name, f in stage.sites.items()
    ]
    author = stage.folder / "reviewers" / f"{AUTHOR}.key"
    create_key(author)
    people.append((AUTHOR, "technology", HUB_ORGANISATION, author))
    for reviewer, role, organisation, path in people:
        pinned = Pinned(reviewer, role, organisation, read_key(path).public_key())
        stage.store.run(register_reviewer, pinned, at=at)


def file_and_assess(
    stage: Stage, plan: Plan, words: Words = WARNING, *, automated: bool = False
) -> tuple[Study, Assessment]:
    """File the study and assess its risk."""
    at = stage.world.clock()
    study = Study(
        id=plan.study,
        title=words.title,
        author=AUTHOR,
        organisation=HUB_ORGANISATION,
        accountable="Head of member care",
        reason=words.reason,
        benefits=words.benefits,
        retention_days=365,
        plan=plan_bytes(plan),
        filed_at=at,
        closes_at=at + timedelta(days=180),
    )
    stage.store.run(file_study, study, at=at)
    circumstances = Circumstances(
        sensitive_scopes=frozenset({DEMOGRAPHICS}) & {scope for use in plan.uses for scope in use.scopes},
        partner_sites=frozenset(site.site for site in stage.federation.sites if site.partner),
        crosses_border=False,
        minors=False,
        automated=automated,
        budget_share=Fraction(1),
        first_of_its_kind=True,
    )
    assessment = stage.store.run(
        assess_study, study.id, assessor="privacy-officer", circumstances=circumstances, answers=ANSWERS, at=at
    )
    return study, assessment


def refuse_self_approval(stage: Stage, study: Study) -> str:
    """The author, who is a reviewer of other studies, tries to approve her own; returns how she is told no."""
    at = stage.world.clock()
    own = _approval(stage, study, reviewer=AUTHOR, role="technology", organisation=HUB_ORGANISATION)
    signed = sign_approval(own, read_key(stage.folder / "reviewers" / f"{AUTHOR}.key"))
    try:
        stage.store.run(approve_study, signed, reviewer=AUTHOR, at=at)
    except SelfApprovalError as refused:
        return str(refused)
    raise AssertionError("an author approved her own study")


def approve(stage: Stage, study: Study) -> Standing:
    """Every reviewer and every site of the plan says yes, each with her own key file."""
    answers: list[tuple[Approval, Signed]] = []
    for role, path in stage.reviewers.items():
        yes = _approval(stage, study, reviewer=f"{role}-reviewer", role=role, organisation=HUB_ORGANISATION)
        answers.append((yes, sign_approval(yes, read_key(path))))
    for name in study.parsed().concerned:
        role = f"site:{name}"
        yes = _approval(stage, study, reviewer=role, role=role, organisation=_organisation(stage, name))
        answers.append((yes, sign_approval(yes, stage.sites[name].approval_key())))
    where = Standing(approved=False, missing=())
    for approval, signed in answers:
        where = stage.store.run(approve_study, signed, reviewer=approval.reviewer, at=stage.world.clock())
    return where


def let_through(stage: Stage, model_digest: str) -> Release:
    """The members' representative signs an override of a week, with her own key file."""
    at, role = stage.world.clock(), "members-representative"
    override = stage.store.read(
        override_of,
        model_digest,
        reviewer=f"{role}-reviewer",
        reason="To be shown to members and staff on the demonstration stand only, never used for a decision.",
        until=at + timedelta(days=7),
        at=at,
    )
    signed = sign_override(override, read_key(stage.reviewers[role]))
    return stage.store.run(override_release, signed, reviewer=override.reviewer, at=at)


def _approval(stage: Stage, study: Study, *, reviewer: str, role: str, organisation: str) -> Approval:
    return Approval(
        study=study.id,
        plan_digest=study.plan_digest,
        reviewer=reviewer,
        role=role,
        organisation=organisation,
        answer="yes",
        reason="read and agreed",
        at=stage.world.clock(),
    )


def _organisation(stage: Stage, name: str) -> str:
    return name if stage.federation.site(name).partner else HUB_ORGANISATION
