"""A requested use of members' data, as filed.

Invariant: the plan's bytes never change after filing; a changed plan is another study.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from federated.plan import Plan, digest, parse_plan


@dataclass(frozen=True)
class Study:
    """What a data scientist asks for, and why, in words that a reviewer and a member can read.

    Attributes:
        id: short, unique, chosen by the author: "churn-2026-11".
        author: the staff member who filed it; she cannot approve it.
        accountable: the head who answers for it by name.
        plan: the plan's bytes, exactly as they will be run.
        filed_at: when, timezone-aware.
        closes_at: after this moment no run of it is admitted.
        necessity: scope -> why it is asked for, in plain words.
        proposers: who else proposed what is in it; they cannot approve it either.
        replaces: the study that this one takes the place of; empty if none.
    """

    id: str
    title: str
    author: str
    organisation: str
    accountable: str
    reason: str
    benefits: str
    retention_days: int
    plan: bytes
    filed_at: datetime
    closes_at: datetime
    necessity: Mapping[str, str] = field(default_factory=dict)
    proposers: tuple[str, ...] = ()
    replaces: str = ""

    @property
    def designers(self) -> frozenset[str]:
        """Everybody who had a hand in it: none of them approves it."""
        return frozenset({self.author, *self.proposers})

    @property
    def plan_digest(self) -> str:
        """SHA-256 of the plan's bytes: what reviewers sign and sites check."""
        return digest(self.plan)

    def parsed(self) -> Plan:
        """The plan as data."""
        return _parsed(self.plan)


@lru_cache(maxsize=1024)
def _parsed(plan: bytes) -> Plan:
    return parse_plan(plan)  # the same bytes are the same frozen plan: lists of studies ask for it again and again
