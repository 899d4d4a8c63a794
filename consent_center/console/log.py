"""The log, place by place, with proofs that were checked just now and can be checked without us."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from audit.log.hashing import leaf_hash
from consent_center.console.acts import SeeLog
from consent_center.console.desk import StaffPage
from consent_center.events import KINDS
from consent_center.web.failures import NotFoundError
from consent_center.web.published import Head, LogError, Proof
from consent_center.workflows.show_log import LogLine, show_log, show_log_line

router = APIRouter(prefix="/log")
Index = Annotated[int, Path(ge=0, le=2**53)]
MaybeIndex = Annotated[int | None, Query(ge=0, le=2**53)]
CHOICES = tuple(sorted({kind.member_class or name for name, kind in KINDS.items()}))


@router.get("", response_class=HTMLResponse)
def show(page: SeeLog, below: MaybeIndex = None, kind: str = "", since: str = "", index: str = "") -> Response:
    """Entries, newest first, filtered by kind, day or place."""
    if index.isascii() and index.isdigit() and len(index) < 16:
        return page.go(f"/console/log/{int(index)}")
    wanted = kind if kind in CHOICES else ""
    day = _day(page, since)
    lines, more, size = page.wiring.store.read(show_log, below=below, kind=wanted, since=day)
    head, broken = _head(page)
    return page.show(
        "console/log/page.html",
        here="log",
        lines=[(line, leaf_hash(line.leaf).hex()) for line in lines],
        more=more,
        size=size,
        head=head,
        broken=broken,
        kinds=CHOICES,
        kind=wanted,
        since=since if day else "",
        published=page.wiring.log,
    )


@router.get("/{index}", response_class=HTMLResponse)
def show_entry(index: Index, page: SeeLog) -> Response:
    """One entry with its proof."""
    line, head, proof, broken = _proved(page, index)
    return page.show(
        "console/log/entry.html",
        here="log",
        line=line,
        digest=leaf_hash(line.leaf).hex(),
        leaf=line.leaf.decode("ascii"),
        head=head,
        proof=proof,
        broken=broken,
    )


@router.get("/{index}/proof")
def download(index: Index, page: SeeLog) -> Response:
    """The proof as a file for tools that are not ours."""
    _, _, proof, _ = _proved(page, index)
    if proof is None:
        raise NotFoundError
    name = f'attachment; filename="{index}.tlog-proof"'
    return Response(proof.written, media_type="text/plain; charset=utf-8", headers={"Content-Disposition": name})


def _proved(page: StaffPage, index: int) -> tuple[LogLine, Head | None, Proof | None, bool]:
    line = page.wiring.store.read(show_log_line, index)
    if line is None:
        raise NotFoundError
    head, broken = _head(page)
    proof = None
    if head is not None:
        try:
            proof = head.prove(line.leaf, index)
        except LogError:
            broken = True
    return line, head, proof, broken


def _head(page: StaffPage) -> tuple[Head | None, bool]:
    if page.wiring.log is None:
        return None, False
    try:
        return page.wiring.log.head(), False
    except LogError:
        return None, True


def _day(page: StaffPage, text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text[:10]).replace(tzinfo=page.house.zone).astimezone(UTC) if text else None
    except (ValueError, OverflowError):
        return None
