"""A member's request under the law, and what may happen to it.

    open ──extend──> extended ──┐
      │                         ├── answer ──> answered
      ├─────────────────────────┼── refuse ──> refused      (with a reason)
      └─────────────────────────┴── take back ─> taken_back  (by the member)

Invariant: a closed request is never opened again; a second request is a second request.
"""

from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from enum import StrEnum

from consent_center.errors import RuleError
from consent_center.rights.deadline import due_at, extended_due_at, person_due_at

DETAIL_LIMIT = 2000
OPEN_LIMIT = 20


class Right(StrEnum):
    """What a member may ask for."""

    ACCESS = "access"
    COPY = "copy"
    CORRECT = "correct"
    ERASE = "erase"
    RESTRICT = "restrict"
    PORT = "port"
    OBJECT = "object"
    EXPLAIN = "explain"
    HUMAN_REVIEW = "human_review"


ANSWERED_HERE = frozenset({Right.ACCESS, Right.COPY, Right.PORT})
"""Rights that the hub answers by itself for what it holds, at once; sites get a task for the rest."""

NEEDS_DETAIL = frozenset({Right.CORRECT, Right.OBJECT, Right.EXPLAIN})
"""Rights that cannot be answered without knowing what she means."""


class Stage(StrEnum):
    """How far a request is."""

    OPEN = "open"
    EXTENDED = "extended"
    ANSWERED = "answered"
    REFUSED = "refused"
    TAKEN_BACK = "taken_back"

    @property
    def is_closed(self) -> bool:
        """Whether nothing more can happen to it."""
        return self in (Stage.ANSWERED, Stage.REFUSED, Stage.TAKEN_BACK)


class RightError(RuleError):
    """A step that a request does not allow.

    RightError
    ├── RequestClosedError     answered, refused or taken back already
    ├── ReasonMissingError     a refusal, an extension or a right that needs words came without
    ├── TooManyRequestsError   the member has as many open requests as are handled at once
    └── NoSuchRequestError     unknown, or not hers
    """


class RequestClosedError(RightError):
    """The request is closed.

    Attributes:
        stage: how it ended.
    """

    def __init__(self, stage: Stage) -> None:
        super().__init__(f"this request is {stage} and cannot change; file another one")
        self.stage = stage


class ReasonMissingError(RightError):
    """A reason is needed."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} needs a reason in words; write one")


class TooManyRequestsError(RightError):
    """More open requests than one member may have.

    Attributes:
        limit: how many may be open.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} requests are open already; wait for an answer or take one back")
        self.limit = limit


class NoSuchRequestError(RightError):
    """The request does not exist or belongs to somebody else; the two look the same."""

    def __init__(self) -> None:
        super().__init__("no such request; see your requests for those that exist")


@dataclass(frozen=True)
class Request:
    """One request of one member.

    Attributes:
        id: random, URL-safe.
        about: what it is about if it is about one thing: a decision's id; empty otherwise.
        detail: in her words, at most DETAIL_LIMIT characters.
        due_at: the last moment for an answer.
        first_answer_due_at: for a review by a person, when she has to hear from one first; None otherwise.
        reason: why the clock was extended or the request refused; empty otherwise.
        answer: what was answered; empty while open.
    """

    id: str
    member: str
    right: Right
    about: str
    detail: str
    asked_at: datetime
    due_at: datetime
    first_answer_due_at: datetime | None = None
    stage: Stage = Stage.OPEN
    reason: str = ""
    answer: str = ""
    closed_at: datetime | None = None

    def is_late(self, *, at: datetime) -> bool:
        """Whether its clock ran out without an answer."""
        return not self.stage.is_closed and at > self.due_at


def file_request(
    *, name: str, member: str, right: Right, about: str, detail: str, at: datetime, zone: tzinfo, open_already: int
) -> Request:
    """A new request, its clock running.

    Args:
        name: its id, random and URL-safe.
        member: whose right.
        right: which.
        about: the one thing it is about, or empty.
        detail: in her words.
        at: now.
        zone: where days begin and end.
        open_already: how many of hers are open.

    Raises:
        TooManyRequestsError: `open_already` is at the limit.
        ReasonMissingError: the right needs words and `detail` is empty.
    """
    if open_already >= OPEN_LIMIT:
        raise TooManyRequestsError(OPEN_LIMIT)
    if right in NEEDS_DETAIL and not detail.strip():
        raise ReasonMissingError(f"the right to {right}")
    first = person_due_at(at, zone=zone) if right is Right.HUMAN_REVIEW else None
    return Request(
        id=name,
        member=member,
        right=right,
        about=about,
        detail=detail.strip()[:DETAIL_LIMIT],
        asked_at=at,
        due_at=due_at(at, zone=zone),
        first_answer_due_at=first,
    )


def extend(request: Request, *, reason: str, zone: tzinfo) -> Request:
    """Two months more, once, with a reason the member reads."""
    _refuse_closed(request)
    if request.stage is Stage.EXTENDED:
        raise RequestClosedError(request.stage)
    if not reason.strip():
        raise ReasonMissingError("an extension")
    due = extended_due_at(request.asked_at, zone=zone)
    return replace(request, stage=Stage.EXTENDED, reason=reason.strip(), due_at=due)


def answer(request: Request, *, text: str, at: datetime) -> Request:
    """The answer she reads; a later answer is still an answer."""
    _refuse_closed(request)
    if not text.strip():
        raise ReasonMissingError("an answer")
    return replace(request, stage=Stage.ANSWERED, answer=text.strip(), closed_at=at)


def refuse(request: Request, *, reason: str, at: datetime) -> Request:
    """A refusal, never without a reason."""
    _refuse_closed(request)
    if not reason.strip():
        raise ReasonMissingError("a refusal")
    return replace(request, stage=Stage.REFUSED, reason=reason.strip(), closed_at=at)


def take_back(request: Request, *, at: datetime) -> Request:
    """The member does not want an answer any more."""
    _refuse_closed(request)
    return replace(request, stage=Stage.TAKEN_BACK, closed_at=at)


def _refuse_closed(request: Request) -> None:
    if request.stage.is_closed:
        raise RequestClosedError(request.stage)
