"""Answering: the second step, what it stores, and the stored state.

Law: allow, refuse and withdraw take the same two steps on the same page; the first stores nothing; after the second
the state is read back from the database and shown. The same form posted twice stores one statement.
"""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from markupsafe import Markup
from starlette.responses import Response

from consent_center.consent.grant import Act, Recorded
from consent_center.consent.notice import choices_digest
from consent_center.consent.propagation import TAKES_AWAY, due
from consent_center.consent.scope import Item
from consent_center.consent.speech import Utterance
from consent_center.portal.choices import ends_at, one_choice, shown_choices
from consent_center.portal.linking import also_stops, cannot_undo
from consent_center.portal.names import Names
from consent_center.portal.reader import MemberPage, MemberPageDep, Number, PostedDep
from consent_center.portal.standing import Choice
from consent_center.portal.tellings import Telling, telling, tellings
from consent_center.rights.request import Right
from consent_center.web.failures import NotFoundError
from consent_center.web.forms import MalformedFormError
from consent_center.workflows.file_right import file_right
from consent_center.workflows.give_consent import give_consent
from consent_center.workflows.make_statements import make_statements
from consent_center.workflows.pause_consent import pause_consent, resume_consent
from consent_center.workflows.refuse_consent import refuse_consent
from consent_center.workflows.show_choices import Choices
from consent_center.workflows.show_statement import show_statement
from consent_center.workflows.show_tasks import show_member_tasks
from consent_center.workflows.withdraw_consent import withdraw_consent

router = APIRouter()


@router.post("/uses/{purpose}/pause")
def pause_use(purpose: str, page: MemberPageDep, form: PostedDep) -> Response:
    """Pause or resume what is allowed on a purpose's page."""
    turn = form.choice("turn", ("pause", "resume"))
    choices = page.choices()
    names = page.names(choices)
    wanted = "allowed" if turn == "pause" else "paused"
    items = [
        choice.item
        for choice in shown_choices(page, choices, names)
        if choice.item.purpose == purpose and choice.apart is None and choice.code == wanted
    ]
    last: Recorded | None = None
    for notice in dict.fromkeys(choices.stands[item].notice for item in items):
        some = [item for item in items if choices.stands[item].notice == notice]
        last = page.wiring.store.run(
            pause_consent if turn == "pause" else resume_consent,
            page.member,
            some,
            notice=notice.code,
            version=notice.version,
            language=page.language.value,
            choices=choices_digest(notice, page.language.value, some),
            actor=page.actor,
            at=page.at,
        )
    return page.go(f"/uses/{purpose}" if last is None else f"/saved/{last.entry}")


@router.get("/uses/{purpose}/{recipient}/{scope}/{country}/answer", response_class=HTMLResponse)
def check_answer(
    purpose: str, recipient: str, scope: str, country: str, page: MemberPageDep, say: str = ""
) -> Response:
    """The second step: what starts or stops, what stays, what cannot be undone. Stores nothing."""
    if say not in ("allow", "refuse"):
        raise NotFoundError
    _, names, choice = one_choice(page, Item(scope, purpose, recipient, country))
    kind = "withdraw" if say == "refuse" and choice.said == "yes" else say
    t, f = page.words, page.formats
    confirm_by = f.minute(due([choice.item], at=page.at))
    trains = names.catalogue.purposes[purpose].trains_models
    cannot = t("withdraw.past_models") if trains else t("answer.nothing")
    texts: dict[str, tuple[list[Markup], Markup]] = {
        "allow": (
            [
                t("answer.allow_starts", until=f.day(ends_at(page, names, choice))),
                *([t("linkage.starts", other=choice.other)] if choice.other else []),
            ],
            f.sentences(
                [t("answer.allow_cannot"), t("answer.allow_models") if trains else "", *cannot_undo(choice, names)]
            ),
        ),
        "refuse": ([t("answer.refuse_stops", recipient=f.cap(choice.recipient_said))], t("answer.refuse_cannot")),
        "withdraw": (
            [
                t("withdraw.at_once"),
                *([t("withdraw.next_round")] if trains else []),
                *also_stops(choice, names),
                f.cap(t("withdraw.recipients_told", recipient=choice.recipient_said, date=confirm_by)),
            ],
            f.sentences([cannot, *cannot_undo(choice, names)]),
        ),
    }
    starts, undone = texts[kind]
    return page.show(
        "portal/choices/answer.html",
        here="data",
        say=kind,
        choice=choice,
        use={"title": choice.purpose},
        starts=starts,
        stays=[t("answer.stays")],
        cannot=[undone],
        back=choice.page,
        asks_copies=kind == "withdraw",
    )


@router.post("/uses/{purpose}/{recipient}/{scope}/{country}/answer")
def save_answer(
    purpose: str, recipient: str, scope: str, country: str, page: MemberPageDep, form: PostedDep
) -> Response:
    """Store an answer; the same answer twice stores one."""
    item = Item(scope, purpose, recipient, country)
    say = form.choice("say", ("allow", "refuse", "withdraw"))
    copies = form.choice("copies", ("delete", "keep")) if form.fields.get("copies") else ""
    choices, _, choice = one_choice(page, item)
    if form.fields.get("shown") != choice.shown:
        raise MalformedFormError("the notice changed while the page was open; read it again, then answer")
    if choice.said == ("yes" if say == "allow" else "no"):
        return page.go(choice.page)
    stand = choices.stands[item]
    workflow = give_consent if say == "allow" else withdraw_consent if choice.said == "yes" else refuse_consent
    saved = page.wiring.store.run(
        workflow,
        page.member,
        [item],
        notice=stand.notice.code,
        version=stand.notice.version,
        language=page.language.value,
        choices=choice.shown,
        actor=page.actor,
        at=page.at,
    )
    if copies == "delete":
        page.wiring.store.run(
            file_right,
            member=page.member,
            right=Right.ERASE,
            about=str(item),
            detail="",
            once=f"copies-{saved.entry}",
            zone=page.house.zone,
            at=page.at,
        )
    return page.go(f"/saved/{saved.entry}")


@router.get("/stop-all", response_class=HTMLResponse)
def check_stop_all(page: MemberPageDep) -> Response:
    """What stopping every optional use would stop. Stores nothing."""
    choices = page.choices()
    going = _going(page, choices)
    return page.show("portal/choices/stop_all.html", here="data", choices=going) if going else page.go("/")


@router.post("/stop-all")
def stop_all(page: MemberPageDep, form: PostedDep) -> Response:
    """Withdraw everything that is allowed, in one transaction."""
    del form
    choices = page.choices()
    items = [choice.item for choice in _going(page, choices)]
    language = page.language.value
    said = []
    for notice in dict.fromkeys(choices.stands[item].notice for item in items):
        some = tuple(item for item in items if choices.stands[item].notice == notice)
        shown = choices_digest(notice, language, some)
        said.append(
            Utterance(page.member, Act.WITHDRAWN, some, notice.code, notice.version, language, shown, actor=page.actor)
        )
    if said:
        page.wiring.store.run(make_statements, said, at=page.at)
    return page.go("/saved/all")


def _going(page: MemberPage, choices: Choices) -> list[Choice]:
    shown = shown_choices(page, choices, page.names(choices))
    return [choice for choice in shown if choice.code in ("allowed", "paused", "reask")]


@router.get("/saved/all", response_class=HTMLResponse)
def show_all_stopped(page: MemberPageDep) -> Response:
    """After stopping every optional use: what is stored now. As long as one is allowed, there is no such page."""
    choices = page.choices()
    if _going(page, choices):
        return page.go("/")
    names = page.names(choices)
    stopped = [c for c in shown_choices(page, choices, names) if c.code == "refused"]
    t = page.words
    return page.show(
        "portal/choices/saved.html",
        here="data",
        lead=t("stop_all.saved"),
        stored=stopped,
        steps=_steps(page, Act.WITHDRAWN, trains=True),
        told=_told_lately(page, stopped, names),
        receipt=None,
    )


def _told_lately(page: MemberPage, stopped: list[Choice], names: Names) -> list[Telling]:
    """What became of telling the recipients of the latest withdrawals: stopping everything makes them in one second."""
    tasks = page.wiring.store.read(show_member_tasks, page.member)
    gone = {choice.item for choice in stopped}
    ended = [one for one in tasks if one[0].change == Act.WITHDRAWN and set(one[0].items) <= gone]
    return [telling(*one, names, page.formats, at=page.at) for one in ended if one[0].said_at == ended[0][0].said_at]


@router.get("/saved/{entry:int}", response_class=HTMLResponse)
def show_saved(entry: Number, page: MemberPageDep) -> Response:
    """After an answer: what is stored now, read back from the database, and what happens next."""
    said = page.wiring.store.read(show_statement, page.member, entry).statement
    choices = page.choices()
    names = page.names(choices)
    stored = [c for c in shown_choices(page, choices, names) if c.item in said.items]
    if not stored:
        raise NotFoundError
    t, f = page.words, page.formats
    who = f.together(dict.fromkeys(choice.recipient_said for choice in stored))
    scopes = f.together(dict.fromkeys(choice.scope_said for choice in stored))
    until = f.day(said.expires_at) if said.expires_at is not None else ""
    told, purposes = [], names.catalogue.purposes
    if said.act in TAKES_AWAY:
        told = tellings(page.wiring.store.read(show_member_tasks, page.member), said, names, f, at=page.at)
    lead = t(f"saved.{said.act.value}", recipient=f.cap(who), scope=scopes, date=until, time=f.second(said.at))
    return page.show(
        "portal/choices/saved.html",
        here="data",
        lead=lead,
        stored=stored,
        steps=_steps(page, said.act, trains=any(purposes[choice.item.purpose].trains_models for choice in stored)),
        told=told,
        receipt=f"/receipts/{entry}",
    )


def _steps(page: MemberPage, act: Act, *, trains: bool) -> list[tuple[str, Markup, Markup]]:
    t = page.words
    if act is Act.GIVEN:
        return [("event", t("saved.now"), t("saved.may_start")), ("next", t("saved.any_time"), t("saved.change_mind"))]
    if act is Act.REFUSED:
        return [
            ("event", t("saved.now"), t("saved.nothing_starts")),
            ("next", t("saved.any_time"), t("saved.not_asked")),
        ]
    if act is Act.RESUMED:
        return [("event", t("saved.now"), t("saved.resumed_is"))]
    steps = [("event", t("saved.now"), t("withdraw.at_once"))]
    if trains:
        steps.append(("next", t("saved.next_round"), t("withdraw.next_round")))
    return steps
