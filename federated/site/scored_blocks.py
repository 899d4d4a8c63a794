"""Scores and reasons, or lists, of one block of members: arithmetic on the site's own rows.

score    shape (members,)      in [0, 1]
reason   shape (members, 3)    features that raise the score most, by index in the plan; -1 where fewer do
level    shape (members, 3)    how her value stands (`models.explain.level_name`)
weight   shape (members, 3)    what each adds to the log-odds
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from federated.models.explain import explain, levels, top_reasons
from federated.models.histories import department_names, histories_of
from federated.models.model import Model
from federated.models.ranking import Learned, lists_of
from federated.plan import Plan
from federated.site.features import unit_values
from federated.site.scorebook import Block, ordered
from federated.site.source import Source
from federated.site.tags import TASTE


def scored_block(
    source: Source, model: Model, plan: Plan, weights: npt.NDArray[np.float64], members: list[bytes]
) -> Block:
    """Scores of these members, each with the reasons of this very model.

    Args:
        source: the site's rows; members without a usable row are not scored.
        model: what scores them.
        plan: the plan that made it.
        weights: of the finished model.
        members: whom.

    Raises:
        IncompleteError: a score that cannot be explained is not written.
    """
    rows = source.read(members, [feature.name for feature in plan.features])
    order = ordered(rows.pseudonyms)
    values = unit_values(plan.features, rows.columns)[order]
    found = explain(model, plan.features, values, weights)
    reasons = top_reasons(found.contributions)
    chosen = np.maximum(reasons, 0)
    return Block(
        tuple(map(rows.pseudonyms.__getitem__, order.tolist())),
        {
            "score": found.scores,
            "reason": reasons.astype(np.int16),
            "level": np.take_along_axis(levels(plan.features, values), chosen, 1),
            "weight": np.take_along_axis(found.contributions, chosen, 1).astype(np.float32),
        },
    )


def listed_block(
    source: Source,
    learned: Mapping[str, Learned],
    plan: Plan,
    members: list[bytes],
    deleted: Mapping[bytes, frozenset[str]],
) -> Block:
    """Lists from members' own histories, without the departments whose taste a member deleted.

    Columns by task: `new:TASK` and `again:TASK`, items of the catalogue, -1 where none; `tastes:TASK`, departments;
    and `score`, 1 for a member who got a list of new items.

    Args:
        source: the site's rows.
        learned: the model by task.
        plan: the plan that made it.
        members: whom, in order of pseudonym.
        deleted: tags that members deleted.
    """
    bought = source.read_items(members, [feature.name for feature in plan.features])
    now = int(bought.periods.max()) if len(bought.periods) else 0
    held = histories_of(
        plan.features, bought.members, bought.items, bought.periods, members=len(members), until=now, horizon=0
    )
    hidden = [deleted.get(one, frozenset()) for one in members]
    columns: dict[str, npt.NDArray[Any]] = {}
    for feature in plan.features:
        name = feature.name
        shelves = [TASTE + department for department in department_names(feature)]
        closed = np.array([[shelf in tags for shelf in shelves] for tags in hidden], dtype=bool)
        lists = lists_of(learned[name], held.held[name], held.again[name], closed=closed)
        columns |= {f"{kind}:{name}": found for kind, found in lists.items()}
    columns["score"] = np.asarray((columns[f"new:{plan.features[0].name}"] >= 0).any(axis=1), dtype=np.float64)
    return Block(tuple(members), columns)
