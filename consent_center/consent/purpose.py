"""Purposes: why data is used, and the most it may ever need.

Law (minimum necessary): a purpose lists the scopes it may ever use; an item outside the list is never allowed.
Law (linkage): a purpose that links names the two holders of data between which it does, once and for all; a member is
linked only while she allows all of it at both. It never serves another pair.
"""

from dataclasses import dataclass

from consent_center.consent.scope import check_code
from consent_center.errors import DefinitionError

MAX_LIFETIME_DAYS = 3 * 366


@dataclass(frozen=True, slots=True)
class Purpose:
    """Why data is used.

    Attributes:
        code: its name.
        scopes: the scopes it may ever use.
        trains_models: members' rows train a model; never members who need a guardian.
        personalised: what it does differs from member to member; "no personalised marketing" and Global Privacy
            Control override every grant for it.
        automated: decides about members without a person.
        needs_assessment: may be used only while an impact assessment of it is current.
        lifetime_days: how long a yes lasts.
        dpv: IRI of the closest purpose of the W3C Data Privacy Vocabulary.
        text: language -> what members read.
        between: of a purpose that links, the two recipients that may name a member to each other, and learn from each
            other; empty for every other purpose.
    """

    code: str
    scopes: tuple[str, ...]
    trains_models: bool = False
    personalised: bool = False
    automated: bool = False
    needs_assessment: bool = False
    lifetime_days: int = 365
    dpv: str = "https://w3id.org/dpv#ServicePersonalisation"
    text: tuple[tuple[str, str], ...] = ()
    between: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a purpose that could never be allowed, or lasts for ever."""
        check_code(self.code)
        if not self.scopes or len(set(self.scopes)) != len(self.scopes):
            raise DefinitionError(f"purpose {self.code} names each scope it may use once, and at least one")
        if not 1 <= self.lifetime_days <= MAX_LIFETIME_DAYS:
            raise DefinitionError(f"purpose {self.code}: a yes lasts 1 to {MAX_LIFETIME_DAYS} days")
        if self.between and (len(self.between) != 2 or self.between[0] == self.between[1]):
            raise DefinitionError(f"purpose {self.code} links two recipients, each named once")
        if self.between and not self.trains_models:
            raise DefinitionError(f"purpose {self.code} links, so it trains models: say so")

    def other(self, recipient: str) -> str:
        """Who is at the other end of a linkage; empty if this purpose links nobody, or not this recipient."""
        if recipient not in self.between:
            return ""
        return next(one for one in self.between if one != recipient)
