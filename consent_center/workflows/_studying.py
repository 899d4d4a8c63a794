"""What bears on a study at this moment, gathered: the one road to its standing for every workflow and page.

Not a workflow itself. Everything is computed from what is stored, so an expired contract, a closed scope or a risen
risk suspends a study at the next question, whoever asks, without anybody having clicked.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from consent_center.consent.catalogue import Catalogue
from consent_center.consent.recipient import RecipientKind
from consent_center.consent.scope import Item, ScopeClass
from consent_center.storage import (
    assessments,
    definitions,
    governance,
    ledger,
    runs,
    staff,
    standings,
    studies,
    study_steps,
)
from consent_center.storage.governance import ScopeDecision
from consent_center.storage.study_steps import Step
from consent_center.storage.transaction import Transaction
from consent_center.studies.assessment import Assessment, Circumstances, risen, risk_parts
from consent_center.studies.contract import ContractTerms, contract_gaps
from consent_center.studies.lifecycle import Standing, standing
from consent_center.studies.person import Person
from consent_center.studies.planner import share_of
from consent_center.studies.policy import StudyPolicy
from consent_center.studies.study import Study
from federated.approvals import Approval
from federated.plan import Plan
from federated.price import price
from federated.signed import Signed
from privacy.errors import LedgerError
from privacy.ledger import PROGRAMME

BY_HAND = "by-hand"
_AROUND = "studies/around"


@dataclass(frozen=True)
class Surroundings:
    """What every study of a moment has in common, read once."""

    catalogue: Catalogue
    contracts: Sequence[ContractTerms]
    decisions: Sequence[ScopeDecision]
    policy: StudyPolicy
    people: Mapping[str, Person]


@dataclass(frozen=True)
class Known:
    """A study with everything that was said about it, and where it stands.

    Attributes:
        answers: every signed answer, in the order they came.
    """

    study: Study
    plan: Plan
    assessment: Assessment | None
    answers: Sequence[tuple[Approval, Signed]]
    steps: Sequence[Step]
    standing: Standing


def surroundings(tx: Transaction) -> Surroundings:
    """What every study of this moment has in common; kept until anything of it changes."""
    state = standings.version(tx)
    kept: tuple[tuple[int, ...], Surroundings] | None = None if tx.writing else tx.warm.get(_AROUND)
    if kept is not None and kept[0] == state:
        return kept[1]
    found = Surroundings(
        definitions.catalogue(tx),
        governance.contracts(tx),
        governance.scope_decisions(tx),
        governance.policy(tx),
        {one.id: one for one in staff.everybody(tx)},
    )
    if not tx.writing:
        tx.warm[_AROUND] = state, found
    return found


def known(tx: Transaction, study: Study, *, at: datetime) -> Known:
    """One study and where it stands."""
    return known_all(tx, [study], at=at)[0]


def known_all(
    tx: Transaction, some: Sequence[Study], *, at: datetime, around: Surroundings | None = None
) -> list[Known]:
    """Several studies and where each stands, read in a handful of queries.

    Args:
        tx: the transaction.
        some: which.
        at: the moment asked about.
        around: what they have in common, if it was read already.
    """
    names = [one.id for one in some]
    around = around or surroundings(tx)
    assessed = assessments.latest_of(tx, names)
    answers = studies.approvals_of(tx, names)
    steps = study_steps.steps_of(tx, names)
    found = []
    for one in some:
        plan = one.parsed()
        assessment, mine = assessed.get(one.id), answers.get(one.id, [])
        bearing = bearing_on(one, plan, assessment, steps.get(one.id, []), around, at=at)
        where = standing(one, assessment, [answer for answer, _ in mine], at=at, policy=around.policy, bearing=bearing)
        found.append(Known(one, plan, assessment, mine, steps.get(one.id, []), where))
    return found


def bearing_on(
    study: Study,
    plan: Plan,
    assessment: Assessment | None,
    steps: Sequence[Step],
    around: Surroundings,
    *,
    at: datetime,
) -> list[str]:
    """The codes of everything that keeps a study from running now, besides missing answers."""
    found = [code for code, _ in plan_refusals(plan, around, at=at)]
    if assessment is not None:
        now = risk_parts(plan, circumstances_now(plan, around.catalogue))
        found += [f"risk:{part.replace(' ', '-')}" for part in risen(assessment.parts, now)]
        found += sorted(
            {
                f"notice-changed:{item.purpose}"
                for item in items_of(plan)
                if (terms := around.catalogue.terms(item)) is not None
                and any(assessment.made_at < published <= at for published, _ in terms.material)
            }
        )
    if (by_hand := [one.step for one in steps if one.code == BY_HAND]) and by_hand[-1] == "suspended":
        found.append("suspended")
    accountable = around.people.get(study.accountable)
    if accountable is not None and not accountable.is_here(at=at):
        found.append("accountable-left")
    return found


def plan_refusals(plan: Plan, around: Surroundings, *, at: datetime) -> list[tuple[str, str]]:
    """What the definitions of this moment refuse in a plan: (code, what to do)."""
    found = {code: advice for item in items_of(plan) for code, advice in _item_refusals(item, around.catalogue, at=at)}
    found |= dict(_link_refusals(plan, around.catalogue))
    scopes = sorted({item.scope for item in items_of(plan)})
    for code in _contract_gaps(plan, around, at=at):
        found.setdefault(code, "the contract or a certificate has ended, or it does not cover the scopes")
    decided = {(one.scope, one.recipient): one.open for one in around.decisions if one.at <= at}
    for name in scopes:
        if any(decided.get((name, site)) is False for site in ("", *plan.concerned)):
            found[f"scope-closed:{name}"] = f"the sharing committee closed {name}: ask it, or drop the scope"
    return sorted(found.items())


def _contract_gaps(plan: Plan, around: Surroundings, *, at: datetime) -> Iterable[str]:
    """What is missing in partners' contracts, each judged for what it does in the plan: use members' data, or help."""
    partners, held = partners_of(plan, around.catalogue), around.contracts
    own = {scope for use in plan.uses for scope in use.scopes}
    roles = [([*plan.sites], plan.purposes, own)]
    roles += [([one.site], (one.purpose,), {*one.scopes}) for one in plan.helpers]
    for sites, purposes, scopes in roles:
        asked = [site for site in sites if site in partners]
        yield from contract_gaps(asked, held, purposes=purposes, scopes=scopes, country=plan.country, at=at)


def _link_refusals(plan: Plan, catalogue: Catalogue) -> Iterable[tuple[str, str]]:
    for one in plan.helpers:
        purpose, ends = catalogue.purposes.get(one.purpose), {plan.sites[0], one.site}
        if purpose is not None and {*purpose.between} != ends:
            yield (
                f"unlinked:{one.purpose}",
                f"{one.purpose} does not link {', '.join(sorted(ends))}: name the one that does",
            )


def _item_refusals(item: Item, catalogue: Catalogue, *, at: datetime) -> Iterable[tuple[str, str]]:
    scope, purpose = catalogue.scopes.get(item.scope), catalogue.purposes.get(item.purpose)
    if scope is None or purpose is None:
        what = item.scope if scope is None else item.purpose
        yield f"undefined:{what}", f"{what} is not defined: check the name, or define it first"
        return
    if scope.scope_class is ScopeClass.PROHIBITED:
        yield f"prohibited:{item.scope}", f"{item.scope} is prohibited: no plan may use it"
    if item.scope not in purpose.scopes:
        yield f"unnecessary:{item.scope}", f"{item.purpose} may not use {item.scope}: drop the scope"
    terms = catalogue.terms(item)
    if terms is None:
        asked = f"{item.scope} ({item.purpose}, {item.recipient})"
        yield f"unasked:{item.scope}", f"no notice asked members for {asked}: publish one first"
        return
    if terms.contracts is not None and not any(window.holds(at) for window in terms.contracts):
        yield f"contract:{item.recipient}", f"no contract with {item.recipient} is in force for this"
    if terms.assessments is not None and not any(window.holds(at) for window in terms.assessments):
        yield f"purpose-assessment:{item.purpose}", f"{item.purpose} has no current assessment there"


def items_of(plan: Plan) -> list[Item]:
    """Every item that a plan rests on."""
    own = [
        Item(scope, use.purpose, site, plan.country) for use in plan.uses for scope in use.scopes for site in plan.sites
    ]
    return own + [Item(scope, one.purpose, one.site, plan.country) for one in plan.helpers for scope in one.scopes]


def partners_of(plan: Plan, catalogue: Catalogue) -> list[str]:
    """The sites of a plan that are another company's."""
    return [
        site
        for site in plan.concerned
        if site in catalogue.recipients and catalogue.recipients[site].kind is RecipientKind.PARTNER
    ]


def circumstances_now(plan: Plan, catalogue: Catalogue) -> Circumstances:
    """What the definitions of this moment say about a plan's risk; budget and novelty are left at their least."""
    scopes = plan.scopes
    purposes = [catalogue.purposes[one] for one in plan.purposes if one in catalogue.purposes]
    sites = [catalogue.recipients[one] for one in plan.concerned if one in catalogue.recipients]
    return Circumstances(
        sensitive_scopes=frozenset(
            one
            for one in scopes
            if one in catalogue.scopes and catalogue.scopes[one].scope_class is not ScopeClass.ORDINARY
        ),
        partner_sites=frozenset(partners_of(plan, catalogue)),
        crosses_border=any(one.country != plan.country for one in sites),
        minors=any("minor" in catalogue.scopes[one].kinds for one in scopes if one in catalogue.scopes),
        automated=any(one.automated for one in purposes),
        budget_share=Fraction(0),
        first_of_its_kind=False,
    )


def circumstances_of(tx: Transaction, plan: Plan) -> Circumstances:
    """What is known of a plan's risk when it is assessed: definitions, budget, whether anything like it ever ran."""
    base = circumstances_now(plan, definitions.catalogue(tx))
    try:
        limit = ledger.balance(tx, PROGRAMME).budget.limit
        share = share_of(price(plan), limit)
    except LedgerError:
        share = Fraction(1)
    return Circumstances(
        sensitive_scopes=base.sensitive_scopes,
        partner_sites=base.partner_sites,
        crosses_border=base.crosses_border,
        minors=base.minors,
        automated=base.automated,
        budget_share=share,
        first_of_its_kind=not _ran_before(tx, plan),
    )


def _ran_before(tx: Transaction, plan: Plan) -> bool:
    earlier = [studies.get(tx, name).parsed() for name in runs.studies_with_runs(tx, limit=200)]
    return any(one.model == plan.model and set(one.purposes) == set(plan.purposes) for one in earlier)


def columns_by_scope(catalogue: Catalogue, scopes: Iterable[str]) -> Mapping[str, Sequence[str]]:
    """Scope -> the columns that it covers."""
    return {one: catalogue.scopes[one].fields for one in scopes if one in catalogue.scopes}
