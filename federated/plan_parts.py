"""What a plan is made of: features, attributes, uses, releases; frozen, each read strictly."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from federated.errors import MalformedError
from privacy.mechanism import Mechanism, from_data

Part = Literal["train", "held-out", "judge"]
Kind = Literal["exchange", "train", "evaluate", "audit", "score"]
PARTS: tuple[Part, ...] = get_args(Part)
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Feature:
    """A column of a site's rows with its public range; values outside are moved to the nearest end.

    Attributes:
        name: the column.
        kind: continuous (lo < hi), binary (0 or 1), categorical (one of `categories`, else all zero), or
            binned (one-hot between the public `edges`), or items (a set of the public catalogue `categories`, from
            the site's table of items).
    """

    name: str
    kind: Literal["continuous", "binary", "categorical", "binned", "items"]
    lo: float = 0.0
    hi: float = 1.0
    categories: tuple[str, ...] = ()
    edges: tuple[float, ...] = ()


@dataclass(frozen=True)
class Attribute:
    """A sensitive attribute that the audit counts over: its public values; "not given" is a group of its own."""

    name: str
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Use:
    """Which items a row needs before releases of these kinds may touch it: every scope, for this purpose."""

    kinds: tuple[Kind, ...]
    purpose: str
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class Release:
    """One number or vector, or `times` of them, that leaves every site with this noise.

    Attributes:
        name: what it is: "gradient", "histogram", "table:age".
        part: the disjoint part of the run's members that it is computed on.
        mechanism: the noise, as data; priced by `privacy.mechanism.cost`.
        times: how many such releases the plan allows, retries included (rounds x attempts).

    Invariant: its name is unique in its plan.
    """

    name: str
    kind: Kind
    part: Part
    mechanism: Mechanism
    times: int = 1


def read_use(data: Mapping[str, Any]) -> Use:
    """A use as a plan writes it."""
    return Use(**{**data, "kinds": tuple(read_kind(kind) for kind in data["kinds"]), "scopes": tuple(data["scopes"])})


def read_feature(data: Mapping[str, Any]) -> Feature:
    """A feature as a plan writes it."""
    return Feature(**{**data, "categories": tuple(data["categories"]), "edges": tuple(data["edges"])})


def read_release(data: Mapping[str, Any]) -> Release:
    """A release as a plan writes it."""
    known = {"name", "kind", "part", "mechanism", "times"}
    if set(data) != known:
        raise MalformedError(f"a release has exactly {sorted(known)}")
    return Release(
        name=data["name"],
        kind=read_kind(data["kind"]),
        part=read_part(data["part"]),
        mechanism=from_data(data["mechanism"]),
        times=int(data["times"]),
    )


def read_part(name: str) -> Part:
    """A part as a plan writes it."""
    for part in PARTS:
        if part == name:
            return part
    raise MalformedError(f"unknown part {name!r}")


def read_kind(name: str) -> Kind:
    """A kind of release as a plan writes it."""
    for kind in KINDS:
        if kind == name:
            return kind
    raise MalformedError(f"unknown kind {name!r}")
