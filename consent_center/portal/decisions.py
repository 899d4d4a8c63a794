"""Decisions about her: what was decided, why, what would change it; and what she says to it.

The hub knows that a decision was made and holds a commitment to it. The reasons are relayed from the site when she
asks, and shown only if they open that commitment. What no part delivers yet is said to be "not yet".
"""

import contextlib
from dataclasses import dataclass, replace
from datetime import datetime

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from consent_center.offers.explanation import Language as Tongue
from consent_center.offers.explanation import by_rule, say_change, say_kind, say_reason
from consent_center.portal.reader import MemberPage, OwnPageDep, PostedDep
from consent_center.web.failures import NotFoundError
from consent_center.web.forms import FieldError
from consent_center.web.languages import Language
from consent_center.workflows.answer_decision import ANSWERS, LONGEST, OUTCOMES, answer_decision
from consent_center.workflows.open_review import words_to_her
from consent_center.workflows.show_decisions import Shown, list_decisions, open_decisions, pseudonyms_of
from federated.site.decisions import ANSWERS as SITE_ANSWERS

router = APIRouter()
_MOST_REASONS = 3
_LANGUAGES: dict[Language, Tongue] = {Language.EN: "en", Language.HANT: "zh-Hant", Language.HANS: "zh-Hans"}


@dataclass(frozen=True)
class Told:
    """A decision as the page tells it.

    Attributes:
        name: its commitment, which is also its address.
        code, site: who decided, by its code and its name inside a sentence.
        said: what was decided, as one sentence; None if the site did not answer.
        reasons: at most three, each a sentence of its own.
        change: what would change it; None if nothing is known.
        is_false: the site relayed something else than it committed to.
        answers: what she said and a person answered: (step, when).
        person_due_at: when a person has to have answered, if she asked for one and none has.
        words: what the person wrote to her; empty on a list, and while nobody has.
    """

    name: str
    at: datetime
    kind: str
    code: str
    site: object
    said: str | None
    reasons: list[str]
    change: str | None
    is_false: bool
    answers: list[tuple[str, datetime]]
    person_due_at: datetime | None
    can_ask: bool
    words: str = ""


@router.get("/decisions", response_class=HTMLResponse)
def show(page: OwnPageDep) -> Response:
    """Every automated decision about her that the hub knows of, newest first."""
    choices = page.choices()
    return page.show(
        "portal/decisions/page.html",
        here="decisions",
        decisions=_told(page),
        switch_is=choices.no_personalised,
    )


@router.get("/decisions/{name}", response_class=HTMLResponse)
def show_one(name: str, page: OwnPageDep) -> Response:
    """One decision, with the forms to answer it."""
    return _one_page(page, name)


@router.post("/decisions/{name}")
def answer(name: str, page: OwnPageDep, form: PostedDep) -> Response:
    """Keep what she says to a decision; "unfair" asks for a person."""
    said = form.choice("say", ANSWERS)
    try:
        words = form.text("words", limit=LONGEST)
    except FieldError as problem:
        return _one_page(page, name, words=form.fields.get("words", ""), problems=[problem])
    told = _find(page, name)
    if said not in [step for step, _ in told.answers]:
        page.wiring.store.run(
            answer_decision, page.member, name, answer=said, words=words, zone=page.house.zone, at=page.at
        )
        _hand_on(page, told.code, name, said, words)
    return page.go(f"/decisions/{name}")


def _hand_on(page: MemberPage, site: str, name: str, said: str, words: str) -> None:
    """Her answer goes back to the site that decided; the hub has kept it, whether or not the site takes it now."""
    relay = page.wiring.relays.get(site)
    pseudonym = page.wiring.store.read(pseudonyms_of, page.member).get(site)
    answer = next((one for one in SITE_ANSWERS if one == said), None)
    if relay is None or pseudonym is None or answer is None:
        return
    with contextlib.suppress(Exception):
        relay.answer_decision(pseudonym, name, answer, words=words, at=page.at)


def _one_page(
    page: MemberPage, name: str, *, words: str = "", problems: list[FieldError] | None = None
) -> HTMLResponse:
    return page.show(
        "portal/decisions/decision.html",
        here="decisions",
        status=422 if problems else 200,
        problems=problems,
        decision=_find(page, name),
        words=words,
        limit=LONGEST,
    )


def _find(page: MemberPage, name: str) -> Told:
    for told in _told(page):
        if told.name == name:
            outcome = next((step for step, _ in told.answers if step in OUTCOMES), None)
            if outcome is None:
                return told
            return replace(told, words=page.wiring.store.read(words_to_her, page.member, name, outcome))
    raise NotFoundError


def _told(page: MemberPage) -> list[Told]:
    store = page.wiring.store
    listed = store.read(list_decisions, page.member)
    if not listed:
        return []
    shown = open_decisions(listed, store.read(pseudonyms_of, page.member), page.wiring.relays)
    return [_one(page, one) for one in shown]


def _one(page: MemberPage, one: Shown) -> Told:
    language, document = _LANGUAGES[page.language], one.document
    steps = [(step.step, step.at) for step in one.steps]
    said = {step for step, _ in steps}
    due = next((step.due_at for step in one.steps if step.step == "unfair"), None)
    names = page.named(page.choices().catalogue)
    known = document or {"reasons": (), "change": None}
    return Told(
        name=one.made.commitment,
        at=one.made.at,
        kind=one.made.kind,
        code=one.made.site,
        site=names.recipient_said(one.made.site),
        said=None if document is None else say_kind(document, language=language),
        reasons=[
            say_reason(one, language=language, named=names.value_said) for one in known["reasons"][:_MOST_REASONS]
        ],
        change=None
        if known.get("change") is None
        else say_change(known["change"], language=language, named=names.value_said, by_rule=by_rule(known)),
        is_false=not one.opens,
        answers=steps,
        person_due_at=None if said & set(OUTCOMES) else due,
        can_ask="unfair" not in said,
    )
