"""A site's rows of one exchange, as arrays, kept in memory from its first round to its last.

A removed member's row is dropped from the arrays, not only skipped.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from federated.cohort import members_digest
from federated.models.histories import histories_of
from federated.models.model import Exchange, Inputs, Measuring, Model
from federated.models.preference import periods
from federated.plan import Attribute, Release
from federated.site.features import group_codes, labels, unit_values
from federated.site.order import Work
from federated.site.source import Source
from federated.tables import ranks

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MemberRows:
    """Members who have a row; those without contribute exactly nothing.

    Attributes:
        pseudonyms: of the members, in the order of the arrays.
        inputs: bounded, shape (members, inputs), or their histories.
        labels: shape (members,), 0, 1 or NaN; all 0 where the plan has no label.
        groups: audited attribute -> codes, shape (members,); empty unless the exchange is an audit.
        model: of the run.

    Invariant: nobody writes into these arrays: what was measured of them holds for all rounds.
    """

    pseudonyms: tuple[bytes, ...]
    inputs: Inputs
    labels: Floats
    groups: Mapping[str, npt.NDArray[np.int64]]
    model: Model

    @cached_property
    def labelled(self) -> tuple[Inputs, Floats]:
        """Inputs and labels of the members whose label is known."""
        known = ~np.isnan(self.labels)
        return (self.inputs, self.labels) if known.all() else (self.inputs[known], self.labels[known])

    @cached_property
    def measured(self) -> Any:
        """`labelled`, as a model that is `Measuring` keeps it; None for others."""
        return self.model.measured(*self.labelled) if isinstance(self.model, Measuring) else None

    def only(self, allowed: frozenset[bytes]) -> "MemberRows":
        """The rows of these members."""
        kept = [index for index, pseudonym in enumerate(self.pseudonyms) if pseudonym in allowed]
        return MemberRows(
            pseudonyms=tuple(self.pseudonyms[index] for index in kept),
            inputs=self.inputs[kept],
            labels=self.labels[kept],
            groups={name: codes[kept] for name, codes in self.groups.items()},
            model=self.model,
        )


@dataclass(frozen=True)
class Using:
    """Whom a run uses in its present exchange.

    Attributes:
        releases: of the exchange.
        removed: whom the statements named so far.
        members: everybody who may be used, rows or not.
        digest: `cohort.members_digest` of them.
        rows: theirs, once they were read.
    """

    releases: tuple[Release, ...]
    removed: frozenset[bytes]
    members: tuple[bytes, ...]
    digest: str
    rows: MemberRows | None = None


def using(work: Work, exchange: Exchange, *, removed: frozenset[bytes], before: Using | None) -> Using:
    """Whom an exchange may use now.

    Args:
        work: the run.
        exchange: its present exchange.
        removed: whom the statements named so far.
        before: what was used in the round before, to keep its rows if the releases are the same.
    """
    same = before is not None and before.releases == exchange.releases
    if before is not None and same and before.removed == removed:
        return before
    members = work.members_of(exchange, without=removed)
    held = before.rows if before is not None and same else None
    return Using(
        releases=exchange.releases,
        removed=removed,
        members=members,
        digest=members_digest(members),
        rows=None if held is None else held.only(frozenset(members)),
    )


def load(source: Source, work: Work, exchange: Exchange, members: tuple[bytes, ...]) -> MemberRows:
    """Read what an exchange needs of these members: the plan's columns, and attributes only for an audit.

    Raises:
        RefusedError: `data-unreadable`.
    """
    plan = work.plan
    audited = plan.attributes if exchange.release.kind == "audit" else ()
    if ranks(plan):
        return _load_items(source, work, audited, members)
    names = [feature.name for feature in plan.features] + [attribute.name for attribute in audited]
    rows = source.read(members, sorted({*names, plan.label} - {""}))
    return MemberRows(
        pseudonyms=rows.pseudonyms,
        inputs=work.model.design(plan.features, unit_values(plan.features, rows.columns)),
        labels=labels(rows.columns[plan.label]) if plan.label else np.zeros(len(rows.pseudonyms)),
        groups={one.name: group_codes(rows.columns[one.name], one.groups) for one in audited},
        model=work.model,
    )


def _load_items(source: Source, work: Work, audited: tuple[Attribute, ...], members: tuple[bytes, ...]) -> MemberRows:
    """What these members bought; those who bought nothing stay in, with an empty history that adds exactly nothing."""
    plan = work.plan
    rows = source.read(members, [attribute.name for attribute in audited])
    bought = source.read_items(rows.pseudonyms, [feature.name for feature in plan.features])
    until, horizon = periods(plan)
    held = histories_of(
        plan.features,
        bought.members,
        bought.items,
        bought.periods,
        members=len(rows.pseudonyms),
        until=until,
        horizon=horizon,
    )
    return MemberRows(
        pseudonyms=rows.pseudonyms,
        inputs=work.model.design(plan.features, held),
        labels=np.zeros(len(rows.pseudonyms)),
        groups={one.name: group_codes(rows.columns[one.name], one.groups) for one in audited},
        model=work.model,
    )
