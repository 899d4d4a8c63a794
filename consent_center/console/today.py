"""What waits for her, and, for those who oversee, what is in order and what is not."""

from dataclasses import dataclass
from datetime import timedelta

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from consent_center.console.acts import SeeQueue
from consent_center.console.desk import HOME, StaffPage
from consent_center.studies.roles import Act
from consent_center.web.published import LogError
from consent_center.workflows.answer_decision import review_queue
from consent_center.workflows.show_oversight import Today, show_today
from consent_center.workflows.show_studies import show_queue
from privacy.ledger import PROGRAMME

router = APIRouter()
_FRESH = timedelta(minutes=10)
_ORDER = ("stop", "warn", "unknown", "good")


@dataclass(frozen=True)
class Light:
    """One traffic light: what, how it stands ("stop", "warn", "unknown" or "good"), numbers, and where to look."""

    name: str
    state: str
    values: dict[str, object]
    path: str


@router.get("/", response_class=HTMLResponse)
def show(page: SeeQueue) -> Response:
    """Today."""
    waiting = page.wiring.store.read(show_queue, page.person, at=page.at)
    today = page.wiring.store.read(show_today, at=page.at) if page.person.may(Act.SEE_TODAY) else None
    lights = sorted(_lights(page, today), key=lambda one: _ORDER.index(one.state)) if today else []
    reviews = page.wiring.store.read(review_queue) if page.person.may(Act.REVIEW_DECISION) else []
    mine = [one for one in today.findings if one.owner == page.person.id] if today else []
    return page.show(
        "console/today/page.html",
        here="today",
        waiting=waiting,
        today=today,
        lights=lights,
        mine=mine,
        reviews=reviews,
    )


def _lights(page: StaffPage, today: Today) -> list[Light]:
    state = {True: "stop", False: "good"}
    fullest, share = today.fullest or ("", 0)
    account = page.words("console.budgets.programme") if fullest == PROGRAMME else fullest
    late = sum(one.is_late(at=page.at) for one in today.findings)
    return [
        Light(
            "consents",
            "unknown" if not today.asked else "warn" if today.held else "good",
            {"items": page.formats.number(today.asked), "held": today.held},
            f"{HOME}/reviews",
        ),
        Light(
            "rights",
            state[today.late_rights > 0],
            {"open": today.open_rights, "late": today.late_rights},
            f"{HOME}/findings",
        ),
        Light(
            "propagation",
            state[today.late_tasks > 0],
            {"open": today.open_tasks, "late": today.late_tasks},
            f"{HOME}/findings",
        ),
        Light(
            "budgets",
            "unknown" if today.fullest is None else "stop" if share >= 1 else "warn" if share >= 0.8 else "good",
            {"account": page.formats.low(account), "percent": round(share * 100)},
            f"{HOME}/budgets",
        ),
        Light(
            "studies",
            "warn" if today.suspended else "good",
            {"waiting": today.waiting, "suspended": today.suspended},
            f"{HOME}/studies",
        ),
        Light(
            "findings",
            "stop" if late else "warn" if today.findings else "good",
            {"open": len(today.findings), "late": late},
            f"{HOME}/findings",
        ),
        _log(page, today),
    ]


def _log(page: StaffPage, today: Today) -> Light:
    published, path = page.wiring.log, f"{HOME}/log"
    values: dict[str, object] = {"size": page.formats.number(today.log_size), "published": 0, "witnesses": 0}
    if published is None:
        return Light("log", "unknown", values, path)
    try:
        head = published.head()
    except LogError:
        return Light("log", "stop", values, path)
    if head is None:
        return Light("log", "unknown", values, path)
    values |= {"published": page.formats.number(head.checkpoint.size), "witnesses": len(head.witnesses)}
    behind = today.log_size > head.checkpoint.size
    stale = behind and today.logged_at is not None and page.at - today.logged_at > _FRESH
    return Light("log", "stop" if stale else "warn" if not head.witnesses else "good", values, path)
