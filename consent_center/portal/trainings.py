"""Trainings that used her data, and what they cost her privacy: first in plain words, then as numbers.

The proof of a training has two parts: that the run's admission stands in the log, and that her place is in the cohort
which the consent centre signed for it. The second is made with keys that are hers, so only she is given it.
"""

import io
import json
import zipfile
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from consent_center.consent.presence import Presence
from consent_center.portal.exchanges import exchange_told
from consent_center.portal.names import Names
from consent_center.portal.proofs import ShownProof, file, head_of, proven, shown_proof
from consent_center.portal.reader import OwnPageDep
from consent_center.web.failures import NotFoundError
from consent_center.workflows._exchanged import Exchanged
from consent_center.workflows.prove_presence import prove_presence
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
    proof: ShownProof | None


@router.get("/trainings", response_class=HTMLResponse)
def show(page: OwnPageDep) -> Response:
    """Every training she was admitted to."""
    found = page.wiring.store.read(show_trainings, page.member)
    names = page.named(found.catalogue)
    head, broken = head_of(page) if found.trainings or found.exchanges else (None, False)
    several: Sequence[Training | Exchanged] = (*found.trainings, *found.exchanges)
    proofs = {one.leaf: shown_proof(page, one.leaf, one.index, head, broken=broken, is_open=False) for one in several}
    return page.show(
        "portal/trainings/page.html",
        here="trainings",
        trainings=[_shown(one, names, proofs[one.leaf]) for one in found.trainings],
        exchanges=[exchange_told(one, names, page.formats, proofs[one.leaf]) for one in found.exchanges],
        guess=best_guess(found.cost),
        epsilon=up(epsilon_of_cost(found.cost, _DELTA), 3) if several else "0",
        delta=_DELTA,
        mu=up(found.cost.mu, 3),
        pure=up(found.cost.epsilon_pure, 3),
    )


@router.get("/trainings/{run}.zip")
def give_proof(run: str, page: OwnPageDep) -> Response:
    """What proves without us that a run was admitted, and that she was in its cohort."""
    found = page.wiring.store.read(show_trainings, page.member).trainings
    one = next((training for training in found if training.run == run), None)
    if one is None:
        raise NotFoundError
    present = page.wiring.store.read(prove_presence, page.member, run)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as files:
        files.writestr("admission.leaf.json", one.leaf)
        head, _ = head_of(page)
        proof = None if head is None else proven(one.leaf, one.index, head)
        if proof is not None and page.wiring.log is not None:
            files.writestr("admission.tlog-proof", proof.written)
            files.writestr("log-key.txt", f"{page.wiring.log.key.text()}\n")
        for site, proofs in present.items():
            for number, (key, presence) in enumerate(proofs, 1):
                files.writestr(f"cohort.{site}.{number}.json", _written(run, site, key, presence))
        files.writestr("read-me.txt", page.words("trainings.read_me").unescape() + "\n")
    return file(archive.getvalue(), f"accord-{run}.zip", "application/zip")


def _written(run: str, site: str, cohort_key: bytes, presence: Presence) -> str:
    places = [
        {
            "index": place.index,
            "leaf": b64encode(place.leaf).decode(),
            "path": [b64encode(part).decode() for part in place.path],
        }
        for place in presence.places
    ]
    written = {"run": run, "site": site, "cohort_key": cohort_key.hex(), "header": presence.header.to_text()}
    return json.dumps({**written, "places": places}, indent=2) + "\n"


def _shown(one: Training, names: Names, proof: ShownProof | None) -> Shown:
    return Shown(
        training=one,
        scopes=list(dict.fromkeys(names.scope(item.scope) for item in one.items)),
        purposes=list(dict.fromkeys(names.purpose(item.purpose, item.recipient) for item in one.items)),
        recipient=names.recipient(one.site),
        guess=best_guess(one.cost),
        left=one.left_at is not None and one.at_most < one.rounds,
        proof=proof,
    )
