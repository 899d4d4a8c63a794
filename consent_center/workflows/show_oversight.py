"""Queries for oversight: what is in order, what is not, budgets and their history, and runs."""

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from consent_center.consent.catalogue import Catalogue
from consent_center.storage import (
    definitions,
    governance,
    ledger,
    log_places,
    overdue,
    reviews,
    rights,
    runs,
    studies,
    tasks,
)
from consent_center.storage.runs import Outcome, Run
from consent_center.storage.transaction import Transaction
from consent_center.studies.contract import ContractTerms
from consent_center.studies.finding import Finding
from consent_center.studies.lifecycle import Stage
from consent_center.studies.planner import share_of
from consent_center.studies.tool import Tool
from consent_center.workflows._open_studies import known_open
from consent_center.workflows.sight import EVERYTHING, Sight
from federated.cohort import parse_header
from federated.plan import Plan
from federated.signed import decode
from privacy.ledger import PROGRAMME, Balance
from privacy.quantities import Cost

MOST_HELD = 100
"""So many held notices are counted at most."""


@dataclass(frozen=True)
class Today:
    """The numbers behind the traffic lights.

    Attributes:
        late_rights: open requests past their clock; `open_rights` all open ones.
        asked, held: items that notices ask members for, and notices that the lint holds back until somebody decides.
        waiting, suspended: studies.
        fullest: account and share of the one nearest to its limit.
        log_size, logged_at: of the newest entry.
        risk: (site, purpose) -> highest risk index among open studies.
    """

    open_rights: int
    late_rights: int
    open_tasks: int
    late_tasks: int
    asked: int
    held: int
    waiting: int
    suspended: int
    fullest: tuple[str, Fraction] | None
    findings: list[Finding]
    log_size: int
    logged_at: datetime | None
    risk: dict[tuple[str, str], Fraction]
    tools: list[Tool]


@dataclass(frozen=True)
class Charged:
    """One charge: when, by which run (empty if that is not the reader's to see), and the share spent after it."""

    at: datetime
    run: str
    share: Fraction


@dataclass(frozen=True)
class AccountPage:
    """One account with its last charges, oldest first."""

    name: str
    balance: Balance
    spent: Fraction
    charges: list[Charged]


@dataclass(frozen=True)
class RunLine:
    """One run in a list."""

    entry: int
    run: str
    study: str
    settled: int
    outcome: str


@dataclass(frozen=True)
class RunPage:
    """One run: what was admitted, what each round did.

    Attributes:
        total: how many rounds the plan has at most.
        sizes: site -> members admitted.
        rounds: number, kind, site -> what it did.
    """

    run: Run
    plan: Plan
    title: str
    total: int
    sizes: dict[str, int]
    rounds: list[tuple[int, str, dict[str, dict[str, Any]]]]
    outcome: Outcome | None
    share: Fraction | None
    expires_at: datetime


def show_today(tx: Transaction, *, at: datetime) -> Today:
    """What is in order and what is not, at this moment."""
    requests = rights.open_ones(tx)
    backlog = tasks.backlog(tx)
    known = known_open(tx, at=at)
    shares = [(name, _spent(ledger.balance(tx, name))) for name in ledger.accounts(tx)]
    risk: dict[tuple[str, str], Fraction] = {}
    for one in known:
        if one.assessment is not None:
            for site in one.plan.sites:
                for purpose in one.plan.purposes:
                    key = site, purpose
                    risk[key] = max(risk.get(key, Fraction(0)), one.assessment.index)
    size, logged_at = log_places.newest(tx)
    return Today(
        open_rights=len(requests),
        late_rights=sum(one.is_late(at=at) for one in requests),
        open_tasks=sum(backlog.values()),
        late_tasks=sum(overdue.late_tasks(tx, at=at).values()),
        asked=len(definitions.catalogue(tx).items),
        held=len(reviews.listed(tx, only_open=True, after="", limit=MOST_HELD)),
        waiting=sum(one.standing.stage in (Stage.FILED, Stage.WAITING) for one in known),
        suspended=sum(one.standing.stage is Stage.SUSPENDED for one in known),
        fullest=max(shares, key=lambda one: one[1], default=None),
        findings=governance.findings(tx),
        log_size=size,
        logged_at=logged_at,
        risk=risk,
        tools=[tool for tool in governance.tools(tx) if tool.needs_review(at=at)],
    )


def show_budgets(tx: Transaction, *, most: int = 30, sight: Sight = EVERYTHING) -> list[AccountPage]:
    """Every account that somebody may see, with its last charges, the programme's first.

    Of the programme's account an operator sees what was spent; runs that do not concern her have no name there.
    """
    pages = []
    for name in sorted(filter(sight.sees_account, ledger.accounts(tx)), key=lambda one: (one != PROGRAMME, one)):
        balance = ledger.balance(tx, name)
        spent, charges = balance.spent, []
        for charge in reversed(ledger.last_charges(tx, name, limit=most)):
            charges.append((charge, share_of(spent, balance.budget.limit)))
            spent = Cost(spent.gaussian - charge.cost.gaussian, spent.pure - charge.cost.pure)
        study_of = runs.studies_of(tx, [charge.run for charge, _ in charges]) if sight.studies is not None else {}
        told = [
            Charged(one.at, one.run if sight.sees_study(study_of.get(one.run, "")) else "", share)
            for one, share in reversed(charges)
        ]
        pages.append(AccountPage(name, balance, _spent(balance), told))
    return pages


def show_runs(
    tx: Transaction, *, before: int | None = None, limit: int = 50, sight: Sight = EVERYTHING
) -> tuple[list[RunLine], int | None]:
    """One page of runs that somebody may see, newest first, and where the next begins."""
    some = runs.listed(tx, before=before, limit=limit + 1, of=sight.studies)
    names = [run.run for _, run in some[:limit]]
    outcomes, settled = runs.outcomes(tx, names), runs.progress(tx, names)
    lines = [
        RunLine(entry, run.run, run.study, settled.get(run.run, 0), outcomes.get(run.run, ""))
        for entry, run in some[:limit]
    ]
    return lines, (lines[-1].entry if len(some) > limit else None)


def show_run(tx: Transaction, name: str, *, sight: Sight = EVERYTHING) -> RunPage:
    """One run; of its sites those that somebody answers for.

    Raises:
        UnknownRunError: it was never admitted.
    """
    run = runs.get(tx, name)
    study = studies.get(tx, run.study)
    plan = study.parsed()
    permit = decode(run.permit.payload)
    cost = permit.get("charge", {})
    charged = Cost(int(cost.get("gaussian", 0)), int(cost.get("pure", 0)))
    sizes = {site: _size(header.payload) for site, header in runs.cohort_headers(tx, name).items()}
    steps = int(plan.settings.get("rounds", 1)) + sum(bool(plan.releases_of(kind)) for kind in ("evaluate", "audit"))
    programme = "programme" in ledger.accounts(tx)
    share = share_of(charged, ledger.balance(tx, "programme").budget.limit) if programme else None
    return RunPage(
        run=run,
        plan=plan,
        title=study.title,
        total=steps,
        sizes={site: size for site, size in sizes.items() if sight.sees_site(site)},
        rounds=[
            (number, kind, {site: did for site, did in sites.items() if sight.sees_site(site)})
            for number, kind, sites in runs.rounds(tx, name)
        ],
        outcome=runs.outcome(tx, name),
        share=share,
        expires_at=datetime.fromisoformat(permit["expires_at"]),
    )


def show_progress(tx: Transaction, name: str) -> tuple[int, str]:
    """How many rounds of a run are settled, and how it ended ("" while it has not).

    Raises:
        UnknownRunError: it was never admitted.
    """
    runs.get(tx, name)
    return runs.progress(tx, [name]).get(name, 0), runs.outcomes(tx, [name]).get(name, "")


def show_findings(
    tx: Transaction, *, only_open: bool = True, owner: str = "", sight: Sight = EVERYTHING
) -> list[Finding]:
    """Findings, those due first on top: all, or an operator's own and those about what concerns her site."""
    if sight.sites is None or sight.studies is None:
        return governance.findings(tx, only_open=only_open)
    tools = {tool.code for tool in governance.tools(tx) if sight.sees_site(tool.site)}
    return governance.findings(tx, only_open=only_open, about=sight.studies | sight.sites | tools, owner=owner)


def show_contracts(tx: Transaction) -> list[ContractTerms]:
    """Every registered contract."""
    return governance.contracts(tx)


def show_definitions(tx: Transaction) -> tuple[Catalogue, list[Tool], dict[tuple[str, str], bool]]:
    """Everything defined, the collection tools, and (scope, site) -> open, as the sharing committee last said."""
    decided = {(one.scope, one.recipient): one.open for one in governance.scope_decisions(tx)}
    return definitions.catalogue(tx), governance.tools(tx), decided


def _spent(balance: Balance) -> Fraction:
    return share_of(balance.spent, balance.budget.limit)


def _size(header: bytes) -> int:
    return sum(parse_header(header).sizes.values())
