"""Everything the hub holds about one member: for her right of access, as data and as a page."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from consent_center.consent.catalogue import Catalogue
from consent_center.consent.verdict import Switch, switched_on
from consent_center.storage import (
    definitions,
    delegations,
    limits,
    links,
    members,
    rights,
    runs,
    sessions,
    statements,
    switches,
)
from consent_center.storage.transaction import Transaction

SCHEMA = "accord-copy-1"


@dataclass(frozen=True, slots=True)
class Holdings:
    """What is held.

    Attributes:
        document: all of it, ready to be written as JSON.
    """

    catalogue: Catalogue
    document: dict[str, Any]


def show_holdings(tx: Transaction, member: str, *, at: datetime) -> Holdings:
    """A query for `store.read`: all that the hub holds about a member.

    Secrets that would let a reader of the copy act as her or find her elsewhere are counted, not copied: session
    secrets, passkeys' keys, and her cohort keys at sites.

    Raises:
        UnknownMemberError: no such member.
    """
    person = members.get(tx, member)
    settings = switches.settings_of(tx, [person.no]).get(person.no, [])
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "made_at": _utc(at),
        "member": member,
        "needs_guardian_until": None if person.guarded_until is None else _utc(person.guarded_until),
        "sites": [{"site": one.site, "pseudonym": one.pseudonym.hex()} for one in members.enrolments(tx, member)],
        "statements": [
            {
                "entry": entry,
                "at": _utc(said.at),
                "act": said.act.value,
                "items": [str(item) for item in said.items],
                "notice": said.notice,
                "notice_version": said.notice_version,
                "language": said.language,
                "expires_at": None if said.expires_at is None else _utc(said.expires_at),
                "said_by": said.actor.kind.value,
            }
            for entry, said in statements.history(tx, member)
        ],
        "switches": {switch.value: switched_on(settings, switch, at=at) for switch in Switch},
        "most_offers_a_month": limits.newest(tx, person.no),
        "delegations": [
            {
                "kind": one.kind.value,
                "delegate": one.delegate,
                "begins": _utc(one.begins),
                "ends": _utc(one.ends),
                "ended_at": None if one.ended_at is None else _utc(one.ended_at),
            }
            for one in delegations.of_members(tx, [person.no]).get(person.no, [])
        ],
        "requests": [
            {
                "id": one.id,
                "right": one.right.value,
                "about": one.about,
                "detail": one.detail,
                "asked_at": _utc(one.asked_at),
                "due_at": _utc(one.due_at),
                "stage": one.stage.value,
                "reason": one.reason,
                "answer": one.answer,
            }
            for one in rights.of_member(tx, member)
        ],
        "linked": [
            {"run": run, "holder": one.holder, "helper": one.helper, "purpose": one.purpose, "quarter": one.epoch}
            for run, one, _ in links.of_member(tx, person.no)
        ],
        "trainings": [{"run": run, "site": used.site} for run, used in runs.runs_of(tx, member)],
        "sign_in": {
            "signed_in_now": len(sessions.sessions_of(tx, member)),
            "passkeys": [
                {"name": one.label, "added_at": _utc(one.added_at), "revoked": one.revoked_at is not None}
                for one in sessions.passkeys_of(tx, member)
            ],
        },
        "held_elsewhere": "records such as purchases are held by the sites named above and are not in this copy",
    }
    return Holdings(definitions.catalogue(tx), document)


def _utc(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
