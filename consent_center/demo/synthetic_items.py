"""What the generated members buy, so that there is something to recommend: a documented law with a fixed seed.

48 categories in 8 departments, 5 products in each category. A member has two favourite departments: of every four items
three come from them, the favourite one twice as often as the other, wherever she shops; the rest comes from anywhere.
Within a department the k-th category is bought in proportion to 1/k, and so are products within a category. How much
she buys and what she likes has nothing to do with her age or gender.
"""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from consent_center.demo.federation import Federation, SiteRows
from federated.plan import Feature

DEPARTMENTS = ("bakery", "coffee", "fruit", "dairy", "garden", "pets", "books", "toys")
PER_DEPARTMENT, PER_CATEGORY = 6, 5
WEEKS, UNTIL = 52, 44
ITEMS_SEED = 20260102
A_YEAR = 24.0
FAVOURED, FIRST = 0.75, 2 / 3

CATEGORIES = tuple(f"{name}/{name}-{number}" for name in DEPARTMENTS for number in range(1, PER_DEPARTMENT + 1))
PRODUCTS = tuple(f"{one}/{letter}" for one in CATEGORIES for letter in "abcde")
TASKS = (
    Feature("categories", "items", categories=CATEGORIES),
    Feature("products", "items", categories=PRODUCTS),
)


def with_items(federation: Federation) -> Federation:
    """The same federation with what its members bought in 52 weeks, and the catalogue that is public."""
    people = sorted({person for site in federation.sites for person in site.rows["person"].to_pylist()})
    rng = np.random.default_rng(ITEMS_SEED)
    first = rng.integers(len(DEPARTMENTS), size=len(people))
    second = (first + rng.integers(1, len(DEPARTMENTS), size=len(people))) % len(DEPARTMENTS)
    favourites = np.stack([first, second], axis=1)
    index = {person: number for number, person in enumerate(people)}
    return replace(
        federation, items=TASKS, sites=tuple(_bought(site, favourites, index, rng) for site in federation.sites)
    )


def _bought(site: SiteRows, favourites: np.ndarray, index: dict[str, int], rng: np.random.Generator) -> SiteRows:
    hers = favourites[[index[person] for person in site.rows["person"].to_pylist()]]
    whose = np.repeat(np.arange(len(hers)), 1 + rng.poisson(A_YEAR - 1, size=len(hers)))
    n = len(whose)
    liked = hers[whose, (rng.random(n) >= FIRST).astype(np.int64)]
    department = np.where(rng.random(n) < FAVOURED, liked, rng.integers(len(DEPARTMENTS), size=n))
    category = department * PER_DEPARTMENT + _ranked(rng, n, PER_DEPARTMENT)
    product = category * PER_CATEGORY + _ranked(rng, n, PER_CATEGORY)
    items = pa.table(
        {
            "customer": site.rows["customer"].take(pa.array(whose)),
            "period": pa.array(rng.integers(1, WEEKS + 1, size=n), pa.int32()),
            "categories": pa.array(CATEGORIES).take(pa.array(category)),
            "products": pa.array(PRODUCTS).take(pa.array(product)),
        }
    )
    return replace(site, items=items)


def _ranked(rng: np.random.Generator, n: int, choices: int) -> np.ndarray:
    share = 1 / np.arange(1, choices + 1)
    return rng.choice(choices, size=n, p=share / share.sum())
