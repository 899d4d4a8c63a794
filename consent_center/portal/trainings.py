"""Trainings that used her data, and what they cost her privacy: first in plain words, then as numbers."""

from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from consent_center.portal.names import Names
from consent_center.portal.reader import OwnPageDep
from consent_center.workflows.show_trainings import Training, show_trainings
from privacy.accounting import epsilon_of_cost
from privacy.statement import best_guess, up

router = APIRouter()
_DELTA = 1e-5


@dataclass(frozen=True)
class Shown:
    """One training as the page shows it; `guess` is how often in 100 the best guess is right, rounded up."""

    training: Training
    scopes: list[object]
    purposes: list[object]
    recipient: object
    guess: int
    left: bool


@router.get("/trainings", response_class=HTMLResponse)
def show(page: OwnPageDep) -> Response:
    """Every training she was admitted to."""
    found = page.wiring.store.read(show_trainings, page.member)
    names = page.named(found.catalogue)
    return page.show(
        "portal/trainings/page.html",
        here="trainings",
        trainings=[_shown(one, names) for one in found.trainings],
        guess=best_guess(found.cost),
        epsilon=up(epsilon_of_cost(found.cost, _DELTA), 3) if found.trainings else "0",
        delta=_DELTA,
        mu=up(found.cost.mu, 3),
        pure=up(found.cost.epsilon_pure, 3),
    )


def _shown(one: Training, names: Names) -> Shown:
    return Shown(
        training=one,
        scopes=list(dict.fromkeys(names.scope(item.scope) for item in one.items)),
        purposes=list(dict.fromkeys(names.purpose(item.purpose, item.recipient) for item in one.items)),
        recipient=names.recipient(one.site),
        guess=best_guess(one.cost),
        left=one.left_at is not None and one.at_most < one.rounds,
    )
