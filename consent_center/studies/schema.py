"""What the columns of a site's data look like, without any data: enough to write a plan, and to try it on mock rows."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import yaml

from consent_center.studies.errors import StudyError, StudyFileError
from consent_center.studies.yaml_mapping import key_problems, read_mapping
from federated.errors import FederatedError
from federated.plan import Attribute, Feature


@dataclass(frozen=True)
class SiteSchema:
    """The columns that a site offers to plans, with their public ranges.

    Attributes:
        features: what a model may learn from.
        labels: 0/1 columns that a model may predict.
        attributes: what an audit may count over.
    """

    site: str
    features: tuple[Feature, ...]
    labels: tuple[str, ...]
    attributes: tuple[Attribute, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a column that is named twice."""
        names = [one.name for one in self.features] + list(self.labels) + [one.name for one in self.attributes]
        if not self.site or not names or len(set(names)) != len(names):
            raise StudyError("a schema names its site and each column once")
        for one in self.features:
            _check_range(one)
        for attribute in self.attributes:
            if len(set(attribute.groups)) < max(1, len(attribute.groups)):
                raise StudyError(f"{attribute.name} names its groups, each once")


def _check_range(feature: Feature) -> None:
    """Refuse a column whose public range says nothing."""
    lo, hi, name = feature.lo, feature.hi, feature.name
    numbers = all(type(one) in (int, float) and math.isfinite(one) for one in (lo, hi, *feature.edges))
    match feature.kind:
        case "continuous":
            good, wanted = numbers and lo < hi, "lo below hi"
        case "binary":
            good, wanted = True, ""
        case "categorical" | "items":
            good, wanted = len(set(feature.categories)) == len(feature.categories) > 0, "its categories, each once"
        case "binned":
            rising = numbers and all(one < other for one, other in pairwise(feature.edges))
            good, wanted = rising and len(feature.edges) > 0, "its edges, rising"
        case _:  # a schema is read from a file, whatever its type says
            good, wanted = False, "a kind: continuous, binary, categorical, binned or items"  # type: ignore[unreachable]
    if not good:
        raise StudyError(f"not a schema of a site: {name} needs {wanted}")


def read_schema(text: str) -> SiteSchema:
    """Read the columns of a site as somebody wrote them, in YAML.

    Raises:
        StudyFileError: not such a file.
        StudyError: not a schema; says what is wrong.
    """
    data = read_mapping(text, what="a schema")
    if wrong := key_problems(data, required={"site"}, known={"site", "features", "labels", "attributes"}):
        raise StudyFileError(tuple(wrong))
    return from_data(data)


def written_schema(schema: SiteSchema) -> str:
    """The columns of a site as YAML, to be changed."""
    features = [{key: value for key, value in asdict(one).items() if value not in ((), "")} for one in schema.features]
    for one in features:
        if one["kind"] != "continuous":
            one.pop("lo"), one.pop("hi")
    data = {
        "site": schema.site,
        "features": [{k: list(v) if isinstance(v, tuple) else v for k, v in one.items()} for one in features],
        "labels": list(schema.labels),
        "attributes": [{"name": one.name, "groups": list(one.groups)} for one in schema.attributes],
    }
    return yaml.safe_dump(data, allow_unicode=True, sort_keys=False, width=100)


def to_data(schema: SiteSchema) -> dict[str, Any]:
    """Plain data, for storing."""
    return asdict(schema)


def from_data(data: Mapping[str, Any]) -> SiteSchema:
    """Read what `to_data` gave, or what somebody wrote.

    Raises:
        StudyError: not a schema.
    """
    try:
        return SiteSchema(
            site=data["site"],
            features=tuple(
                Feature(**{**one, "categories": tuple(one.get("categories", ())), "edges": tuple(one.get("edges", ()))})
                for one in data.get("features", ())
            ),
            labels=tuple(data.get("labels", ())),
            attributes=tuple(Attribute(one["name"], tuple(one["groups"])) for one in data.get("attributes", ())),
        )
    except (KeyError, TypeError, AttributeError, FederatedError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise StudyError(f"not a schema of a site: {what}") from error


def shared(schemas: Mapping[str, SiteSchema], sites: Sequence[str]) -> SiteSchema | None:
    """The columns that all of these sites have, with the same range; None if a site has no schema."""
    known = [schemas[site] for site in sites if site in schemas]
    if not known or len(known) != len(sites):
        return None
    return SiteSchema(
        site="+".join(sites),
        features=tuple(_common([one.features for one in known])),
        labels=tuple(_common([one.labels for one in known])),
        attributes=tuple(_common([one.attributes for one in known])),
    )


def _common(several: Sequence[Iterable[Any]]) -> list[Any]:
    first, *rest = [list(one) for one in several]
    return [one for one in first if all(one in other for other in rest)]
