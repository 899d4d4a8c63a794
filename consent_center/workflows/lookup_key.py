"""The programme's own key for look-ups: e-mail addresses become tags under it. It survives the rotation of others."""

from datetime import datetime

from consent_center.storage import member_keys
from consent_center.storage.transaction import Transaction


def lookup_key(tx: Transaction, *, at: datetime) -> bytes:  # noqa: ARG001 - every workflow takes the time
    """The key, drawn when it is asked for the first time."""
    return member_keys.programme(tx, member_keys.LOOKUP).tag
