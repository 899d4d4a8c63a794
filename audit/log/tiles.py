"""The tree cut into tiles of 256 hashes: the files a log publishes, and the hashes read back from them.

    checkpoint                     the signed head, written last
    tile/0/x001/234                256 leaf hashes, of entries 1234*256 and following
    tile/1/004.p/210               the 210 hashes there are so far; each covers a full tile below
    tile/entries/x001/234          the entries themselves: 16-bit length, bytes, 256 times

Invariant: `Edge` holds the unfinished tile of every level, and therefore the frontier of the tree. Writing and
verifying both replay leaf hashes through it, so a verifier compares files with what they should have been.

Source: C2SP tlog-tiles.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from audit.errors import FormatError, MissingFileError
from audit.log.hashing import HASH_SIZE
from audit.log.tree import Frontier, subtree_root

TILE_WIDTH = 256
TILE_HEIGHT = 8
FULL_TILE_SIZE = TILE_WIDTH * HASH_SIZE
MAX_LEVEL = 63
ENTRIES = "entries"

_FORMAT = "tlog-tiles"
_NUMBER = r"(?:x\d{3}/)*\d{3}"
_PATH = re.compile(
    rf"tile/(?P<level>entries|0|[1-9]\d?)/(?P<index>{_NUMBER})(?:\.p/(?P<width>[1-9]\d{{0,2}}))?", re.ASCII
)


@dataclass(frozen=True)
class TileName:
    """Which file of a log.

    Attributes:
        level: 0 for tiles of leaf hashes, up to 63; None for entry bundles.
        index: place within the level, from 0.
        width: how many hashes or entries it holds, 1 to 256; below 256 the file is partial.
    """

    level: int | None
    index: int
    width: int = TILE_WIDTH

    def path(self) -> str:
        """Write the path, relative to the log's prefix."""
        parts = [f"{self.index % 1000:03d}"]
        rest = self.index // 1000
        while rest:
            parts.append(f"x{rest % 1000:03d}")
            rest //= 1000
        level = ENTRIES if self.level is None else str(self.level)
        partial = f".p/{self.width}" if self.width < TILE_WIDTH else ""
        return f"tile/{level}/{'/'.join(reversed(parts))}{partial}"

    @classmethod
    def parse(cls, path: str) -> "TileName":
        """Read a path back, refusing every other spelling of the same tile.

        Raises:
            FormatError: it is not the path of a tile or bundle.
        """
        match = _PATH.fullmatch(path)
        if match is None:
            raise FormatError(_FORMAT, "this is not the path of a tile")
        level = None if match["level"] == ENTRIES else int(match["level"])
        index = int(match["index"].replace("x", "").replace("/", ""))
        name = cls(level, index, int(match["width"] or TILE_WIDTH))
        if (level or 0) > MAX_LEVEL or name.path() != path:
            raise FormatError(_FORMAT, "this is not the path of a tile in its one right spelling")
        return name


class Tile(NamedTuple):
    """One tile and its bytes.

    Attributes:
        name: which one.
        data: `name.width` hashes of 32 bytes.
    """

    name: TileName
    data: bytes


@dataclass(frozen=True)
class Edge:
    """The unfinished tile of every level: all that is needed to go on writing.

    Attributes:
        size: number of leaves, >= 0.
        levels: for each level from 0 up, the hashes of its unfinished tile (0 to 255 of them, joined).
    """

    size: int = 0
    levels: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        """Refuse an edge that no tree has."""
        widths = [len(level) for level in self.levels]
        if widths != [name.width * HASH_SIZE if name else 0 for name in edge_names(self.size)]:
            raise ValueError(f"these are not the unfinished tiles of a tree of {self.size} leaves")

    def frontier(self) -> Frontier:
        """Return the tree as its frontier."""
        peaks: list[bytes] = []
        for level in reversed(self.levels):
            start = 0
            for bit in reversed(range(TILE_HEIGHT)):
                if len(level) // HASH_SIZE >> bit & 1:
                    end = start + (HASH_SIZE << bit)
                    peaks.append(subtree_root(level[start:end]))
                    start = end
        return Frontier(self.size, tuple(peaks))

    def root(self) -> bytes:
        """Compute the root hash."""
        return self.frontier().root()

    def partial_tiles(self) -> Iterator[Tile]:
        """Yield the unfinished tiles, the ones published beside the full ones for a checkpoint of this size."""
        for name, data in zip(edge_names(self.size), self.levels, strict=True):
            if name:
                yield Tile(name, data)


def edge_names(size: int) -> list[TileName | None]:
    """Name the unfinished tile of every level of a tree; None where a level has none but a higher one has."""
    names: list[TileName | None] = []
    level = 0
    while size >> (TILE_HEIGHT * level):
        hashes = size >> (TILE_HEIGHT * level)
        index, width = divmod(hashes, TILE_WIDTH)
        names.append(TileName(level, index, width) if width else None)
        level += 1
    return names


class EdgeWriter:
    """An `Edge` that grows, handing each tile to `emit` the moment it is full.

    Attributes:
        size: number of leaves.
    """

    def __init__(self, edge: Edge, emit: Callable[[Tile], None]) -> None:
        self.size = edge.size
        self._levels = [bytearray(level) for level in edge.levels]
        self._emit = emit

    def extend(self, leaf_hashes: bytes) -> None:
        """Append leaves, given as their joined hashes."""
        start = 0
        while start < len(leaf_hashes):
            room = FULL_TILE_SIZE - self.size % TILE_WIDTH * HASH_SIZE
            some = leaf_hashes[start : start + room]
            self.size += len(some) // HASH_SIZE
            self._append(0, some)
            start += room

    def edge(self) -> Edge:
        """Return where the tree stands now."""
        return Edge(self.size, tuple(bytes(level) for level in self._levels))

    def _append(self, level: int, value: bytes) -> None:
        if level == len(self._levels):
            self._levels.append(bytearray())
        hashes = self._levels[level]
        hashes += value
        if len(hashes) == FULL_TILE_SIZE:
            tile = bytes(hashes)
            hashes.clear()
            self._emit(Tile(TileName(level, (self.size - 1) // TILE_WIDTH ** (level + 1)), tile))
            self._append(level + 1, subtree_root(tile))


def read_edge(size: int, read: Callable[[str], bytes]) -> Edge:
    """Read the unfinished tiles of a tree of this size.

    Raises:
        MissingFileError: a tile is not there.
        FormatError: a tile has another length.
    """
    return Edge(size, tuple(read_tile(name, read) if name else b"" for name in edge_names(size)))


def read_tile(name: TileName, read: Callable[[str], bytes]) -> bytes:
    """Read one tile; where a partial one was deleted, the beginning of the full one.

    Returns:
        `name.width` hashes, joined.

    Raises:
        MissingFileError: neither is there.
        FormatError: the file has another length.
    """
    try:
        data = read(name.path())
    except MissingFileError:
        if name.width == TILE_WIDTH:
            raise
        data = read_tile(replace(name, width=TILE_WIDTH), read)[: name.width * HASH_SIZE]
    if len(data) != name.width * HASH_SIZE:
        raise FormatError(_FORMAT, f"{name.path()} has {len(data)} bytes instead of {name.width * HASH_SIZE}")
    return data


def split_hashes(data: bytes) -> list[bytes]:
    """Cut joined hashes of 32 bytes apart."""
    return [data[i : i + HASH_SIZE] for i in range(0, len(data), HASH_SIZE)]


class TileSubtrees:
    """Hashes of complete subtrees, read from the tiles of a tree of one size; tiles are kept once read.

    What is read is not checked here: verify the proofs made from it (a tile may be forged).
    """

    def __init__(self, size: int, read: Callable[[str], bytes]) -> None:
        self._size = size
        self._read = read
        self._tiles: dict[tuple[int, int], bytes] = {}

    def subtree(self, level: int, index: int) -> bytes:
        """Return the hash over leaves [index * 2**level, (index + 1) * 2**level), all of them below `size`."""
        tile_level, height = divmod(level, TILE_HEIGHT)
        first = index << height
        tile = self._tile(tile_level, first // TILE_WIDTH)
        start = first % TILE_WIDTH
        hashes = tile[start * HASH_SIZE : (start + (1 << height)) * HASH_SIZE]
        if len(hashes) != HASH_SIZE << height:
            raise ValueError(f"subtree {index} of level {level} is not complete in a tree of {self._size} leaves")
        return subtree_root(hashes)

    def _tile(self, level: int, index: int) -> bytes:
        if (level, index) not in self._tiles:
            there = (self._size >> (TILE_HEIGHT * level)) - index * TILE_WIDTH
            name = TileName(level, index, min(TILE_WIDTH, max(there, 1)))
            self._tiles[level, index] = read_tile(name, self._read)
        return self._tiles[level, index]


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Write 1 to 256 entries as a bundle: big-endian 16-bit length, then the bytes.

    Raises:
        OverflowError: an entry is longer than 65,535 bytes.
    """
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def decode_bundle(data: bytes, width: int) -> list[bytes]:
    """Read a bundle of exactly `width` entries.

    Raises:
        FormatError: it ends within an entry, or holds more or fewer entries.
    """
    entries: list[bytes] = []
    place = 0
    while place < len(data):
        end = place + 2 + int.from_bytes(data[place : place + 2], "big")
        if place + 2 > len(data) or end > len(data):
            raise FormatError(_FORMAT, f"a bundle ends within its entry {len(entries)}")
        entries.append(data[place + 2 : end])
        place = end
    if len(entries) != width:
        raise FormatError(_FORMAT, f"a bundle holds {len(entries)} entries instead of {width}")
    return entries
