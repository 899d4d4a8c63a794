"""Where a demo writes, all or nothing.

Everything is made in a folder beside the one asked for and moved there in one step at the end, so an interruption, a
full disk or an error leaves the last complete demo, or nothing; the next start clears what was left over.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from consent_center.demo.errors import ForeignFilesError, OutputError

MARKER = ".accord-demo"
FULL_BELOW = 256 * 1024
"""Bytes: with less than this left, whatever went wrong is the full disk's doing."""


@contextmanager
def fresh_folder(out: Path) -> Iterator[Path]:
    """A new folder to work in, which becomes `out` when the block ends without an error.

    Args:
        out: where the result goes; an older demo there is replaced, anything else is left alone.

    Raises:
        ForeignFilesError: `out` holds files that no demo wrote, or is not a folder.
        OutputError: the disk is full.
        OSError: the disk or the permissions did not let us.
    """
    draft = out.with_name(f".{out.name}.draft")
    old = out.with_name(f".{out.name}.old")
    for place in (out, draft, old):
        _check_ours(place)
    out.parent.mkdir(parents=True, exist_ok=True)
    _clear(draft)
    draft.mkdir()
    (draft / MARKER).touch()
    try:
        yield draft
        _clear(old)
        if out.exists():
            out.rename(old)
        draft.rename(out)
        _clear(old)
    except Exception as error:
        if shutil.disk_usage(out.parent).free < FULL_BELOW:
            raise OutputError(
                f"the disk of {out.parent} is full: free space or choose another folder with --out"
            ) from error
        raise
    finally:
        _clear(draft)


def _check_ours(place: Path) -> None:
    if not place.exists():
        return
    if not place.is_dir() or (any(place.iterdir()) and not (place / MARKER).exists()):
        raise ForeignFilesError(place)


def _clear(place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
