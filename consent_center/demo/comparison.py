"""What a central, non-private training on the same members would reach: for comparison, never available in production.

The demo may look at all rows because it made them; the product never can.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from consent_center.demo.reference import RoundOfReference, auc, central_logistic, training_curve
from federated.models.package import parse_package
from federated.models.registry import model_of, scorer_of
from federated.plan import Plan, part_of
from federated.site.features import labels, unit_values
from federated.site.folder import SiteFolder

Floats = npt.NDArray[np.float64]
CURVE_STEP = 0.15
"""Small enough for the curve to fall smoothly on every data set; only the drawing depends on it."""


@dataclass(frozen=True)
class Rows:
    """Rows of one part, all sites together."""

    inputs: Floats
    labels: Floats


@dataclass(frozen=True)
class Comparison:
    """What one would get without privacy, and how good the private model really is; none of it is charged.

    Attributes:
        central: exact held-out AUC of a central non-private logistic regression.
        federated: exact held-out AUC of the private model.
        curve: the non-private training, round by round.
    """

    central: float
    federated: float
    curve: tuple[RoundOfReference, ...]


def compare(
    plan: Plan, run: str, *, cohorts: Mapping[str, tuple[bytes, ...]], sites: Mapping[str, SiteFolder], model: bytes
) -> Comparison:
    """Train centrally on the members of the cohorts, and hold both models against the same held-out members.

    Args:
        plan: the plan that was run.
        run: its run, which decides the split.
        cohorts: site -> pseudonyms of its cohort.
        sites: site -> its folder.
        model: the package that the run made.
    """
    train = rows_of(plan, run, "train", cohorts=cohorts, sites=sites)
    held_out = rows_of(plan, run, "held-out", cohorts=cohorts, sites=sites)
    central = central_logistic(
        train.inputs[:, :-1],
        train.labels.astype(np.int64),
        held_out=held_out.inputs[:, :-1],
        held_out_labels=held_out.labels.astype(np.int64),
    )
    private = scorer_of(plan).score(held_out.inputs, parse_package(model).weights)
    curve = training_curve(
        train.inputs[:, :-1],
        train.labels.astype(np.int64),
        held_out=held_out.inputs[:, :-1],
        held_out_labels=held_out.labels.astype(np.int64),
        rounds=int(plan.settings["rounds"]),
        learning_rate=CURVE_STEP,
    )
    return Comparison(central.auc, auc(private, held_out.labels.astype(np.int64)), tuple(curve))


def rows_of(
    plan: Plan, run: str, part: str, *, cohorts: Mapping[str, tuple[bytes, ...]], sites: Mapping[str, SiteFolder]
) -> Rows:
    """The rows of one part of a run, gathered from all sites, which only a demo can do."""
    inputs, known = [], []
    for site, pseudonyms in cohorts.items():
        wanted = {one.hex() for one in pseudonyms if part_of(plan, run, one) == part}
        with duckdb.connect(str(sites[site].data), read_only=True) as database:
            table = database.sql("SELECT * FROM members ORDER BY pseudonym").to_arrow_table()
        mine = table.filter(pa.array([pseudonym in wanted for pseudonym in table["pseudonym"].to_pylist()]))
        columns = mine.to_pydict()
        inputs.append(model_of(plan).design(plan.features, unit_values(plan.features, columns)))
        known.append(labels(columns[plan.label]))
    return Rows(np.vstack(inputs), np.concatenate(known))
