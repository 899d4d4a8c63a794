"""New files that commands write: never over another file, and those that nobody else may see, for their owner only."""

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
    write_new(path, text.encode("ascii"), mode=0o600)


def write_new(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Write a new file, readable for whom `mode` and the mask of the user say.

    Raises:
        NotWrittenError: it exists, or cannot be written.
    """
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
    except FileExistsError as error:
        raise NotWrittenError(f"{path} exists already: choose another name") from error
    except OSError as error:
        raise NotWrittenError(f"cannot write {path}: {error.strerror}") from error
