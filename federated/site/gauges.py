"""Numbers that a site works out itself, one for each member, when a plan names them: prices, offers, lists, spend.

A gauge reads the members' own rows in the site's further tables and public facts beside them, and nothing else: one
member's rows change her number alone. A gauge of the plan is its own definition, installed here and the same at every
site; a column of the same name in the site's rows is never used in its place.

    lines       pseudonym, product, week, store, units, paid   receipts; paid for all units, after every coupon of hers
    prices      product, week, store, shelf, card              the shop's list: a unit without and with the card
    offers      pseudonym, redeemed                            one row for each offer that reached her; 0 or 1
    lists       pseudonym, week, place, product                what was recommended to her; place 1 is the best
    catalogue   product, shelf, own, known                     its shelf, whether it is an own brand (0 or 1), the share
                                                               of members who know it: above 0, noised or from elsewhere

Never: reads a row of a member who is not in the cohort. Price list and catalogue hold no member; a list that was put
together from receipts is only as public as the shop made those prices.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from federated.site.gauged_lists import calibration, diversity, lift, narrowing, novelty, own_share, stands_for
from federated.site.gauged_money import against, reached, redeemed, spent

Tables = Callable[[str], Any]
Gauge = Callable[..., Any]
"""(tables, members, key=...) -> one row (key, value) for each member who has a number."""

GAUGES: Mapping[str, Gauge] = {
    "price_week": partial(against, price="card", by=("product", "week")),
    "price_store": partial(against, price="card", by=("product", "week", "store")),
    "price_shelf": partial(against, price="shelf", by=("product", "week", "store")),
    "offer_reached": reached,
    "offer_redeemed": redeemed,
    "list_diversity": diversity,
    "list_lift": lift,
    "list_calibration": calibration,
    "list_novelty": novelty,
    "list_own": own_share,
    "list_narrowing": narrowing,
    "list_shelf": stands_for,
    "spend_total": spent,
}


def with_gauges(members: Any, names: Sequence[str], tables: Tables, *, key: str) -> Any:
    """The members with these numbers beside their own columns; missing where a member has none.

    Args:
        members: the chosen members, an Ibis expression of one row each.
        names: of `GAUGES`.
        tables: finds a table of the site by name.
        key: the column of pseudonyms.
    """
    for name in names:
        found = GAUGES[name](tables, members.select(key), key=key).rename({name: "value"})
        joined = members.left_join(found, key)
        members = joined.select(*(members[one] for one in members.columns), joined[name])
    return members
