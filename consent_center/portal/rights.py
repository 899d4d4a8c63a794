"""Her rights: file a request, follow its clock, take it back; access and copies of what the hub holds at once."""

import json
from secrets import token_urlsafe

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from markupsafe import Markup, escape
from starlette.responses import Response

from consent_center.consent.scope import Item
from consent_center.errors import DefinitionError
from consent_center.portal.lines import lines_of
from consent_center.portal.names import Names
from consent_center.portal.reader import MemberPage, OwnPageDep, PostedDep
from consent_center.portal.rights_words import clocked
from consent_center.portal.tags import tag_title
from consent_center.rights.request import ANSWERED_HERE, DETAIL_LIMIT, NEEDS_DETAIL, Right
from consent_center.web.forms import FieldError
from consent_center.workflows.file_right import file_right, request_of, requests_of, take_back_right
from consent_center.workflows.settle_tag import AboutTag, Wish
from consent_center.workflows.show_history import show_history
from consent_center.workflows.show_holdings import show_holdings

router = APIRouter()
_LATEST = 100


@router.get("/rights", response_class=HTMLResponse)
def show_rights(page: OwnPageDep, right: str = "", about: str = "") -> Response:
    """Her requests with their clocks, and the form for another."""
    return _page(page, chosen=right if right in set(Right) else "", tag=AboutTag.parse(about))


@router.post("/rights")
def file(page: OwnPageDep, form: PostedDep) -> Response:
    """File a request; the same form posted twice files one."""
    chosen, tag = form.fields.get("right", ""), AboutTag.parse(form.fields.get("about", ""))
    if tag is not None and (tag.wish is not Wish.CORRECT or chosen != tag.wish.right):
        tag = None
    problems = []
    if chosen not in set(Right):
        chosen = ""
        problems.append(FieldError("right", "error.choose"))
    detail = form.fields.get("detail", "")[: 2 * DETAIL_LIMIT]
    try:
        detail = form.text("detail", limit=DETAIL_LIMIT, required=bool(chosen) and Right(chosen) in NEEDS_DETAIL)
    except FieldError as problem:
        problems.append(problem)
    if problems:
        return _page(page, chosen=chosen, detail=detail, once=form.fields.get("once", ""), tag=tag, problems=problems)
    request = page.wiring.store.run(
        file_right,
        member=page.member,
        right=Right(chosen),
        about="" if tag is None else str(tag),
        detail=detail,
        once=form.fields.get("once", "")[:64] or token_urlsafe(12),
        zone=page.house.zone,
        sites=None if tag is None else [tag.site],
        at=page.at,
    )
    return page.go(f"/rights/{request.id}")


@router.get("/rights/copy", response_class=HTMLResponse)
def show_copy(page: OwnPageDep) -> Response:
    """Everything the hub holds about her, readable."""
    held = page.wiring.store.read(show_holdings, page.member, at=page.at)
    names = page.named(held.catalogue)
    found = page.wiring.store.read(show_history, page.member, kinds=frozenset({"statement.made"}), limit=_LATEST)
    said = lines_of(found.lines, names, page.formats)
    return page.show("portal/rights/copy.html", here="rights", held=held, names=names, said=said)


@router.get("/rights/copy.json")
def give_copy(page: OwnPageDep) -> Response:
    """The same as data."""
    held = page.wiring.store.read(show_holdings, page.member, at=page.at)
    content = json.dumps(held.document, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    disposition = 'attachment; filename="accord-copy.json"'
    return Response(content, media_type="application/json", headers={"Content-Disposition": disposition})


@router.get("/rights/{name}", response_class=HTMLResponse)
def show_request(name: str, page: OwnPageDep) -> Response:
    """One request: its clock, what sites have to do for it, and its answer."""
    request, tasks = page.wiring.store.read(request_of, member=page.member, name=name)
    choices = page.choices()
    names = page.names(choices)
    return page.show(
        "portal/rights/request.html",
        here="rights",
        shown=clocked(request, page.words, page.formats, at=page.at),
        tasks=[(names.recipient(task.site), task.done_at) for task in tasks],
        answered_here=request.right in ANSWERED_HERE,
        about=about_in_words(page, names, request.about),
    )


@router.post("/rights/{name}/take-back")
def take_back(name: str, page: OwnPageDep, form: PostedDep) -> Response:
    """She does not want an answer any more."""
    del form
    page.wiring.store.run(take_back_right, member=page.member, name=name, at=page.at)
    return page.go(f"/rights/{name}")


def about_in_words(page: MemberPage, names: Names, about: str) -> Markup:
    """What a request is about, as she knows it: a tag, an item, else the code as it is."""
    tag = AboutTag.parse(about)
    if tag is not None:
        return page.formats.beside([tag_title(page, names, tag.name), names.recipient(tag.site)])
    try:
        item = Item.parse(about)
    except DefinitionError:
        return escape(about)
    parts = [names.scope(item.scope), names.purpose(item.purpose, item.recipient), names.recipient(item.recipient)]
    return page.formats.beside(parts)


def _page(
    page: MemberPage,
    *,
    chosen: str,
    detail: str = "",
    once: str = "",
    tag: AboutTag | None = None,
    problems: list[FieldError] | None = None,
) -> HTMLResponse:
    names = page.named(page.choices().catalogue)
    requests = page.wiring.store.read(requests_of, member=page.member)
    return page.show(
        "portal/rights/page.html",
        here="rights",
        status=422 if problems else 200,
        problems=problems,
        rights=tuple(Right),
        chosen=chosen,
        detail=detail,
        once=once or token_urlsafe(12),
        limit=DETAIL_LIMIT,
        about=None if tag is None else (str(tag), about_in_words(page, names, str(tag))),
        requests=[clocked(one, page.words, page.formats, at=page.at) for one in requests],
    )
