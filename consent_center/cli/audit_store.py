"""What every `accord audit` command opens and says."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from consent_center.settings import Settings
from consent_center.storage.transaction import Store
from privacy.keys import read_root_key

_out = Console(highlight=False, soft_wrap=True)


@contextmanager
def open_store(settings: Settings | None = None) -> Iterator[Store]:
    """The consent centre's store, as the settings name it."""
    known = settings or Settings.read()
    ring = read_root_key(Path(known.root_key))
    with Store.open(known.database, keys=ring, create=not known.production) as store:
        yield store


def say(line: str) -> None:
    """One line on the terminal."""
    _out.print(line, markup=False)
