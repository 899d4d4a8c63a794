"""Audits: the list with its calendar and cases, one audit, two beside each other, and files to take away."""

import json

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from consent_center.console import audit_override
from consent_center.console.acts import SeeRuns
from consent_center.console.audit_export import bom_of, json_of, pdf_of
from consent_center.console.audit_override import draw_audit, found_audit
from consent_center.console.audit_sheet import MARKS, Row, Sheet, report_html, sheet_of
from consent_center.workflows.show_audits import audit_cases, list_audits, show_calendar

router = APIRouter()
router.include_router(audit_override.router)


@router.get("/audits", response_class=HTMLResponse)
def audits(page: SeeRuns) -> Response:
    """Every audit, what is due, and what is out of order."""
    read, sees = page.wiring.store.read, page.sight.sees_study
    return page.show(
        "console/audits/list.html",
        here="audits",
        lines=[one for one in read(list_audits) if sees(one.study)],
        due=[one for one in read(show_calendar) if sees(one.study)],
        cases=[one for one in read(audit_cases) if sees(one.about)],
        marks=MARKS,
    )


@router.get("/audits/compare", response_class=HTMLResponse)
def compare(page: SeeRuns, one: str = "", other: str = "") -> Response:
    """Two audits beside each other, group by group."""
    left, right = (found_audit(page, run) for run in (one, other))
    first = sheet_of(left, page.formats, beside=right)
    second = sheet_of(right, page.formats, beside=left)
    return page.show("console/audits/compare.html", here="audits", one=first, other=second, pairs=_pairs(first, second))


@router.get("/audits/{run}", response_class=HTMLResponse)
def one_audit(run: str, page: SeeRuns) -> Response:
    """One audit, readable by somebody who has never seen a ROC curve."""
    return draw_audit(page, run)


@router.get("/audits/{run}/report.html", response_class=HTMLResponse)
def as_html(run: str, page: SeeRuns) -> Response:
    """The report as one file."""
    html = report_html(found_audit(page, run), page.language, page.house)
    return _file(html.encode(), "text/html; charset=utf-8", f"{run}.html")


@router.get("/audits/{run}/report.pdf")
def as_pdf(run: str, page: SeeRuns) -> Response:
    """The report on paper."""
    return _file(
        pdf_of(report_html(found_audit(page, run), page.language, page.house)), "application/pdf", f"{run}.pdf"
    )


@router.get("/audits/{run}/report.json")
def as_json(run: str, page: SeeRuns) -> Response:
    """The report as data."""
    return _file(_bytes(json_of(found_audit(page, run))), "application/json", f"{run}.json")


@router.get("/audits/{run}/model.cdx.json")
def as_bom(run: str, page: SeeRuns) -> Response:
    """The model card as a CycloneDX bill of materials."""
    return _file(_bytes(bom_of(found_audit(page, run))), "application/vnd.cyclonedx+json", f"{run}.cdx.json")


def _pairs(one: Sheet, other: Sheet) -> list[tuple[tuple[str, str], Row | None, Row | None]]:
    left, right = ({(row.attribute, row.group): row for row in sheet.judged} for sheet in (one, other))
    return [((key[0], key[1]), left.get(key), right.get(key)) for key in {**left, **right}]


def _file(payload: bytes, kind: str, name: str) -> Response:
    return Response(payload, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _bytes(data: object) -> bytes:
    return json.dumps(data, ensure_ascii=False, indent=2).encode()
