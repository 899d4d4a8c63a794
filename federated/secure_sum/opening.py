"""The coordinator's side of one secure sum: relay, and open the total of those who stayed. It learns nothing else.

A hostile site may send wrong shares; each secret is checked against what its owner advertised, and other shares are
tried, so wrong ones change nothing as long as t right ones are there.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations, islice

from federated.errors import MalformedError, Refusal, RefusedError
from federated.secure_sum import shares as shamir
from federated.secure_sum.masks import Words, add_mask, public_of
from federated.secure_sum.participants import Advert, Occasion, commitment, list_digest, read_advert
from federated.secure_sum.protocol import Reveal, own_mask, pair_mask
from federated.signed import Signed

_TRIES = 1_000  # above the 924 ways to choose 6 of 12


def open_total(
    occasion: Occasion, listed: Sequence[Signed], masked: Mapping[str, Words], reveals: Mapping[str, Reveal]
) -> Words:
    """The sum of the survivors' vectors, in the ring.

    Args:
        occasion: the sum.
        listed: the participants' signed keys.
        masked: survivor -> masked vector, all of one length and type.
        reveals: site -> what `protocol.unmask` gave; t of the survivors are enough.

    Raises:
        RefusedError: `sum-too-few` stayed or revealed, `sum-tampered` shares, or `malformed` vectors.
    """
    quorum = occasion.quorum
    if len(masked) < quorum.least or len(reveals) < quorum.threshold:
        raise RefusedError(Refusal.SUM_TOO_FEW, "too few sites stayed to open the sum; ask for the round again")
    if len({(vector.shape, vector.dtype) for vector in masked.values()}) != 1:
        raise RefusedError(Refusal.MALFORMED, "the sites' masked vectors differ in length")
    adverts = {advert.site: advert for advert in map(read_advert, listed)}
    digest = list_digest(listed)
    first, *others = masked.values()
    total = first.copy()
    for vector in others:
        total += vector
    for site in masked:
        shares = {occasion.number(by): reveal.own[site] for by, reveal in reveals.items() if site in reveal.own}
        own = _secret(shares, quorum.threshold, is_right=_commits(adverts[site]))
        add_mask(total, own_mask(own, digest), negative=True)
    for site in {*adverts} - {*masked}:
        shares = {occasion.number(by): reveal.pair[site] for by, reveal in reveals.items() if site in reveal.pair}
        pairing = _secret(shares, quorum.threshold, is_right=_pairs(adverts[site]))
        for stayed in masked:
            seed = pair_mask(pairing, adverts[stayed].pairing, digest, (site, stayed))
            add_mask(total, seed, negative=stayed < site)
    return total


def _secret(shares: Mapping[int, bytes], threshold: int, *, is_right: Callable[[bytes], bool]) -> bytes:
    for chosen in islice(combinations(shares.items(), threshold), _TRIES):
        try:
            secret = shamir.join(dict(chosen))
        except MalformedError:
            continue
        if is_right(secret):
            return secret
    raise RefusedError(Refusal.SUM_TAMPERED, "the shares of a site do not make what it advertised; ask again")


def _commits(advert: Advert) -> Callable[[bytes], bool]:
    return lambda secret: commitment(secret) == advert.own


def _pairs(advert: Advert) -> Callable[[bytes], bool]:
    return lambda secret: public_of(secret) == advert.pairing
