"""Tiles are the tree: their paths have one spelling, their bytes are the subtrees of RFC 6962, and proofs read from
them are those read from memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import FormatError, MissingFileError
from audit.log.hashing import leaf_hash
from audit.log.proofs import inclusion_proof, verify_inclusion
from audit.log.tiles import (
    Edge,
    EdgeWriter,
    TileName,
    TileSubtrees,
    decode_bundle,
    edge_names,
    encode_bundle,
    read_edge,
    read_tile,
    split_hashes,
)
from audit.log.tree import Frontier, root_of

HASHES = [leaf_hash(b"%d" % i) for i in range(66_000)]
SIZES = st.sampled_from([0, 1, 2, 255, 256, 257, 511, 512, 513, 1000]) | st.integers(0, 1100)
NAMES = st.builds(
    TileName, st.none() | st.integers(0, 63), st.integers(0, 10**12) | st.integers(990, 1010), st.integers(1, 256)
)


def files_of(size: int) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    writer = EdgeWriter(Edge(), lambda tile: files.update({tile.name.path(): tile.data}))
    writer.extend(b"".join(HASHES[:size]))
    files.update({tile.name.path(): tile.data for tile in writer.edge().partial_tiles()})
    return files


def reader(files: dict[str, bytes]):
    def read(path: str) -> bytes:
        if path not in files:
            raise MissingFileError(path)
        return files[path]

    return read


def test_paths_are_those_of_the_specification():
    # Source: C2SP tlog-tiles, the example of index 1234067.
    assert TileName(0, 1234067).path() == "tile/0/x001/x234/067"
    assert TileName(None, 0, 7).path() == "tile/entries/000.p/7"
    assert TileName(2, 999).path() == "tile/2/999"
    assert TileName(63, 1000, 255).path() == "tile/63/x001/000.p/255"


def test_seventy_thousand_entries_have_the_tiles_the_specification_counts():
    # Source: C2SP tlog-tiles, "Partial Tiles": widths 112, 17 and 1.
    assert edge_names(70_000) == [TileName(0, 273, 112), TileName(1, 1, 17), TileName(2, 0, 1)]
    assert edge_names(256) == [None, TileName(1, 0, 1)]
    assert edge_names(0) == []


@given(NAMES)
def test_reading_a_path_gives_the_tile_it_was_written_for(name):
    assert TileName.parse(name.path()) == name


@pytest.mark.parametrize(
    "path",
    [
        "",
        "checkpoint",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/0/001/001",
        "tile/0/x001/x001",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/007",
        "tile/0/000.p",
        "tile/0/000/",
        "/tile/0/000",
        "tile/0/000\n",
        "tile/0/\u0661\u0661\u0661",
        "tile/0/../000",
        "tile/Entries/000",
    ],
)
def test_every_other_path_is_refused(path):
    with pytest.raises(FormatError):
        TileName.parse(path)


def test_tiles_hold_the_subtrees_of_the_tree():
    files = files_of(66_000)
    assert files["tile/0/003"] == b"".join(HASHES[768:1024])
    assert files["tile/1/000"][32:64] == root_of(HASHES[256:512])
    assert files["tile/2/000.p/1"] == root_of(HASHES[:65_536])
    assert len(files["tile/1/001.p/1"]) == 32
    assert len(files["tile/0/257.p/208"]) == 208 * 32


@given(SIZES, SIZES)
def test_an_edge_grows_like_the_tree_and_is_read_back_from_its_tiles(one, other):
    first, last = sorted((one, other))
    writer = EdgeWriter(Edge(), lambda tile: None)
    writer.extend(b"".join(HASHES[:first]))
    writer = EdgeWriter(writer.edge(), lambda tile: None)
    writer.extend(b"".join(HASHES[first:last]))
    edge = writer.edge()
    assert edge.frontier() == Frontier().extend(HASHES[:last])
    assert read_edge(last, reader(files_of(last))) == edge


def test_an_edge_of_the_wrong_shape_is_refused():
    with pytest.raises(ValueError, match="unfinished tiles"):
        Edge(3, (bytes(64),))


@given(st.data())
def test_proofs_from_tiles_verify(data):
    size = data.draw(SIZES.filter(bool))
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, TileSubtrees(size, reader(files_of(size))))
    verify_inclusion(HASHES[index], index, size, proof, root_of(HASHES[:size]))


def test_proofs_from_three_levels_of_tiles_verify():
    size = 66_000
    subtrees = TileSubtrees(size, reader(files_of(size)))
    root = root_of(HASHES)
    for index in (0, 1, 255, 256, 65_535, 65_536, 65_999):
        verify_inclusion(HASHES[index], index, size, inclusion_proof(index, size, subtrees), root)


def test_the_beginning_of_a_full_tile_stands_in_for_a_deleted_partial_one():
    read = reader(files_of(300))
    assert read_tile(TileName(0, 0, 77), read) == b"".join(HASHES[:77])
    with pytest.raises(MissingFileError):
        read_tile(TileName(0, 1, 43), read)


@pytest.mark.parametrize("change", [-32, -1, 1, 32])
def test_a_tile_of_another_length_is_refused(change):
    data = bytes(7 * 32 + change)
    with pytest.raises(FormatError, match="bytes instead of 224"):
        read_tile(TileName(0, 0, 7), lambda path: data)


def test_a_subtree_that_is_not_complete_is_never_read():
    subtrees = TileSubtrees(5, reader(files_of(5)))
    for level, index in [(0, 5), (1, 2), (3, 0)]:
        with pytest.raises(ValueError, match="not complete"):
            subtrees.subtree(level, index)
    with pytest.raises(MissingFileError):
        subtrees.subtree(8, 0)


@given(st.lists(st.binary(max_size=5) | st.just(b"x" * 65_535), min_size=1, max_size=6))
def test_reading_a_bundle_gives_its_entries(entries):
    assert decode_bundle(encode_bundle(entries), len(entries)) == entries


@pytest.mark.parametrize(
    ("data", "width"),
    [(b"", 1), (b"\0", 1), (b"\0\2x", 1), (b"\0\1x\0", 1), (b"\0\1x", 2), (b"\0\1x\0\1y", 1), (b"\0\1xy", 1)],
)
def test_a_bundle_of_another_size_is_refused(data, width):
    with pytest.raises(FormatError):
        decode_bundle(data, width)


def test_an_entry_that_is_too_long_for_its_length_is_refused():
    with pytest.raises(OverflowError):
        encode_bundle([bytes(65_536)])


def test_hashes_are_cut_apart_in_order():
    assert split_hashes(b"".join(HASHES[:3])) == HASHES[:3]
