"""The same request again changes nothing: idempotency keys, kept in the transaction of what they protect."""

from collections.abc import Callable
from datetime import datetime

from consent_center.errors import IdempotencyError
from consent_center.storage import answers
from consent_center.storage.answers import Answer
from consent_center.storage.transaction import Transaction


def once(
    tx: Transaction,
    work: Callable[[Transaction], str],
    *,
    token: str,
    key: str,
    request: bytes,
    at: datetime,
) -> tuple[str, bool]:
    """Do the work, unless the same request was answered under this key; then give that answer again.

    Args:
        tx: the transaction.
        work: does it and gives the answer, JSON.
        token: whose key it is.
        key: chosen by the caller.
        request: SHA-256 of method, path and body.
        at: now.

    Returns:
        The answer, and whether it was given before.

    Raises:
        IdempotencyError: another request was made under this key.
    """
    known = answers.find(tx, token, key)
    if known is not None:
        if known.request != request:
            raise IdempotencyError("this idempotency key was used for another request: choose a new one")
        return known.body, True
    body = work(tx)
    answers.add(tx, token, key, Answer(request, body), at=at)
    return body, False
