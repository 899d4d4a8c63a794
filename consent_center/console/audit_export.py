"""An audit as files: data, a CycloneDX model card, metadata for Hugging Face, and paper.

The same audit gives the same bytes: serial number and time come from the audit itself. Every file tells each override.
"""

import re
import uuid
from dataclasses import asdict
from datetime import UTC
from typing import Any

from audit.fairness.model_card import Model, cyclonedx, hugging_face, selection_table
from consent_center.console.audit_calibration import calibration_rows
from consent_center.console.audit_parts import mean_rows, threshold_rows, weight_rows
from consent_center.errors import RuleError
from consent_center.storage.releases import Release
from consent_center.web.formats import Formats
from consent_center.web.languages import Language
from consent_center.workflows.show_audits import AuditPage, signature_of

TASK = "tabular-classification"
_PLAIN = Formats(language=Language.EN, zone=UTC)
_PAPER = {
    'class="zone"': 'class="zone" fill="#d6d1c3"',
    'class="k"': 'class="k" fill="none" stroke="#ffffff" stroke-width="1.75"',
    'class="of"': 'class="of" fill="#ffffff" stroke="#78756b"',
    "<rect width=": '<rect fill="#0b4f60" width=',
    'class="zero"': 'class="zero" stroke="#78756b"',
    "<line x1": '<line stroke="#1a1f26" stroke-width="2" x1',
    '<path d="M1 1h14v14H1z"': '<path fill="none" stroke="#1a1f26" stroke-width="1.75" d="M1 1h14v14H1z"',
    '<path d="M4.5 8h1m2 0h1m2 0h1"': '<path fill="none" stroke="#1a1f26" stroke-width="1.75" d="M4.5 8h1m2 0h1m2 0h1"',
    '<details class="layer">': '<details class="layer" open>',
}
"""Plain colours for pictures: what sets the type applies no style sheet of the page inside SVG."""
_COLOURS = {"is-good": "#1f6042", "is-hold": "#7a4f00", "is-stop": "#98291f"}
_STATED = re.compile(r'class="(?:state|verdict) (is-good|is-hold|is-stop)">\s*<svg class="mark".*?</svg>', re.DOTALL)
"""A verdict's mark carries the verdict's colour, as `tokens.css` has it on paper."""
_DECIMAL = re.compile(r"(?<=[ (−+>])\.(?=\d)")
"""The point of a number such as .268: a line never ends between the two."""


class PaperError(RuleError):
    """No PDF can be made here."""


def model_of(page: AuditPage) -> Model:
    """What is said of the model itself: what the study said, and what no audit can see."""
    limits = [
        "The audit counts members who agreed to it; those who did not may differ.",
        f"The release check said {page.audit.verdict}; the model is {page.now.state}.",
    ]
    for one in page.overrides:
        until = "" if one.until is None else f" until {one.until:%Y-%m-%d}"
        limits.append(f"Overridden by {one.by} on {one.decided_at:%Y-%m-%d}{until} ({_signed(one)}): {one.reason}")
    tables = ", ".join(f"{name}: {epsilon:g}" for name, epsilon in page.epsilon.items())
    return Model(
        name=page.study.id,
        version=page.audit.model_digest[:12],
        digest=page.audit.model_digest,
        task=TASK,
        uses=(page.study.reason,),
        limits=tuple(limits),
        privacy=f"Pure epsilon of the audit's tables, for any one member: {tables or 'none'}.",
    )


def json_of(page: AuditPage) -> dict[str, Any]:
    """The whole report as data."""
    return {
        "run": page.audit.run,
        "study": page.study.id,
        "title": page.study.title,
        "model": page.audit.model_digest,
        "plan": page.study.plan_digest,
        "sites": list(page.plan.sites),
        "noise_mode": page.plan.noise_mode,
        "epsilon": dict(page.epsilon),
        "counted_at": page.counted_at.isoformat(),
        "judged_at": page.audit.decided_at.isoformat(),
        "state": page.now.state,
        "overrides": [
            {
                "by": one.by,
                "reason": one.reason,
                "from": one.decided_at.isoformat(),
                "until": None if one.until is None else one.until.isoformat(),
                "signed": signature_of(one) != "",
                "statement": None if one.signed is None else one.signed.to_text(),
                "key": one.key,
            }
            for one in page.overrides
        ],
        "due_at": None if page.due_at is None else page.due_at.isoformat(),
        "agreed_percent": round(100 * page.agreed / page.enrolled) if page.enrolled else None,
        "selection_table": list(selection_table(page.judged, page.limits)),
        "means": [asdict(one) for one in mean_rows(page, _PLAIN)],
        "calibration": [asdict(one) for one in calibration_rows(page)],
        "earlier": [
            {"run": one.run, "verdict": one.verdict, "counted_at": one.counted_at.isoformat()} for one in page.before
        ],
        "offered": {
            "thresholds": [asdict(one) for one in threshold_rows(page, _PLAIN)],
            "weights": [asdict(one) for one in weight_rows(page)],
            "note": "offered only: nothing is applied without a plan of its own, approved by reviewers",
        },
        **page.audit.report,
    }


def _signed(override: Release) -> str:
    signature = signature_of(override)
    return f"signature {signature[:12]}" if signature else "NOT SIGNED: it lets nothing through"


def bom_of(page: AuditPage) -> dict[str, Any]:
    """A CycloneDX 1.6 bill of materials with the model's card."""
    serial = uuid.uuid5(uuid.NAMESPACE_URL, f"accord:audit:{page.audit.run}:{page.audit.model_digest}")
    return {
        **cyclonedx(model_of(page), page.judged, page.shown, serial=serial, at=page.audit.decided_at),
    }


def card_of(page: AuditPage) -> dict[str, Any]:
    """Front matter of a Hugging Face model card."""
    return {**hugging_face(model_of(page), page.judged, page.shown, dataset=f"members of {page.study.id}")}


def pdf_of(html: str) -> bytes:
    """The report on A4. Nothing is fetched: the page carries its own style.

    Raises:
        PaperError: the library that sets type is not installed.
    """
    try:
        from weasyprint import HTML  # noqa: PLC0415  it loads Pango; pages without paper do not need it
    except (ImportError, OSError) as error:
        raise PaperError("no PDF can be made here: install weasyprint and Pango, or print the HTML report") from error
    for written, plain in _PAPER.items():
        html = html.replace(written, plain)
    html = _STATED.sub(lambda found: found[0].replace('class="f"', f'class="f" fill="{_COLOURS[found[1]]}"'), html)
    head, end, body = html.partition("</style>")
    html = head + end + _DECIMAL.sub(".\u2060", body)
    made = HTML(string=html, url_fetcher=_refuse).write_pdf()
    return bytes(made or b"")


def _refuse(url: str, *_: object, **__: object) -> Any:
    raise ValueError(f"a report loads nothing: {url[:40]}")
