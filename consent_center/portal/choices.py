"""What is asked, purpose by purpose; a page of its own for each partner, sensitive scope and border.

Law: the two buttons are the same in every way; nothing is pressed before the member said something.
"""

from datetime import datetime, timedelta

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from markupsafe import Markup
from starlette.responses import Response

from consent_center.consent.scope import Item
from consent_center.portal.linking import link_of
from consent_center.portal.names import Names
from consent_center.portal.reader import MemberPage, MemberPageDep
from consent_center.portal.standing import Choice, shown_choice
from consent_center.portal.told import Told, told
from consent_center.web.failures import NotFoundError
from consent_center.workflows.show_choices import Choices

router = APIRouter()


@router.get("/uses/{purpose}", response_class=HTMLResponse)
def show_use(purpose: str, page: MemberPageDep) -> Response:
    """One purpose: what is asked together, and what is asked apart."""
    choices = page.choices()
    names = page.names(choices)
    shown = [c for c in shown_choices(page, choices, names) if c.item.purpose == purpose]
    if not shown:
        raise NotFoundError
    together = [choice for choice in shown if choice.apart is None]
    titled = together or shown
    use = {
        "title": names.purpose(purpose, titled[0].item.recipient),
        "lead": _lead(page, names, purpose, titled),
        "path": f"/uses/{purpose}",
    }
    return page.show(
        "portal/choices/use.html",
        here="data",
        use=use,
        choices=together,
        link=link_of(names, purpose, shown),
        separate=[choice for choice in shown if choice.apart is not None],
        facts=_facts(page, names, titled),
        notices=_notices(names, titled),
        can_pause=any(choice.code in ("allowed", "paused") for choice in together),
        paused=any(choice.code == "paused" for choice in together),
    )


@router.get("/uses/{purpose}/{recipient}/{scope}/{country}", response_class=HTMLResponse)
def show_item(purpose: str, recipient: str, scope: str, country: str, page: MemberPageDep) -> Response:
    """One item on its own page."""
    choices, names, choice = one_choice(page, Item(scope, purpose, recipient, country))
    return page.show(
        "portal/choices/item.html",
        here="data",
        choice=choice,
        link=link_of(names, purpose, shown_choices(page, choices, names)),
        use={"title": choice.purpose, "path": f"/uses/{purpose}"},
        facts=_facts(page, names, [choice]),
        notices=_notices(names, [choice]),
    )


def shown_choices(page: MemberPage, choices: Choices, names: Names) -> list[Choice]:
    """Every item as a page shows it."""
    return [shown_choice(stand, names, page.formats, choices.stands) for stand in choices.stands.values()]


def one_choice(page: MemberPage, item: Item) -> tuple[Choices, Names, Choice]:
    """One item as a page shows it.

    Raises:
        NotFoundError: no notice asks for it.
    """
    choices = page.choices()
    if item not in choices.stands:
        raise NotFoundError
    names = page.names(choices)
    return choices, names, shown_choice(choices.stands[item], names, page.formats, choices.stands)


def ends_at(page: MemberPage, names: Names, choice: Choice) -> datetime:
    """When a yes of this moment would end."""
    return page.at + timedelta(days=names.catalogue.purposes[choice.item.purpose].lifetime_days)


def _lead(page: MemberPage, names: Names, purpose: str, shown: list[Choice]) -> Markup:
    if names.catalogue.purposes[purpose].between:
        return page.words("linkage.lead")
    key = "choice.lead_trains" if names.catalogue.purposes[purpose].trains_models else "choice.lead"
    scopes = list(dict.fromkeys(choice.scope_said for choice in shown))
    who = page.formats.together(dict.fromkeys(choice.recipient_said for choice in shown))
    return page.words(key, recipient=page.formats.cap(who), scopes=page.formats.together(scopes))


def _facts(page: MemberPage, names: Names, shown: list[Choice]) -> list[tuple[Markup, Markup]]:
    t, f = page.words, page.formats
    first = shown[0]
    purpose = names.catalogue.purposes[first.item.purpose]
    scopes = list(dict.fromkeys(choice.scope for choice in shown))
    until = f.day(ends_at(page, names, first))
    facts = [
        (t("notice.who"), f.listed(dict.fromkeys(_who(choice, names) for choice in shown))),
        (t("notice.what"), f.listed([*scopes[:1], *map(f.low, scopes[1:])])),
        (t("notice.why"), first.purpose),
        (t("notice.until"), t("choice.until_is", date=until, days=purpose.lifetime_days)),
        (
            t("notice.where"),
            f.listed(dict.fromkeys(names.country(code) for one in shown for code in _places(one, names))),
        ),
        (t("notice.refusing"), t("notice.refusing_is")),
    ]
    if first.apart is not None and len(shown) == 1:
        facts.insert(1, (t("choice.why_apart"), first.why_apart))
    if first.other and len(shown) == 1:
        facts.insert(1, (t("linkage.with"), f.cap(first.other)))
    ends = _contract_ends(page, names, first)
    if ends is not None:
        facts.insert(2, (t("choice.contract"), t("state.until", date=f.day(ends))))
    return facts


def _who(choice: Choice, names: Names) -> Markup:
    country = names.catalogue.recipients[choice.item.recipient].country
    if country == choice.item.country:
        return choice.recipient
    return names.words("choice.who_abroad", recipient=choice.recipient, country=names.country(country))


def _places(choice: Choice, names: Names) -> tuple[str, str]:
    """Where the data is, and where whoever uses it is: two countries if it crosses a border."""
    return choice.item.country, names.catalogue.recipients[choice.item.recipient].country


def _contract_ends(page: MemberPage, names: Names, choice: Choice) -> datetime | None:
    """When the last contract that covers the item now ends; None if it needs none or has none."""
    return max(
        (
            contract.ends
            for contract in names.catalogue.contracts.values()
            if contract.recipient in (choice.item.recipient, names.other(choice.item))
            and choice.item.purpose in contract.purposes
            and contract.begins <= page.at < contract.ends
        ),
        default=None,
    )


def _notices(names: Names, shown: list[Choice]) -> list[Told]:
    listed: dict[tuple[str, int], list[Choice]] = {}
    for choice in shown:
        listed.setdefault((choice.notice, choice.version), []).append(choice)
    return [
        told(
            names.catalogue.notices[key],
            names,
            only=list(dict.fromkeys(choice.item.scope for choice in asked)),
            is_news=any(choice.code == "reask" for choice in asked),
        )
        for key, asked in listed.items()
    ]
