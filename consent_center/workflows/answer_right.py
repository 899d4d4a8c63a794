"""Staff answer a member's request, refuse it or take more time; never without words the member can read."""

from datetime import datetime, tzinfo

from consent_center.events import Event
from consent_center.rights.request import Request, answer, extend, refuse
from consent_center.storage import members, rights
from consent_center.storage.transaction import Transaction


def answer_right(tx: Transaction, *, name: str, text: str, staff: str, at: datetime) -> Request:
    """Answer a request.

    Raises:
        NoSuchRequestError, RequestClosedError, ReasonMissingError: nothing was answered.
    """
    return _step(tx, answer(rights.get(tx, name), text=text, at=at), staff=staff, at=at)


def refuse_right(tx: Transaction, *, name: str, reason: str, staff: str, at: datetime) -> Request:
    """Refuse a request, with a reason.

    Raises:
        NoSuchRequestError, RequestClosedError, ReasonMissingError: nothing was refused.
    """
    return _step(tx, refuse(rights.get(tx, name), reason=reason, at=at), staff=staff, at=at)


def extend_right(tx: Transaction, *, name: str, reason: str, zone: tzinfo, staff: str, at: datetime) -> Request:
    """Take two months more, once, with a reason.

    Raises:
        NoSuchRequestError, RequestClosedError, ReasonMissingError: the clock is unchanged.
    """
    return _step(tx, extend(rights.get(tx, name), reason=reason, zone=zone), staff=staff, at=at)


def finish_site_task(tx: Transaction, *, name: str, site: str, at: datetime) -> None:
    """A site reports that it has done its share.

    Raises:
        NoSuchRequestError: it had none.
    """
    rights.finish_task(tx, name, site, at=at)


def open_requests(tx: Transaction) -> list[Request]:
    """Requests that wait for an answer, the one that is due first on top."""
    return rights.open_ones(tx)


def _step(tx: Transaction, request: Request, *, staff: str, at: datetime) -> Request:
    private = {
        "request": request.id,
        "stage": request.stage.value,
        "answer": request.answer,
        "reason": request.reason,
        "staff": staff,
    }
    entry = tx.append(Event.of("right.answered", private=private, member=members.get(tx, request.member).no), at=at)
    rights.add_step(tx, request, at=at, entry=entry)
    return request
