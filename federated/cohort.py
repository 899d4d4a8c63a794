r"""The signed list of members that one site may use in one run, under that site's own pseudonyms.

Wire form: a signed header and a packed body of 17 bytes a member, `pseudonym(16) | uses(1)`. Bit i of `uses` says that
all items of the plan's use i were allowed at the header's epoch. The body is ordered by each member's leaf key

    leaf key = SHA-256("accord/cohort-key/v1\n" | run | "\n" | k),    k = the member's cohort key for this site

which only the member, the hub and this site can compute. The header's root is the RFC 6962 tree over the leaves
`leaf key | pseudonym | uses`, so presence has an inclusion proof and absence is two adjacent leaves around her key.

Invariant: a pseudonym that this site did not enrol, or one bit of `uses` changed, makes the root differ.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import pairwise

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from audit.log.hashing import leaf_hash
from audit.log.tree import root_of
from federated.errors import MalformedError, Refusal, RefusedError, SignatureError
from federated.plan import Part, Plan, parts_of
from federated.signed import Signed, check, decode, encode

KIND = "cohort/v1"
PSEUDONYM_BYTES = 16
RECORD_BYTES = PSEUDONYM_BYTES + 1


@dataclass(frozen=True)
class CohortMember:
    """One member of a cohort: her pseudonym at this site, and which of the plan's uses she allows (a bit each)."""

    pseudonym: bytes
    uses: int

    def allows(self, use: int) -> bool:
        """Does she allow the plan's use with this index?"""
        return bool(self.uses >> use & 1)


@dataclass(frozen=True)
class CohortHeader:
    """What the consent centre signs about a cohort.

    Attributes:
        epoch: the number of the consent state it was cut from.
        count: members in the body.
        root: RFC 6962 root over the leaves, hexadecimal.
        sizes: for each part how many members of this cohort fall into it and allow a use that rests on it; the public
            denominators of the run (see `sizes_of`).
    """

    run: str
    site: str
    plan_digest: str
    epoch: int
    issued_at: datetime
    expires_at: datetime
    count: int
    root: str
    sizes: Mapping[Part, int]


@dataclass(frozen=True)
class Cohort:
    """A checked cohort: nothing in it is taken on trust any more."""

    header: CohortHeader
    members: tuple[CohortMember, ...]


def leaf_key(run: str, cohort_key: bytes) -> bytes:
    """Where a member stands in the order of a run's cohort; 32 bytes."""
    return hashlib.sha256(b"accord/cohort-key/v1\n" + run.encode() + b"\n" + cohort_key).digest()


def cohort_leaf(key: bytes, member: CohortMember) -> bytes:
    """The bytes that are hashed for one member."""
    return key + member.pseudonym + bytes([member.uses])


def build_cohort(
    plan: Plan,
    *,
    run: str,
    site: str,
    plan_digest: str,
    epoch: int,
    issued_at: datetime,
    expires_at: datetime,
    members: Iterable[tuple[CohortMember, bytes]],
) -> tuple[CohortHeader, bytes]:
    """The header to sign and the packed body, for members given with their cohort keys of this site."""
    ordered = sorted((leaf_key(run, key), member) for member, key in _by_pseudonym(members))
    header = CohortHeader(
        run=run,
        site=site,
        plan_digest=plan_digest,
        epoch=epoch,
        issued_at=issued_at,
        expires_at=expires_at,
        count=len(ordered),
        root=root_of([leaf_hash(cohort_leaf(key, member)) for key, member in ordered]).hex(),
        sizes=sizes_of(plan, run, [member for _, member in ordered]),
    )
    return header, b"".join(member.pseudonym + bytes([member.uses]) for _, member in ordered)


def sizes_of(plan: Plan, run: str, members: Iterable[CohortMember]) -> dict[Part, int]:
    """For each part of the plan, how many of these members fall into it and allow a use that rests on it."""
    listed = list(members)
    masks = {part: sum(1 << use for use in plan.uses_on(part)) for part in plan.split}
    sizes: dict[Part, int] = dict.fromkeys(plan.split, 0)
    for member, part in zip(listed, parts_of(plan, run, (one.pseudonym for one in listed)), strict=True):
        if part is not None and member.uses & masks[part]:
            sizes[part] += 1
    return sizes


def header_bytes(header: CohortHeader) -> bytes:
    """The bytes that the consent centre signs."""
    return encode(
        {**asdict(header), "issued_at": header.issued_at.isoformat(), "expires_at": header.expires_at.isoformat()}
    )


def parse_header(payload: bytes) -> CohortHeader:
    """Read a cohort's header.

    Raises:
        MalformedError: not a header.
    """
    data = decode(payload)
    try:
        times = {name: datetime.fromisoformat(data[name]) for name in ("issued_at", "expires_at")}
        header = CohortHeader(**{**data, **times})
    except (TypeError, ValueError, KeyError) as error:
        raise MalformedError("not a cohort header") from error
    if any(moment.tzinfo is None for moment in times.values()):
        raise MalformedError("a cohort's times need a zone")
    return header


def unpack(body: bytes) -> tuple[CohortMember, ...]:
    """The members of a packed body, in its order; check its length against the header first."""
    return tuple(
        CohortMember(body[i : i + PSEUDONYM_BYTES], body[i + PSEUDONYM_BYTES])
        for i in range(0, len(body), RECORD_BYTES)
    )


def check_cohort(
    signed: Signed,
    body: bytes,
    *,
    hub_key: Ed25519PublicKey,
    run: str,
    site: str,
    plan_digest: str,
    cohort_keys: Mapping[bytes, bytes],
    at: datetime,
) -> Cohort:
    """The cohort, if the consent centre signed exactly this one for this site, run and plan, and it is current.

    Args:
        signed: the signed header.
        body: the packed members.
        hub_key: the consent centre's public key, pinned by the site.
        run: the run that the site was asked to join.
        site: this site's own name.
        plan_digest: digest of the plan that the site was asked to run.
        cohort_keys: pseudonym -> cohort key, from this site's own enrolments.
        at: now, by this site's clock.

    Raises:
        RefusedError: `cohort-tampered` for anything that does not match, `cohort-stale` when it has expired.
    """
    try:
        header = parse_header(check(signed, hub_key, kind=KIND))
    except (SignatureError, MalformedError) as error:
        raise RefusedError(Refusal.COHORT_TAMPERED, "the cohort is not signed by the consent centre") from error
    if (header.run, header.site, header.plan_digest) != (run, site, plan_digest):
        raise RefusedError(Refusal.COHORT_TAMPERED, "the cohort is for another run, site or plan")
    if not header.issued_at <= at < header.expires_at:
        raise RefusedError(Refusal.COHORT_STALE, "the cohort is not valid now; ask for a new admission")
    if len(body) != header.count * RECORD_BYTES:
        raise RefusedError(Refusal.COHORT_TAMPERED, "the cohort's body has another length than its header says")
    members = unpack(body)
    if len({member.pseudonym for member in members}) != len(members):
        raise RefusedError(Refusal.COHORT_TAMPERED, "the cohort names a member twice")
    try:
        keys = [leaf_key(run, cohort_keys[member.pseudonym]) for member in members]
    except KeyError as error:
        raise RefusedError(
            Refusal.COHORT_TAMPERED, "the cohort names a pseudonym that this site never enrolled"
        ) from error
    if any(first >= second for first, second in pairwise(keys)):
        raise RefusedError(Refusal.COHORT_TAMPERED, "the cohort is not in the order of its keys")
    leaves = [leaf_hash(cohort_leaf(key, member)) for key, member in zip(keys, members, strict=True)]
    if root_of(leaves).hex() != header.root:
        raise RefusedError(Refusal.COHORT_TAMPERED, "the cohort's members do not give the signed root")
    return Cohort(header=header, members=members)


def members_digest(pseudonyms: Iterable[bytes]) -> str:
    """SHA-256 over the sorted pseudonyms: what a site says it used in a round, and the hub can recompute."""
    return hashlib.sha256(b"accord/used/v1\n" + b"".join(sorted(pseudonyms))).hexdigest()


def _by_pseudonym(members: Iterable[tuple[CohortMember, bytes]]) -> list[tuple[CohortMember, bytes]]:
    listed = list(members)
    for member, _ in listed:
        if len(member.pseudonym) != PSEUDONYM_BYTES or not 0 <= member.uses < 256:
            raise MalformedError("a cohort member has a pseudonym of 16 bytes and at most 8 uses")
    if len({member.pseudonym for member, _ in listed}) != len(listed):
        raise MalformedError("a cohort names a member twice")
    return listed
