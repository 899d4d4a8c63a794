"""Reads about single members: the entry first, then what it says; masked unless a reason and an end were given."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from consent_center.console.acts import ReadMember
from consent_center.console.desk import PostedDep, StaffPage
from consent_center.errors import RuleError, UnknownError
from consent_center.web.forms import FieldError
from consent_center.workflows.read_member import SeenMember, read_member

router = APIRouter()


@router.get("/members", response_class=HTMLResponse)
def members(page: ReadMember) -> Response:
    """Read about one member; nothing is shown before an entry is written."""
    return _members(page)


@router.post("/members")
def look(page: ReadMember, form: PostedDep) -> Response:
    """Write the entry, then show what it says, or hand it out as a file."""
    turn = form.choice("turn", ("look", "export"))
    try:
        member = form.text("member", limit=64, required=True)
        reason = form.text("reason", limit=600, required=True)
        hours = form.number("hours", least=0, most=8)
        until = page.at + timedelta(hours=hours) if hours else None
        seen = page.wiring.store.run(
            read_member,
            member,
            person=page.person,
            reason=reason,
            unmask_until=until,
            export=turn == "export",
            at=page.at,
        )
    except FieldError as error:
        return _members(page, form.fields, problems=[error], status=422)
    except (RuleError, UnknownError) as error:
        return _members(page, form.fields, refused=str(error), status=409)
    if turn == "export":
        written = json.dumps({**asdict(seen), "until": until and until.isoformat()}, ensure_ascii=False, indent=1)
        name = 'attachment; filename="member.json"'
        return Response(written, media_type="application/json", headers={"Content-Disposition": name})
    return _members(page, seen=seen)


def _members(
    page: StaffPage, typed: Mapping[str, str] | None = None, *, seen: SeenMember | None = None, **more: Any
) -> HTMLResponse:
    kept = {"member": "", "reason": "", "hours": "0"} | {name: text[:600] for name, text in (typed or {}).items()}
    return page.show("console/members/page.html", here="members", seen=seen, typed=kept, **{"refused": "", **more})
