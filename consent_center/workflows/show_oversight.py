"""Queries for oversight: what is in order, what is not, budgets and their history, runs, and the log by its places."""

import json
from bisect import bisect_left
from collections.abc import Sequence
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
from federated.cohort import parse_header
from federated.plan import Plan
from federated.signed import decode
from privacy.ledger import Balance, Charge
from privacy.quantities import Cost

SCAN = 10_000
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
class AccountPage:
    """One account with its history: each charge with the share of the limit that was spent after it."""

    name: str
    balance: Balance
    spent: Fraction
    charges: list[tuple[Charge, Fraction]]


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


@dataclass(frozen=True)
class LogLine:
    """One place of the log, as anybody may see it."""

    index: int
    at: datetime | None
    kind: str
    shown: dict[str, Any]
    leaf: bytes


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


def show_budgets(tx: Transaction, *, most: int = 30) -> list[AccountPage]:
    """Every account with its last charges, the programme's first."""
    pages = []
    for name in sorted(ledger.accounts(tx), key=lambda one: (one != "programme", one)):
        balance = ledger.balance(tx, name)
        spent, charges = balance.spent, []
        for charge in reversed(ledger.last_charges(tx, name, limit=most)):
            charges.append((charge, share_of(spent, balance.budget.limit)))
            spent = Cost(spent.gaussian - charge.cost.gaussian, spent.pure - charge.cost.pure)
        pages.append(AccountPage(name, balance, _spent(balance), charges[::-1]))
    return pages


def show_runs(tx: Transaction, *, before: int | None = None, limit: int = 50) -> tuple[list[RunLine], int | None]:
    """One page of runs, newest first, and where the next begins."""
    some = runs.listed(tx, before=before, limit=limit + 1)
    names = [run.run for _, run in some[:limit]]
    outcomes, settled = runs.outcomes(tx, names), runs.progress(tx, names)
    lines = [
        RunLine(entry, run.run, run.study, settled.get(run.run, 0), outcomes.get(run.run, ""))
        for entry, run in some[:limit]
    ]
    return lines, (lines[-1].entry if len(some) > limit else None)


def show_run(tx: Transaction, name: str) -> RunPage:
    """One run.

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
        sizes=sizes,
        rounds=runs.rounds(tx, name),
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


def show_log(
    tx: Transaction, *, below: int | None = None, kind: str = "", since: datetime | None = None, limit: int = 25
) -> tuple[list[LogLine], int | None, int]:
    """Places of the log, newest first: one page, where the next begins (None at the end), and the size.

    A kind is looked for in at most 10,000 entries at a time; the page then says where to go on.

    Args:
        tx: the transaction.
        below: only places below this index.
        kind: only entries of this kind, as the leaf shows it; empty for all.
        since: only entries recorded from this moment on.
        limit: lines on the page.
    """
    size, _ = log_places.newest(tx)
    top = size if below is None else min(below, size)
    floor = 0 if since is None else bisect_left(_Times(tx, size), since)
    if not kind:
        some = [_line(*one) for one in log_places.between(tx, max(floor, top - limit), top)]
        return some[::-1], (top - limit if top - limit > floor else None), size
    low = max(floor, top - SCAN)
    found = [_line(*one) for one in log_places.of_kind(tx, kind, low, top, limit=limit + 1)]
    if len(found) > limit:
        return found[:limit], found[limit - 1].index, size
    return found, (low if low > floor else None), size


def show_log_line(tx: Transaction, index: int) -> LogLine | None:
    """One place of the log; None if nothing is there."""
    found = list(log_places.between(tx, index, index + 1))
    return _line(*found[0]) if found else None


def show_findings(tx: Transaction, *, only_open: bool = True) -> list[Finding]:
    """Findings, those due first on top."""
    return governance.findings(tx, only_open=only_open)


def show_contracts(tx: Transaction) -> list[ContractTerms]:
    """Every registered contract."""
    return governance.contracts(tx)


def show_definitions(tx: Transaction) -> tuple[Catalogue, list[Tool], dict[tuple[str, str], bool]]:
    """Everything defined, the collection tools, and (scope, site) -> open, as the sharing committee last said."""
    decided = {(one.scope, one.recipient): one.open for one in governance.scope_decisions(tx)}
    return definitions.catalogue(tx), governance.tools(tx), decided


@dataclass(frozen=True)
class _Times(Sequence[datetime]):
    """The moments of the log's places, as a sequence to bisect: entries are placed in the order of time."""

    tx: Transaction
    size: int

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: Any) -> Any:
        return log_places.moment_at(self.tx, index)


def _line(index: int, leaf: bytes) -> LogLine:
    said = json.loads(leaf)
    shown = {key: value for key, value in said.items() if key not in ("v", "kind", "at", "id", "commitment", "tag")}
    kind = str(said.get("kind") or said.get("class"))
    at = datetime.fromisoformat(said["at"]) if "at" in said else None
    return LogLine(index, at, kind, shown, leaf)


def _spent(balance: Balance) -> Fraction:
    return share_of(balance.spent, balance.budget.limit)


def _size(header: bytes) -> int:
    return sum(parse_header(header).sizes.values())
