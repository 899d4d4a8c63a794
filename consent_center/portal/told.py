"""A notice as a page tells it: its text, its fields, and exactly what changed since the version before. Pure."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields

from markupsafe import Markup

from consent_center.consent.notice import Notice, NoticeText
from consent_center.portal.names import Names

_PIECES = re.compile(r"[A-Za-z0-9’'%.-]+|\s+|.", re.DOTALL)
Piece = tuple[str, str]


@dataclass(frozen=True)
class Told:
    """One version of a notice in the reader's language.

    Attributes:
        fields: (scope, its columns), for "exactly which fields are read".
        changes: (what, pieces) of each part of the text that changed; a piece is ("ins" | "del" | "same", text).
        is_news: whether the change is why she is asked again, so that it is shown open.
    """

    text: NoticeText
    version: int
    path: str
    path_before: str
    fields: list[tuple[Markup, tuple[str, ...]]]
    changes: list[tuple[Markup, list[Piece]]]
    is_news: bool


def told(notice: Notice, names: Names, *, only: Sequence[str] | None = None, is_news: bool = False) -> Told:
    """A version of a notice, with what changed since the one before.

    Args:
        notice: the version.
        names: in the reader's language.
        only: scopes to list fields of; all that the notice asks for by default.
        is_news: see `Told`.
    """
    language = names.words.language.value
    text = notice.text(language)
    before = names.catalogue.notices.get((notice.code, notice.version - 1))
    scopes = list(dict.fromkeys(item.scope for item in notice.items)) if only is None else list(only)
    return Told(
        text=text,
        version=notice.version,
        path=f"/notices/{notice.code}/{notice.version}",
        path_before=f"/notices/{notice.code}/{notice.version - 1}",
        fields=[(names.scope(code), names.catalogue.scopes[code].fields) for code in scopes],
        changes=[] if before is None else _changes(before, notice, names),
        is_news=is_news,
    )


def marked(old: str, new: str) -> list[Piece]:
    """What was taken out of `old` and put in to make `new`, word by word, in Chinese character by character.

    Joined, the pieces that are not "ins" give `old`, those that are not "del" give `new`.
    """
    was, now = _PIECES.findall(old), _PIECES.findall(new)
    pieces: list[Piece] = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, was, now, autojunk=False).get_opcodes():
        if kind == "equal":
            pieces.append(("same", "".join(was[a:b])))
            continue
        if b > a:
            pieces.append(("del", "".join(was[a:b])))
        if d > c:
            pieces.append(("ins", "".join(now[c:d])))
    return pieces


def _changes(before: Notice, after: Notice, names: Names) -> list[tuple[Markup, list[Piece]]]:
    language = names.words.language.value
    old, new = before.text(language), after.text(language)
    changes: list[tuple[Markup, list[Piece]]] = []
    asked_before, asked_now = _asked(before, names), _asked(after, names)
    if asked_before != asked_now:
        pieces = [("same", text) for text in asked_now if text in asked_before]
        pieces += [("ins", text) for text in asked_now if text not in asked_before]
        pieces += [("del", text) for text in asked_before if text not in asked_now]
        separated = [piece for one in pieces for piece in (one, ("same", names.words("list.separator")))]
        changes.append((names.words("notice.asks_for"), separated[:-1]))
    for one in fields(NoticeText):
        was, now = getattr(old, one.name), getattr(new, one.name)
        if was != now:
            changes.append((names.words(f"notice.field.{one.name}"), marked(was, now)))
    return changes


def _asked(notice: Notice, names: Names) -> list[str]:
    return [
        names.words("notice.asked", scope=names.scope(item.scope), recipient=names.recipient(item.recipient))
        for item in notice.items
    ]
