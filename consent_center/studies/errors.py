"""What studies, approvals, runs, releases and the staff are refused.

UnknownError
├── UnknownStudyError
├── UnknownReviewerError
├── UnknownRunError
├── UnknownPersonError
└── UnknownFindingError
RuleError
├── StudyError              a study that cannot be filed or assessed like this
│   └── StudyFileError      a study file that cannot be read; carries every problem at once
├── ApprovalError           an answer that does not count
│   ├── SelfApprovalError   by the author of the study
│   └── DutiesError         by somebody who already holds another duty in the study
├── ReleaseError            a model that cannot be judged or let through like this
├── ContractError           a contract that cannot be registered like this
├── StaffError              roles, accounts and sign-ins that are not possible
└── FindingError            a finding that cannot be closed like this
"""

from consent_center.errors import (
    ApprovalError,
    ReleaseError,
    RuleError,
    SelfApprovalError,
    StudyError,
    UnknownError,
    UnknownReviewerError,
    UnknownRunError,
    UnknownStudyError,
)

__all__ = [
    "ApprovalError",
    "ContractError",
    "DutiesError",
    "FindingError",
    "ReleaseError",
    "SelfApprovalError",
    "StaffError",
    "StudyError",
    "StudyFileError",
    "UnknownFindingError",
    "UnknownPersonError",
    "UnknownReviewerError",
    "UnknownRunError",
    "UnknownStudyError",
]


class UnknownPersonError(UnknownError):
    """Nobody of the staff is called this."""

    what = "person"


class UnknownFindingError(UnknownError):
    """No finding has this number."""

    what = "finding"


class StudyFileError(StudyError):
    """A study file that cannot be read.

    Attributes:
        problems: every one of them, each with what to do.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(f"the study file has problems: {'; '.join(problems)}")
        self.problems = problems


class DutiesError(ApprovalError):
    """Somebody holds another duty in the same study.

    Attributes:
        held: the duty that she holds already: design, governance or execution.
        wanted: the one that the act would give her.
    """

    def __init__(self, *, held: str, wanted: str) -> None:
        super().__init__(f"nobody holds two duties in one study, and you hold {held} here: ask a colleague ({wanted})")
        self.held = held
        self.wanted = wanted


class ContractError(RuleError):
    """A contract that cannot be registered like this."""


class StaffError(RuleError):
    """Roles, accounts and sign-ins that are not possible."""


class FindingError(RuleError):
    """A finding that cannot be closed like this."""
