"""Lines of a history: from entries of the log to sentences a member reads. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from markupsafe import Markup, escape

from consent_center.consent.grant import BY_HUB
from consent_center.consent.scope import Item
from consent_center.errors import DefinitionError
from consent_center.portal.names import Names
from consent_center.rights.request import Right
from consent_center.storage.history import Happened
from consent_center.web.formats import Formats
from consent_center.web.languages import parse
from consent_center.workflows.show_trainings import Training

ANSWERS = frozenset({"statement.made", "switch.set"})
USES = frozenset({"member.read", "member.enrolled", "member.unenrolled"})
DECISIONS = frozenset({"decision.made", "decision.shown", "decision.contested", "decision.reviewed"})
REQUESTS = frozenset({"right.asked", "right.answered", "member.erased"})
OTHERS = frozenset({"delegation.given", "delegation.ended", "member.registered", "sign_in.changed"})
FILTERS: dict[str, frozenset[str] | None] = {
    "all": None,
    "answers": ANSWERS,
    "uses": USES,
    "decisions": DECISIONS,
    "rights": REQUESTS,
}

_MARKS = {
    "given": ("yes", "is-allowed"),
    "renewed": ("yes", "is-allowed"),
    "refused": ("no", ""),
    "withdrawn": ("no", ""),
    "revoked": ("no", ""),
    "invalidated": ("no", ""),
    "deferred": ("ask", ""),
    "paused": ("pause", ""),
    "resumed": ("yes", "is-allowed"),
}
_ANSWERED = {"right": "history.decision_right", "not-for-me": "history.decision_not_for_me"}
_RECEIPTED = frozenset({"given", "renewed", "refused", "withdrawn", "paused", "resumed"})


@dataclass(frozen=True)
class Line:
    """One line of a history.

    Attributes:
        index: place of its entry in the log; None as long as it has none.
        receipt: where its receipt is, if it has one.
        more: the page that shows its proof, for what is no entry about her alone.
    """

    entry: int
    index: int | None
    at: datetime
    mark: str
    colour: str
    text: Markup
    note: Markup
    receipt: str | None
    more: str | None = None


def lines_of(happened: Sequence[Happened], names: Names, formats: Formats) -> list[Line]:
    """Each entry as a line, newest first; lines of one moment stay in their order."""
    return sorted((line_of(one, names, formats) for one in happened), key=lambda line: line.at, reverse=True)


def line_of(one: Happened, names: Names, formats: Formats) -> Line:
    """One entry as a line; an event that no sentence exists for is named by its kind, never hidden."""
    told = _TOLD.get(one.kind, _other)
    mark, colour, text, note = told(one.said, names, formats)
    act = str(one.said.get("act", ""))
    receipt = f"/receipts/{one.entry}" if act in _RECEIPTED else None
    return Line(one.entry, one.index, one.at, mark, colour, formats.cap(text), note, receipt)


def training_line(one: Training, names: Names, formats: Formats) -> Line:
    """A training that she was admitted to; its entry in the log is about the run, its proof on the trainings' page."""
    text = names.words("history.training", title=one.title, recipient=names.recipient_said(one.site))
    purposes = dict.fromkeys(names.purpose(item.purpose, item.recipient) for item in one.items)
    note = formats.listed(purposes)
    return Line(0, None, one.at, "event", "", formats.cap(text), note, None, more=f"/trainings#{one.run}")


Told = tuple[str, str, Markup, Markup]


def _statement(said: dict[str, Any], names: Names, formats: Formats) -> Told:
    act = str(said["act"])
    mark, colour = _MARKS.get(act, ("event", ""))
    items = [item for item in (_item(text) for text in said.get("items", ())) if item is not None]
    recipients = list(dict.fromkeys(names.recipient_said(item.recipient) for item in items))
    scopes = list(dict.fromkeys(names.scope_said(item.scope) for item in items))
    purposes = list(dict.fromkeys(names.purpose(item.purpose, item.recipient) for item in items))
    text = names.words(f"history.{act}", recipient=formats.together(recipients), scope=formats.together(scopes))
    language = parse(str(said.get("language", "")))
    shown = names.words(
        "notice.version",
        version=said.get("notice_version", ""),
        language=formats.tongue(language) if language else str(said.get("language", "")),
    )
    facts: list[object] = [formats.listed(purposes), shown]
    if act in BY_HUB:  # she was shown no notice for it, but is told why
        facts[1:] = [names.words("choice.ended", reason=said["reason"])] if said.get("reason") else []
    if said.get("actor") in ("guardian", "delegate"):
        facts.append(names.words(f"history.by_{said['actor']}"))
    return mark, colour, text, formats.beside(facts)


def _switch(said: dict[str, Any], names: Names, formats: Formats) -> Told:
    del formats
    if said.get("switch") == "most-offers":
        return "event", "", names.words("history.limit", count=said.get("most", "")), Markup()
    key = "restricted" if said.get("switch") == "restricted" else "marketing"
    text = names.words(f"history.{key}_{'on' if said.get('on') else 'off'}")
    note = names.words("history.by_browser") if said.get("source") == "gpc" else Markup()
    return ("no" if said.get("on") else "event"), "", text, note


def _right(said: dict[str, Any], names: Names, formats: Formats) -> Told:
    del formats
    known = said.get("right") in set(Right)
    right = names.words(f"right.{said['right']}") if known else Markup()
    return "event", "", names.words("history.right_asked", right=right), Markup()


def _right_answered(said: dict[str, Any], names: Names, formats: Formats) -> Told:
    del formats
    stage = str(said.get("stage", "answered"))
    if stage == "site_done":
        who = names.recipient_said(str(said.get("site", "")))
        return "event", "", names.words("history.right_site_done", recipient=who), Markup()
    key = f"history.right_{stage}"
    return "event", "", names.words(key if names.words.has(key) else "history.right_answered"), Markup()


def _site(key: str) -> Callable[[dict[str, Any], Names, Formats], Told]:
    def told(said: dict[str, Any], names: Names, formats: Formats) -> Told:
        del formats
        return "event", "", names.words(key, recipient=names.recipient_said(str(said.get("site", "")))), Markup()

    return told


def _read(said: dict[str, Any], names: Names, formats: Formats) -> Told:
    keys = [f"seen.field.{field}" for field in said.get("fields") or []]
    listed = formats.listed([names.words(key) for key in keys if names.words.has(key)])
    who = str(said.get("staff") or said.get("role") or "")
    text = names.words("history.read", who=who)
    note = formats.beside([part for part in (listed, str(said.get("reason", ""))) if part])
    return "event", "", text, note


def _contested(said: dict[str, Any], names: Names, formats: Formats) -> Told:
    del formats
    return "event", "", names.words(_ANSWERED.get(str(said.get("answer")), "history.decision_contested")), Markup()


def _sign_in(said: dict[str, Any], names: Names, formats: Formats) -> Told:
    del formats
    way = "passkey" if said.get("way") == "passkey" else "address"
    act = "removed" if said.get("act") == "removed" else "added"
    return "event", "", names.words(f"history.{way}_{act}"), escape(str(said.get("label", "")))


def _plain(key: str, mark: str = "event") -> Callable[[dict[str, Any], Names, Formats], Told]:
    def told(said: dict[str, Any], names: Names, formats: Formats) -> Told:
        del said, formats
        return mark, "", names.words(key), Markup()

    return told


def _other(said: dict[str, Any], names: Names, formats: Formats) -> Told:
    del formats
    return "event", "", names.words("history.other", kind=str(said.get("kind", ""))), Markup()


def _item(text: str) -> Item | None:
    try:
        return Item.parse(text)
    except DefinitionError:
        return None


_TOLD: dict[str, Callable[[dict[str, Any], Names, Formats], Told]] = {
    "statement.made": _statement,
    "switch.set": _switch,
    "sign_in.changed": _sign_in,
    "right.asked": _right,
    "right.answered": _right_answered,
    "member.enrolled": _site("history.enrolled"),
    "member.unenrolled": _site("history.unenrolled"),
    "member.read": _read,
    "member.registered": _plain("history.registered"),
    "delegation.given": _plain("history.delegation_given"),
    "delegation.ended": _plain("history.delegation_ended"),
    "decision.made": _plain("history.decision_made"),
    "decision.shown": _plain("history.decision_shown"),
    "decision.contested": _contested,
    "decision.reviewed": _plain("history.decision_reviewed"),
}
