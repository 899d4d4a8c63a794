"""Staff answer a member's request, refuse it or take more time; never without words the member can read.

Law: nothing of it is done, and no request of hers is read, without an entry that she sees.
"""

from datetime import datetime, tzinfo

from consent_center.events import Event
from consent_center.rights.request import Request, answer, extend, refuse
from consent_center.storage import members, rights
from consent_center.storage import staff as people
from consent_center.storage.transaction import Transaction
from consent_center.studies.errors import StaffError
from consent_center.studies.roles import Act, Role


def answer_right(tx: Transaction, *, name: str, text: str, staff: str, at: datetime) -> Request:
    """Answer a request.

    Raises:
        NoSuchRequestError, RequestClosedError, ReasonMissingError, StaffError: nothing was answered.
    """
    return _step(tx, answer(rights.get(tx, name), text=text, at=at), staff=staff, at=at)


def refuse_right(tx: Transaction, *, name: str, reason: str, staff: str, at: datetime) -> Request:
    """Refuse a request, with a reason.

    Raises:
        NoSuchRequestError, RequestClosedError, ReasonMissingError, StaffError: nothing was refused.
    """
    return _step(tx, refuse(rights.get(tx, name), reason=reason, at=at), staff=staff, at=at)


def extend_right(tx: Transaction, *, name: str, reason: str, zone: tzinfo, staff: str, at: datetime) -> Request:
    """Take two months more, once, with a reason.

    Raises:
        NoSuchRequestError, RequestClosedError, ReasonMissingError, StaffError: the clock is unchanged.
    """
    return _step(tx, extend(rights.get(tx, name), reason=reason, zone=zone), staff=staff, at=at)


def finish_site_task(tx: Transaction, *, name: str, site: str, staff: str, at: datetime) -> bool:
    """A site has told the staff that it has done its share; done once, however often it is told.

    Returns:
        Was it open until now?

    Raises:
        NoSuchRequestError: no such request, or the site had nothing to do for it.
        StaffError: somebody who may not.
    """
    _may(tx, staff, at=at)
    request = rights.get(tx, name)
    if not rights.finish_task(tx, name, site, at=at):
        return False
    private = {"request": name, "stage": "site_done", "site": site, "staff": staff}
    tx.append(Event.of("right.answered", private=private, member=members.get(tx, request.member).no), at=at)
    return True


def read_request(tx: Transaction, *, name: str, staff: str, at: datetime) -> tuple[Request, list[rights.Task]]:
    """One request in the member's own words, and what sites have to do for it; she sees who read it.

    Raises:
        NoSuchRequestError: unknown.
        StaffError: somebody who may not.
    """
    reader = _may(tx, staff, at=at)
    request = rights.get(tx, name)
    private = {"staff": reader, "role": Role.COMPLIANCE.value, "reason": "", "fields": ["request"], "until": None}
    tx.append(Event.of("member.read", private=private, member=members.get(tx, request.member).no), at=at)
    return request, rights.tasks(tx, name)


def open_requests(tx: Transaction) -> list[tuple[Request, list[rights.Task]]]:
    """Requests that wait for an answer, the one that is due first on top, each with what sites have to do for it."""
    return [(request, rights.tasks(tx, request.id)) for request in rights.open_ones(tx)]


def _may(tx: Transaction, staff: str, *, at: datetime) -> str:
    """The name of somebody who answers members; anybody else is refused."""
    person = people.get(tx, staff)
    if not (person.is_here(at=at) and person.may(Act.READ_MEMBER)):
        raise StaffError("only compliance answers members' requests: name one of its accounts")
    return person.name


def _step(tx: Transaction, request: Request, *, staff: str, at: datetime) -> Request:
    _may(tx, staff, at=at)
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
