"""Purposes: why data is used, and the most it may ever need.

Law (minimum necessary): a purpose lists the scopes it may ever use; an item outside the list is never allowed.
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

    def __post_init__(self) -> None:
        """Refuse a purpose that could never be allowed, or lasts for ever."""
        check_code(self.code)
        if not self.scopes or len(set(self.scopes)) != len(self.scopes):
            raise DefinitionError(f"purpose {self.code} names each scope it may use once, and at least one")
        if not 1 <= self.lifetime_days <= MAX_LIFETIME_DAYS:
            raise DefinitionError(f"purpose {self.code}: a yes lasts 1 to {MAX_LIFETIME_DAYS} days")
