r"""One site's side of one secure sum: a pure state machine; every step takes the state before and gives the one after.

    Advertised --share--> Shared --mask--> Masked --agree--> Masked --unmask--> Masked

Secrets of a round come from one fresh seed of 32 bytes and are never written down: a site that restarts has left.
What each check is against:

    list        a coordinator that shrinks, swaps or replays keys (see `participants`)
    sealing     two sites that were shown different lists: the list's digest is in every key, so nothing opens
    survivors   a site called present here and absent there: one answer per round, signed by t sites if any left

Signed documents are JSON; a sealed share is ChaCha20-Poly1305 over share(pair key) | share(own seed).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from federated.errors import Refusal, RefusedError, SignatureError
from federated.secure_sum import shares as shamir
from federated.secure_sum.masks import Bits, Words, add_mask, agreed, derive, public_of
from federated.secure_sum.participants import KEYS_KIND, Advert, Occasion, checked_list, commitment, list_digest
from federated.secure_sum.quantise import Integers, to_ring
from federated.signed import Signed, check, encode, sign

SURVIVORS_KIND = "sum-survivors/v1"
_NONCE = bytes(12)  # each sealing key seals one message


@dataclass(frozen=True, repr=False)
class Secrets:
    """A site's secret half."""

    sealing: bytes
    pairing: bytes
    own: bytes
    polynomials: tuple[tuple[int, ...], tuple[int, ...]]

    @classmethod
    def of(cls, seed: bytes, occasion: Occasion) -> "Secrets":
        """Everything that a round needs, from 32 fresh bytes."""
        salt = bytes.fromhex(occasion.digest)
        length = shamir.COEFFICIENT_BYTES * (occasion.quorum.threshold - 1)
        drawn = [derive(seed, salt=salt, use=f"polynomial-{which}", length=length) for which in ("pair", "own")]
        pair, own = (shamir.coefficients(stream, occasion.quorum.threshold) for stream in drawn)
        return cls(
            sealing=derive(seed, salt=salt, use="sealing-key"),
            pairing=derive(seed, salt=salt, use="pairing-key"),
            own=derive(seed, salt=salt, use="own-seed"),
            polynomials=(pair, own),
        )


@dataclass(frozen=True, repr=False)
class Advertised:
    """A site that has made its keys."""

    occasion: Occasion
    site: str
    secrets: Secrets
    advert: Signed


@dataclass(frozen=True, repr=False)
class Shared:
    """A site that has checked everybody's keys and shared its secrets.

    Attributes:
        adverts: of the participants.
        listed: digest of the signed list, which every later key depends on.
        held: participant -> its two shares that this site holds; only its own as yet.
    """

    occasion: Occasion
    site: str
    secrets: Secrets
    adverts: Mapping[str, Advert]
    listed: bytes
    held: Mapping[str, tuple[bytes, bytes]]


@dataclass(frozen=True, repr=False)
class Masked:
    """A site whose masked vector may be sent; `survivors` is its one answer to who stayed, None until it is asked."""

    occasion: Occasion
    site: str
    listed: bytes
    held: Mapping[str, tuple[bytes, bytes]]
    survivors: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Reveal:
    """What a site gives at the end: of each participant a share of one of its two secrets, never of both."""

    own: Mapping[str, bytes]
    pair: Mapping[str, bytes]


def advertise(occasion: Occasion, site: str, *, key: Ed25519PrivateKey, seed: bytes) -> Advertised:
    """Make a round's keys and sign their public halves.

    Args:
        occasion: what they are for.
        site: this site.
        key: with which it speaks to other sites; they pinned its public half.
        seed: 32 fresh bytes, used here and never again.
    """
    secrets = Secrets.of(seed, occasion)
    data = {
        "site": site,
        "occasion": occasion.digest,
        "sealing": public_of(secrets.sealing).hex(),
        "pairing": public_of(secrets.pairing).hex(),
        "own": commitment(secrets.own).hex(),
    }
    return Advertised(occasion, site, secrets, sign(key, kind=KEYS_KIND, payload=encode(data)))


def share(
    state: Advertised, listed: Sequence[Signed], *, peers: Mapping[str, Ed25519PublicKey]
) -> tuple[Shared, dict[str, bytes]]:
    """Check the list of participants, and seal a share of both secrets for each other one.

    Args:
        state: the site, which has advertised.
        listed: everybody's signed keys, this site's among them, as the coordinator relayed them.
        peers: site -> the key that this site pinned, its own included.

    Raises:
        RefusedError: `sum-tampered`, or `sum-too-few` participants; nothing of this round was sent yet.
    """
    occasion, me = state.occasion, state.site
    if state.advert not in listed:
        raise RefusedError(Refusal.SUM_TAMPERED, "the list does not hold this site's own keys of this round")
    adverts = checked_list(occasion, listed, peers=peers)
    digest = list_digest(listed)
    numbers = [occasion.number(site) for site in adverts]
    secrets = (state.secrets.pairing, state.secrets.own)
    pair, own = (
        shamir.split(secret, drawn=drawn, numbers=numbers)
        for secret, drawn in zip(secrets, state.secrets.polynomials, strict=True)
    )
    hers = {site: (pair[occasion.number(site)], own[occasion.number(site)]) for site in adverts}
    sealed = {
        site: ChaCha20Poly1305(_sealing_key(state.secrets, advert, digest, (me, site))).encrypt(
            _NONCE, b"".join(hers[site]), None
        )
        for site, advert in adverts.items()
        if site != me
    }
    return Shared(occasion, me, state.secrets, adverts, digest, {me: hers[me]}), sealed


def mask(state: Shared, inbox: Mapping[str, bytes], numbers: Integers, *, bits: Bits = 64) -> tuple[Masked, Words]:
    """Hide a vector under this site's own mask and one mask per pair.

    Args:
        state: the site, which has shared.
        inbox: sealed shares by sender, from every other participant.
        numbers: the vector, noise included.
        bits: of the ring.

    Raises:
        RefusedError: `sum-tampered`: a share is missing, or was not sealed for this list; nothing was sent.
    """
    if {*inbox} != {*state.adverts} - {state.site}:
        raise RefusedError(Refusal.SUM_TAMPERED, "the shares are not those of the listed sites")
    held = dict(state.held)
    for sender, sealed in inbox.items():
        key = _sealing_key(state.secrets, state.adverts[sender], state.listed, (sender, state.site))
        try:
            opened = ChaCha20Poly1305(key).decrypt(_NONCE, sealed, None)
        except InvalidTag as error:
            raise RefusedError(Refusal.SUM_TAMPERED, "a share was sealed for another list or changed") from error
        held[sender] = opened[: shamir.SHARE_BYTES], opened[shamir.SHARE_BYTES :]
    words = to_ring(numbers, bits=bits)
    add_mask(words, own_mask(state.secrets.own, state.listed))
    for site, advert in state.adverts.items():
        if site != state.site:
            seed = pair_mask(state.secrets.pairing, advert.pairing, state.listed, (state.site, site))
            add_mask(words, seed, negative=state.site > site)
    return Masked(state.occasion, state.site, state.listed, held), words


def agree(state: Masked, survivors: Iterable[str], *, key: Ed25519PrivateKey) -> tuple[Masked, Signed]:
    """Sign who stayed: this site's one answer in this round.

    Raises:
        RefusedError: `sum-tampered`: another answer was given, or the names are no participants; `sum-too-few`.
    """
    answered = _answer(state, survivors)
    return answered, sign(key, kind=SURVIVORS_KIND, payload=_survivors_bytes(answered, state.site))


def unmask(
    state: Masked, survivors: Iterable[str], signed: Sequence[Signed], *, peers: Mapping[str, Ed25519PublicKey]
) -> tuple[Masked, Reveal]:
    """Give the shares that open the sum of the survivors.

    Args:
        state: the site, which has masked.
        survivors: whose vectors arrived.
        signed: what `agree` made at t sites at least; may be empty if nobody left.
        peers: site -> the key that this site pinned, its own included.

    Raises:
        RefusedError: `sum-tampered`: another answer was given, or too few agree; `sum-too-few`.
    """
    answered = _answer(state, survivors)
    stayed = {*answered.survivors} if answered.survivors else set()
    if stayed != {*state.held}:
        agreeing = _signers(signed, answered, peers=peers)
        if len(agreeing) < state.occasion.quorum.threshold:
            raise RefusedError(Refusal.SUM_TAMPERED, "too few sites signed this list of survivors")
    own = {site: own for site, (_, own) in state.held.items() if site in stayed}
    pair = {site: pair for site, (pair, _) in state.held.items() if site not in stayed}
    return answered, Reveal(own=own, pair=pair)


def own_mask(own: bytes, listed: bytes) -> bytes:
    """The seed of a site's own mask."""
    return derive(own, salt=listed, use="own-mask")


def pair_mask(mine: bytes, yours: bytes, listed: bytes, names: tuple[str, str]) -> bytes:
    """The seed of a pair's mask, the same from both sides."""
    low, high = sorted(names)
    return derive(agreed(mine, yours), salt=listed, use="pair-mask", names=(low, high))


def _sealing_key(secrets: Secrets, advert: Advert, listed: bytes, route: tuple[str, str]) -> bytes:
    return derive(agreed(secrets.sealing, advert.sealing), salt=listed, use="seal", names=route)


def _answer(state: Masked, survivors: Iterable[str]) -> Masked:
    names = tuple(sorted(survivors))
    if len(set(names)) != len(names) or not {*names} <= {*state.held} or state.site not in names:
        raise RefusedError(Refusal.SUM_TAMPERED, "the survivors are not sites of this round, with this one among them")
    if len(names) < state.occasion.quorum.least:
        raise RefusedError(Refusal.SUM_TOO_FEW, "too few sites stayed; the sum stays closed, ask for the round again")
    if state.survivors not in (None, names):
        raise RefusedError(Refusal.SUM_TAMPERED, "this site was told of other survivors in this round")
    return replace(state, survivors=names)


def _survivors_bytes(state: Masked, site: str) -> bytes:
    said = {"occasion": state.occasion.digest, "list": state.listed.hex(), "survivors": list(state.survivors or ())}
    return encode({**said, "site": site})


def _signers(signed: Sequence[Signed], state: Masked, *, peers: Mapping[str, Ed25519PublicKey]) -> set[str]:
    """The pinned sites that signed the answer that this site gave."""
    said = {_survivors_bytes(state, site): site for site in peers}
    found = set()
    for one in signed:
        site = said.get(one.payload, "")
        try:
            check(one, peers[site], kind=SURVIVORS_KIND)
        except (KeyError, SignatureError):
            continue
        found.add(site)
    return found
