"""A decision's document as sentences: "because you have come less often lately and your offers went unused".

Phrases are looked up by what a feature measures (its name without the trailing period, such as `visits` for
`visits_8w`) and by how the member's value stands. A brand's own phrases go before these.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from consent_center.offers.phrases import (
    ANSWER,
    ANSWER_UNKNOWN,
    BETWEEN,
    COULD,
    COULD_ANSWER,
    COULD_RULE,
    DECIDED,
    JOIN,
    LEVELS,
    NAMED,
    NAMES,
    NO_REASON,
    PHRASES,
    SAY,
)
from federated.plan_exchange import BIN_FEATURE
from federated.site.decisions import RULED

Language = Literal["en", "zh-Hant", "zh-Hans"]
MOST = 3
ANSWERED = BIN_FEATURE
_BIN = re.compile(r"below (?P<below>\S+)|(?P<above>\S+) or more|(?P<within>\S+) to (?P<high>\S+)", re.ASCII)
_PERIOD = re.compile(r"_\d+[dwm]$|_(weeks|months|days)$", re.ASCII)
Own = Mapping[tuple[str, str], Mapping[str, str]]
"""(feature, level) -> language -> phrase: a brand's own."""

Named = Callable[[str], str | None]
"""The value of a column -> what it is called in the reader's language; None if nobody named it."""


def say_decision(document: Mapping[str, Any], *, language: Language, own: Own | None = None) -> str:
    """One decision in two or three sentences.

    Args:
        document: `federated.site.decisions.Decision.document`, as relayed from the site.
        language: hers.
        own: phrases of the brand, tried first.
    """
    parts = [say_kind(document, language=language)]
    parts.append(say_reasons(document["reasons"], language=language, own=own))
    if document.get("change") is not None:
        parts.append(say_change(document["change"], language=language, by_rule=by_rule(document)))
    return (" " if language == "en" else "").join(parts)


def say_kind(document: Mapping[str, Any], *, language: Language) -> str:
    """What it rests on, without its reasons."""
    kind = RULED if by_rule(document) else str(document["kind"])
    return DECIDED[kind][language].format(days=int(document["horizon_days"]))


def by_rule(document: Mapping[str, Any]) -> bool:
    """Did a rule decide that was not learned from anybody?"""
    return document.get("label") == RULED


def say_reason(
    reason: Mapping[str, Any], *, language: Language, own: Own | None = None, named: Named | None = None
) -> str:
    """One reason as a sentence of its own, for a list of reasons."""
    said = _phrase(reason, language, own or {}, named)
    return f"{said[:1].upper()}{said[1:]}." if language == "en" else f"{said}。"


def say_reasons(reasons: Sequence[Mapping[str, Any]], *, language: Language, own: Own | None = None) -> str:
    """The reasons as one sentence; at most three, the strongest first.

    Args:
        reasons: each with `feature` and `level`.
        language: hers.
        own: phrases of the brand, tried first.
    """
    said = list(dict.fromkeys(_phrase(one, language, own or {}) for one in reasons[:MOST]))
    if not said:
        return NO_REASON[language]
    comma, last = JOIN[language]
    joined = said[0] if len(said) == 1 else comma.join(said[:-1]) + last + said[-1]
    return SAY[language].format(reasons=joined)


def say_change(
    change: Mapping[str, Any], *, language: Language, named: Named | None = None, by_rule: bool = False
) -> str:
    """What would have changed the score; it would change the score, nobody says it would cause anything."""
    if str(change["feature"]).startswith(ANSWERED):
        partner = _readable(str(change["feature"]).removeprefix(ANSWERED))
        return COULD_ANSWER[language].format(partner=(named(partner) if named else None) or partner)
    name = NAMES.get(_measure(str(change["feature"])), {}).get(language) or _readable(str(change["feature"]))
    value = change["value"]
    text = f"{value:g}" if isinstance(value, int | float) else _value(str(value), language, named)
    return (COULD_RULE if by_rule else COULD)[language].format(feature=name, value=text)


def _phrase(reason: Mapping[str, Any], language: Language, own: Own, named: Named | None = None) -> str:
    feature, level = str(reason["feature"]), str(reason["level"])
    measure = _measure(feature)
    if feature.startswith(ANSWERED):
        # A group of an answer has no meaning that she could check; who knows it, and that it is uncertain, does.
        who = (named(feature.removeprefix(ANSWERED)) if named else None) or _readable(feature.removeprefix(ANSWERED))
        return (ANSWER_UNKNOWN if level == "unknown" else ANSWER)[language].format(partner=who)
    for table, key in ((own, feature), (PHRASES, measure)):
        found = table.get((key, level)) or table.get((key, "*"))
        if found and language in found:
            return found[language].format(value=_value(level, language, named))
    name = NAMES.get(measure, {}).get(language) or _readable(feature)
    return NAMED[language].format(feature=name, value=_value(level, language, named))


def _value(code: str, language: Language, named: Named | None) -> str:
    if found := _BIN.fullmatch(code):
        where = str(found.lastgroup if found["high"] is None else "within")
        return BETWEEN[where][language].format(low=found[where], high=found["high"])
    return (named(code) if named else None) or LEVELS.get(code, {}).get(language) or _readable(code)


def _measure(feature: str) -> str:
    return _PERIOD.sub("", feature)


def _readable(code: str) -> str:
    return code.replace("_", " ").strip()
