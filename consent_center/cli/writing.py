"""New files that only their owner can read: whatever a command hands out and nobody else may see."""

import os
from pathlib import Path

from consent_center.errors import RuleError


class NotWrittenError(RuleError):
    """A file cannot be written; says why."""


def write_for_owner(path: Path, text: str) -> None:
    """Write a new file that only its owner can read.

    Raises:
        NotWrittenError: it exists, or cannot be written.
    """
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(text)
    except FileExistsError as error:
        raise NotWrittenError(f"{path} exists already; choose another name") from error
    except OSError as error:
        raise NotWrittenError(f"cannot write {path}: {error.strerror}") from error
