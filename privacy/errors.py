"""Everything that `privacy` refuses, and why.

PrivacyError
├── MechanismError             a number outside its domain
│   └── UnknownMechanismError  a kind, version or field this release of Accord does not know
├── BudgetError                a ledger that must not be created (its numbers are no promise)
├── LedgerError
│   ├── OverBudgetError        the charge does not fit: nothing was spent
│   ├── ChargeConflictError    the same charge id came back with other content
│   ├── UnknownAccountError    the account was never opened
│   └── AccountConflictError   the account is already open with another budget
├── NotFiniteError             an infinity or NaN that no clipping can bound
├── ShapeError                 arrays that do not belong together
├── NotPrivateError            a model or loader whose privacy cannot be claimed
├── AuditFailedError           canaries or attack scores that cannot be audited
└── SecretError                keys and ciphertexts
    ├── KeyFileError           a root key file that is missing, readable by others, or malformed
    ├── UnknownKeyError        no key with this id: it was destroyed, or never here
    └── EnvelopeError          not an envelope, another row's envelope, or altered bytes
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from privacy.quantities import Cost


class PrivacyError(Exception):
    """Anything that `privacy` refuses."""


class MechanismError(PrivacyError):
    """A mechanism was described by a number outside its domain."""


class UnknownMechanismError(MechanismError):
    """Stored data names a mechanism that this version cannot price, so it is refused, never guessed."""

    def __init__(self, kind: object) -> None:
        self.kind = kind
        super().__init__(f"unknown mechanism {kind!r}: upgrade accord, or refuse this history")


class BudgetError(PrivacyError):
    """A ledger with these numbers would promise nothing, so it is not created."""


class LedgerError(PrivacyError):
    """A charge or an account was refused; nothing was spent."""


class OverBudgetError(LedgerError):
    """The charge does not fit what is left. A run is refused, never shrunk.

    Attributes:
        requested: what the charge would cost.
        left: what the account could still pay.
        account: the name of the account that refused ("" if the pure decision was asked).
    """

    def __init__(self, requested: "Cost", left: "Cost", account: str = "") -> None:
        self.requested = requested
        self.left = left
        self.account = account
        short = [
            name
            for name, over in (
                ("gaussian", requested.gaussian > left.gaussian),
                ("pure", requested.pure > left.pure),
            )
            if over
        ]
        super().__init__(
            f"over budget in account {account or 'asked'} ({' and '.join(short)} part): "
            "ask for fewer rounds, more noise or a new budget"
        )


class ChargeConflictError(LedgerError):
    """A charge id was used before for something else."""

    def __init__(self, charge: str, account: str) -> None:
        self.charge = charge
        self.account = account
        super().__init__(f"charge {charge!r} exists in account {account!r} with other content: use a new charge id")


class UnknownAccountError(LedgerError):
    """The account was never opened, so it has no budget to spend."""

    def __init__(self, account: str) -> None:
        self.account = account
        super().__init__(f"account {account!r} is not open: open it with a budget first")


class AccountConflictError(LedgerError):
    """The account is open with another budget; a budget never changes."""

    def __init__(self, account: str) -> None:
        self.account = account
        super().__init__(f"account {account!r} is open with another budget: budgets are fixed for life")


class NotFiniteError(PrivacyError):
    """Values that are infinite or NaN.

    Attributes:
        count: how many; the values themselves are never kept.
    """

    def __init__(self, count: int, what: str = "values") -> None:
        self.count = count
        super().__init__(f"{count} {what} are not finite: repair or drop them before any release")


class ShapeError(PrivacyError):
    """Arrays whose shapes do not belong together."""


class NotPrivateError(PrivacyError):
    """Training as described has no member-level claim, so it is refused before it starts."""


class AuditFailedError(PrivacyError):
    """The audit cannot be computed from what it was given; this says nothing about leaks."""


class SecretError(PrivacyError):
    """Anything about keys and ciphertexts. Messages never contain key material."""


class KeyFileError(SecretError):
    """A root key file that is missing, open to others, or malformed."""


class UnknownKeyError(SecretError):
    """No key with this id is held."""

    def __init__(self, key_id: int) -> None:
        self.key_id = key_id
        super().__init__(f"key {key_id:08x} is not held: it was destroyed, or belongs elsewhere")


class EnvelopeError(SecretError):
    """The bytes are not an envelope made for this place with this key."""
