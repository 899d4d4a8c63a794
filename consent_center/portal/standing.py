"""How one item stands, in words and a mark: from the stored state to what a member reads. Pure.

Law: the word is what she said; if a use is not allowed although she said yes, the note beside it says why. A linkage
needs a yes at both of its ends; as long as one is missing, the note at the other says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from consent_center.consent.grant import YES, Act
from consent_center.consent.notice import choices_digest
from consent_center.consent.recipient import RecipientKind
from consent_center.consent.scope import Item, ScopeClass
from consent_center.consent.verdict import Reason
from consent_center.portal.names import Names
from consent_center.web.formats import Formats
from consent_center.workflows.show_choices import Stand

Apart = Literal["partner", "sensitive", "border", "link"]
State = Literal["allowed", "partial", "refused", "unanswered", "paused", "expired", "reask", "revoked", "required"]

MARKS: dict[State, tuple[str, str]] = {
    "allowed": ("yes", "is-allowed"),
    "partial": ("part", "is-allowed"),
    "refused": ("no", ""),
    "unanswered": ("ask", ""),
    "paused": ("pause", ""),
    "expired": ("expired", ""),
    "reask": ("ask", "is-hold"),
    "revoked": ("no", ""),
    "required": ("required", ""),
}
"""State -> mark and colour class of the design language."""

_SAID: dict[Act, State] = {
    Act.REFUSED: "refused",
    Act.WITHDRAWN: "refused",
    Act.REVOKED: "revoked",
    Act.INVALIDATED: "revoked",
    Act.DEFERRED: "unanswered",
}
_NOTES = {
    Reason.NO_CONTRACT: "blocked.contract",
    Reason.NO_ASSESSMENT: "blocked.assessment",
    Reason.RESTRICTED: "blocked.restricted",
    Reason.OBJECTED: "blocked.objected",
    Reason.GUARDIAN_MISSING: "reason.guardian",
    Reason.GUARDIAN_ENDED: "blocked.guardian_ended",
    Reason.MINOR: "blocked.minor",
    Reason.NOT_NECESSARY: "blocked.not_necessary",
    Reason.PROHIBITED: "blocked.not_necessary",
    Reason.NOTICE_CHANGED: "reason.notice",
}


@dataclass(frozen=True)
class Choice:
    """One item as a page shows it; texts are in the reader's language.

    Attributes:
        said: what she said, for the pressed button: "yes", "no" or nothing.
        state, detail: the word and its date; `note` says why a yes is not used, or why we ended it.
        apart: why it has a page of its own; None if it stands on its purpose's page.
        other: who is at the other end, of an item that links; empty for every other.
        page: where it is answered; `path` is its own address.
        shown: digest of the choice as shown, for the statement.
    """

    item: Item
    said: Literal["yes", "no", ""]
    code: State
    mark: str
    colour: str
    state: Markup
    detail: Markup
    note: Markup
    scope: Markup
    scope_is: Markup
    scope_said: Markup
    purpose: Markup
    recipient: Markup
    recipient_said: Markup
    other: Markup
    apart: Apart | None
    name_apart: Markup
    why_apart: Markup
    path: str
    page: str
    anchor: str
    shown: str
    notice: str
    version: int


def state_of(stand: Stand) -> State:
    """The word for how an item stands."""
    choice = stand.choice
    if choice is None:
        return "unanswered"
    if choice.act not in YES:
        return _SAID[choice.act]
    if stand.verdict.reason is Reason.NOTICE_CHANGED:
        return "reask"
    if stand.verdict.reason is Reason.EXPIRED:
        return "expired"
    return "paused" if stand.paused else "allowed"


def said_of(state: State) -> Literal["yes", "no", ""]:
    """Which of the two buttons is pressed."""
    if state in ("allowed", "paused"):
        return "yes"
    return "no" if state == "refused" else ""


def apart_of(item: Item, names: Names) -> Apart | None:
    """Why an item is asked about on its own page, or None."""
    recipient = names.catalogue.recipients[item.recipient]
    if recipient.country != item.country:
        return "border"
    if names.other(item):
        return "link"
    if recipient.kind is RecipientKind.PARTNER:
        return "partner"
    return "sensitive" if names.catalogue.scopes[item.scope].scope_class is not ScopeClass.ORDINARY else None


def path_of(item: Item) -> str:
    """The address of an item's own page."""
    return f"/uses/{item.purpose}/{item.recipient}/{item.scope}/{item.country}"


def shown_choice(stand: Stand, names: Names, formats: Formats, stands: Mapping[Item, Stand]) -> Choice:
    """One item as a page shows it.

    Args:
        stand: how it stands.
        names: in the reader's language.
        formats: of the reader's language.
        stands: every item of hers, for the other end of one that links.
    """
    item, words = stand.item, names.words
    state = state_of(stand)
    mark, colour = MARKS[state]
    apart = apart_of(item, names)
    scope, recipient = names.scope(item.scope), names.recipient(item.recipient)
    other = names.recipient_said(names.other(item)) if names.other(item) else Markup()
    scope_said = names.scope_said(item.scope)
    return Choice(
        item=item,
        said=said_of(state),
        code=state,
        mark=mark,
        colour=colour,
        state=words(f"state.{state}"),
        detail=_detail(stand, state, names, formats),
        note=_note(stand, state, names, formats) or _waits(stand, state, names, stands),
        scope=scope,
        scope_is=names.scope_is(item.scope),
        scope_said=words("linkage.scope", scope=scope_said, other=other) if other else scope_said,
        purpose=names.purpose(item.purpose, item.recipient),
        recipient=recipient,
        recipient_said=names.recipient_said(item.recipient),
        other=other,
        apart=apart,
        name_apart=scope if apart in (None, "sensitive") else formats.beside([recipient, scope]),
        why_apart=_why_apart(apart, item, names),
        path=path_of(item),
        page=path_of(item) if apart else f"/uses/{item.purpose}",
        anchor=f"item-{item.recipient}-{item.scope}",
        shown=choices_digest(stand.notice, words.language.value, [item]),
        notice=stand.notice.code,
        version=stand.notice.version,
    )


def joint_state(states: Sequence[State]) -> State:
    """The one word for several items of a purpose, the one that needs her first."""
    first: tuple[State, ...] = ("reask", "revoked")
    for state in first:
        if state in states:
            return state
    if len(set(states)) == 1:
        return states[0]
    if "allowed" in states:
        return "partial"
    rest: tuple[State, ...] = ("paused", "expired", "unanswered", "refused")
    return next(state for state in rest if state in states)


def _detail(stand: Stand, state: State, names: Names, formats: Formats) -> Markup:
    words, choice = names.words, stand.choice
    if choice is None or state == "unanswered":
        return Markup()
    if state == "allowed" and choice.expires_at is not None:
        return words("state.until", date=formats.day(choice.expires_at))
    if state == "expired" and choice.expires_at is not None:
        return words("state.since", date=formats.day(choice.expires_at))
    if state == "reask":
        return Markup()
    since = stand.paused_at if state == "paused" and stand.paused_at is not None else choice.at
    return words("state.since", date=formats.day(since))


def _note(stand: Stand, state: State, names: Names, formats: Formats) -> Markup:
    words = names.words
    if state == "revoked" and stand.why:
        return words("choice.ended", reason=stand.why)
    if stand.verdict.allowed or stand.verdict.reason not in _NOTES:
        return Markup()
    if state not in ("allowed", "paused", "unanswered", "reask"):
        return Markup()
    if state == "reask":
        return _what_changed(stand, names, formats)
    return words(_NOTES[stand.verdict.reason], brand=names.recipient(stand.item.recipient))


def _waits(stand: Stand, state: State, names: Names, stands: Mapping[Item, Stand]) -> Markup:
    """That a linkage which is allowed at this end is not at the other."""
    item, other = stand.item, names.other(stand.item)
    ends = [one for key, one in stands.items() if (key.purpose, key.recipient) == (item.purpose, other)]
    if not other or state != "allowed" or (ends and all(one.verdict.allowed for one in ends)):
        return Markup()
    return names.words("linkage.waits", other=names.recipient_said(other))


def _why_apart(apart: Apart | None, item: Item, names: Names) -> Markup:
    if apart is None:
        return Markup()
    country = names.country(item.country)
    reason = names.words(f"notice.separate_{apart}", country=country)
    return names.words("notice.separate", reason=reason)


def _what_changed(stand: Stand, names: Names, formats: Formats) -> Markup:
    """The sentence on a changed notice, with the scopes it asks for beyond the version that she answered."""
    date = formats.day(stand.notice.published_at)
    answered = stand.choice.notice if stand.choice else 0
    versions = {number: key for key, number in names.catalogue.notice_numbers.items()}
    before = names.catalogue.notices.get(versions.get(answered, ("", 0)))
    known = {item.scope for item in before.items} if before else set()
    fresh = dict.fromkeys(item.scope for item in stand.notice.items if item.scope not in known)
    if before is None or not fresh:
        return names.words("notice.changed_since", date=date)
    return names.words("notice.changed", date=date, scopes=formats.together(map(names.scope_said, fresh)))
