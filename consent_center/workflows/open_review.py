"""A person opens a decision that a member called unfair: the entry first, which she reads, then what she wrote.

What was decided, and why, is relayed from the site afterwards (`show_decisions.open_decisions`), outside any
transaction; the hub keeps no copy.

Law: nothing is returned unless the entry that says who looked, and at what, is committed with it.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from consent_center.errors import RuleError
from consent_center.events import Event
from consent_center.storage import decisions, entries, members
from consent_center.storage.decisions import Made, Step
from consent_center.storage.transaction import Transaction
from consent_center.studies.errors import StaffError
from consent_center.studies.person import Person
from consent_center.studies.roles import Act

FIELDS = ("decision", "reasons", "words")


@dataclass(frozen=True, slots=True)
class Case:
    """A decision that waits for a person.

    Attributes:
        made: what the hub knows of it.
        asked: when she called it unfair, and by when somebody has to have answered.
        words: hers; empty if she wrote none.
        pseudonym: hers at the site that decided; None if she is not linked there any more.
    """

    made: Made
    asked: Step
    words: str
    pseudonym: bytes | None


def open_review(tx: Transaction, commitment: str, *, person: Person, at: datetime) -> Case:
    """Read one case, with an entry that the member sees.

    Args:
        tx: a writing transaction.
        commitment: which decision.
        person: who looks.
        at: now.

    Raises:
        StaffError: somebody who may not.
        RuleError: it does not wait for a person.
    """
    if not person.may(Act.REVIEW_DECISION):
        raise StaffError("your role does not review decisions")
    found = next((one for one in decisions.open_reviews(tx) if one[0].commitment == commitment), None)
    if found is None:
        raise RuleError("this decision does not wait for a person")
    made, asked = found
    number = members.get(tx, made.member).no
    role = min(role for role in person.roles if person.may(Act.REVIEW_DECISION)).value
    private = {"staff": person.name, "role": role, "reason": "", "fields": list(FIELDS), "until": None}
    tx.append(Event("member.read", private=private, member=number), at=at)
    pseudonyms = {one.site: one.pseudonym for one in members.enrolments(tx, made.member)}
    return Case(made, asked, said_in(tx, number, commitment, asked.step), pseudonyms.get(made.site))


def words_to_her(tx: Transaction, member: str, commitment: str, step: str) -> str:
    """A query: the words with which a step of a decision about her was taken; empty if there are none.

    Raises:
        UnknownMemberError: no such member.
    """
    return said_in(tx, members.get(tx, member).no, commitment, step)


def said_in(tx: Transaction, number: int, commitment: str, step: str) -> str:
    """The words in the sealed payload of a step's entry."""
    entry = decisions.entry_of(tx, commitment, step)
    opened = None if entry is None else entries.opened(tx, number, entry)
    return "" if opened is None else str(json.loads(opened[1]).get("words", ""))
