"""What studies, approvals, runs and releases refuse.

UnknownError
├── UnknownStudyError
├── UnknownReviewerError
└── UnknownRunError
RuleError
├── StudyError              a study that cannot be filed or assessed like this
├── ApprovalError           an answer that does not count
│   └── SelfApprovalError   by the author of the study
└── ReleaseError            a model that cannot be judged or let through like this
"""

from consent_center.errors import RuleError, UnknownError


class UnknownStudyError(UnknownError):
    """No study was filed under this identifier."""

    what = "study"


class UnknownReviewerError(UnknownError):
    """Nobody by this name may review."""

    what = "reviewer"


class UnknownRunError(UnknownError):
    """No run was admitted under this identifier."""

    what = "run"


class StudyError(RuleError):
    """A study cannot be filed or assessed like this."""


class ApprovalError(RuleError):
    """An answer to a study does not count."""


class SelfApprovalError(ApprovalError):
    """The author of a study answers it herself."""

    def __init__(self, study: str) -> None:
        super().__init__(f"the author of study {study} cannot approve it: ask another reviewer")
        self.study = study


class ReleaseError(RuleError):
    """A model cannot be judged or let through like this."""
