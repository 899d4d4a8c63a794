"""Who takes part in one secure sum: what its keys are bound to, and everybody's signed public halves of them.

The list is relayed by the coordinator and checked by each site: against one that shrinks, swaps or replays keys there
are the names, signatures by pinned keys, and the occasion. Every later key of the sum depends on the list's digest.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from federated.errors import MalformedError, Refusal, RefusedError, SignatureError
from federated.secure_sum.quorum import Quorum
from federated.signed import Signed, check, decode, encode

KEYS_KIND = "sum-keys/v1"


@dataclass(frozen=True)
class Occasion:
    """What one sum's keys are bound to: they are worth nothing anywhere else.

    Attributes:
        attempt: 1 for the first try of the round.
        cohorts: digest over the permit's cohort digests of all sites.
        epoch: the consent state of the statements of removals.
        sites: the plan's sites, sorted; a site's number is its place, from 1.
    """

    run: str
    round: int
    attempt: int
    plan_digest: str
    cohorts: str
    epoch: int
    sites: tuple[str, ...]
    quorum: Quorum

    @property
    def digest(self) -> str:
        """SHA-256, hexadecimal."""
        data = {
            "run": self.run,
            "round": self.round,
            "attempt": self.attempt,
            "plan": self.plan_digest,
            "cohorts": self.cohorts,
            "epoch": self.epoch,
            "sites": list(self.sites),
            "colluders": self.quorum.colluders,
            "dropouts": self.quorum.dropouts,
        }
        return hashlib.sha256(b"accord/secure-sum/v1/occasion\n" + encode(data)).hexdigest()

    def number(self, site: str) -> int:
        """Where a site's shares are on the polynomials."""
        return self.sites.index(site) + 1


@dataclass(frozen=True)
class Advert:
    """A site's public half: its keys for sealing and for pair masks, and a commitment to its own mask's seed."""

    site: str
    occasion: str
    sealing: bytes
    pairing: bytes
    own: bytes


def checked_list(
    occasion: Occasion, listed: Sequence[Signed], *, peers: Mapping[str, Ed25519PublicKey]
) -> dict[str, Advert]:
    """The participants' keys by site, sorted, if each signed its own for this very occasion.

    Raises:
        RefusedError: `sum-tampered`, or `sum-too-few`.
    """
    adverts: dict[str, Advert] = {}
    for signed in listed:
        try:
            advert = read_advert(signed)
            if advert.site not in occasion.sites or advert.occasion != occasion.digest or advert.site in adverts:
                raise RefusedError(Refusal.SUM_TAMPERED, "the list names a site twice, or keys made for something else")
            check(signed, peers[advert.site], kind=KEYS_KIND)
        except (MalformedError, SignatureError, KeyError) as error:
            raise RefusedError(Refusal.SUM_TAMPERED, "the list holds keys that no pinned site signed") from error
        adverts[advert.site] = advert
    if len({key for one in adverts.values() for key in (one.sealing, one.pairing)}) != 2 * len(adverts):
        raise RefusedError(Refusal.SUM_TAMPERED, "the list holds one key twice")
    if len(adverts) < occasion.quorum.least:
        raise RefusedError(Refusal.SUM_TOO_FEW, "fewer sites take part than this plan's noise allows; wait for them")
    return dict(sorted(adverts.items()))


def read_advert(signed: Signed) -> Advert:
    """A site's public keys; the signature is not checked here.

    Raises:
        MalformedError: not such a document.
    """
    data = decode(signed.payload)
    try:
        sealing, pairing, own = keys = [bytes.fromhex(data.pop(name)) for name in ("sealing", "pairing", "own")]
        advert = Advert(**data, sealing=sealing, pairing=pairing, own=own)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise MalformedError("not the keys of a secure sum") from error
    if any(len(key) != 32 for key in keys) or not isinstance(advert.site, str):
        raise MalformedError("keys of a secure sum are 32 bytes each")
    return advert


def list_digest(listed: Iterable[Signed]) -> bytes:
    """SHA-256 over the signed payloads in sorted order: every later key of the round depends on it."""
    payloads = sorted(one.payload for one in listed)
    return hashlib.sha256(b"accord/secure-sum/v1/list\n" + b"\n".join(payloads)).digest()


def commitment(own: bytes) -> bytes:
    """What a site says of its own mask's seed beforehand, so that wrong shares are noticed."""
    return hashlib.sha256(b"accord/secure-sum/v1/own\n" + own).digest()
