"""Whatever goes wrong, as a page that says what happened, what is kept and what to do next.

The tables map errors to a status, a message and ways on; an error in neither is a fault of ours: it answers 500 with a
number under which it is in the log, and shows nothing of itself. The API has its own table, `problems.py`.
"""

from dataclasses import dataclass

from consent_center.errors import (
    ConsentCenterError,
    EnrolmentError,
    NoticeError,
    RuleError,
    StorageError,
    SupersededError,
    UnknownError,
)
from consent_center.rights.request import (
    NoSuchRequestError,
    ReasonMissingError,
    RequestClosedError,
    TooManyRequestsError,
)
from consent_center.web.forms import FieldError, ForgedFormError, FormError, MalformedFormError
from consent_center.web.pace import TooFastError
from consent_center.workflows.sign_in import (
    IdentityRefusedError,
    LinkGoneError,
    LinkUsedError,
    OtherBrowserError,
    PasskeyRefusedError,
    SignInError,
    TooManyLinksError,
    TooManyPasskeysError,
)


class NotFoundError(ConsentCenterError):
    """There is no such page, or it is not the reader's to see; the two look the same."""

    def __init__(self) -> None:
        super().__init__("no such page, or not yours to see; start from the first page")


@dataclass(frozen=True)
class Failure:
    """How one kind of error is told.

    Attributes:
        status: of HTTP.
        text: key of the sentence; its title is the same key with "_title".
        ways: (path, key) of what to do next.
    """

    status: int
    text: str
    ways: tuple[tuple[str, str], ...] = (("/", "failure.home"),)


_SIGN_IN = (("/sign-in", "failure.sign_in"),)

FAILURES: dict[type[Exception], Failure] = {
    NotFoundError: Failure(404, "failure.not_found"),
    UnknownError: Failure(404, "failure.not_found"),
    NoSuchRequestError: Failure(404, "failure.not_found", (("/rights", "failure.rights"),)),
    ForgedFormError: Failure(403, "failure.forged"),
    MalformedFormError: Failure(400, "failure.malformed"),
    FieldError: Failure(422, "failure.malformed"),
    FormError: Failure(400, "failure.malformed"),
    TooFastError: Failure(429, "failure.too_fast"),
    LinkUsedError: Failure(410, "failure.link_used", _SIGN_IN),
    LinkGoneError: Failure(410, "failure.link_gone", _SIGN_IN),
    OtherBrowserError: Failure(403, "failure.other_browser", _SIGN_IN),
    TooManyLinksError: Failure(429, "failure.too_many_links", _SIGN_IN),
    PasskeyRefusedError: Failure(403, "failure.passkey", _SIGN_IN),
    TooManyPasskeysError: Failure(409, "failure.too_many_passkeys", (("/account", "failure.account"),)),
    IdentityRefusedError: Failure(403, "failure.identity", _SIGN_IN),
    SignInError: Failure(403, "failure.passkey", _SIGN_IN),
    RequestClosedError: Failure(409, "failure.request_closed", (("/rights", "failure.rights"),)),
    TooManyRequestsError: Failure(409, "failure.too_many_requests", (("/rights", "failure.rights"),)),
    ReasonMissingError: Failure(422, "failure.reason_missing", (("/rights", "failure.rights"),)),
    SupersededError: Failure(409, "failure.superseded"),
    NoticeError: Failure(409, "failure.notice"),
    EnrolmentError: Failure(409, "failure.rule"),
    RuleError: Failure(409, "failure.rule"),
    StorageError: Failure(503, "failure.storage"),
}
"""Kind of error -> how it is told; the nearest ancestor of an error's class counts."""

BY_STATUS = {
    404: Failure(404, "failure.not_found"),
    405: Failure(405, "failure.not_found"),
    422: Failure(404, "failure.not_found"),
}
"""What the framework itself refuses: no route, another method, a path that is not a number."""

FAULT = Failure(500, "failure.fault")


def failure_of(error: Exception) -> Failure | None:
    """How an error is told, or None if it is a fault of ours."""
    for kind in type(error).__mro__:
        if (found := FAILURES.get(kind)) is not None:
            return found
    return None
