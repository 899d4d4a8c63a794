"""Everything the consent centre refuses, and why.

    ConsentCenterError
    ├── SettingsError                 a setting that is missing, unknown or unsafe
    ├── StorageError                  the database could not do it; nothing was written
    │   └── StoreClosedError          the store was closed while the request waited
    ├── EventError                    an event that would put the wrong thing into a leaf
    ├── LogHaltedError                the log signs nothing more until an operator decides
    │   ├── LogRestoredError          the database is older than, or another than, what was signed
    │   └── LogOrderError             places in the log are not dense
    ├── UnknownError                  something is named that nobody defined
    │   ├── UnknownMemberError
    │   ├── UnknownItemError          no notice asks for this item
    │   ├── UnknownNoticeError
    │   ├── UnknownDefinitionError    a scope, purpose or recipient
    │   ├── UnknownStatementError
    │   ├── UnknownStudyError
    │   ├── UnknownReviewerError
    │   └── UnknownRunError
    ├── UnauthenticatedError          no valid token
    ├── ForbiddenError                a valid token that may not do this
    ├── TooManyError                  more requests than a token may make
    ├── MalformedError                bytes that cannot be read as what they claim to be
    │   └── TooLargeError             more of them than is read
    ├── IdempotencyError              one key, two different requests
    ├── PresenceError                 a proof that shows neither presence nor absence
    ├── ReceiptError                  not a receipt, changed, or of another key
    ├── RuleError                     understood, and against a rule; nothing was written
    │   ├── NoticeError               a notice that cannot be published, or must not be used any more
    │   │   └── NoticeHeldError       the lint holds it back until it was reviewed
    │   ├── StatementError            a statement that means nothing or says too much at once
    │   │   ├── SeparateConsentError  items that need separate consent in one act
    │   │   ├── ActorError            this person may not say this
    │   │   └── SupersededError       a withdrawal of the same moment stands
    │   ├── DefinitionError           a definition that contradicts itself or another
    │   ├── ImportRefusedError        an import that cannot start or go on
    │   ├── EnrolmentError            already enrolled, or never
    │   ├── StudyError                a study that cannot be filed or assessed
    │   ├── ApprovalError             an answer that cannot count
    │   │   └── SelfApprovalError     the author's own
    │   ├── ErasureError              a member cannot be erased, or a key not destroyed, yet
    │   └── ReleaseError              a model that cannot be released, or not this way

Numbers and names are attributes, so that a caller can show them without parsing text.
"""


class ConsentCenterError(Exception):
    """Anything the consent centre refuses."""


class SettingsError(ConsentCenterError):
    """A setting is missing, unknown or unsafe."""


class StorageError(ConsentCenterError):
    """The database could not do it; nothing was written."""


class StoreClosedError(StorageError):
    """The store was closed while the request waited; nothing was written."""


class EventError(ConsentCenterError):
    """An event would put the wrong thing into a leaf."""


class LogHaltedError(ConsentCenterError):
    """The log signs nothing more until an operator decides; entries are still written."""


class LogRestoredError(LogHaltedError):
    """The database is older than what was signed, or another one: signing would make a second history."""


class LogOrderError(LogHaltedError):
    """Places in the log are not dense, which no code of ours makes."""


class UnknownError(ConsentCenterError):
    """Something is named that nobody defined.

    Attributes:
        what: the kind of thing.
        name: what it was called.
    """

    what = "thing"

    def __init__(self, name: object, advice: str = "check the name") -> None:
        super().__init__(f"unknown {self.what}: {advice}")
        self.name = name


class UnknownMemberError(UnknownError):
    """No such member, or no longer."""

    what = "member"


class UnknownItemError(UnknownError):
    """No published notice asks for this item."""

    what = "item"


class UnknownNoticeError(UnknownError):
    """No such notice, version or language was published."""

    what = "notice"


class UnknownDefinitionError(UnknownError):
    """A scope, purpose or recipient that nobody defined."""

    what = "scope, purpose or recipient"


class UnknownStatementError(UnknownError):
    """No such statement of this member."""

    what = "statement"


class UnknownStudyError(UnknownError):
    """No study was filed under this identifier."""

    what = "study"


class UnknownReviewerError(UnknownError):
    """No reviewer was registered under this name."""

    what = "reviewer"


class UnknownRunError(UnknownError):
    """No run was admitted under this identifier."""

    what = "run"


class UnauthenticatedError(ConsentCenterError):
    """No token, or none that is valid."""


class ForbiddenError(ConsentCenterError):
    """A valid token that may not do this."""


class TooManyError(ConsentCenterError):
    """More requests than a token may make.

    Attributes:
        retry_after_s: seconds after which the next one is let through.
    """

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many requests: wait {retry_after_s} s")
        self.retry_after_s = retry_after_s


class MalformedError(ConsentCenterError):
    """Bytes that cannot be read as what they claim to be; nothing of them was used."""


class TooLargeError(MalformedError):
    """More bytes, rows or questions than are read at once."""


class IdempotencyError(ConsentCenterError):
    """One idempotency key, two different requests."""


class PresenceError(ConsentCenterError):
    """A proof about a cohort that shows neither presence nor absence."""


class ReceiptError(ConsentCenterError):
    """Not a receipt, changed, or signed by another key."""


class RuleError(ConsentCenterError):
    """Understood, and against a rule; nothing was written."""


class NoticeError(RuleError):
    """A notice cannot be published, or must not be used any more."""


class NoticeHeldError(NoticeError):
    """The lint holds a notice back until somebody else than its author lets it through.

    Attributes:
        findings: what blocks, as "rule language.field".
    """

    def __init__(self, findings: tuple[str, ...]) -> None:
        super().__init__(f"the notice is held back: {'; '.join(findings[:4])}; change it, or open a review")
        self.findings = findings


class StatementError(RuleError):
    """A statement means nothing, or says too much at once."""


class SeparateConsentError(StatementError):
    """Items that need separate consent were put into one act."""


class ActorError(StatementError):
    """This person may not say this about this member."""


class SupersededError(StatementError):
    """A withdrawal of the same moment stands; a later yes must be said anew."""


class DefinitionError(RuleError):
    """A definition contradicts itself or another."""


class ImportRefusedError(RuleError):
    """An import cannot start or go on like this."""


class EnrolmentError(RuleError):
    """The member is already enrolled at the site, or never was."""


class StudyError(RuleError):
    """A study cannot be filed or assessed like this."""


class ApprovalError(RuleError):
    """An answer cannot count."""


class SelfApprovalError(ApprovalError):
    """The author of a study cannot approve it.

    Attributes:
        study: the study.
    """

    def __init__(self, study: str) -> None:
        super().__init__("the author of a study cannot answer it: ask another reviewer")
        self.study = study


class ReleaseError(RuleError):
    """A model cannot be released, or not this way."""


class ErasureError(RuleError):
    """A member cannot be erased yet, or a key not be destroyed.

    Attributes:
        waiting: how much stands in the way.
    """

    def __init__(self, waiting: int, why: str = "") -> None:
        super().__init__(why or f"{waiting} recipients or sites still have to be told: let them be, or tell them first")
        self.waiting = waiting
