"""Why a site or a run says no.

FederatedError
├── MalformedError            bytes that are not what they claim to be
├── SignatureError            a signature that the pinned key did not make
└── RefusedError              understood, and refused; carries a `Refusal` code that a person can act on
"""

from enum import StrEnum


class Refusal(StrEnum):
    """Every reason for which a site or the gate says no. A code never changes its meaning."""

    PLAN_NOT_APPROVED = "plan-not-approved"
    PLAN_CHANGED = "plan-changed"
    PERMIT_EXPIRED = "permit-expired"
    PERMIT_FORGED = "permit-forged"
    COHORT_TAMPERED = "cohort-tampered"
    COHORT_STALE = "cohort-stale"
    COHORT_TOO_SMALL = "cohort-too-small"
    STATEMENT_MISSING = "statement-missing"
    STATEMENT_STALE = "statement-stale"
    STATEMENT_REPLAYED = "statement-replayed"
    STATEMENT_FORGED = "statement-forged"
    OVER_BUDGET = "over-budget"
    POLICY = "policy"
    MODEL_UNKNOWN = "model-unknown"
    MODEL_NOT_RELEASED = "model-not-released"
    DATA_UNREADABLE = "data-unreadable"
    ROUND_OUT_OF_ORDER = "round-out-of-order"
    MALFORMED = "malformed"
    NO_QUORUM = "no-quorum"
    SUM_TAMPERED = "sum-tampered"
    SUM_TOO_FEW = "sum-too-few"
    LINK_TAMPERED = "link-tampered"
    LINK_STALE = "link-stale"
    LINK_EPOCH = "link-epoch"
    LINK_DUPLICATE = "link-duplicate"
    LINK_UNKNOWN = "link-unknown"
    LINK_SIZES = "link-sizes"
    LINK_TOO_FEW = "link-too-few"
    LINK_LIMIT = "link-limit"
    INTERNAL = "internal"


class FederatedError(Exception):
    """Root of everything that goes wrong in `federated`."""


class MalformedError(FederatedError):
    """Bytes that are not what they claim to be; nothing of them was used."""


class SignatureError(FederatedError):
    """A signature that the pinned key did not make over these bytes."""


class RefusedError(FederatedError):
    """Understood, and refused.

    Attributes:
        code: the reason, stable and machine-readable.
    """

    def __init__(self, code: Refusal, message: str) -> None:
        super().__init__(message)
        self.code = code
