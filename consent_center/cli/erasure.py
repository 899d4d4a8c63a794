"""`accord admin erase | rotate | rewrap`: a member is erased, and the keys under which backups hold her secret end.

A backup can be read as long as the wrapping key it was made under exists. So that erasure reaches backups: `rotate`
every so often, restart what runs, then `rewrap` with the number of days that members were promised.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from consent_center.errors import SettingsError
from consent_center.settings import Settings, clock
from consent_center.storage.transaction import Store
from consent_center.workflows.erase_member import erase_member
from consent_center.workflows.rotate_keys import (
    begin_generation,
    record_destroyed,
    rewrap_all,
    show_generations,
    without_overdue,
)
from privacy.keys import KeyRing, read_root_key, replace_root_key

_out = Console(highlight=False, soft_wrap=True)


def erase(
    member: Annotated[str, typer.Argument(help="Her identifier in the programme, 32 hexadecimal digits.")],
    *,
    even_untold: Annotated[
        bool, typer.Option("--even-untold", help="Although somebody was not told yet: you tell them yourself.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False,
) -> None:
    """Erase a member from the database for good. Her entries stay in the log as proofs that nobody can read.

    On PostgreSQL ACCORD_DATABASE names the eraser's login.
    """
    if not yes:
        typer.confirm("Everything held about her goes and cannot come back. Erase her?", abort=True)
    path, ring = _root_key()
    with _store(ring) as store:
        store.run(erase_member, member, even_untold=even_untold, at=clock())
        held = len(ring.generations)
    _out.print("She is erased. Backups follow when the keys they were made under are destroyed:")
    _out.print(f"{held} wrapping key{'s' * (held > 1)} in {path}; see `accord admin rotate`.", markup=False)


def rotate() -> None:
    """Draw a new wrapping key. Restart what runs afterwards, so that it knows the key; then `accord admin rewrap`."""
    path, ring = _root_key()
    with _store(ring) as store:
        known = store.read(show_generations)
    if not known or ring.current.id in known:  # otherwise an earlier rotation stopped after the file was written
        ring = ring.rotated()
        replace_root_key(path, ring)
    with _store(ring) as store:
        store.run(begin_generation, [key.id for key in ring.generations], at=clock())
    _out.print(f"{len(ring.generations)} wrapping keys in {path}; the newest wraps from now on.", markup=False)
    _out.print("Back the file up apart from the database, restart every service, then run `accord admin rewrap`.")


def rewrap(
    keep_days: Annotated[int, typer.Option(min=0, max=366, help="For how many days backups stay readable.")],
) -> None:
    """Wrap every secret under the newest key, and destroy the keys that went out of use so many days ago."""
    path, ring = _root_key()
    with _store(ring) as store:
        rewrap_all(store, at=clock())
        kept = store.read(without_overdue, ring, keep=timedelta(days=keep_days), at=clock())
        gone = len(ring.generations) - len(kept.generations)
        if gone:
            store.run(record_destroyed, gone, at=clock())
            replace_root_key(path, kept)
    _out.print(
        f"Every secret is wrapped under the newest key. {gone} older keys destroyed, {len(kept.generations)} held."
    )
    if gone:
        _out.print("Destroy their copies too: what a copy of the key file can open is not erased.")


def _root_key() -> tuple[Path, KeyRing]:
    settings = Settings.read()
    if not settings.root_key:
        raise SettingsError("set ACCORD_ROOT_KEY to the path of the root key file")
    return Path(settings.root_key), read_root_key(Path(settings.root_key))


@contextmanager
def _store(ring: KeyRing) -> Iterator[Store]:
    settings = Settings.read()
    with Store.open(settings.database, keys=ring, create=not settings.production) as store:
        yield store
