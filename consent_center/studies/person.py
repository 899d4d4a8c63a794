"""Somebody of the staff, in her roles, for a time; and who stands in for her."""

from dataclasses import dataclass
from datetime import datetime

from consent_center.studies.roles import Act, Role, may, reviewing_role

_SITE = "site:"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the staff.

    Attributes:
        id: short and unique; how she signs.
        organisation: whose she is; a quorum counts organisations.
        site: the site that an operator answers for; empty otherwise.
        ends_at: her last moment here; None if none is set.
    """

    id: str
    name: str
    organisation: str
    roles: frozenset[Role]
    site: str = ""
    ends_at: datetime | None = None

    def is_here(self, *, at: datetime) -> bool:
        """Is she (still) of the staff?"""
        return self.ends_at is None or at < self.ends_at

    def may(self, act: Act) -> bool:
        """May she do this?"""
        return may(self.roles, act)

    @property
    def answers_as(self) -> str | None:
        """The role in which she answers studies; None if she answers none."""
        return reviewing_role(self.roles, self.site)

    def can_stand_in_for(self, other: "Person") -> bool:
        """May she answer in another's role? A site is answered for by people of sites of its own organisation."""
        mine, lent = self.answers_as, other.answers_as
        if mine is None or lent is None or self.id == other.id or mine.startswith(_SITE) != lent.startswith(_SITE):
            return False
        return not lent.startswith(_SITE) or self.organisation == other.organisation


@dataclass(frozen=True, slots=True)
class StandIn:
    """Somebody answers in a reviewer's role, from `begins` until just before `ends`.

    Attributes:
        number: names it; 0 before it is stored.
        reviewer: whose role it is.
        role: as it stands in a signed answer.
        stand_in: who answers in it.
    """

    number: int
    reviewer: str
    role: str
    stand_in: str
    begins: datetime
    ends: datetime

    def counts(self, giver: Person | None, *, at: datetime) -> bool:
        """Is the role lent at this moment? A role that its giver has lost cannot be lent any more."""
        return (
            giver is not None
            and self.begins <= at < self.ends
            and giver.is_here(at=at)
            and giver.answers_as == self.role
        )
