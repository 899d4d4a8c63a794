"""What the programme holds of a partner's contract beyond its window: scopes, retention, certificates, duties.

Law: a contract counts only while its window and every certificate it rests on are in force; the earlier end decides.
The window that verdicts see is cut to that end when it is registered, so an expired certificate ends verdicts too.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from consent_center.studies.errors import ContractError


@dataclass(frozen=True, slots=True)
class Certificate:
    """Something a partner shows, such as ISO 27001, and its last moment."""

    name: str
    expires_at: datetime


@dataclass(frozen=True)
class ContractTerms:
    """A registered contract.

    Attributes:
        code: its name.
        recipient: the partner.
        role: joint, entrusted or independent.
        transfer: the mechanism for a transfer abroad; empty if none is needed.
        retention_days: how long the partner may keep what it receives.
        breach_hours: within how many hours it reports a breach.
        sub_processing: may it pass data on?
        returned_at: when it attested return or deletion after the end; None as long as it has not.
    """

    code: str
    recipient: str
    role: str
    purposes: tuple[str, ...]
    scopes: tuple[str, ...]
    countries: tuple[str, ...]
    begins: datetime
    ends: datetime
    retention_days: int
    breach_hours: int
    certificates: tuple[Certificate, ...] = ()
    transfer: str = ""
    sub_processing: bool = False
    returned_at: datetime | None = field(default=None)

    def __post_init__(self) -> None:
        """Refuse terms that promise nothing."""
        if not (self.purposes and self.scopes and self.countries):
            raise ContractError("a contract names purposes, scopes and countries: none may be empty")
        if not self.begins < self.ends:
            raise ContractError("a contract begins before it ends")
        if not (1 <= self.retention_days <= 3660 and 1 <= self.breach_hours <= 72):
            raise ContractError("retention is 1 to 3660 days, and a breach is reported within 1 to 72 hours")

    @property
    def in_force_until(self) -> datetime:
        """The earliest end of its window and its certificates."""
        return min([self.ends, *(one.expires_at for one in self.certificates)])

    def holds(self, *, at: datetime) -> bool:
        """Is it in force, certificates included?"""
        return self.begins <= at < self.in_force_until


def contract_gaps(
    partners: Iterable[str],
    contracts: Iterable[ContractTerms],
    *,
    purposes: Collection[str],
    scopes: Collection[str],
    country: str,
    at: datetime,
) -> tuple[str, ...]:
    """What is missing in the contracts of a plan's partner sites, as codes "contract:PARTNER" and "scope:PARTNER".

    Only partners with registered terms are judged here; those without are judged by the window that verdicts see.
    """
    by_partner: dict[str, list[ContractTerms]] = {}
    for one in contracts:
        by_partner.setdefault(one.recipient, []).append(one)
    gaps = []
    for partner in partners:
        known = by_partner.get(partner)
        if known is None:
            continue
        current = [
            one for one in known if one.holds(at=at) and set(purposes) <= {*one.purposes} and country in one.countries
        ]
        if not current:
            gaps.append(f"contract:{partner}")
        elif not any(set(scopes) <= {*one.scopes} for one in current):
            gaps.append(f"contract-scope:{partner}")
    return tuple(gaps)
