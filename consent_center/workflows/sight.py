"""What somebody of the staff may see: everything, or what concerns the sites that she answers for.

Law: an operator sees and touches nothing of a study, run or account that does not concern her site, and cannot tell
it from one that does not exist. Of one that does she sees her own site's numbers only. Whoever is of no site sees all
sites; her role then says what she may do.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from consent_center.errors import UnknownRunError, UnknownStudyError
from consent_center.storage import runs, staff, study_sites
from consent_center.storage.transaction import Transaction
from consent_center.studies.person import Person
from privacy.ledger import PROGRAMME, sub_limit

_SITE = "site:"


@dataclass(frozen=True, slots=True)
class Sight:
    """What somebody may see.

    Attributes:
        sites: those she answers for; None for all.
        studies: those that concern them; None for all.
    """

    sites: frozenset[str] | None = None
    studies: frozenset[str] | None = None

    def sees_site(self, site: str) -> bool:
        """Are this site's own numbers hers to see?"""
        return self.sites is None or site in self.sites

    def sees_study(self, study: str) -> bool:
        """Does this study concern her?"""
        return self.studies is None or study in self.studies

    def sees_account(self, account: str) -> bool:
        """Is this account's history hers to see? The programme's binds every site, and every site sees it."""
        return (
            self.sites is None
            or account == PROGRAMME
            or any(account.startswith(sub_limit(site, "")) for site in self.sites)
        )


EVERYTHING = Sight()


def sight_of(tx: Transaction, person: Person, *, at: datetime) -> Sight:
    """What somebody may see now; the sites that were lent to her count while they are lent."""
    if not person.site:
        return EVERYTHING
    lent = (one.role for one in staff.stand_ins(tx, at=at, stand_in=person.id))
    sites = frozenset({person.site, *_sites(lent)})
    return Sight(sites, study_sites.concerning(tx, sites))


def check_sight(tx: Transaction, sight: Sight, *, study: str = "", run: str = "") -> None:
    """Let through what somebody may see; anything else is refused exactly as if nobody had ever filed it.

    Raises:
        UnknownStudyError, UnknownRunError: nothing of this name concerns her.
    """
    if study and not sight.sees_study(study):
        raise UnknownStudyError(study)
    if run and sight.studies is not None:
        known = runs.find(tx, run)
        if known is None or not sight.sees_study(known.study):
            raise UnknownRunError(run)


def _sites(roles: Iterable[str]) -> Iterable[str]:
    return (role.removeprefix(_SITE) for role in roles if role.startswith(_SITE))
