"""An exchange between two holders, in words: whose model it helped, what crossed, how sure anybody can be. Pure.

Law: both uses are told, each under the one who received something, with how often a guess from it is right, rounded up.
"""

import math
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from consent_center.portal.lines import Line
from consent_center.portal.names import Names
from consent_center.portal.proofs import ShownProof
from consent_center.portal.standing import path_of
from consent_center.web.formats import Formats
from consent_center.workflows._exchanged import Exchanged
from federated.linkage.randomised import truth_rate
from privacy.mechanism import RandomisedResponse


@dataclass(frozen=True)
class Use:
    """One of the two uses: who received what, and where she decides about it."""

    recipient: Markup
    text: Markup
    page: str | None


@dataclass(frozen=True)
class ExchangeTold:
    """An exchange as the page shows it.

    Attributes:
        name: its anchor on the page.
        uses: the use at the one who helped, then at the one who asked.
        receipts: where the receipts of the yeses that it rests on are.
        left: that she took it back, and when; empty if she did not.
    """

    name: str
    title: str
    at: datetime
    purpose: Markup
    quarter: Markup
    uses: tuple[Use, Use]
    receipts: tuple[str, ...]
    left: Markup
    index: int | None
    proof: ShownProof | None


def exchange_told(one: Exchanged, names: Names, formats: Formats, proof: ShownProof | None) -> ExchangeTold:
    """An exchange as the page of trainings shows it."""
    t = names.words
    year, _, quarter = one.pairing.epoch.partition("-q")
    return ExchangeTold(
        name=one.name,
        title=one.title,
        at=one.at,
        purpose=names.purpose(one.pairing.purpose),
        quarter=t("linkage.quarter", year=year, quarter=quarter),
        uses=uses_of(one, names, formats),
        receipts=tuple(f"/receipts/{entry}" for entry in one.under),
        left=t("linkage.left", date=formats.minute(one.left_at)) if one.left_at is not None else Markup(),
        index=one.index,
        proof=proof,
    )


def uses_of(one: Exchanged, names: Names, formats: Formats) -> tuple[Use, Use]:
    """Both uses: what the helper received and learned from, and what the holder received back."""
    t, pairing = names.words, one.pairing
    holder, helper = names.recipient_said(pairing.holder), names.recipient_said(pairing.helper)
    said = {"holder": holder, "helper": helper}
    theirs = formats.together(dict.fromkeys(names.scope_said(item.scope) for item in one.at_helper) or [Markup("")])
    if one.numbers is None:
        texts = t("linkage.again_helper", **said), t("linkage.again_holder", **said)
    else:
        label, group = one.numbers.labels, one.numbers.answers
        texts = (
            t("linkage.use_helper", **said, scopes=theirs, hits=best_answer(label)),
            t(
                "linkage.use_holder",
                **said,
                scopes=theirs,
                groups=group.options,
                hits=best_answer(group),
            ),
        )
    pages = [path_of(items[0]) if items else None for items in (one.at_helper, one.at_holder)]
    return (
        Use(names.recipient(pairing.helper), formats.cap(texts[0]), pages[0]),
        Use(names.recipient(pairing.holder), formats.cap(texts[1]), pages[1]),
    )


def exchange_lines(one: Exchanged, names: Names, formats: Formats) -> list[Line]:
    """Both uses as lines of her history, each under the one who received something; the proof is on the other page."""
    quiet = formats.listed([names.purpose(one.pairing.purpose)])
    return [
        Line(0, None, one.at, "event", "", use.text, formats.beside([one.title, quiet]), None, f"/trainings#{one.name}")
        for use in uses_of(one, names, formats)
    ]


def best_answer(answer: RandomisedResponse) -> int:
    """How often in 100 a guess from a randomised answer is right, rounded up."""
    return min(100, math.ceil(100 * truth_rate(answer)))
