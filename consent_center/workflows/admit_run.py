"""May this plan run now? Price it, charge it, and cut one signed cohort per site: all of it, or nothing."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_center.events import Event
from consent_center.storage import cohorts, ledger, lineage, links, machine_tokens, releases, runs, studies
from consent_center.storage.links import Lists
from consent_center.storage.runs import Run, RunMember
from consent_center.storage.transaction import Transaction
from consent_center.studies.study import Study
from consent_center.workflows._link_tokens import issue
from consent_center.workflows._studying import known
from federated.cohort import KIND as COHORT_KIND
from federated.cohort import CohortMember, build_cohort, header_bytes
from federated.errors import Refusal, RefusedError
from federated.gate import PERMIT_KIND, Admission, Order, Permit, check_permit, permit_bytes
from federated.plan import Plan, digest
from federated.signed import Signed, sign
from privacy.errors import LedgerError
from privacy.ledger import PROGRAMME, Charge, Release, sub_limit
from privacy.noise import NoiseSource

PERMIT_LASTS = timedelta(minutes=30)


def admit_run(
    tx: Transaction,
    study_id: str,
    *,
    run: str,
    signer: Ed25519PrivateKey,
    driver: str = "",
    noise: NoiseSource | None = None,
    at: datetime,
) -> Admission:
    """Admit one run of an approved study.

    The same run asked for again gives the same signed documents, never larger cohorts.

    Args:
        tx: the transaction; the charge is durable when it commits, before any row is touched.
        study_id: the study.
        run: the new run's identifier, unguessable.
        signer: the consent centre's signing key.
        driver: the token that asks, if one does; it drives this run from now on and no other, so that when it asks
            again, it is given the run that it has.
        noise: for the size of lists of link tokens that the log shows; needed by plans with an exchange.
        at: now.

    Raises:
        RefusedError: `plan-not-approved`, `model-not-released`, `cohort-too-small`, `over-budget`, or what
            `_link_tokens.issue` refuses; nothing was charged.
        UnknownStudyError: no such study.
    """
    study = studies.get(tx, study_id)
    plan = study.parsed()
    run = machine_tokens.drive(tx, driver, run) if driver else run
    everything = known(tx, study, at=at)
    where = everything.standing
    if not where.approved:
        raise RefusedError(Refusal.PLAN_NOT_APPROVED, f"not approved; still missing: {', '.join(where.missing)}")
    approvals = tuple(signed for _, signed in everything.answers)
    if (admitted := runs.find(tx, run)) is not None:
        if admitted.study != study.id:
            raise RefusedError(Refusal.MALFORMED, "this run belongs to another study")
        permit = check_permit(admitted.permit, hub_key=signer.public_key(), plan_digest=study.plan_digest, at=at)
        if runs.outcome(tx, run) is not None:
            raise RefusedError(Refusal.ROUND_OUT_OF_ORDER, "this run has ended; start another one")
        lists = _issued(tx, plan, run)
        again = _admission(study, permit, admitted.permit, runs.cohorts(tx, run), lists, approvals, _audited(tx, plan))
        return replace(again, checkpoints=runs.checkpoints(tx, run))
    if plan.releases_of("score") and not releases.is_usable(releases.latest(tx, plan.package), at=at):
        raise RefusedError(
            Refusal.MODEL_NOT_RELEASED, "this model is not released, or its release has ended; audit and release it"
        )
    epoch = cohorts.current_epoch(tx)
    chosen = _one_site_each(plan, run, {site: cohorts.cohort_members(tx, site, plan, at=at) for site in plan.sites})
    expires_at = min(at + PERMIT_LASTS, study.closes_at)
    cut: dict[str, tuple[Signed, bytes]] = {}
    trained = 0
    for site, listed in chosen.items():
        header, body = build_cohort(
            plan,
            run=run,
            site=site,
            plan_digest=study.plan_digest,
            epoch=epoch,
            issued_at=at,
            expires_at=expires_at,
            members=[(CohortMember(one.pseudonym, one.uses), one.cohort_key) for one in listed],
        )
        trained += header.sizes[plan.counted_part]
        cut[site] = sign(signer, kind=COHORT_KIND, payload=header_bytes(header)), body
    if trained < plan.minimum_cohort:
        raise RefusedError(
            Refusal.COHORT_TOO_SMALL,
            f"the {plan.counted_part} part is below the plan's minimum of {plan.minimum_cohort} members; wait for more",
        )
    lists = _lists(tx, plan, run=run, signer=signer, noise=noise, expires_at=expires_at, at=at)
    charge = _charge(tx, plan, study=study, run=run, at=at)
    permit = Permit(
        run=run,
        study=study.id,
        author=study.author,
        plan_digest=study.plan_digest,
        cohorts={site: digest(header.payload) for site, (header, _) in {**cut, **_helping(plan, lists)}.items()},
        charge=charge.cost,
        epoch=epoch,
        issued_at=at,
        expires_at=expires_at,
    )
    signed = sign(signer, kind=PERMIT_KIND, payload=permit_bytes(permit))
    entry = tx.append(
        Event(
            "run.admitted",
            public={
                "run": run,
                "study": study.id,
                "purposes": sorted(plan.purposes),
                "plan": study.plan_digest,
                "permit": digest(signed.payload),
                "cohorts": dict(permit.cohorts),
                "charge_gaussian": charge.cost.gaussian,
                "charge_pure": charge.cost.pure,
                "epoch": epoch,
            },
            private={"members": sum(len(listed) for listed in chosen.values())},
        ),
        at=at,
    )
    runs.add(
        tx,
        Run(run, study.id, epoch, signed),
        cohorts=cut,
        members=[
            RunMember(one.member, site, one.pseudonym, one.uses) for site, listed in chosen.items() for one in listed
        ],
        entry=entry,
    )
    return _admission(study, permit, signed, cut, lists, approvals, _audited(tx, plan))


def price(plan: Plan) -> list[Release]:
    """The plan's releases as the ledger prices them: the worst the plan allows, attempts included."""
    return [Release(one.mechanism, one.times, one.part) for one in plan.releases]


def _charge(tx: Transaction, plan: Plan, *, study: Study, run: str, at: datetime) -> Charge:
    releases = price(plan)
    programme = Charge.of(releases, id=run, account=PROGRAMME, run=run, at=at)
    limits = [
        Charge.of(releases, id=run, account=name, run=run, at=at)
        for name in {sub_limit(site, purpose) for site, purpose in plan.recipients} & set(ledger.accounts(tx))
    ]
    try:
        ledger.charge(tx, programme, *limits)
    except LedgerError as error:
        raise RefusedError(Refusal.OVER_BUDGET, f"study {study.id}: {error}") from error
    return programme


def _one_site_each(
    plan: Plan, run: str, eligible: Mapping[str, Sequence[cohorts.Eligible]]
) -> dict[str, list[cohorts.Eligible]]:
    """Each member at one site only: the one with the least hash of run, member and site."""
    best: dict[str, tuple[bytes, str]] = {}
    for site in plan.sites:
        for one in eligible[site]:
            drawn = hashlib.sha256(f"accord/one-site/v1\n{run}\n{one.member}\n{site}".encode()).digest()
            best[one.member] = min(best.get(one.member, (drawn, site)), (drawn, site))
    return {site: [one for one in eligible[site] if best[one.member][1] == site] for site in plan.sites}


def _admission(
    study: Study,
    permit: Permit,
    signed: Signed,
    cut: Mapping[str, tuple[Signed, bytes]],
    lists: Sequence[Lists],
    approvals: tuple[Signed, ...],
    package: bytes,
) -> Admission:
    plan = study.parsed()
    orders = {
        site: Order(
            plan=study.plan,
            approvals=approvals,
            permit=signed,
            cohort=header,
            members=body,
            tokens=tuple(one.of_site[site] for one in lists) if site in plan.sites else (),
        )
        for site, (header, body) in {**cut, **_helping(plan, lists)}.items()
    }
    return Admission(run=permit.run, plan=plan, permit=permit, orders=orders, package=package)


def _audited(tx: Transaction, plan: Plan) -> bytes:
    """The finished model that a plan audits; empty if it trains or scores, or audits what somebody else decided."""
    made = lineage.trained(tx, plan.package) if plan.package and not plan.releases_of("score") else []
    outcome = runs.outcome(tx, made[0].run) if made else None
    return b"" if outcome is None else outcome.model


def _lists(
    tx: Transaction,
    plan: Plan,
    *,
    run: str,
    signer: Ed25519PrivateKey,
    noise: NoiseSource | None,
    expires_at: datetime,
    at: datetime,
) -> list[Lists]:
    """The lists of link tokens of each pair of the plan, in its order; each issue has its own entry."""
    if not plan.helpers:
        return []
    if noise is None:
        raise RefusedError(Refusal.LINK_UNKNOWN, "link tokens are not issued here; ask the consent centre's own gate")
    crosses = plan.reached != plan.sites
    return [
        issue(
            tx,
            pairing,
            run=run,
            country=plan.country,
            scopes=helper.scopes,
            minimum=plan.minimum_cohort if crosses else 1,
            noise=noise,
            signer=signer,
            expires_at=expires_at,
            at=at,
        )
        for helper, pairing in zip(plan.helpers, plan.pairings, strict=True)
    ]


def _issued(tx: Transaction, plan: Plan, run: str) -> list[Lists]:
    """The same lists again, as they were signed."""
    return [found for pairing in plan.pairings if (found := links.find(tx, run, pairing)) is not None]


def _helping(plan: Plan, lists: Sequence[Lists]) -> dict[str, tuple[Signed, bytes]]:
    """What a helper is ordered with in the place of a cohort; nothing where nothing crosses."""
    if plan.reached == plan.sites:
        return {}
    return {helper.site: one.of_site[helper.site] for helper, one in zip(plan.helpers, lists, strict=True)}
