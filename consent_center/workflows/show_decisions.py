"""Automated decisions about a member, with the true reasons, relayed from her sites when she asks.

The hub holds a commitment to each decision and no copy of it. What a site relays is shown only if it opens that
commitment: a site can refuse to answer, it cannot tell another story.
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from consent_center.storage import decisions, members
from consent_center.storage.decisions import Made, Step
from consent_center.storage.transaction import Transaction
from federated.clearance import commitment_of
from federated.site.decisions import Answer, Outcome
from federated.site.member_desk import Held


class Relay(Protocol):
    """A site, as the hub asks it on a member's behalf."""

    def decisions_of(self, pseudonym: bytes) -> Sequence[tuple[str, bytes, Mapping[str, Any]]]:
        """Commitment, salt and document of each decision about her."""
        ...

    def answer_decision(self, pseudonym: bytes, commitment: str, answer: Answer, *, words: str, at: datetime) -> None:
        """Keep what she says to a decision."""
        ...

    def review_decision(self, pseudonym: bytes, commitment: str, outcome: Outcome, *, words: str, at: datetime) -> None:
        """Keep what a person answered to a decision that she called unfair."""
        ...

    def tags_of(self, pseudonym: bytes) -> Sequence[Held]:
        """Every tag that is held about her or that she deleted."""
        ...

    def delete_tag(self, pseudonym: bytes, name: str, *, at: datetime) -> None:
        """She deletes a tag: the next scoring leaves it out."""
        ...

    def restore_tag(self, pseudonym: bytes, name: str) -> None:
        """She takes a deletion back."""
        ...


@dataclass(frozen=True, slots=True)
class Shown:
    """One decision.

    Attributes:
        made: what the hub knows.
        steps: what happened to it.
        document: what the site relayed (`federated.site.decisions.Decision.document`); None if the site did not
            answer, or with something that does not open the commitment.
        opens: False if the site relayed something else than what was committed to: a finding.
    """

    made: Made
    steps: tuple[Step, ...]
    document: Mapping[str, Any] | None
    opens: bool


def list_decisions(tx: Transaction, member: str) -> list[tuple[Made, tuple[Step, ...]]]:
    """A query for `store.read`: what the hub knows of decisions about a member, newest first.

    Raises:
        UnknownMemberError: no such member.
    """
    members.get(tx, member)
    made = decisions.of_member(tx, member)
    happened = decisions.steps(tx, [one.commitment for one in made])
    return [(one, tuple(happened.get(one.commitment, ()))) for one in made]


def pseudonyms_of(tx: Transaction, member: str) -> dict[str, bytes]:
    """A query for `store.read`: site -> her pseudonym there."""
    return {one.site: one.pseudonym for one in members.enrolments(tx, member)}


def open_decisions(
    listed: Sequence[tuple[Made, tuple[Step, ...]]], pseudonyms: Mapping[str, bytes], sites: Mapping[str, Relay]
) -> list[Shown]:
    """Ask each site, outside any transaction, and check what it says against the commitment.

    Args:
        listed: from `list_decisions`.
        pseudonyms: from `pseudonyms_of`.
        sites: how to reach them; one that is not here, or fails, has not answered.
    """
    relayed: dict[tuple[str, str], tuple[bytes, Mapping[str, Any]]] = {}
    for site in {made.site for made, _ in listed}:
        if site in sites and site in pseudonyms:
            try:
                found = sites[site].decisions_of(pseudonyms[site])
            except Exception:  # noqa: BLE001, S112  a site that fails has not answered; its error may quote her data
                continue
            relayed |= {(site, commitment): (salt, document) for commitment, salt, document in found}
    shown = []
    for made, steps in listed:
        salt, document = relayed.get((made.site, made.commitment), (b"", None))
        same = document is not None and hmac.compare_digest(commitment_of(salt, document), made.commitment)
        shown.append(Shown(made, steps, document if same else None, opens=same or document is None))
    return shown
