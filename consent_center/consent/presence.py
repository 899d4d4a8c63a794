"""Was I used? Proofs for a member that a run's cohort holds her, or does not.

A cohort's leaves stand in the order of keys that only the member, the site and the consent centre can compute. So
presence is one inclusion proof, and absence is two neighbours around her key (or the first or last leaf beyond it).
Whoever holds her cohort key and the consent centre's public key checks either offline.

Law: of a signed cohort, `check` accepts a proof of presence exactly for the keys that are in it, and a proof of
absence exactly for those that are not. That the leaves are in order is what every site checks before it uses one.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from audit.errors import LogError
from audit.log.hashing import EMPTY_ROOT, HASH_SIZE, leaf_hash
from audit.log.proofs import inclusion_proof, verify_inclusion
from audit.log.tree import subtree_root
from consent_center.errors import PresenceError
from federated.cohort import KIND, CohortMember, parse_header
from federated.cohort_leaves import PSEUDONYM_BYTES, RECORD_BYTES, Octets, leaf_hashes, leaf_key
from federated.errors import FederatedError
from federated.signed import Signed
from federated.signed import check as check_signature

_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Place:
    """One leaf of a cohort and the proof that it stands there.

    Attributes:
        index: from 0.
        leaf: leaf key, pseudonym and uses, as they are hashed.
        path: hashes from its sibling up to the child of the root.
    """

    index: int
    leaf: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Presence:
    """A proof about one member and one cohort.

    Attributes:
        header: the cohort's header, signed by the consent centre.
        places: her own leaf, or the neighbours between which she would stand; empty for an empty cohort.
    """

    header: Signed
    places: tuple[Place, ...]


def written(proof: Presence) -> dict[str, object]:
    """A proof as JSON data: what a member is handed, and `read` reads back."""
    places = [
        {"index": one.index, "leaf": one.leaf.hex(), "path": [node.hex() for node in one.path]} for one in proof.places
    ]
    return {"header": proof.header.to_text(), "places": places}


def read(data: Mapping[str, Any]) -> Presence:
    """Read what `written` wrote; nothing of it is believed before `check`.

    Raises:
        PresenceError: not such data.
    """
    try:
        places = [
            Place(int(one["index"]), bytes.fromhex(one["leaf"]), tuple(bytes.fromhex(node) for node in one["path"]))
            for one in data["places"]
        ]
        return Presence(Signed.from_text(data["header"]), tuple(places))
    except (FederatedError, TypeError, ValueError, KeyError) as error:
        raise PresenceError("this is not a proof of presence") from error


@dataclass(frozen=True, slots=True)
class _Leaves:
    """Hashes of complete subtrees over leaves that are all at hand, as their joined hashes."""

    hashes: bytes

    def subtree(self, level: int, index: int) -> bytes:
        """The hash over one complete subtree."""
        size = HASH_SIZE << level
        return subtree_root(self.hashes[index * size : (index + 1) * size])


def prove(header: Signed, keys: Octets, body: bytes, *, mine: bytes) -> Presence:
    """The proof for one leaf key, whichever way it is.

    Args:
        header: the signed header of the cohort.
        keys: the leaf key of every member, in the cohort's order, shape (members, 32).
        body: the packed members.
        mine: the leaf key asked about (`federated.cohort_leaves.leaf_key`).
    """
    count = len(keys)
    at = bisect_left(range(count), mine, key=lambda place: bytes(keys[place]))
    present = at < count and bytes(keys[at]) == mine
    wanted = [at] if present else [place for place in (at - 1, at) if 0 <= place < count]
    subtrees = _Leaves(leaf_hashes(keys, body))

    def leaf(place: int) -> bytes:
        return bytes(keys[place]) + body[place * RECORD_BYTES : (place + 1) * RECORD_BYTES]

    return Presence(
        header, tuple(Place(place, leaf(place), inclusion_proof(place, count, subtrees)) for place in wanted)
    )


def check(proof: Presence, *, hub_key: Ed25519PublicKey, run: str, site: str, cohort_key: bytes) -> CohortMember | None:
    """What the proof shows: her entry in the cohort, or None if she is proven not to be in it.

    Args:
        proof: what the consent centre gave her.
        hub_key: its public key.
        run: the run she asks about.
        site: the site she asks about.
        cohort_key: hers at this site.

    Raises:
        PresenceError: it shows neither: forged, of another run or site, or with a gap beside her key.
    """
    try:
        header = parse_header(check_signature(proof.header, hub_key, kind=KIND))
        root = bytes.fromhex(header.root)
        for place in proof.places:
            verify_inclusion(leaf_hash(place.leaf), place.index, header.count, place.path, root)
    except (FederatedError, LogError, ValueError) as error:
        raise PresenceError("the proof is not of a cohort that the consent centre signed") from error
    if (header.run, header.site) != (run, site):
        raise PresenceError("the proof is of another run or site")
    mine = leaf_key(run, cohort_key)
    if any(len(place.leaf) != _KEY_BYTES + PSEUDONYM_BYTES + 1 for place in proof.places):
        raise PresenceError("a leaf of the proof has another form")
    if len(proof.places) == 1 and proof.places[0].leaf[:_KEY_BYTES] == mine:
        leaf = proof.places[0].leaf
        return CohortMember(leaf[_KEY_BYTES:-1], leaf[-1])
    if header.count == 0 and root == EMPTY_ROOT and not proof.places:
        return None
    before = [place.index for place in proof.places if place.leaf[:_KEY_BYTES] < mine]
    after = [place.index for place in proof.places if place.leaf[:_KEY_BYTES] > mine]
    match before, after:
        case [left], [right] if right == left + 1:
            return None
        case [], [0]:
            return None
        case [last], [] if last == header.count - 1:
            return None
        case _:
            raise PresenceError("the proof leaves room for her beside the leaves it shows")
