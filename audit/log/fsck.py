"""Verify a whole published log, trusting nothing but the keys one came with.

Every leaf hash is replayed through the tree: each tile is compared with what it must be, byte for byte, and the root
with the signed one. Where entry bundles are readable, the leaf hashes come from the entries themselves; where not, from
the tiles of level 0, which shows that the log is whole and append-only but not what its entries say. Tiles above
level 0 are never believed, only compared (a reader that believes them accepts a forged tile: CVE-2026-56865).
"""

from audit.errors import FormatError, MissingFileError, VerificationError
from audit.log.checkpoint import Checkpoint
from audit.log.hashing import EMPTY_ROOT, HASH_SIZE, leaf_hash
from audit.log.report import Report
from audit.log.source import Source
from audit.log.tiles import TILE_WIDTH, Edge, EdgeWriter, Tile, TileName, decode_bundle, read_tile, split_hashes
from audit.log.tlog_policy import Policy

CHECKPOINT = "checkpoint"
MAX_FINDINGS = 20
"""After so many findings the rest is not looked at: the log is lost anyway."""


def verify_log(
    source: Source,
    *,
    policy: Policy,
    origin: str,
    since: Checkpoint | None = None,
    need_entries: bool = False,
) -> Report:
    """Verify everything a log publishes.

    Args:
        source: where its files are read.
        policy: whose signatures are asked for; `policy_for(key)` for the log's key alone.
        origin: the log's name.
        since: a checkpoint of this log that was verified earlier; the log must extend it.
        need_entries: count missing entry bundles as a fault, instead of verifying the hashes alone.

    Returns:
        What was checked and what was found; `report.verified` is the answer.

    Raises:
        UnreadableError: the checkpoint is not there, or the source cannot be read. Nothing is known then.
    """
    note = source.read(CHECKPOINT)
    try:
        accepted = policy.accept(note, origin=origin)
    except (FormatError, VerificationError) as failure:
        return Report(origin=origin, findings=(f"the checkpoint: {failure}",))
    replay = _Replay(source, accepted.checkpoint, since=since, need_entries=need_entries)
    replay.run()
    return Report(
        origin=origin,
        checkpoint=accepted.checkpoint,
        quorum=policy.quorum,
        witnesses=accepted.witnesses,
        since=since.size if since else None,
        tiles=replay.tiles,
        entries=replay.entries,
        findings=tuple(replay.findings),
        remarks=tuple(replay.remarks),
    )


class _Replay:
    """One pass over a log, from the first entry to the last."""

    def __init__(self, source: Source, head: Checkpoint, *, since: Checkpoint | None, need_entries: bool) -> None:
        self.findings: list[str] = []
        self.remarks: list[str] = []
        self.tiles = 0
        self._source = source
        self._head = head
        self._since = since
        self._seen: set[str] = set()
        self._writer = EdgeWriter(Edge(), self._compare)
        self._paths = source.paths()
        self.entries: int | None = 0 if need_entries or self._has_entries() else None

    def run(self) -> None:
        """Replay every leaf, then compare the root, the older checkpoint and the files nobody asked for."""
        if self._since and self._since.size > self._head.size:
            self._find(f"the log went back: it has {self._head.size} entries and had {self._since.size}")
        if self._since and self._since.size == 0 and self._since.root != EMPTY_ROOT:
            self._find("the older checkpoint is of an empty log and has the root of another")
        for index in range(-(-self._head.size // TILE_WIDTH)):
            width = min(TILE_WIDTH, self._head.size - index * TILE_WIDTH)
            hashes = self._leaf_hashes(index, width)
            if hashes is None or len(self.findings) >= MAX_FINDINGS:
                self._find("the rest of the log was not looked at")
                return
            self._check_since(hashes)
            self._writer.extend(hashes)
        edge = self._writer.edge()
        for tile in edge.partial_tiles():
            self._compare(tile)
        if edge.root() != self._head.root:
            self._find("the entries do not give the signed root: at least one was changed after it was signed")
        self._compare_leftovers()

    def _leaf_hashes(self, index: int, width: int) -> bytes | None:
        """Return the leaf hashes of one tile, from its entries if they are to be read; None if that is impossible."""
        stored = self._read_tile(TileName(0, index, width))
        entries = None if self.entries is None else self._read_bundle(TileName(None, index, width))
        if self.entries is None or entries is None:
            return stored
        self.entries += width
        hashes = b"".join([leaf_hash(entry) for entry in entries])
        if stored is not None and stored != hashes:
            first = index * TILE_WIDTH + _first_difference(hashes, stored)
            self._find(f"entry {first} does not hash to its place in {TileName(0, index, width).path()}")
        return hashes

    def _compare(self, tile: Tile) -> None:
        """Hold one tile above level 0 against what it must be."""
        if tile.name.level == 0:
            return
        stored = self._read_tile(tile.name)
        if stored is None or stored == tile.data:
            return
        place = _first_difference(tile.data, stored)
        below = TileName((tile.name.level or 0) - 1, tile.name.index * TILE_WIDTH + place).path()
        self._find(f"{tile.name.path()} does not fit the entries below: it, or {below}, was changed")

    def _read_tile(self, name: TileName) -> bytes | None:
        self.tiles += 1
        self._seen.add(name.path())
        try:
            return read_tile(name, self._source.read)
        except (MissingFileError, FormatError) as failure:
            self._find(str(failure))
            return None

    def _read_bundle(self, name: TileName) -> list[bytes] | None:
        self._seen.add(name.path())
        try:
            return read_bundle(name, self._source)
        except (MissingFileError, FormatError) as failure:
            self._find(f"{name.path()}: {failure}")
            return None

    def _check_since(self, hashes: bytes) -> None:
        """Compare with the older checkpoint where the replay passes its size."""
        since, size = self._since, self._writer.size
        if since is None or not size < since.size <= size + len(hashes) // HASH_SIZE:
            return
        frontier = self._writer.edge().frontier().extend(split_hashes(hashes)[: since.size - size])
        if frontier.root() != since.root:
            self._find(f"the first {since.size} entries are not those of the older checkpoint: history was rewritten")

    def _compare_leftovers(self) -> None:
        """Check partial tiles of earlier checkpoints too, and name what does not belong."""
        ahead = unknown = 0
        for path in self._paths:
            if path in self._seen:
                continue
            try:
                name = TileName.parse(path)
            except FormatError:
                unknown += 1
                continue
            there = (self._head.size >> (8 * (name.level or 0))) - name.index * TILE_WIDTH
            ahead += there < name.width
            if there > 0 and not self._fits(name, min(there, name.width), min(there, TILE_WIDTH)):
                self._find(f"{path} is not the beginning of the tile it was a part of")
        if ahead:
            self.remarks.append(f"{ahead} files go past the checkpoint; they are not signed yet and were not trusted")
        if unknown:
            self.remarks.append(f"{unknown} files below tile/ are not tiles; nobody reads them")

    def _fits(self, name: TileName, common: int, there: int) -> bool:
        """Do the first `common` hashes or entries of a leftover file equal those of the verified one?"""
        verified = TileName(name.level, name.index, there)
        try:
            if name.level is None:
                left = decode_bundle(self._source.read(name.path()), name.width)
                return self.entries is None or left[:common] == read_bundle(verified, self._source)[:common]
            left_tile, right_tile = self._source.read(name.path()), read_tile(verified, self._source.read)
            same = left_tile[: common * HASH_SIZE] == right_tile[: common * HASH_SIZE]
            return same and len(left_tile) == name.width * HASH_SIZE
        except (MissingFileError, FormatError):
            return False

    def _has_entries(self) -> bool:
        if any(path.startswith("tile/entries") for path in self._paths):
            return True
        if self._paths or not self._head.size:
            return False
        try:
            read_bundle(TileName(None, 0, min(self._head.size, TILE_WIDTH)), self._source)
        except MissingFileError:
            return False
        except FormatError:
            return True
        return True

    def _find(self, finding: str) -> None:
        self.findings.append(finding)


def _first_difference(one: bytes, other: bytes) -> int:
    """Return the place of the first hash that differs, of two equally long rows of joined hashes."""
    return next(i for i, (left, right) in enumerate(zip(one, other, strict=True)) if left != right) // HASH_SIZE


def read_bundle(name: TileName, source: Source) -> list[bytes]:
    """Read one bundle; where a partial one was deleted, the beginning of the full one.

    Raises:
        MissingFileError: neither is there.
        FormatError: it is not a bundle of that many entries.
    """
    try:
        return decode_bundle(source.read(name.path()), name.width)
    except MissingFileError:
        if name.width == TILE_WIDTH:
            raise
        full = TileName(None, name.index)
        return decode_bundle(source.read(full.path()), TILE_WIDTH)[: name.width]
