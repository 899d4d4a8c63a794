"""The values that several routes share, with their bounds: what is longer or otherwise shaped is refused with 422."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from consent_center.consent.scope import Item

Code = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$", examples=["purchases"])]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$", examples=["TW"])]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", examples=["0" * 64])]
MemberRef = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{32}$",
        examples=["0" * 32],
        description="The member: her identifier for the programme's tokens, her pseudonym at the site for a site's.",
    ),
]


def _in_range(at: datetime) -> datetime:
    """Times far outside any life are refused; the rest is UTC."""
    if not 1990 <= at.year <= 2200:
        raise ValueError("the year is out of range")
    return at.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_in_range)]


class Closed(BaseModel):
    """A payload in which nothing unknown is ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ItemValue(Closed):
    """One cell of choice."""

    scope: Code
    purpose: Code
    recipient: Code
    country: Country

    def item(self) -> Item:
        """As the domain knows it."""
        return Item(self.scope, self.purpose, self.recipient, self.country)

    @classmethod
    def of(cls, item: Item) -> "ItemValue":
        """From the domain."""
        return cls(scope=item.scope, purpose=item.purpose, recipient=item.recipient, country=item.country)
