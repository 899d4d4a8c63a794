r"""The signed list of members that one site may use in one run, under that site's own pseudonyms.

Wire form: a signed header and a packed body of 17 bytes a member, `pseudonym(16) | uses(1)`. Bit i of `uses` says that
all items of the plan's use i were allowed at the header's epoch. The body is ordered by each member's leaf key

    leaf key = SHA-256("accord/cohort-key/v1\n" | run | "\n" | k),    k = the member's cohort key for this site

which only the member, the hub and this site can compute. The header's root is the RFC 6962 tree over the leaves
`leaf key | pseudonym | uses`, so presence has an inclusion proof and absence is two adjacent leaves around her key.

Invariant: a pseudonym that this site did not enrol, or one bit of `uses` changed, makes the root differ.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from hashlib import sha256

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from federated.cohort_leaves import (
    PSEUDONYM_BYTES,
    RECORD_BYTES,
    Octets,
    in_order,
    leaf_keys,
    order_of,
    records_of,
    root_of,
)
from federated.errors import MalformedError, Refusal, RefusedError, SignatureError
from federated.plan import Part, Plan, parts_of
from federated.signed import Signed, check, decode, encode

KIND = "cohort/v1"


@dataclass(frozen=True)
class CohortMember:
    """One member of a cohort: her pseudonym at this site, and which of the plan's uses she allows (a bit each)."""

    pseudonym: bytes
    uses: int


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
    """A checked cohort: nothing in it is taken on trust any more.

    Attributes:
        body: the packed members, in the order of their leaf keys.
    """

    header: CohortHeader
    body: bytes

    @cached_property
    def members(self) -> tuple[CohortMember, ...]:
        """Everybody in it, in the body's order."""
        return unpack(self.body)

    @cached_property
    def pseudonyms(self) -> tuple[bytes, ...]:
        """Of everybody, in the body's order."""
        return pseudonyms_in(self.body)

    @cached_property
    def uses(self) -> Octets:
        """The bits of everybody's uses, in the body's order, shape (members,)."""
        return records_of(self.body)[:, PSEUDONYM_BYTES]


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
    """The header to sign and the packed body, for members given with their cohort keys of this site.

    Raises:
        MalformedError: a member has another form, is named twice, or has the cohort key of another.
    """
    packed, cohort_keys = _packed(members)
    keys = leaf_keys(run, cohort_keys)
    order = order_of(keys)
    if not in_order(keys[order]):
        raise MalformedError("two members of a cohort have the same cohort key")
    body = packed[order].tobytes()
    header = CohortHeader(
        run=run,
        site=site,
        plan_digest=plan_digest,
        epoch=epoch,
        issued_at=issued_at,
        expires_at=expires_at,
        count=len(order),
        root=root_of(keys[order], body).hex(),
        sizes=sizes_of(plan, body, parts_of(plan, run, pseudonyms_in(body))),
    )
    return header, body


def sizes_of(plan: Plan, body: bytes, parts: Sequence[Part | None]) -> dict[Part, int]:
    """For each part of the plan, how many members of a packed body fall into it and allow a use that rests on it.

    Args:
        plan: of the run.
        body: the packed members.
        parts: the part that each of them falls into (`plan.parts_of`).
    """
    masks = {part: sum(1 << use for use in plan.uses_on(part)) for part in plan.split}
    uses = records_of(body)[:, PSEUDONYM_BYTES]
    place = {part: index for index, part in enumerate(masks)}
    fell = np.fromiter((-1 if part is None else place[part] for part in parts), np.int8, len(uses))
    return {part: int(((fell == place[part]) & (uses & mask != 0)).sum()) for part, mask in masks.items()}


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


def pseudonyms_in(body: bytes) -> tuple[bytes, ...]:
    """The pseudonyms of a packed body, in its order."""
    return tuple([body[i : i + PSEUDONYM_BYTES] for i in range(0, len(body), RECORD_BYTES)])


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
    cohort = Cohort(header=header, body=body)
    if len(set(cohort.pseudonyms)) != header.count:
        raise RefusedError(Refusal.COHORT_TAMPERED, "the cohort names a member twice")
    try:
        keys = leaf_keys(run, [cohort_keys[pseudonym] for pseudonym in cohort.pseudonyms])
    except KeyError as error:
        raise RefusedError(
            Refusal.COHORT_TAMPERED, "the cohort names a pseudonym that this site never enrolled"
        ) from error
    if not in_order(keys):
        raise RefusedError(Refusal.COHORT_TAMPERED, "the cohort is not in the order of its keys")
    if root_of(keys, body).hex() != header.root:
        raise RefusedError(Refusal.COHORT_TAMPERED, "the cohort's members do not give the signed root")
    return cohort


def members_digest(pseudonyms: Iterable[bytes]) -> str:
    """SHA-256 over the sorted pseudonyms: what a site says it used in a round, and the hub can recompute."""
    return sha256(b"accord/used/v1\n" + b"".join(sorted(pseudonyms))).hexdigest()


def _packed(members: Iterable[tuple[CohortMember, bytes]]) -> tuple[Octets, list[bytes]]:
    """The records of these members, shape (members, 17), and their cohort keys."""
    listed = list(members)
    pseudonyms = [member.pseudonym for member, _ in listed]
    uses = [member.uses for member, _ in listed]
    if {len(one) for one in pseudonyms} - {PSEUDONYM_BYTES} or {0 <= one < 256 for one in uses} - {True}:
        raise MalformedError("a cohort member has a pseudonym of 16 bytes and at most 8 uses")
    if len(set(pseudonyms)) != len(pseudonyms):
        raise MalformedError("a cohort names a member twice")
    packed = np.empty((len(listed), RECORD_BYTES), dtype=np.uint8)
    packed[:, :PSEUDONYM_BYTES] = np.frombuffer(b"".join(pseudonyms), dtype=np.uint8).reshape(-1, PSEUDONYM_BYTES)
    packed[:, PSEUDONYM_BYTES] = uses
    return packed, [key for _, key in listed]
