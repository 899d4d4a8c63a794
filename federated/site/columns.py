"""What the columns of a programme's plans look like: public names and ranges, which come with a site's invitation.

With them a site can check its own rows before anybody asks for them, and try everything out on made-up ones.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from federated.cohort_leaves import PSEUDONYM_BYTES
from federated.errors import MalformedError
from federated.plan import Attribute, Feature

Values = npt.NDArray[np.float64]
MOCK_MEMBERS = 400


@dataclass(frozen=True)
class Columns:
    """Columns by use.

    Attributes:
        features: what a model may learn from, with public ranges.
        labels: 0/1 columns that a model may predict.
        attributes: what an audit may count over.
    """

    features: tuple[Feature, ...] = ()
    labels: tuple[str, ...] = ()
    attributes: tuple[Attribute, ...] = field(default=())

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return (*(one.name for one in self.features), *self.labels, *(one.name for one in self.attributes))


EXAMPLE = Columns(
    features=(Feature("visits_8w", "continuous", 0, 32), Feature("spend_8w", "continuous", 0, 1000)),
    labels=("left",),
    attributes=(Attribute("age_band", ("18-34", "35-54", "55+")),),
)
"""For a programme that has not said yet what its plans read."""


def columns_data(columns: Columns) -> dict[str, Any]:
    """Plain data, for a document."""
    return asdict(columns)


def read_columns(data: Mapping[str, Any]) -> Columns:
    """Read what `columns_data` gave.

    Raises:
        MalformedError: not columns.
    """
    try:
        features = tuple(
            Feature(**{**one, "categories": tuple(one.get("categories", ())), "edges": tuple(one.get("edges", ()))})
            for one in data["features"]
        )
        attributes = tuple(Attribute(str(one["name"]), tuple(one["groups"])) for one in data["attributes"])
        return Columns(features, tuple(map(str, data["labels"])), attributes)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise MalformedError("these are no columns of plans") from error


def mock_rows(columns: Columns, *, members: int, seed: int) -> tuple[list[bytes], pa.Table]:
    """Made-up members and their rows: uniform over the public ranges, the labels leaning on every feature.

    Args:
        columns: what each row has; sets of items are left out.
        members: how many.
        seed: the same seed gives the same rows.
    """
    rng = np.random.default_rng(seed)
    names = [rng.bytes(PSEUDONYM_BYTES) for _ in range(members)]
    made: dict[str, object] = {"pseudonym": [one.hex() for one in names]}
    lean: Values = np.zeros(members)
    for index, feature in enumerate(one for one in columns.features if one.kind != "items"):
        values, standard = _mock(feature, rng, members)
        made[feature.name] = values
        lean += (-1) ** index * standard
    chance = 1 / (1 + np.exp(-1.5 * lean / max(float(np.std(lean)), 1e-9)))
    for label in columns.labels:
        made[label] = (rng.random(members) < chance).astype(np.int8)
    for attribute in columns.attributes:
        choices = (*attribute.groups, None)
        made[attribute.name] = [choices[code] for code in rng.integers(0, len(choices), members)]
    return names, pa.table(made)


def write_mock(path: Path, columns: Columns, *, seed: int = 1) -> list[bytes]:
    """Write made-up members into a new DuckDB file, and return who they are."""
    names, table = mock_rows(columns, members=MOCK_MEMBERS, seed=seed)
    with duckdb.connect(str(path)) as database:
        path.chmod(0o600)
        database.register("rows", table)
        database.execute("CREATE TABLE members AS SELECT * FROM rows")
    return names


def _mock(feature: Feature, rng: np.random.Generator, members: int) -> tuple[object, Values]:
    drawn: Values
    match feature.kind:
        case "binary":
            drawn = rng.integers(0, 2, members).astype(np.float64)
            return drawn.astype(np.int64), drawn - 0.5
        case "categorical":
            codes = rng.integers(0, len(feature.categories), members)
            middle = (len(feature.categories) - 1) / 2
            standard = np.asarray((codes - middle) / max(middle, 1), np.float64)
            return [feature.categories[code] for code in codes], standard
        case "binned":
            drawn = rng.uniform(feature.edges[0] - 1, feature.edges[-1] + 1, members)
            return drawn, (drawn - float(np.mean(feature.edges))) / max(float(np.ptp(feature.edges)), 1.0)
        case "continuous":
            drawn = rng.uniform(feature.lo, feature.hi, members)
            return drawn, 2 * (drawn - feature.lo) / (feature.hi - feature.lo) - 1
        case "items":
            raise MalformedError("made-up rows know no sets of items")
