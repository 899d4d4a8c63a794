"""Everything that happened, each line with a proof that she can check here and without us."""

import io
import json
import zipfile
from base64 import b64encode
from datetime import UTC, datetime
from itertools import groupby
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import JSONResponse, Response

from consent_center.portal.exchanges import exchange_lines
from consent_center.portal.lines import FILTERS, Line, line_of, training_line
from consent_center.portal.names import Names
from consent_center.portal.proofs import ShownProof, file, head_of, proven, shown_proof
from consent_center.portal.reader import MaybeNumber, MemberPage, Number, OwnPageDep
from consent_center.web.failures import NotFoundError
from consent_center.workflows.show_history import Pages, show_entry, show_history
from consent_center.workflows.show_trainings import show_trainings

router = APIRouter()
_A_PAGE = 30
_A_DOWNLOAD = 500


@router.get("/history", response_class=HTMLResponse)
def show_lines(page: OwnPageDep, what: str = "all", below: MaybeNumber = None, entry: MaybeNumber = None) -> Response:
    """The timeline, newest first, in pages of 30."""
    kinds = FILTERS.get(what, None)
    if entry is not None:
        one = page.wiring.store.read(show_entry, page.member, index=entry)
        if one is None:
            raise NotFoundError
        below, what, kinds = one.entry + 1, "all", None
    found = page.wiring.store.read(show_history, page.member, kinds=kinds, before=below, limit=_A_PAGE)
    names = page.named(found.catalogue)
    head, broken = head_of(page)
    drawn: list[tuple[Line, ShownProof | None]] = [
        (
            line_of(one, names, page.formats),
            shown_proof(
                page, one.leaf, one.index, head, broken=broken, is_open=entry is not None and one.index == entry
            ),
        )
        for one in found.lines
    ]
    if what in ("all", "uses") and entry is None:
        drawn += [(line, None) for line in _trainings(page, names, found, below)]
    drawn.sort(key=lambda line: line[0].at, reverse=True)  # stable: lines of one moment stay in their order
    months = [(name, list(lines)) for name, lines in groupby(drawn, key=lambda line: page.formats.month(line[0].at))]
    return page.show(
        "portal/history/page.html",
        here="history",
        months=months,
        filters=tuple(FILTERS),
        what=what if what in FILTERS else "all",
        older=found.more_below,
        newest_first=below is None,
    )


@router.get("/history/{index:int}.{ending}")
def give_proof(index: Number, ending: Literal["tlog-proof", "json"], page: OwnPageDep) -> Response:
    """The proof of one of her lines: a file for any tool, or data for the check in her browser."""
    one = page.wiring.store.read(show_entry, page.member, index=index)
    head, _ = head_of(page)
    proof = None if one is None or head is None else proven(one.leaf, one.index, head)
    if one is None or head is None or proof is None:
        raise NotFoundError
    if ending == "tlog-proof":
        return file(proof.written, f"accord-{index}.tlog-proof", "text/plain; charset=utf-8")
    return JSONResponse(
        {
            "leaf": b64encode(one.leaf).decode(),
            "salt": b64encode(one.salt).decode(),
            "payload": b64encode(one.payload).decode(),
            "index": proof.index,
            "size": proof.size,
            "path": [b64encode(part).decode() for part in proof.path],
            "checkpoint": head.note.decode(),
        }
    )


@router.get("/history/proofs.zip")
def give_all(page: OwnPageDep, below: MaybeNumber = None) -> Response:
    """Up to 500 lines with what opens them and their proofs, newest first; the file says where to go on."""
    found = page.wiring.store.read(show_history, page.member, before=below, limit=_A_DOWNLOAD)
    head, _ = head_of(page)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as files:
        for one in found.lines:
            name = f"{one.entry:010d}"
            files.writestr(f"{name}.leaf.json", one.leaf)
            files.writestr(f"{name}.payload.json", one.payload)
            files.writestr(f"{name}.salt.txt", one.salt.hex() + "\n")
            proof = None if head is None else proven(one.leaf, one.index, head)
            if proof is not None:
                files.writestr(f"{name}.tlog-proof", proof.written)
        about = {
            "entries": len(found.lines),
            "continues_below": found.more_below,
            "log_key": page.wiring.log.key.text() if page.wiring.log else None,
            "made_at": page.at.isoformat(timespec="seconds"),
        }
        files.writestr("about.json", json.dumps(about, indent=2) + "\n")
    return file(archive.getvalue(), "accord-history.zip", "application/zip")


def _trainings(page: MemberPage, names: Names, found: Pages, below: int | None) -> list[Line]:
    """The trainings and exchanges of this page: after its last line, not after the page before."""
    store = page.wiring.store
    before = [] if below is None else store.read(show_history, page.member, before=below + 1, limit=1).lines
    first = before[0].at if before else page.at
    last = found.lines[-1].at if found.more_below is not None else datetime.min.replace(tzinfo=UTC)
    used = store.read(show_trainings, page.member)
    lines = [training_line(one, names, page.formats) for one in used.trainings]
    lines += [line for one in used.exchanges for line in exchange_lines(one, names, page.formats)]
    return [line for line in lines if last < line.at <= first]
