"""A member uses a right; the clock starts."""

import secrets
from collections.abc import Sequence
from datetime import datetime, tzinfo

from consent_center.events import Event
from consent_center.rights.request import ANSWERED_HERE, Request, Right, file_request, take_back
from consent_center.storage import members, rights
from consent_center.storage.transaction import Transaction

_CONCERNS_SITES = ANSWERED_HERE | {Right.CORRECT, Right.ERASE, Right.RESTRICT, Right.OBJECT}


def file_right(
    tx: Transaction,
    *,
    member: str,
    right: Right,
    about: str,
    detail: str,
    once: str,
    zone: tzinfo,
    sites: Sequence[str] | None = None,
    at: datetime,
) -> Request:
    """File a request, with a task for each site that has to do something for it.

    Args:
        tx: the transaction.
        member: whose right.
        right: which.
        about: the one thing it is about, or empty.
        detail: in her words.
        once: drawn with the form: the same form posted twice files one request.
        zone: where days begin and end.
        sites: who has to do something; by default, if the right concerns sites, each that knows the member.
        at: now.

    Raises:
        TooManyRequestsError, ReasonMissingError: not filed.
    """
    key = f"{member}:{once}"
    if (already := rights.filed_once(tx, key)) is not None:
        return rights.get(tx, already, member=member)
    known = members.get(tx, member)
    request = file_request(
        name=secrets.token_hex(12),
        member=member,
        right=right,
        about=about,
        detail=detail,
        at=at.replace(microsecond=0),
        zone=zone,
        open_already=rights.count_open(tx, member),
    )
    private = {"right": right.value, "request": request.id, "about": about, "detail": request.detail}
    entry = tx.append(Event.of("right.asked", private=private, member=known.no), at=at)
    linked = [one.site for one in members.enrolments(tx, member)]
    tasks = [site for site in linked if (right in _CONCERNS_SITES if sites is None else site in sites)]
    rights.add(tx, request, member_no=known.no, once=key, sites=tasks, entry=entry)
    return request


def take_back_right(tx: Transaction, *, member: str, name: str, at: datetime) -> Request:
    """The member does not want an answer any more.

    Raises:
        NoSuchRequestError: not hers.
        RequestClosedError: closed already.
    """
    request = take_back(rights.get(tx, name, member=member), at=at)
    private = {"request": name, "stage": request.stage.value}
    entry = tx.append(Event.of("right.answered", private=private, member=members.get(tx, member).no), at=at)
    rights.add_step(tx, request, at=at, entry=entry)
    return request


def requests_of(tx: Transaction, *, member: str) -> list[Request]:
    """A member's requests, latest first."""
    return rights.of_member(tx, member)


def request_of(tx: Transaction, *, member: str, name: str) -> tuple[Request, list[rights.Task]]:
    """One of her requests, and what sites have to do for it.

    Raises:
        NoSuchRequestError: unknown, or not hers.
    """
    return rights.get(tx, name, member=member), rights.tasks(tx, name)
