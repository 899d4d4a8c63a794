"""What a member says to an automated decision about her, and what a person then answers.

"right" and "not for me" are kept and go back to the site. "unfair" asks for a person: the clock is one hour of the
working day. Words of hers and of the reviewer are in the sealed payload of the entry only.
"""

from datetime import datetime, tzinfo
from typing import get_args

from consent_center.errors import RuleError
from consent_center.events import Event
from consent_center.rights.deadline import person_due_at
from consent_center.storage import decisions, members
from consent_center.storage.decisions import Made, Step
from consent_center.storage.transaction import Transaction
from federated.site.decisions import Outcome

ANSWERS = ("right", "not-for-me", "unfair")
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
LONGEST = 2000


def answer_decision(
    tx: Transaction, member: str, commitment: str, *, answer: str, words: str, zone: tzinfo, at: datetime
) -> Step:
    """Keep what she says; "unfair" puts it into the queue of people who review.

    Args:
        tx: the transaction.
        member: whose decision it is.
        commitment: which.
        answer: right, not-for-me or unfair.
        words: hers, may be empty.
        zone: of the programme, for the clock of the review.
        at: now.

    Raises:
        UnknownMemberError: no such member.
        RuleError: not a decision about her, not one of the answers, or called unfair already.
    """
    person = members.get(tx, member)
    made = _made(tx, commitment)
    if made.member != member:
        raise RuleError("this decision is not about you")
    if answer not in ANSWERS or len(words) > LONGEST:
        raise RuleError(f"choose one of {', '.join(ANSWERS)}, with at most {LONGEST} characters")
    before = {one.step for one in decisions.steps(tx, [commitment]).get(commitment, ())}
    if answer == "unfair" and "unfair" in before:
        raise RuleError("a person is looking at this decision already, or has answered")
    due = person_due_at(at, zone=zone) if answer == "unfair" else None
    private = {"commitment": commitment, "answer": answer, "words": words}
    entry = tx.append(Event("decision.contested", {}, private, person.no), at=at)
    step = Step(commitment, answer, at, due)
    decisions.add_step(tx, step, entry=entry)
    return step


def review_decision(tx: Transaction, commitment: str, *, reviewer: str, outcome: str, words: str, at: datetime) -> Step:
    """A person answers a decision that a member called unfair.

    Args:
        tx: the transaction.
        commitment: which decision.
        reviewer: who answers; never the machine that decided.
        outcome: upheld or changed.
        words: to the member, at least a sentence.
        at: now.

    Raises:
        RuleError: nobody asked, it was answered already, or no words.
    """
    made = _made(tx, commitment)
    before = [one.step for one in decisions.steps(tx, [commitment]).get(commitment, ())]
    if "unfair" not in before or any(one in OUTCOMES for one in before):
        raise RuleError("this decision does not wait for a person")
    if outcome not in OUTCOMES or not 20 <= len(words.strip()) <= LONGEST:
        raise RuleError("say upheld or changed, and why, in a sentence that the member can read")
    person = members.get(tx, made.member)
    private = {"commitment": commitment, "outcome": outcome, "words": words.strip(), "reviewer": reviewer}
    entry = tx.append(Event("decision.reviewed", {}, private, person.no), at=at)
    step = Step(commitment, outcome, at, None)
    decisions.add_step(tx, step, entry=entry)
    return step


def review_queue(tx: Transaction) -> list[tuple[Made, Step]]:
    """A query for `store.read`: what waits for a person, the most urgent first, each with its clock."""
    return decisions.open_reviews(tx)


def _made(tx: Transaction, commitment: str) -> Made:
    decisions.hold(tx, commitment)  # two answers at once: the second sees the first
    made = decisions.find(tx, [commitment]).get(commitment)
    if made is None:
        raise RuleError("no such decision; check the page it came from")
    return made
