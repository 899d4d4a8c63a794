r"""Link tokens: how two sites with one consent centre name the same member to each other.

The consent centre knows both memberships already. For each member with an active grant at both holders it issues

    token = HMAC-SHA256(pair key, member's link key),   pair key = HMAC-SHA256(root key, pairing)

so a token cannot be guessed, tells nothing about another pair, purpose or epoch, and ends when the member's link key is
destroyed. Each site gets a signed list under its own pseudonyms:

    body  16 + 32 bytes a member, `pseudonym | token`, in the order of the tokens

Both sites' lists hold the same tokens, so a list says who is at both, which both may know of exactly these members; of
everybody else it says nothing. A digest of the body is signed; the log gets the digest and the size in a band.

Invariant: a token that was not issued for this pairing, or was taken back since, is refused before any row is read.
"""

import hmac
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from itertools import pairwise
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from federated.errors import MalformedError, Refusal, RefusedError, SignatureError
from federated.linkage.pairing import Pairing
from federated.signed import Signed, check, decode, encode

KIND = "link-tokens/v1"
PSEUDONYM_BYTES, TOKEN_BYTES = 16, 32
_RECORD = PSEUDONYM_BYTES + TOKEN_BYTES


def pair_key(root_key: bytes, pairing: Pairing) -> bytes:
    """The key of one pairing, 32 bytes; only the consent centre can compute it."""
    if len(root_key) != 32:
        raise MalformedError("the root key of link tokens has 32 bytes")
    return hmac.digest(root_key, pairing.domain("pair-key"), "sha256")


def link_token(pair_key: bytes, member_link_key: bytes) -> bytes:
    """A member's token under one pairing.

    Args:
        pair_key: of `pair_key`.
        member_link_key: 32 random bytes of hers, held by the consent centre, destroyed when she is erased.
    """
    return hmac.digest(pair_key, member_link_key, "sha256")


@dataclass(frozen=True)
class Linked:
    """One member whom both sites may name to each other: her pseudonym at each of them, and her link key."""

    at_holder: bytes
    at_helper: bytes
    link_key: bytes


@dataclass(frozen=True)
class TokenHeader:
    """What the consent centre signs about one site's tokens.

    Attributes:
        site: whose list it is.
        count: how many tokens there are.
        digest: SHA-256 of the body, hexadecimal.
    """

    pairing: Pairing
    site: str
    run: str
    issued_at: datetime
    expires_at: datetime
    count: int
    digest: str

    def to_bytes(self) -> bytes:
        """The bytes that are signed."""
        times = {name: getattr(self, name).isoformat() for name in ("issued_at", "expires_at")}
        return encode({**asdict(self), **times})

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        """Read a header.

        Raises:
            MalformedError: not one.
        """
        data = decode(payload)
        try:
            times = {name: datetime.fromisoformat(data[name]) for name in ("issued_at", "expires_at")}
            header = cls(**{**data, **times, "pairing": Pairing(**data["pairing"])})
        except (TypeError, ValueError, KeyError) as error:
            raise MalformedError("not a header of link tokens") from error
        if any(moment.tzinfo is None for moment in times.values()):
            raise MalformedError("the times of link tokens need a zone")
        return header


def issue(root_key: bytes, pairing: Pairing, members: Iterable[Linked]) -> tuple[bytes, bytes]:
    """The bodies for the holder and for the helper.

    Args:
        root_key: 32 bytes of the consent centre's.
        pairing: for whom, for what, until when.
        members: everybody with an active grant at both holders; the caller has judged that.

    Raises:
        RefusedError: `link-duplicate`: two members share a link key, or one of them has two pseudonyms at a site.
    """
    key = pair_key(root_key, pairing)
    found = sorted((link_token(key, one.link_key), one.at_holder, one.at_helper) for one in members)
    holder = b"".join([pseudonym + token for token, pseudonym, _ in found])
    helper = b"".join([pseudonym + token for token, _, pseudonym in found])
    for body in (holder, helper):
        _check_form(body, len(found))
    return holder, helper


def pseudonyms_in(body: bytes) -> set[bytes]:
    """Whose tokens a list holds."""
    return {body[start : start + PSEUDONYM_BYTES] for start in range(0, len(body), _RECORD)}


@dataclass(frozen=True)
class Tokens:
    """A checked list of tokens: nothing in it is taken on trust any more.

    Attributes:
        pseudonym_of: token -> this site's pseudonym.
    """

    header: TokenHeader
    pseudonym_of: Mapping[bytes, bytes]

    def without(self, removed: Collection[bytes]) -> Self:
        """The list without the members who took their grant back; their tokens are strangers from now on.

        Args:
            removed: their pseudonyms here, as in the consent centre's statement of removals.
        """
        left = {token: own for token, own in self.pseudonym_of.items() if own not in removed}
        return type(self)(self.header, left)

    def known(self, named: Collection[bytes]) -> Mapping[bytes, bytes]:
        """The members that a partner names.

        Raises:
            RefusedError: `link-unknown`: the partner names somebody who was not issued, or no longer is.
        """
        strangers = sum(token not in self.pseudonym_of for token in named)
        if strangers:
            raise RefusedError(
                Refusal.LINK_UNKNOWN,
                f"the partner names {strangers} tokens that are not valid now; fetch the present list on both sides",
            )
        return {token: self.pseudonym_of[token] for token in named}


def check_tokens(
    signed: Signed,
    body: bytes,
    *,
    hub_key: Ed25519PublicKey,
    pairing: Pairing,
    site: str,
    run: str,
    enrolled: Collection[bytes],
    at: datetime,
) -> Tokens:
    """The tokens, if the consent centre signed exactly these for this site, pairing and run, and they are current.

    Args:
        signed: the signed header.
        body: the packed list.
        hub_key: the consent centre's public key, pinned by the site.
        pairing: of the plan that the site approved.
        site: this site's own name.
        run: the run that it was asked to join.
        enrolled: the pseudonyms that this site enrolled.
        at: now, by this site's clock.

    Raises:
        RefusedError: `link-tampered`, `link-epoch`, `link-stale` or `link-duplicate`.
    """
    try:
        header = TokenHeader.parse(check(signed, hub_key, kind=KIND))
    except (SignatureError, MalformedError) as error:
        raise RefusedError(Refusal.LINK_TAMPERED, "the link tokens are not signed by the consent centre") from error
    if header.pairing != pairing:
        same = (header.pairing.holder, header.pairing.helper, header.pairing.purpose)
        if same == (pairing.holder, pairing.helper, pairing.purpose):
            raise RefusedError(Refusal.LINK_EPOCH, f"tokens of {header.pairing.epoch}, this is {pairing.epoch}")
        raise RefusedError(Refusal.LINK_TAMPERED, "the link tokens are for other holders or another purpose")
    if (header.site, header.run) != (site, run):
        raise RefusedError(Refusal.LINK_TAMPERED, "the link tokens are for another site or run")
    if not header.issued_at <= at < header.expires_at:
        raise RefusedError(Refusal.LINK_STALE, "the link tokens are not valid now; ask for a new admission")
    if sha256(body).hexdigest() != header.digest:
        raise RefusedError(Refusal.LINK_TAMPERED, "the link tokens do not give the signed digest")
    found = _check_form(body, header.count)
    if not set(found.values()) <= set(enrolled):
        raise RefusedError(Refusal.LINK_TAMPERED, "the link tokens name a pseudonym that this site never enrolled")
    return Tokens(header=header, pseudonym_of=found)


def _check_form(body: bytes, count: int) -> dict[bytes, bytes]:
    """Who has which token, if the body has its form and names nobody twice."""
    if len(body) != count * _RECORD:
        raise RefusedError(Refusal.LINK_TAMPERED, "the list of link tokens has another length than its header says")
    pairs = [
        (body[start + PSEUDONYM_BYTES : start + _RECORD], body[start : start + PSEUDONYM_BYTES])
        for start in range(0, len(body), _RECORD)
    ]
    if any(first[0] >= second[0] for first, second in pairwise(pairs)):
        raise RefusedError(Refusal.LINK_DUPLICATE, "two members have one token, or the tokens are out of order")
    if len({pseudonym for _, pseudonym in pairs}) != count:
        raise RefusedError(Refusal.LINK_DUPLICATE, "one member has two tokens; unlink one of her cards")
    return dict(pairs)
