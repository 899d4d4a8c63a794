"""The inclusion proof of every leaf verifies and that of any other leaf, place, size or root raises; the tree of any
size is proven to extend the tree of any smaller size, and no other tree is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import ConsistencyError, InclusionError
from audit.log.hashing import EMPTY_ROOT, leaf_hash
from audit.log.proofs import consistency_proof, inclusion_proof, verify_consistency, verify_inclusion
from audit.log.tree import Frontier, root_of
from tests.audit.log import merkle

LEAVES = [bytes([i]) * (i % 5) for i in range(70)]
HASHES = [leaf_hash(leaf) for leaf in LEAVES]
ROOTS = [merkle.mth(LEAVES[:size]) for size in range(71)]
TREE = merkle.Subtrees(LEAVES)

# Sizes around powers of two, where the shape of the tree changes.
SIZES = st.sampled_from([1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 70]) | st.integers(1, 70)


def test_roots_are_those_published_for_the_eight_leaves_of_certificate_transparency():
    # Source: google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc.
    leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]
    frontier = Frontier()
    assert frontier.root() == EMPTY_ROOT
    for leaf, root in zip(leaves, roots, strict=True):
        frontier = frontier.append(leaf_hash(bytes.fromhex(leaf)))
        assert frontier.root().hex() == root


def test_the_root_is_the_one_the_specification_defines_at_every_size():
    assert [root_of(HASHES[:size]) for size in range(71)] == ROOTS


@given(st.integers(0, 70), st.integers(0, 70))
def test_appending_in_two_goes_is_appending_in_one(one, other):
    first, last = sorted((one, other))
    assert Frontier().extend(HASHES[:first]).extend(HASHES[first:last]) == Frontier().extend(HASHES[:last])


def test_a_frontier_with_the_wrong_number_of_peaks_is_refused():
    with pytest.raises(ValueError, match="2 peaks, not 1"):
        Frontier(3, (EMPTY_ROOT,))


def test_every_proof_is_the_one_the_specification_defines_and_verifies():
    for size in range(1, 71):
        for index in range(size):
            proof = inclusion_proof(index, size, TREE)
            assert list(proof) == merkle.path(index, LEAVES[:size])
            verify_inclusion(HASHES[index], index, size, proof, ROOTS[size])


@given(st.data())
def test_a_proof_holds_for_its_own_leaf_place_size_and_root_only(data):
    size = data.draw(SIZES)
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, TREE)
    other_index = data.draw(st.integers(-1, 71).filter(lambda other: other != index))
    wrong = [
        (leaf_hash(b"another"), index, size, proof, ROOTS[size]),
        (HASHES[index], other_index, size, proof, ROOTS[size]),
        (HASHES[index], index, size, proof, leaf_hash(b"another")),
        (HASHES[index], index, size, (*proof, EMPTY_ROOT), ROOTS[size]),
        (HASHES[index][:31], index, size, proof, ROOTS[size]),
    ]
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        wrong += [
            (HASHES[index], index, size, proof[:-1], ROOTS[size]),
            (
                HASHES[index],
                index,
                size,
                (*proof[:place], leaf_hash(b"never a leaf"), *proof[place + 1 :]),
                ROOTS[size],
            ),
            (HASHES[index], index, size, (*proof[:place], proof[place] + b"\0", *proof[place + 1 :]), ROOTS[size]),
        ]
    for attempt in wrong:
        with pytest.raises(InclusionError):
            verify_inclusion(*attempt)


def test_no_proof_is_made_for_an_entry_that_is_not_there():
    for index, size in [(0, 0), (3, 3), (-1, 3)]:
        with pytest.raises(InclusionError):
            inclusion_proof(index, size, TREE)


def test_every_size_is_proven_to_extend_every_smaller_one():
    for new in range(71):
        for old in range(new + 1):
            proof = consistency_proof(old, new, TREE)
            assert list(proof) == (merkle.subproof(old, LEAVES[:new], True) if old else [])
            verify_consistency(old_size=old, old_root=ROOTS[old], new_size=new, new_root=ROOTS[new], proof=proof)


@given(st.data())
def test_a_consistency_proof_holds_for_its_own_two_trees_only(data):
    new = data.draw(SIZES)
    old = data.draw(st.integers(1, new))
    proof = consistency_proof(old, new, TREE)
    right = {"old_size": old, "old_root": ROOTS[old], "new_size": new, "new_root": ROOTS[new], "proof": proof}
    wrong = [
        {"old_root": leaf_hash(b"another")},
        {"new_root": leaf_hash(b"another")},
        {"proof": (*proof, EMPTY_ROOT)},
        {"old_size": old - 1, "old_root": ROOTS[old]},
        {"old_size": new + 1},
        {"old_size": -1},
        {"new_root": ROOTS[new][:31]},
    ]
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        wrong += [{"proof": proof[:-1]}, {"proof": (*proof[:place], leaf_hash(b"never a leaf"), *proof[place + 1 :])}]
    for change in wrong:
        with pytest.raises(ConsistencyError):
            verify_consistency(**(right | change))


@given(st.data())
def test_a_rewritten_history_is_not_proven_to_extend_the_old_one(data):
    new = data.draw(SIZES)
    old = data.draw(st.integers(1, new))
    changed = data.draw(st.integers(0, old - 1))
    rewritten = [*LEAVES[:changed], b"rewritten", *LEAVES[changed + 1 : new]]
    proof = consistency_proof(old, new, merkle.Subtrees(rewritten))
    with pytest.raises(ConsistencyError):
        verify_consistency(old_size=old, old_root=ROOTS[old], new_size=new, new_root=merkle.mth(rewritten), proof=proof)


def test_a_shrinking_log_has_no_proof():
    with pytest.raises(ConsistencyError, match="only grows"):
        consistency_proof(5, 4, TREE)


def test_an_empty_proof_proves_nothing_where_one_is_needed():
    with pytest.raises(ConsistencyError):
        verify_consistency(old_size=3, old_root=ROOTS[3], new_size=5, new_root=ROOTS[5], proof=())


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (2, 2), (1, 1), (0, 0)])
def test_a_place_outside_the_tree_is_named_as_such(index, size):
    with pytest.raises(InclusionError, match="no such entry"):
        verify_inclusion(HASHES[0], index, size, (HASHES[1], HASHES[2]), ROOTS[size])
