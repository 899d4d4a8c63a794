"""Private set intersection: who is at both, for two holders without a common consent centre.

    holder  A = sorted { a·H(x) }                        --A-->
    helper  B = sorted { b·H(y) }                        <--B--
    holder  sorted tags of { a·B }                       --C-->    cut to 16 bytes
    helper  counts the tags of b·A in C; publishes the count with noise, or stops below the minimum
            tags of b·A in the order of A                <--D--
    holder  her own x whose place in D is a tag of C

H maps to ristretto255 under the pairing's own domain; a and b are fresh in each epoch. Each list is sorted, which hides
the order of the rows as well as a shuffle would, because the points look random, and lets both sides resume anywhere.
Each is padded with points that belong to nobody, up to two significant digits of its size.

What a party learns, and no more: the holder who of its own members is at both (one side only), the noised count and
the helper's padded size; the helper the exact count and the holder's padded size. Even a perfect matching reveals
membership itself, how sizes differ between epochs (a withdrawal becomes visible), and whoever is guessed and put in:
hence the consent for the partner by name, the minimum, and the limit of runs per epoch (`limits`).

Source:
    Meadows 1986; Huberman, Franklin, Hogg 1999, "Enhancing Privacy and Trust in Electronic Communities"; the group as
    in RFC 9496 and 9497. Secure against a partner that follows the protocol and keeps everything it sees.
"""

import hmac
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise

from federated.errors import MalformedError, Refusal, RefusedError
from federated.linkage.pairing import Pairing
from federated.linkage.ristretto import POINT_BYTES, SCALAR_BYTES, Hasher, multiply, random_scalar
from privacy.mechanism import DiscreteLaplace
from privacy.noise import NoiseSource

TAG_BYTES = 16
LARGEST_RATIO = 1000
SHORTEST_IDENTIFIER = 8


@dataclass(frozen=True)
class Secret:
    """What a party keeps to itself in one epoch; losing it costs a new start, showing it shows its members.

    Attributes:
        scalar: of the group, 32 bytes.
        padding: seeds the points that belong to nobody, 32 bytes.
    """

    scalar: bytes = field(default_factory=random_scalar, repr=False)
    padding: bytes = field(default_factory=random_scalar, repr=False)

    def to_bytes(self) -> bytes:
        """64 bytes, for the party's own safe."""
        return self.scalar + self.padding

    @classmethod
    def from_bytes(cls, kept: bytes) -> "Secret":
        """What `to_bytes` gave.

        Raises:
            MalformedError: another length.
        """
        if len(kept) != 2 * SCALAR_BYTES:
            raise MalformedError("the secret of a matching has 64 bytes")
        return cls(kept[:SCALAR_BYTES], kept[SCALAR_BYTES:])


@dataclass(frozen=True)
class Blinded:
    """A party's own members as points that only it can read.

    Attributes:
        points: sorted, padded.
        owner: point -> identifier, without the padding.
    """

    points: tuple[bytes, ...]
    owner: dict[bytes, bytes] = field(repr=False)


def padded_size(members: int) -> int:
    """A size with two significant digits, at least as large: all that a partner sees of how many there are."""
    if members < 1:
        raise RefusedError(Refusal.LINK_TOO_FEW, "nobody may be matched; wait until members allow it")
    step = int("1" + "0" * max(len(str(members)) - 2, 0))
    return -(-members // step) * step


def blind(pairing: Pairing, identifiers: Sequence[bytes], secret: Secret) -> Blinded:
    """A party's consented members, blinded.

    Args:
        pairing: what this matching is bound to.
        identifiers: of consented members only, one each, as both holders write them (agree on this before).
        secret: of this epoch.

    Raises:
        RefusedError: `link-duplicate` for one identifier twice, `link-too-few` for none.
        MalformedError: an identifier is too short to be one.
    """
    if len(set(identifiers)) != len(identifiers):
        raise RefusedError(Refusal.LINK_DUPLICATE, "two members have one identifier; unlink one of the cards")
    if any(len(one) < SHORTEST_IDENTIFIER for one in identifiers):
        raise MalformedError(f"an identifier has at least {SHORTEST_IDENTIFIER} bytes")
    point = Hasher(pairing.domain("member")).point
    owner = {multiply(secret.scalar, point(one)): one for one in identifiers}
    nobody = Hasher(pairing.domain("nobody")).point
    padding = [
        nobody(hmac.digest(secret.padding, number.to_bytes(8, "big"), "sha256"))
        for number in range(padded_size(len(identifiers)) - len(identifiers))
    ]
    return Blinded(points=tuple(sorted([*owner, *padding])), owner=owner)


def check_points(points: Sequence[bytes], *, own: int) -> None:
    """Refuse a partner's list that is not sorted, not of distinct points, or of a size that cannot be honest.

    Args:
        points: as received.
        own: how many points this party sent.

    Raises:
        RefusedError: `link-tampered` or `link-sizes`.
    """
    if not points or max(len(points), own) > LARGEST_RATIO * min(len(points), own):
        raise RefusedError(
            Refusal.LINK_SIZES, f"{len(points)} against {own} points: agree on the population that is matched"
        )
    if any(len(one) != POINT_BYTES for one in points) or any(first >= second for first, second in pairwise(points)):
        raise RefusedError(Refusal.LINK_TAMPERED, "the partner's points are not sorted and distinct")


def tags(pairing: Pairing, points: Iterable[bytes], secret: Secret) -> list[bytes]:
    """The partner's points under both secrets, cut to 16 bytes, in the order given.

    Raises:
        RefusedError: `link-tampered`: bytes that are no point of the group.
    """
    begun = sha256(pairing.domain("tag") + b"\n")
    found = []
    try:
        for point in points:
            tag = begun.copy()
            tag.update(multiply(secret.scalar, point))
            found.append(tag.digest()[:TAG_BYTES])
    except MalformedError as error:
        raise RefusedError(Refusal.LINK_TAMPERED, str(error)) from error
    return found


@dataclass(frozen=True)
class Agreed:
    """What both holders agreed about a matching before it began; part of the contract.

    Attributes:
        minimum: fewer matches than this are not revealed.
        epsilon: pure ε of the published count.
    """

    minimum: int
    epsilon: float

    @property
    def mechanism(self) -> DiscreteLaplace:
        """How the count is published: one member moves it by at most one."""
        return DiscreteLaplace(sensitivity=1, epsilon=self.epsilon)


def noised_count(agreed: Agreed, holder_tags: Collection[bytes], own_tags: Sequence[bytes], noise: NoiseSource) -> int:
    """How many are at both, with noise: what the helper publishes before it reveals anything else.

    Args:
        agreed: minimum and ε.
        holder_tags: C, as received.
        own_tags: D, not yet sent.
        noise: of the product.

    Raises:
        RefusedError: `link-too-few`: the noised count is below the minimum; D is not sent.
        RefusedError: `link-tampered`: C holds one tag twice.
    """
    present = set(holder_tags)
    if len(present) != len(holder_tags):
        raise RefusedError(Refusal.LINK_TAMPERED, "the partner names one member twice")
    exact = sum(tag in present for tag in own_tags)
    drawn = noise.discrete_laplace(1, epsilon=agreed.epsilon, sensitivity=1)
    published = exact + int(drawn[0])
    if published < agreed.minimum:
        raise RefusedError(
            Refusal.LINK_TOO_FEW, f"fewer than {agreed.minimum} are at both, as far as the noise shows: nothing is said"
        )
    return published


def matched(blinded: Blinded, own_tags: Collection[bytes], answered: Sequence[bytes]) -> set[bytes]:
    """The holder's own identifiers that are at both.

    Args:
        blinded: what the holder sent as A.
        own_tags: what it sent as C.
        answered: D, in the order of A.

    Raises:
        RefusedError: `link-tampered`: D is not an answer to A.
    """
    if len(answered) != len(blinded.points) or len(set(answered)) != len(answered):
        raise RefusedError(Refusal.LINK_TAMPERED, "the partner's answer does not fit what was asked")
    present = set(own_tags)
    return {
        blinded.owner[point]
        for point, tag in zip(blinded.points, answered, strict=True)
        if tag in present and point in blinded.owner
    }
