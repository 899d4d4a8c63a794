"""Everything that happened, each line with a proof that she can check here and without us."""

import io
import json
import zipfile
from base64 import b64encode
from dataclasses import dataclass
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import JSONResponse, Response

from consent_center.portal.lines import FILTERS, Line, line_of
from consent_center.portal.reader import MaybeNumber, MemberPage, Number, OwnPageDep
from consent_center.storage.history import Happened
from consent_center.web.failures import NotFoundError
from consent_center.web.published import Head, LogError, Proof
from consent_center.workflows.show_history import show_entry, show_history

router = APIRouter()
_A_PAGE = 30
_A_DOWNLOAD = 500


@dataclass(frozen=True)
class ShownProof:
    """A proof as the page shows it.

    Attributes:
        failed: the published log does not agree with the line; the alert is raised by the log's own check.
        witnesses: verified just now.
        key: the log's key, as anybody can pin it.
    """

    failed: bool
    size: int
    digest: str
    witnesses: tuple[str, ...]
    key: str
    is_open: bool


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
    head, broken = _head(page)
    months: list[tuple[str, list[tuple[Line, ShownProof | None]]]] = []
    for one in found.lines:
        month = page.formats.month(one.at)
        if not months or months[-1][0] != month:
            months.append((month, []))
        shown = _shown_proof(page, one, head, broken=broken, is_open=one.index is not None and one.index == entry)
        months[-1][1].append((line_of(one, names, page.formats), shown))
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
    head, _ = _head(page)
    proof = None if one is None or head is None else _proven(one, head)
    if one is None or head is None or proof is None:
        raise NotFoundError
    if ending == "tlog-proof":
        return _file(proof.written, f"accord-{index}.tlog-proof", "text/plain; charset=utf-8")
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
    head, _ = _head(page)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as files:
        for one in found.lines:
            name = f"{one.entry:010d}"
            files.writestr(f"{name}.leaf.json", one.leaf)
            files.writestr(f"{name}.payload.json", one.payload)
            files.writestr(f"{name}.salt.txt", one.salt.hex() + "\n")
            proof = None if head is None else _proven(one, head)
            if proof is not None:
                files.writestr(f"{name}.tlog-proof", proof.written)
        about = {
            "entries": len(found.lines),
            "continues_below": found.more_below,
            "log_key": page.wiring.log.key.text() if page.wiring.log else None,
            "made_at": page.at.isoformat(timespec="seconds"),
        }
        files.writestr("about.json", json.dumps(about, indent=2) + "\n")
    return _file(archive.getvalue(), "accord-history.zip", "application/zip")


def proof_files(page: MemberPage, one: Happened) -> dict[str, bytes]:
    """What proves one line without us, by name of the file; without the last two as long as it is not published."""
    files = {
        "entry.leaf.json": one.leaf,
        "entry.payload.json": one.payload,
        "entry.salt.txt": f"{one.salt.hex()}\n".encode(),
    }
    head, _ = _head(page)
    proof = None if head is None else _proven(one, head)
    if proof is not None and page.wiring.log is not None:
        files |= {"entry.tlog-proof": proof.written, "log-key.txt": f"{page.wiring.log.key.text()}\n".encode()}
    return files


def _head(page: MemberPage) -> tuple[Head | None, bool]:
    """The published head, and whether what is published cannot be believed."""
    if page.wiring.log is None:
        return None, False
    try:
        return page.wiring.log.head(), False
    except LogError:
        return None, True


def _proven(one: Happened, head: Head) -> Proof | None:
    if one.index is None:
        return None
    try:
        return head.prove(one.leaf, one.index)
    except LogError:
        return None


def _shown_proof(
    page: MemberPage, one: Happened, head: Head | None, *, broken: bool, is_open: bool
) -> ShownProof | None:
    log = page.wiring.log
    if log is None or one.index is None or (head is None and not broken):
        return None
    key = log.key.text()
    failed = ShownProof(failed=True, size=0, digest="", witnesses=(), key=key, is_open=True)
    if head is None:
        return failed
    try:
        proof = head.prove(one.leaf, one.index)
    except LogError:
        return failed
    if proof is None:
        return None
    return ShownProof(
        failed=False, size=proof.size, digest=proof.digest, witnesses=head.witnesses, key=key, is_open=is_open
    )


def _file(content: bytes, name: str, media_type: str) -> Response:
    return Response(content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})
