"""Exactly what will be run, as data: the vocabulary of a run, frozen, without I/O.

A plan is a list of releases over disjoint parts of a run's members. Everything in it is public: ranges, bounds,
noise, rounds, thresholds. Its digest is the SHA-256 of its bytes as filed; reviewers sign that digest, sites check
it, nobody canonicalises.

Invariant: what a site runs is, byte for byte, the plan that was approved.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Literal

from federated.errors import MalformedError
from federated.linkage.pairing import Pairing
from federated.linkage.randomised import Exchange as Numbers
from federated.plan_exchange import Helper, RandomisedExchange, check_exchange, crossings_of, paid_in, read_exchange
from federated.plan_parts import (
    KINDS,
    PARTS,
    Attribute,
    Feature,
    Kind,
    Part,
    Release,
    Use,
    read_feature,
    read_part,
    read_release,
    read_use,
)
from federated.secure_sum.quorum import Quorum
from federated.signed import decode, encode
from privacy.errors import PrivacyError
from privacy.mechanism import to_data

__all__ = ["BUCKETS", "KINDS", "PARTS", "Attribute", "Feature", "Kind", "Part", "Plan", "Release", "Use"]

NoiseMode = Literal["local", "secure-sum"]
BUCKETS = 100
MOST_USES = 8


@dataclass(frozen=True)
class Plan:
    """One run, completely described.

    Attributes:
        study: the study it belongs to.
        model: a name in the registry of models that each site installed itself.
        country: where the rows are used; part of each item.
        uses: what each kind of release needs the members' yes for, in a fixed order (a cohort refers to it by index).
        split: for each part the half-open ranges of buckets 0..99 that it owns; disjoint.
        settings: public numbers of the model (rounds, step, bound, momentum, bins, threshold, ...).
        noise_mode: each site adds the full noise itself, or its share of it under the masks of a secure sum.
        colluders: of a secure sum, how many sites may collude with the coordinator; see `secure_sum.quorum`.
        dropouts: of a secure sum, how many sites may leave in a round; the noise is enough without theirs.
        minimum_cohort: fewer members in the part that is trained on, over all sites: refused.
        label: the column to predict; `horizon_days` is how far ahead it looks.
        unit_sites: at most one site uses a member in one run (True), the only mode priced today.
        package: of a run that makes no model, the digest of the finished one that it scores or audits with; a plan
            that trains a model, or states a rule (`models.rules`), has none.
    """

    study: str
    model: str
    country: str
    sites: tuple[str, ...]
    uses: tuple[Use, ...]
    features: tuple[Feature, ...]
    label: str
    horizon_days: int
    attributes: tuple[Attribute, ...]
    releases: tuple[Release, ...]
    split: Mapping[Part, tuple[tuple[int, int], ...]]
    settings: Mapping[str, float]
    noise_mode: NoiseMode = "local"
    colluders: int = 1
    dropouts: int = 0
    minimum_cohort: int = 200
    max_attempts: int = 1
    unit_sites: bool = field(default=True)
    package: str = ""
    exchange: RandomisedExchange | None = None

    def __post_init__(self) -> None:
        """Refuse a plan that cannot mean anything."""
        _check_split(self.split)
        _check_uses(self.uses, self.releases)
        if not self.releases or any(r.times < 1 or r.part not in self.split for r in self.releases):
            raise MalformedError("each release needs a part of the split and happens at least once")
        kinds = {release.kind for release in self.releases}
        if (self.package and "train" in kinds) or ("score" in kinds and (kinds != {"score"} or not self.package)):
            raise MalformedError("a plan makes a model, or scores or audits a finished one that it names; one of these")
        if not self.sites:
            raise MalformedError("a plan names at least one site")
        for what, names in (
            ("site", self.sites),
            ("release", [release.name for release in self.releases]),
            ("feature", [feature.name for feature in self.features]),
            ("attribute", [attribute.name for attribute in self.attributes]),
        ):
            if len(set(names)) != len(names):
                raise MalformedError(f"a plan names each {what} once")
        if any(feature.kind == "continuous" and not feature.lo < feature.hi for feature in self.features):
            raise MalformedError("a continuous feature needs a public range with lo < hi")
        if not self.unit_sites:
            raise MalformedError("a member at several sites of one run is not priced; unit_sites must be true")
        if self.max_attempts < 1 or self.minimum_cohort < 1:
            raise MalformedError("max_attempts and minimum_cohort are 1 or more")
        if self.noise_mode == "secure-sum":
            Quorum(len(self.sites), self.colluders, self.dropouts)
        check_exchange(
            self.exchange,
            sites=self.sites,
            features=self.features,
            releases=self.releases,
            held_out=bool(self.split.get("held-out")),
            package=self.package,
        )

    @property
    def helpers(self) -> tuple[Helper, ...]:
        """Who helps in the plan's exchange, if it has one."""
        return self.exchange.helpers if self.exchange else ()

    @property
    def pairings(self) -> tuple[Pairing, ...]:
        """The site with each of its helpers, in their order."""
        return tuple(self.exchange.pairing(self.sites[0], one) for one in self.helpers if self.exchange)

    @property
    def crossings(self) -> tuple[tuple[Helper, Numbers], ...]:
        """Each helper with the public numbers of what crosses; none where answers of an earlier run are read."""
        return crossings_of(self.releases, self.helpers)

    @property
    def crossing_epsilon(self) -> float:
        """Pure ε that what crosses costs a member who is trained on."""
        return paid_in(self.crossings)

    @property
    def concerned(self) -> tuple[str, ...]:
        """Every site whose columns the plan rests on: each must approve it."""
        return (*self.sites, *(one.site for one in self.helpers))

    @property
    def reached(self) -> tuple[str, ...]:
        """Every site that takes part in a run: helpers only where something crosses."""
        return self.concerned if self.releases_of("exchange") else self.sites

    @property
    def scopes(self) -> frozenset[str]:
        """Every scope that the plan reads, its helpers' included."""
        own = {scope for use in self.uses for scope in use.scopes}
        return frozenset(own | {scope for one in self.helpers for scope in one.scopes})

    @property
    def recipients(self) -> frozenset[tuple[str, str]]:
        """Who uses members' data for what: site and purpose."""
        own = {(site, use.purpose) for site in self.sites for use in self.uses}
        return frozenset(own | {(site, one.purpose) for one in self.helpers for site in (*self.sites, one.site)})

    @property
    def quorum(self) -> Quorum:
        """The numbers of this plan's secure sums.

        Raises:
            MalformedError: the plan has none, or too few sites for one.
        """
        if self.noise_mode != "secure-sum":
            raise MalformedError("this plan's sites add their own noise; it has no secure sum")
        return Quorum(len(self.sites), self.colluders, self.dropouts)

    @property
    def purposes(self) -> tuple[str, ...]:
        """The purposes that the plan rests on, in the order of its uses, then of its helpers."""
        return tuple(dict.fromkeys([*(use.purpose for use in self.uses), *(one.purpose for one in self.helpers)]))

    @property
    def counted_part(self) -> Part:
        """The part that `minimum_cohort` counts: what is trained on, or else what is scored or audited."""
        return "train" if self.releases_of("train") else self.releases[0].part

    def releases_of(self, kind: Kind) -> tuple[Release, ...]:
        """The releases of one kind, in the plan's order."""
        return tuple(release for release in self.releases if release.kind == kind)

    def whole(self, name: str, *, at_least: int = 1, at_most: int = 100_000) -> int:
        """A setting that counts something.

        Raises:
            MalformedError: it is missing, not a whole number, or out of range.
        """
        value: object = self.settings.get(name)
        if type(value) is not int or not at_least <= value <= at_most:
            raise MalformedError(f"the plan needs a whole number for {name}, from {at_least} to {at_most}")
        return value

    def uses_on(self, part: Part) -> frozenset[int]:
        """The uses that the releases on one part rest on, by index."""
        return frozenset(self.use_of(one.kind) for one in self.releases if one.part == part and one.kind != "exchange")

    def use_of(self, kind: Kind) -> int:
        """The index of the use that releases of this kind rest on."""
        return next(index for index, use in enumerate(self.uses) if kind in use.kinds)


def _check_split(split: Mapping[Part, tuple[tuple[int, int], ...]]) -> None:
    ranges = sorted(one for several in split.values() for one in several)
    inside = all(0 <= lo < hi <= BUCKETS for lo, hi in ranges)
    if not inside or any(first[1] > second[0] for first, second in pairwise(ranges)):
        raise MalformedError("the parts of a plan must be disjoint ranges of buckets 0 to 99")


def _check_uses(uses: tuple[Use, ...], releases: tuple[Release, ...]) -> None:
    claimed = [kind for use in uses for kind in use.kinds]
    if len(set(claimed)) != len(claimed) or len(uses) > MOST_USES:
        raise MalformedError(f"a kind of release rests on one use, and a plan has at most {MOST_USES} uses")
    if "exchange" in claimed or not {release.kind for release in releases} - {"exchange"} <= set(claimed):
        raise MalformedError("each kind of release needs a use that says which items it rests on")


def plan_bytes(plan: Plan) -> bytes:
    """The bytes that are filed, approved, digested and run."""
    data = asdict(plan)
    data["releases"] = [{**asdict(r), "mechanism": to_data(r.mechanism)} for r in plan.releases]
    if plan.exchange is None:
        del data["exchange"]
    return encode({"version": 1, **data})


def parse_plan(payload: bytes) -> Plan:
    """Read a plan.

    Raises:
        MalformedError: not a plan this version understands; unknown keys are refused, never ignored.
    """
    data = decode(payload)
    if not isinstance(data, dict) or data.pop("version", None) != 1:
        raise MalformedError("not a plan of version 1")
    try:
        return Plan(
            **{
                **data,
                "sites": tuple(data["sites"]),
                "uses": tuple(read_use(item) for item in data["uses"]),
                "features": tuple(read_feature(item) for item in data["features"]),
                "attributes": tuple(Attribute(item["name"], tuple(item["groups"])) for item in data["attributes"]),
                "exchange": read_exchange(data.get("exchange")),
                "releases": tuple(read_release(item) for item in data["releases"]),
                "split": {
                    read_part(part): tuple((int(lo), int(hi)) for lo, hi in r) for part, r in data["split"].items()
                },
            }
        )
    except (KeyError, TypeError, ValueError, AttributeError, PrivacyError) as error:
        raise MalformedError(f"not a plan: {type(error).__name__}") from error


def digest(payload: bytes) -> str:
    """SHA-256 in hexadecimal: how plans, permits and cohorts are named."""
    return hashlib.sha256(payload).hexdigest()


def bucket(run: str, pseudonym: bytes) -> int:
    """Which of the 100 buckets of this run a member falls into; never stratified by label.

    Depends on the run and on the site's own pseudonym of her, so nobody can choose it.
    """
    return buckets(run, (pseudonym,))[0]


def buckets(run: str, pseudonyms: Iterable[bytes]) -> list[int]:
    """`bucket` of many members at once."""
    prefix = b"accord/split/v1\n" + run.encode() + b"\n"
    drawn = [hashlib.sha256(prefix + pseudonym).digest() for pseudonym in pseudonyms]
    return [int.from_bytes(one[:8], "big") % BUCKETS for one in drawn]


def parts_of(plan: Plan, run: str, pseudonyms: Iterable[bytes]) -> list[Part | None]:
    """The part of the run that each member belongs to, or None if the split leaves her bucket unused."""
    owner: list[Part | None] = [None] * BUCKETS
    for part, ranges in plan.split.items():
        for lo, hi in ranges:
            owner[lo:hi] = [part] * (hi - lo)
    if len(set(owner)) == 1:  # one part owns every bucket: nothing hangs on which of them is hers
        return [owner[0] for _ in pseudonyms]
    return [owner[drawn] for drawn in buckets(run, pseudonyms)]


def part_of(plan: Plan, run: str, pseudonym: bytes) -> Part | None:
    """The part of the run that one member belongs to."""
    return parts_of(plan, run, (pseudonym,))[0]
