"""What the columns of a site's data look like, without any data: enough to write a plan, and to try it on mock rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from consent_center.studies.errors import StudyError
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
    except (KeyError, TypeError, AttributeError) as error:
        raise StudyError(f"not a schema of a site: {type(error).__name__} at {error}") from error


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
