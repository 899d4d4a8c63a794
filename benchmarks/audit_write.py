"""A consent with its audit entry against the very same transaction without: at most 1.1 times as long.

Both run the workflow that the portal and the API run. Without audit means: no entry, no payload, no keys, no foreign
key to the entry; the statement only draws its number. The two take turns in one process, in small batches, on two
databases of one server, so that whatever else the machine does falls on both; a ratio is the median over the pairs.
"""

import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import text

from benchmarks._stores import ANSWERED, ITEM, NOW, found, new_database, postgres
from consent_center.storage import entries
from consent_center.storage.bulk import insert_together
from consent_center.storage.transaction import Store
from consent_center.workflows.give_consent import give_consent
from privacy.envelope import Key
from privacy.keys import KeyRing

CLIENTS = (1, 8, 32)
MEMBERS = 64
PAIRS = {1: 120, 8: 40, 32: 24}
BATCH = {1: 6, 8: 64, 32: 160}
KEYS = KeyRing((Key(7, bytes(range(32))),))


def run() -> dict[str, dict[str, object]]:
    """Print and return the ratios."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, postgres() as server:
        addresses = [new_database(server), new_database(server)]
        with _pair(addresses) as stores:
            for clients in CLIENTS:
                figures |= _compare(f"postgresql_{clients}", stores, clients)
        addresses = [f"sqlite:///{Path(folder) / name}.db" for name in ("audited", "plain")]
        with _pair(addresses) as stores:
            figures |= _compare("sqlite_1", stores, 1)
    ratios = {name: figure for name, figure in figures.items() if name.startswith("ratio_")}
    figures["ratio"] = max(ratios.values())
    return {"figures": figures, "goals": dict.fromkeys(ratios, ("<=", 1.1))}


def _compare(name: str, stores: Sequence[Store], clients: int) -> dict[str, float]:
    people = [_people(store) or found(store, members=MEMBERS) for store in stores]
    taken: tuple[list[float], list[float]] = ([], [])
    with ThreadPoolExecutor(clients) as pool:
        for turn in range(PAIRS[clients] + 1):
            for which in (0, 1) if turn % 2 else (1, 0):
                spent = _batch(stores[which], people[which], pool, BATCH[clients])
                if turn:
                    taken[which].append(spent)
    ratio = statistics.median(audited / plain for audited, plain in zip(*taken, strict=True))
    audited, plain = (statistics.median(some) / BATCH[clients] * 1e3 for some in taken)
    print(f"{name}: audited {audited:.2f} ms, without {plain:.2f} ms a consent; ratio {ratio:.3f}", flush=True)
    return {
        f"ratio_{name}": round(ratio, 3),
        f"audited_ms_{name}": round(audited, 3),
        f"plain_ms_{name}": round(plain, 3),
    }


def _batch(store: Store, people: Sequence[str], pool: ThreadPoolExecutor, size: int) -> float:
    start = time.perf_counter()
    for done in [
        pool.submit(store.run, give_consent, people[number % len(people)], [ITEM], **ANSWERED, at=NOW)
        for number in range(size)
    ]:
        done.result()
    return time.perf_counter() - start


def _people(store: Store) -> list[str]:
    return store.read(lambda tx: list(tx.session.connection().execute(text("SELECT member FROM member")).scalars()))


@contextmanager
def _pair(addresses: Sequence[str]) -> Iterator[tuple[Store, Store]]:
    """Two stores; whatever the second one runs is not audited."""
    audited, plain = (Store.open(address, keys=KEYS) for address in addresses)
    original, numbers = entries.append, count(1)

    def append(tx: Any, events: Sequence[Any], *, at: Any, beside: Any = None) -> list[Any]:
        if tx.store is not plain:
            return original(tx, events, at=at, beside=beside)
        made: list[Any]
        made = [next(numbers) for _ in events] if tx.dialect == "sqlite" else entries.next_ids(tx, len(events))
        if beside is not None:
            insert_together(tx, beside(made))
        return made

    _without_references(plain)
    entries.append = append  # type: ignore[assignment]  # the writer without entries, for the time of this block
    try:
        yield audited, plain
    finally:
        entries.append = original
        audited.close()
        plain.close()


def _without_references(store: Store) -> None:
    """Drop the foreign keys to entries, which are a part of being audited."""
    with store._writer.connect() as connection:  # noqa: SLF001 - the benchmark takes the audit out
        if store.url_kind == "sqlite":
            connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")
            return
        found_keys = connection.execute(
            text("SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE confrelid = 'entry'::regclass")
        ).all()
        for table, name in found_keys:
            connection.execute(text(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"'))
        connection.commit()
