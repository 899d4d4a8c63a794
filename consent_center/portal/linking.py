"""What a linkage means for her, in words: what crosses, what even a perfect matching reveals, who must agree. Pure.

Law: whatever crosses, and whatever it reveals although nothing else does, is said before she answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from consent_center.portal.names import Names
from consent_center.portal.standing import Choice


@dataclass(frozen=True)
class Link:
    """A linkage as its pages explain it.

    Attributes:
        ends: what is asked at either end; it goes on only while all of it is allowed.
        goes_on: whether it is.
        crosses: what is sent about her, a sentence each.
        reveals: what that tells although nothing else is sent, a sentence each.
    """

    first: Markup
    second: Markup
    ends: Sequence[Choice]
    goes_on: bool
    crosses: tuple[Markup, ...]
    reveals: tuple[Markup, ...]


def link_of(names: Names, purpose: str, shown: Sequence[Choice]) -> Link | None:
    """The linkage that a purpose is, or None for every other purpose.

    Args:
        names: in the reader's language.
        purpose: its code.
        shown: all choices of hers.
    """
    between = names.catalogue.purposes[purpose].between
    if not between:
        return None
    first, second = map(names.recipient_said, between)
    t = names.words
    ends = [choice for choice in shown if choice.item.purpose == purpose]
    return Link(
        first=first,
        second=second,
        ends=ends,
        goes_on=bool(ends) and all(choice.code == "allowed" and not choice.note for choice in ends),
        crosses=(t("linkage.code"), t("linkage.answer"), t("linkage.group"), t("linkage.kept")),
        reveals=(t("linkage.membership"), t("linkage.difference"), t("linkage.trusted")),
    )


def also_stops(choice: Choice, names: Names) -> list[Markup]:
    """What a withdrawal of this item stops elsewhere; nothing if it links nobody."""
    return [names.words("linkage.stops", other=choice.other)] if choice.other else []


def cannot_undo(choice: Choice, names: Names) -> list[Markup]:
    """What nobody can take back of an item that links."""
    return [names.words("linkage.cannot")] if choice.other else []
