"""Every refusal of the API as a problem document (RFC 9457), from one table.

Law: an error that is not in the table is a bug and answers 500 with nothing of itself. 422 only for malformed
payloads. A code never changes its meaning; a test checks that each is documented.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from consent_center import errors

MEDIA_TYPE = "application/problem+json"
BASE = "urn:accord:problem:"


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of error is told.

    Attributes:
        status: of HTTP.
        code: stable name.
        title: what it is, the same for every occurrence.
    """

    status: HTTPStatus
    code: str
    title: str


PROBLEMS: Mapping[type[Exception], Kind] = {
    errors.UnauthenticatedError: Kind(HTTPStatus.UNAUTHORIZED, "token-invalid", "No valid token"),
    errors.ForbiddenError: Kind(HTTPStatus.FORBIDDEN, "token-scope", "The token may not do this"),
    errors.TooManyError: Kind(HTTPStatus.TOO_MANY_REQUESTS, "too-many-requests", "Too many requests"),
    errors.MalformedError: Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "malformed", "The payload cannot be read"),
    errors.TooLargeError: Kind(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", "The payload is too large"),
    errors.IdempotencyError: Kind(HTTPStatus.CONFLICT, "idempotency-conflict", "Key used for another request"),
    errors.UnknownMemberError: Kind(HTTPStatus.NOT_FOUND, "member-unknown", "No such member"),
    errors.UnknownItemError: Kind(HTTPStatus.NOT_FOUND, "item-unknown", "No notice asks for this item"),
    errors.UnknownNoticeError: Kind(HTTPStatus.NOT_FOUND, "notice-unknown", "No such notice"),
    errors.UnknownDefinitionError: Kind(HTTPStatus.NOT_FOUND, "definition-unknown", "Nobody defined this"),
    errors.UnknownStatementError: Kind(HTTPStatus.NOT_FOUND, "statement-unknown", "No such statement"),
    errors.UnknownError: Kind(HTTPStatus.NOT_FOUND, "unknown", "Not found"),
    errors.NoticeHeldError: Kind(HTTPStatus.CONFLICT, "notice-held", "The notice is held back for review"),
    errors.NoticeError: Kind(HTTPStatus.CONFLICT, "notice-refused", "The notice cannot be used like this"),
    errors.SeparateConsentError: Kind(HTTPStatus.CONFLICT, "separate-consent", "Separate consents are needed"),
    errors.ActorError: Kind(HTTPStatus.FORBIDDEN, "actor-refused", "This person may not say this"),
    errors.SupersededError: Kind(HTTPStatus.CONFLICT, "superseded", "A no of the same second or later stands"),
    errors.StatementError: Kind(HTTPStatus.CONFLICT, "statement-refused", "This cannot be said"),
    errors.DefinitionError: Kind(HTTPStatus.CONFLICT, "definition-refused", "The definition contradicts another"),
    errors.EnrolmentError: Kind(HTTPStatus.CONFLICT, "enrolment-refused", "The link cannot be made or ended"),
    errors.ImportRefusedError: Kind(HTTPStatus.CONFLICT, "import-refused", "The import cannot go on"),
    errors.StorageError: Kind(HTTPStatus.SERVICE_UNAVAILABLE, "storage", "The database could not do it"),
}

PAYLOAD = Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "payload", "The payload does not have the documented form")
NO_SUCH_PATH = Kind(HTTPStatus.NOT_FOUND, "path-unknown", "No such address")
NO_SUCH_METHOD = Kind(HTTPStatus.METHOD_NOT_ALLOWED, "method-not-allowed", "Not with this method")
MEDIA = Kind(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "media-type", "This media type is not read here")
INTERNAL = Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "A fault of ours")
CODES = tuple(kind.code for kind in (*PROBLEMS.values(), PAYLOAD, NO_SUCH_PATH, NO_SUCH_METHOD, MEDIA, INTERNAL))


def kind_of(error: Exception) -> Kind:
    """How this error is told: the entry of its own class, or of the nearest class above it."""
    for known in type(error).__mro__:
        if known in PROBLEMS:
            return PROBLEMS[known]
    return INTERNAL


def document(kind: Kind, detail: str, **more: Any) -> dict[str, Any]:
    """The body of a problem; `more` are members of its own, such as the findings of a held notice."""
    return {
        "type": f"{BASE}{kind.code}",
        "title": kind.title,
        "status": int(kind.status),
        "code": kind.code,
        "detail": detail,
        **more,
    }


def document_of(error: Exception) -> dict[str, Any]:
    """The body for an error; a bug of ours shows nothing of itself."""
    kind = kind_of(error)
    if kind is INTERNAL:
        return document(kind, "the request was not carried out; try again, or tell the programme the time of this")
    more: dict[str, Any] = {}
    if isinstance(error, errors.NoticeHeldError):
        more["findings"] = list(error.findings)
    if isinstance(error, errors.TooManyError):
        more["retry_after_s"] = error.retry_after_s
    return document(kind, str(error), **more)
