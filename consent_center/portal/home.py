"""The first page: who uses what, why, until when; what waits for an answer; what changed since the last visit."""

from collections.abc import Iterable
from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from markupsafe import Markup
from starlette.responses import Response

from consent_center.consent.recipient import RecipientKind
from consent_center.consent.verdict import Switch
from consent_center.portal.lines import Line, lines_of
from consent_center.portal.names import Names
from consent_center.portal.reader import MemberPage, MemberPageDep, PostedDep
from consent_center.portal.rights_words import Clocked, clocked
from consent_center.portal.standing import MARKS, Choice, State, joint_state, shown_choice
from consent_center.web.formats import Formats
from consent_center.web.pages import local_path
from consent_center.workflows.due_reminders import EVERY
from consent_center.workflows.file_right import requests_of
from consent_center.workflows.set_switch import set_switch
from consent_center.workflows.show_choices import Choices
from consent_center.workflows.show_history import show_history

router = APIRouter()
_RECENT = 5


@dataclass(frozen=True)
class Row:
    """One use of the register: a purpose at a recipient, or one item of a partner."""

    code: State
    mark: str
    colour: str
    path: str
    title: Markup
    facts: Markup
    state: Markup
    detail: Markup
    note: Markup
    trains: bool
    asks: bool


@router.get("/", response_class=HTMLResponse)
def show_home(page: MemberPageDep) -> Response:
    """Who uses your data."""
    choices = page.choices()
    names = page.names(choices)
    rows = rows_of(choices, names, page.formats)
    waiting = [row for row in rows if row[1].asks]
    return page.show(
        "portal/home/page.html",
        here="data",
        waiting=[row for _, row in waiting],
        inside=[row for inside, row in rows if inside and not row.asks],
        partners=[row for inside, row in rows if not inside and not row.asks],
        required=required_rows(page, names),
        recent=_recent(page, names),
        since=page.session.last_visit_at,
        requests=_open_requests(page),
        reminded=_reminded(page, choices),
        can_stop=any(row.code in ("allowed", "partial") for _, row in rows),
    )


@router.post("/marketing")
def turn_marketing(page: MemberPageDep, form: PostedDep) -> Response:
    """Turn "no personalised marketing" on or off, and show the same page with the stored state."""
    on = form.choice("turn", ("on", "off")) == "on"
    page.wiring.store.run(set_switch, page.member, Switch.NO_PERSONALISED, on=on, at=page.at)
    return page.go(local_path(form.fields.get("back", "/")))


def rows_of(choices: Choices, names: Names, formats: Formats) -> list[tuple[bool, Row]]:
    """The register: (inside the programme?, row), in the order in which notices ask."""
    together: dict[tuple[str, str], list[Choice]] = {}
    apart: list[Choice] = []
    for stand in choices.stands.values():
        choice = shown_choice(stand, names, formats, choices.stands)
        parties = (choice.item.recipient, names.other(choice.item))
        if any(names.catalogue.recipients[one].kind is RecipientKind.PARTNER for one in parties if one):
            apart.append(choice)
        else:
            together.setdefault((choice.item.purpose, choice.item.recipient), []).append(choice)
    rows = [(True, _row(group, names, formats)) for group in together.values()]
    return rows + [(False, _row([choice], names, formats)) for choice in apart]


def required_rows(page: MemberPage, names: Names) -> list[Row]:
    """What membership itself needs, as the programme declares it; nobody is asked about it."""
    mark, colour = MARKS["required"]
    return [
        Row(
            code="required",
            mark=mark,
            colour=colour,
            path="/required",
            title=names.purpose(need.purpose),
            facts=page.formats.beside(
                [
                    page.formats.listed(_lowered(map(names.scope, need.scopes), page.formats)),
                    names.recipient(need.recipient),
                ]
            ),
            state=page.words("state.required"),
            detail=Markup(),
            note=page.words("home.required_note"),
            trains=False,
            asks=False,
        )
        for need in page.house.required
    ]


def _row(group: list[Choice], names: Names, formats: Formats) -> Row:
    state = joint_state([choice.code for choice in group])
    first = next((choice for choice in group if choice.code == state), group[0])
    if state == "partial":
        first = next(choice for choice in group if choice.code == "allowed")
    mark, colour = MARKS[state]
    purpose = names.catalogue.purposes[first.item.purpose]
    notes = list(dict.fromkeys(choice.note for choice in group if choice.note))
    alone = len(group) == 1
    return Row(
        code=state,
        mark=mark,
        colour=colour,
        path=first.page if alone else f"/uses/{first.item.purpose}",
        title=first.purpose,
        facts=formats.beside([formats.listed(_lowered((c.scope for c in group), formats)), first.recipient]),
        state=names.words(f"state.{state}"),
        detail=first.detail,
        note=formats.sentences(notes),
        trains=purpose.trains_models,
        asks=state == "reask",
    )


def _lowered(scopes: Iterable[Markup], formats: Formats) -> list[Markup]:
    named = list(scopes)
    return [*named[:1], *map(formats.low, named[1:])]


def _recent(page: MemberPage, names: Names) -> list[Line]:
    since = page.session.last_visit_at
    if since is None:
        return []
    found = page.wiring.store.read(show_history, page.member, limit=_RECENT)
    fresh = [one for one in found.lines if one.at > since]
    return lines_of(fresh, names, page.formats)


def _reminded(page: MemberPage, choices: Choices) -> int:
    """How many uses went on while she did not look for 90 days; 0 if she was here, or nothing goes on."""
    since = page.session.last_visit_at
    if since is None or page.at - since < EVERY:
        return 0
    return sum(stand.verdict.allowed for stand in choices.stands.values())


def _open_requests(page: MemberPage) -> list[Clocked]:
    requests = page.wiring.store.read(requests_of, member=page.member)
    return [clocked(one, page.words, page.formats, at=page.at) for one in requests if not one.stage.is_closed]
