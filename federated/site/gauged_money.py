"""Gauges of money: what a member paid against the price list, whether offers reached her, what she spent.

Prices are compared as logarithms: +.01 is about 1 % more than the list says. A ladder of cells asks the same question
ever more closely: against the card price of the product in that week (in whatever store), in that store, and against
the shelf price there. A household is one number, however many lines it has, so errors are clustered by household.

Source:
    Cameron, Miller 2015, "A practitioner's guide to cluster-robust inference", section II, for the cluster as the unit.
"""

from collections.abc import Callable, Sequence
from typing import Any

import ibis

Tables = Callable[[str], Any]
MOST_APART = 0.5
"""A line further from its price than this, up or down, counts as this far: one line cannot decide a mean."""
LEAST_LINES = 10


def against(tables: Tables, members: Any, *, key: str, price: str, by: Sequence[str]) -> Any:
    """Mean of ln(paid / listed price) over a member's lines that the price list knows; none for fewer than ten.

    Args:
        tables: finds a table of the site by name.
        members: whose lines are read.
        key: the column of pseudonyms.
        price: "card" or "shelf".
        by: what a line and a listed price have in common; over what is not in it, the listed price is the median.
    """
    lines, listed = tables("lines"), tables("prices")
    lines = lines.filter(lines.paid > 0, lines.units > 0).semi_join(members, key)
    known = listed.filter(listed[price] > 0).group_by(list(by)).agg(listed=listed[price].median())
    met = lines.join(known, list(by))
    apart = (met.paid / met.units / met.listed).ln().clip(lower=-MOST_APART, upper=MOST_APART)
    means = met.mutate(apart=apart).group_by(key).agg(value=ibis._.apart.mean(), lines=ibis._.count())
    return means.filter(means.lines >= LEAST_LINES).select(key, "value")


def spent(tables: Tables, members: Any, *, key: str) -> Any:
    """What a member paid on all her lines; 0 without a line."""
    lines = tables("lines").semi_join(members, key)
    return _zero_else(members, lines.group_by(key).agg(value=lines.paid.sum()), key=key)


def reached(tables: Tables, members: Any, *, key: str) -> Any:
    """1 for a member whom any offer reached, else 0."""
    offers = tables("offers").semi_join(members, key)
    return _zero_else(members, offers.group_by(key).agg(value=offers.count().clip(upper=1)), key=key)


def redeemed(tables: Tables, members: Any, *, key: str) -> Any:
    """1 for a member who redeemed any of the offers that reached her, 0 for one who redeemed none; else nothing."""
    offers = tables("offers").semi_join(members, key)
    return offers.group_by(key).agg(value=offers.redeemed.max().cast("float64"))


def _zero_else(members: Any, found: Any, *, key: str) -> Any:
    joined = members.left_join(found, key)
    return joined.select(members[key], value=joined.value.cast("float64").fill_null(0.0))
