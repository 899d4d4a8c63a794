"""Recipients: the parties that use data, and the contracts and assessments that let them.

Law: outside a contract's window, or an assessment's, nothing is allowed; no sub-processing unless said.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from consent_center.consent.scope import COUNTRY, check_code
from consent_center.errors import DefinitionError


class RecipientKind(StrEnum):
    """Who a recipient is to the programme."""

    DEPARTMENT = "department"
    PARTNER = "partner"


class Role(StrEnum):
    """What a partner is in law."""

    JOINT = "joint"
    ENTRUSTED = "entrusted"
    INDEPENDENT = "independent"


@dataclass(frozen=True, slots=True)
class Recipient:
    """A department or partner brand that uses data.

    Attributes:
        code: its name; sites are named by it.
        name: what members read.
        kind: department (of the programme itself) or partner (which needs a contract).
        country: where it is established, ISO 3166-1 alpha-2.
        contact: where members reach it.
    """

    code: str
    name: str
    kind: RecipientKind
    country: str
    contact: str = ""

    def __post_init__(self) -> None:
        """Refuse what has no place."""
        check_code(self.code)
        if not COUNTRY.fullmatch(self.country):
            raise DefinitionError(f"recipient {self.code}: a country has two capital letters")


@dataclass(frozen=True, slots=True)
class Contract:
    """What a partner may do, until when.

    Attributes:
        code: its name; a later version replaces an earlier one.
        recipient: whose contract.
        role: joint, entrusted or independent.
        purposes: what for.
        countries: where.
        begins, ends: its window, `begins <= at < ends`.
        transfer: the legal mechanism when the recipient is established in another country; empty if none.
        sub_processing: may it pass data on?
    """

    code: str
    recipient: str
    role: Role
    purposes: tuple[str, ...]
    countries: tuple[str, ...]
    begins: datetime
    ends: datetime
    transfer: str = ""
    sub_processing: bool = False

    def __post_init__(self) -> None:
        """Refuse a window that is empty or has no zone."""
        check_code(self.code)
        check_window(self.begins, self.ends)


@dataclass(frozen=True, slots=True)
class Assessment:
    """An impact assessment of a purpose at its recipients, and how long it is current.

    Attributes:
        code: its name; a later version replaces an earlier one.
        purpose: what was assessed.
        recipients: for whom.
        begins, ends: `begins <= at < ends`.
        digest: SHA-256 of the document, hexadecimal.
    """

    code: str
    purpose: str
    recipients: tuple[str, ...]
    begins: datetime
    ends: datetime
    digest: str = ""

    def __post_init__(self) -> None:
        """Refuse a window that is empty or has no zone."""
        check_code(self.code)
        check_window(self.begins, self.ends)


def check_window(begins: datetime, ends: datetime) -> None:
    """Refuse a window that is empty or has no zone.

    Raises:
        DefinitionError: such a window.
    """
    if begins.tzinfo is None or ends.tzinfo is None or begins > ends:
        raise DefinitionError("a window begins before it ends, in timezone-aware times")
