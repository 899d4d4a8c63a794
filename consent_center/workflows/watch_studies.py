"""What happens to studies by itself is recorded: suspended, let go on, overdue; each breach once, with its owner.

The gate does not wait for any of this: it computes the same standing at every question. A look that finds nothing
writes nothing, so that it can be taken every few seconds.

Law: a breach that a person closed and that still lasts comes back when its clock has run once more, not before.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from consent_center.consent.recipient import RecipientKind
from consent_center.rights.request import Right
from consent_center.storage import decisions, definitions, governance, overdue, rights, studies
from consent_center.storage.transaction import Transaction
from consent_center.studies.lifecycle import Stage
from consent_center.workflows._finding import open_finding
from consent_center.workflows._open_studies import known_open
from consent_center.workflows._studying import BY_HAND, Known, known_all
from consent_center.workflows.suspend_study import record_step

OFFICE = "compliance"
"""Who owns what no head of a study answers for, while the policy names nobody."""

RETURN_WITHIN = timedelta(days=30)
"""How long after a contract's end its partner may take to attest return or deletion."""

Breach = tuple[str, str, str]
"""Kind of finding, what it is about, its owner."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What a look found that is not recorded yet.

    Attributes:
        studies: whose stage changed by itself.
        breaches: without a finding so far.
    """

    studies: tuple[str, ...]
    breaches: tuple[Breach, ...]

    def __bool__(self) -> bool:
        """Is there anything to record?"""
        return bool(self.studies or self.breaches)


def find_changes(tx: Transaction, *, at: datetime) -> Changes:
    """A query: what changed by itself and is not recorded yet."""
    known = known_open(tx, at=at)
    changed = tuple(one.study.id for one in known if _step(one) is not None)
    quiet = governance.resting_findings(tx, at=at)
    wanted = dict.fromkeys((*_of_studies(known), *_of_the_programme(tx, at=at)))
    opened: dict[tuple[str, str], Breach] = {}
    for kind, about, owner in wanted:
        if (kind, about) not in quiet:
            opened.setdefault((kind, about), (kind, about, owner))
    return Changes(changed, tuple(opened.values()))


def watch_studies(tx: Transaction, *, changes: Changes | None = None, at: datetime) -> int:
    """Record what changed by itself, and open findings; returns how many there are new.

    Args:
        tx: a writing transaction.
        changes: what an earlier look found; each study is judged again. None looks now.
        at: now.
    """
    due = find_changes(tx, at=at) if changes is None else changes
    for one in known_all(tx, [studies.get(tx, name) for name in due.studies], at=at):
        if (step := _step(one)) is not None:
            record_step(tx, one.study, step[0], code=step[1], at=at)
    return sum(open_finding(tx, kind, about, owner=owner, at=at) for kind, about, owner in due.breaches)


def _step(one: Known) -> tuple[str, str] | None:
    """The step that a study took by itself and that is not recorded: (step, code); None if none."""
    auto = [step for step in one.steps if step.code != BY_HAND]
    resting = bool(auto) and auto[-1].step == "suspended"
    bears = _bears(one)
    if one.standing.stage is Stage.SUSPENDED and bears and not resting:
        return "suspended", bears[0]
    if resting and not bears:
        return "resumed", auto[-1].code
    return None


def _bears(one: Known) -> list[str]:
    return [code for code in one.standing.bearing if code != "suspended"]


def _of_studies(known: Sequence[Known]) -> Iterator[Breach]:
    for one in known:
        bears, head = _bears(one), one.study.accountable
        if one.standing.stage is Stage.SUSPENDED and bears:
            yield "study-suspended", one.study.id, head
        for code in bears:
            kind, _, about = code.partition(":")
            if kind.startswith("contract") and about:
                yield "contract-expired", about, head


def _of_the_programme(tx: Transaction, *, at: datetime) -> Iterator[Breach]:
    office = governance.policy(tx).rights_owner or OFFICE
    for request in rights.open_ones(tx):
        if request.is_late(at=at):
            erases = request.right is Right.ERASE
            yield ("deletion-overdue", "erase", office) if erases else ("right-overdue", request.right.value, office)
    if any(asked.due_at is not None and at >= asked.due_at for _, asked in decisions.open_reviews(tx)):
        yield "review-overdue", "decisions", office
    for recipient in sorted(overdue.late_tasks(tx, at=at)):
        yield "propagation-overdue", recipient, office
    for tool in governance.tools(tx):
        if tool.needs_review(at=at):
            yield "tool-risky", tool.code, tool.owner
    partners = definitions.catalogue(tx).recipients
    for terms in governance.contracts(tx):
        partner = partners.get(terms.recipient)
        is_partner = partner is not None and partner.kind is RecipientKind.PARTNER
        if is_partner and terms.returned_at is None and at >= terms.ends + RETURN_WITHIN:
            yield "return-missing", terms.code, office
