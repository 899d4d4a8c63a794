"""Decisions that members called unfair: the queue with its clocks, one case, and a person's answer to it."""

import contextlib
from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from consent_center.console.acts import ReviewDecision
from consent_center.console.desk import HOME, PostedDep, StaffPage
from consent_center.errors import ConsentCenterError
from consent_center.offers.explanation import MOST, by_rule, say_change, say_kind, say_reason
from consent_center.offers.explanation import Language as Tongue
from consent_center.web.forms import FieldError
from consent_center.web.languages import Language
from consent_center.workflows.answer_decision import LONGEST, OUTCOMES, review_decision, review_queue
from consent_center.workflows.open_review import Case, open_review
from consent_center.workflows.show_decisions import open_decisions
from federated.site.decisions import Outcome

router = APIRouter(prefix="/decisions")
NameArg = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
_TONGUES: dict[Language, Tongue] = {Language.EN: "en", Language.HANT: "zh-Hant", Language.HANS: "zh-Hans"}


@router.get("", response_class=HTMLResponse)
def queue(page: ReviewDecision) -> Response:
    """What waits for a person, the most urgent first; nobody is named."""
    return page.show(
        "console/decisions/list.html", here="decisions", waiting=page.wiring.store.read(review_queue), refused=""
    )


@router.post("/{name}")
def look(name: NameArg, page: ReviewDecision, form: PostedDep) -> Response:
    """Write the entry that the member reads, then show the case."""
    del form
    return _case(page, name)


@router.post("/{name}/answer")
def answer(name: NameArg, page: ReviewDecision, form: PostedDep) -> Response:
    """Answer her, with reasons; the answer goes to the site that decided as well."""
    chosen = form.choice("outcome", OUTCOMES)
    outcome = next(one for one in OUTCOMES if one == chosen)
    try:
        words = form.text("words", limit=LONGEST, required=True)
        case = page.wiring.store.run(open_review, name, person=page.person, at=page.at)
        page.wiring.store.run(review_decision, name, reviewer=page.person.id, outcome=outcome, words=words, at=page.at)
    except FieldError as error:
        return _case(page, name, problems=[error], status=422)
    except ConsentCenterError as error:
        return _case(page, name, typed=form.fields.get("words", ""), refused=str(error), status=409)
    _hand_on(page, case, outcome, words)
    return page.go(f"{HOME}/decisions")


def _hand_on(page: StaffPage, case: Case, outcome: Outcome, words: str) -> None:
    """The site keeps the answer beside its decision; the hub has kept it, whether or not the site takes it now."""
    relay = page.wiring.relays.get(case.made.site)
    if relay is not None and case.pseudonym is not None:
        with contextlib.suppress(Exception):
            relay.review_decision(case.pseudonym, case.made.commitment, outcome, words=words, at=page.at)


def _case(
    page: StaffPage,
    name: str,
    *,
    typed: str = "",
    refused: str = "",
    problems: list[FieldError] | None = None,
    status: int = 200,
) -> HTMLResponse:
    try:
        case = page.wiring.store.run(open_review, name, person=page.person, at=page.at)
    except ConsentCenterError as error:
        waiting = page.wiring.store.read(review_queue)
        return page.show(
            "console/decisions/list.html", here="decisions", waiting=waiting, refused=refused or str(error), status=409
        )
    made, tongue = case.made, _TONGUES[page.language]
    at_site = {} if case.pseudonym is None else {made.site: case.pseudonym}
    (shown,) = open_decisions([(made, (case.asked,))], at_site, page.wiring.relays)
    told = shown.document or {"reasons": (), "change": None}
    return page.show(
        "console/decisions/page.html",
        here="decisions",
        status=status,
        problems=problems,
        case=case,
        is_false=not shown.opens,
        document=shown.document,
        said="" if shown.document is None else say_kind(shown.document, language=tongue),
        reasons=[say_reason(one, language=tongue) for one in told["reasons"][:MOST]],
        change="" if told.get("change") is None else say_change(told["change"], language=tongue, by_rule=by_rule(told)),
        typed=typed,
        refused=refused,
        limit=LONGEST,
    )
