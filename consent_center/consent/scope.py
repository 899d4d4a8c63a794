"""Scopes: named sets of data fields, and the item, one cell of choice.

Law: an item never implies another; scope, purpose, recipient and country are each part of the choice.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from consent_center.errors import DefinitionError

CODE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?", re.ASCII)
"""How everything that is defined is named: lower case, digits and inner hyphens, at most 64 characters."""

COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)


class ScopeClass(StrEnum):
    """How the law treats the data of a scope."""

    ORDINARY = "ordinary"
    SENSITIVE = "sensitive"
    PROHIBITED = "prohibited"


class Provenance(StrEnum):
    """How the data came to be."""

    GIVEN = "given"
    OBSERVED = "observed"
    INFERRED = "inferred"
    BOUGHT = "bought"


PROHIBITED_KINDS = frozenset({"contacts", "emotion", "biometrics", "brain-data", "scraped", "third-party-credit"})
SENSITIVE_KINDS = frozenset({"belief", "demographics", "health", "minor", "precise-location"})


@dataclass(frozen=True, slots=True)
class Scope:
    """A named set of data fields that a member can allow.

    Attributes:
        code: its name.
        fields: the columns it covers.
        scope_class: ordinary, sensitive or prohibited.
        provenance: given, observed, inferred or bought.
        kinds: what it contains beyond ordinary data, such as "biometrics" or "belief".
        text: language -> what members read.
        categories: code of a value in its columns -> language -> what members read instead of the code.
    """

    code: str
    fields: tuple[str, ...]
    scope_class: ScopeClass
    provenance: Provenance
    kinds: tuple[str, ...] = ()
    text: tuple[tuple[str, str], ...] = ()
    categories: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()

    def __post_init__(self) -> None:
        """Refuse a class below what the content demands, and a category that is named twice."""
        check_code(self.code)
        if len({code for code, _ in self.categories}) != len(self.categories):
            raise DefinitionError(f"scope {self.code} names each category once")
        if PROHIBITED_KINDS & {*self.kinds} and self.scope_class is not ScopeClass.PROHIBITED:
            raise DefinitionError(f"scope {self.code} holds prohibited kinds of data: its class must be prohibited")
        demanding = self.provenance is Provenance.INFERRED or SENSITIVE_KINDS & {*self.kinds}
        if demanding and self.scope_class is ScopeClass.ORDINARY:
            raise DefinitionError(
                f"scope {self.code} is inferred or sensitive by content: its class cannot be ordinary"
            )


class Item(NamedTuple):
    """One cell of choice: this data, for this purpose, by this recipient, in this country."""

    scope: str
    purpose: str
    recipient: str
    country: str

    def __str__(self) -> str:
        return f"{self.scope}/{self.purpose}/{self.recipient}/{self.country}"

    @classmethod
    def parse(cls, text: str) -> "Item":
        """Read what `str(item)` wrote.

        Raises:
            DefinitionError: not four codes joined by "/".
        """
        parts = text.split("/")
        if len(parts) != 4 or not all(CODE.fullmatch(part) for part in parts[:3]) or not COUNTRY.fullmatch(parts[3]):
            raise DefinitionError("an item is written scope/purpose/recipient/COUNTRY")
        return cls(*parts)


def check_code(code: str) -> None:
    """Refuse a name that is not a code.

    Raises:
        DefinitionError: other characters, or too long.
    """
    if not CODE.fullmatch(code):
        raise DefinitionError("a code has 1 to 64 lower-case letters, digits and inner hyphens")
