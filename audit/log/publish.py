"""Write a log as files that any web server can serve, and never sign a second history.

The order is the safety: tiles and bundles are written and flushed to disk first, the checkpoint last. Until the new
checkpoint replaces the old one, the directory is the old log with some files nobody points at, and publishing again
repairs it. A published checkpoint is a promise: whatever does not extend it is refused.

Source: C2SP tlog-tiles.
"""

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from audit.errors import BusyError, CorruptLogError, ForkError, GapError, MissingFileError, RootError, ShrinkError
from audit.log import checkpoint as checkpoints
from audit.log.checkpoint import Checkpoint
from audit.log.entry import MAX_LEAF_SIZE
from audit.log.hashing import leaf_hash
from audit.log.note import SignerKey, VerifierKey
from audit.log.source import DirectorySource
from audit.log.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Edge,
    EdgeWriter,
    Tile,
    TileName,
    TileSubtrees,
    decode_bundle,
    edge_names,
    encode_bundle,
    read_edge,
)

CHECKPOINT = "checkpoint"
_SYNC_AT_ONCE = 16
_NAMED: set[Path] = set()
"""Folders whose own names this process has flushed to disk; one that is found there may be of a process that died."""


@dataclass(frozen=True)
class Published:
    """What is now public.

    Attributes:
        checkpoint: the head of the log.
        note: its signed bytes, as they stand in the file `checkpoint`.
        edge: the unfinished tiles; its frontier continues the tree.
        added: number of entries that were not published before.
    """

    checkpoint: Checkpoint
    note: bytes
    edge: Edge
    added: int


def publish(
    directory: Path,
    leaves: Iterable[bytes],
    signer: SignerKey,
    origin: str,
    *,
    with_bundles: bool,
    start: int = 0,
    root: bytes | None = None,
) -> Published:
    """Publish the entries from `start` on: tiles for the new ones, then a checkpoint over all.

    Entries that are already published are compared with their published hashes, not written again. Publishing twice
    changes nothing. Only one process may publish to a directory at a time; a second one is refused.

    Args:
        directory: where the log is served from; made if it does not exist.
        leaves: the exact bytes of the entries `start`, `start + 1` and so on, up to the last; read once.
        signer: the log's key.
        origin: the log's one name.
        with_bundles: also write the entries themselves, which is for auditors; never serve them without a check.
        start: index of the first entry in `leaves`; 0 for the whole history, the published size to go on.
        root: the root over all entries, if the caller has computed it on its own; nothing else is signed.

    Raises:
        RootError: the entries lead to another root than the caller's.
        ShrinkError: `leaves` ends before the published entries do.
        GapError: `start` lies behind the published entries, or the unfinished bundle is not there to be continued.
        ForkError: an entry differs from the published one.
        CorruptLogError: the published tiles do not give the published root.
        SignatureError, OriginError, FormatError: the published checkpoint is not one of this log, by this key.
        BusyError: another process publishes to the directory.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with _alone(directory):
        source = DirectorySource(directory)
        old = read_published(directory, signer.verifier, origin)
        edge = _published_edge(old, source)
        if start > edge.size:
            why = f"{edge.size} entries are published and the first one offered is {start}: publish from {edge.size} on"
            raise GapError(why, published=edge.size, start=start)
        fresh = _fresh(leaves, start, edge.size, source)
        files = _Files(directory, published=edge.size)
        writer = EdgeWriter(edge, files.write_tile)
        bundle = _unfinished_bundle(edge.size, source) if with_bundles else []
        while some := list(islice(fresh, TILE_WIDTH - writer.size % TILE_WIDTH)):
            writer.extend(b"".join(map(leaf_hash, some)))
            if with_bundles:
                bundle += some
                if len(bundle) == TILE_WIDTH:
                    files.write_bundle(TileName(None, writer.size // TILE_WIDTH - 1), bundle)
                    bundle.clear()
        new_edge = writer.edge()
        if root is not None and new_edge.root() != root:
            raise RootError(size=new_edge.size)
        if old and new_edge.size == old.size:
            return Published(old, source.read(CHECKPOINT), edge, 0)
        kept = set(edge_names(edge.size))  # unfinished tiles that nothing was added to are there already
        for tile in new_edge.partial_tiles():
            if tile.name not in kept:
                files.write_tile(tile)
        if bundle:
            files.write_bundle(TileName(None, new_edge.size // TILE_WIDTH, len(bundle)), bundle)
        files.flush()
        head = Checkpoint(origin, new_edge.size, new_edge.root())
        note = checkpoints.sign(head, signer)
        write_checkpoint(directory, note)
        _drop_partials(directory, edge.size, new_edge.size)
        return Published(head, note, new_edge, new_edge.size - edge.size)


def read_published(directory: Path, key: VerifierKey, origin: str) -> Checkpoint | None:
    """Read the checkpoint a directory publishes, checked; None if there is none yet.

    Raises:
        SignatureError, OriginError, FormatError: it is not one of this log, by this key.
    """
    try:
        note = DirectorySource(directory).read(CHECKPOINT)
    except MissingFileError:
        return None
    return checkpoints.verify(note, keys=[key], origin=origin)


def write_checkpoint(directory: Path, note: bytes) -> None:
    """Replace the published checkpoint in one step, durably."""
    files = _Files(directory)
    files.write(CHECKPOINT, note, durable=True)
    files.flush()


def _published_edge(old: Checkpoint | None, source: DirectorySource) -> Edge:
    """Read where the published tree stands, and hold it against its signed root."""
    if old is None:
        return Edge()
    edge = read_edge(old.size, source.read)
    if edge.root() != old.root:
        raise CorruptLogError("the published tiles do not give the published root; verify the directory before writing")
    return edge


def _fresh(leaves: Iterable[bytes], start: int, published: int, source: DirectorySource) -> Iterator[bytes]:
    """Yield the leaves that are not published yet, after comparing the others with their published hashes."""
    subtrees = TileSubtrees(published, source.read)
    index = start
    for leaf in leaves:
        if len(leaf) > MAX_LEAF_SIZE:
            raise GapError(f"entry {index} is longer than {MAX_LEAF_SIZE} bytes", published=published, start=start)
        if index >= published:
            yield leaf
        elif leaf_hash(leaf) != subtrees.subtree(0, index):
            raise ForkError(index=index)
        index += 1
    if index < published:
        raise ShrinkError(published=published, offered=index)


def _unfinished_bundle(size: int, source: DirectorySource) -> list[bytes]:
    """Read the entries of the last, unfinished bundle, so that it can be continued."""
    width = size % TILE_WIDTH
    if not width:
        return []
    try:
        return decode_bundle(source.read(TileName(None, size // TILE_WIDTH, width).path()), width)
    except MissingFileError:
        first = size - width
        why = f"the entries from {first} on were published without bundles: publish with bundles to a new directory"
        raise GapError(why, published=size, start=first) from None


def _drop_partials(directory: Path, old_size: int, new_size: int) -> None:
    """Delete partial tiles whose full tile is now there; readers fall back to it."""
    for name in edge_names(old_size):
        if name and new_size >> (TILE_HEIGHT * (name.level or 0)) >= (name.index + 1) * TILE_WIDTH:
            for full in (name, TileName(None, name.index)) if name.level == 0 else (name,):
                folder = directory / f"{TileName(full.level, full.index).path()}.p"
                shutil.rmtree(folder, ignore_errors=True)
                _NAMED.discard(folder)


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Hold the directory's lock; the system releases it even when the process is killed."""
    with (directory / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError("another process is publishing to this directory; try again when it is done") from None
        yield


class _Files:
    """Files that appear whole or not at all, and are on disk after `flush`."""

    def __init__(self, directory: Path, *, published: int = 0) -> None:
        self._directory = directory
        self._published = published
        self._unsynced: set[Path] = set()
        self._named: set[Path] = set()

    def write_tile(self, tile: Tile) -> None:
        self._clear_unsigned(tile.name)
        self.write(tile.name.path(), tile.data)

    def write_bundle(self, name: TileName, entries: list[bytes]) -> None:
        self._clear_unsigned(name)
        self.write(name.path(), encode_bundle(entries))

    def _clear_unsigned(self, name: TileName) -> None:
        """Delete what an interrupted attempt left of this tile beyond the published checkpoint."""
        signed = (self._published >> (TILE_HEIGHT * (name.level or 0))) - name.index * TILE_WIDTH
        full = self._directory / TileName(name.level, name.index).path()
        partials = full.with_name(f"{full.name}.p")
        if partials.is_dir():
            for partial in partials.iterdir():
                if int(partial.name) > signed:
                    partial.unlink()
        if name.width < TILE_WIDTH:
            full.unlink(missing_ok=True)

    def write(self, path: str, data: bytes, *, durable: bool = False) -> None:
        """Write a file under a temporary name and give it its own; `durable` flushes it before it is seen."""
        place = self._directory / path
        self._enter(place.parent)
        temporary = self._directory / ".writing"
        with temporary.open("wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(place)
        if not durable:
            self._unsynced.add(place)

    def _enter(self, folder: Path) -> None:
        """Make a folder, and remember which names have to be flushed: those above it only the first time."""
        if folder not in _NAMED or not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            above = (self._directory / part for part in folder.relative_to(self._directory).parents)
            self._unsynced.update(above if folder != self._directory else ())
            self._named.add(folder)
        self._unsynced.add(folder)

    def flush(self) -> None:
        """Wait until every file written here, and its name, is on disk."""
        places = sorted(self._unsynced)
        with ThreadPoolExecutor(min(_SYNC_AT_ONCE, len(places) or 1)) as pool:  # many at once in the time of one
            list(pool.map(_sync, places))
        _NAMED.update(self._named)
        self._unsynced.clear()


def _sync(place: Path) -> None:
    handle = os.open(place, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
