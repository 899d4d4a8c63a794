"""What would dropping a scope cost? The plan and each smaller one learn from the same mock rows.

Law: a smaller plan is judged on the rows of the whole one, whose labels lean on every column alike; so what it loses
is what the dropped columns carried. On mock rows that is a share and nothing more: which column says how much about
real members, only an approved run can show. Noise is made small for the comparison, or it would hide the difference.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from consent_center.studies.errors import StudyError
from consent_center.studies.schema import SiteSchema
from consent_center.studies.study_file import StudyFile
from consent_center.studies.study_plan import plan_of
from consent_center.workflows.try_study import LEAST_MEMBERS, try_plan
from federated.plan import Plan

QUIET_EPSILON = 50.0
"""Of the compared trainings: so little noise that what remains is mostly chance in who is held out."""

MOCK_MEMBERS, ROUNDS = 10_000, 20
"""Of all sites together, whatever the plan asks; with less of either, chance moves two trials too far apart."""

_DELTA = 1e-5


@dataclass(frozen=True)
class Dropped:
    """One scope left out.

    Attributes:
        columns: what the model would lose; empty if it uses nothing of this scope alone.
        auc: of the smaller plan; None where `columns` is empty, .5 where no column would be left.
    """

    scope: str
    columns: tuple[str, ...]
    auc: float | None


@dataclass(frozen=True)
class Drops:
    """The whole plan beside the plan without each of its scopes, all on the same mock rows."""

    auc: float
    members: int
    dropped: tuple[Dropped, ...]


def try_drops(
    file: StudyFile,
    schema: SiteSchema,
    *,
    covers: Mapping[str, Collection[str]],
    helping: Mapping[str, SiteSchema] | None = None,
    only: str = "",
    clock: Callable[[], datetime],
) -> Drops:
    """Train on mock rows with all scopes, then without each.

    Args:
        file: the study.
        schema: what its sites share.
        covers: scope -> its columns, of the model's own scopes.
        helping: helper -> what it offers; a helper's columns stay in every plan.
        only: leave out this scope alone; empty for each in turn.
        clock: now.

    Raises:
        StudyError: a rule, or a model that mock rows do not know, or `only` is none of its scopes.
    """
    if file.cuts:
        raise StudyError("a rule learns nothing, so mock rows cannot say what a scope is worth to it: check its cuts")
    if only and only not in file.scopes:
        raise StudyError(f"the model asks for no scope {only}: name one of {', '.join(sorted(file.scopes))}")
    each = max(LEAST_MEMBERS, MOCK_MEMBERS // len(file.sites))

    def plan(features: tuple[str, ...]) -> Plan:
        quiet = replace(
            file,
            features=features,
            epsilon=QUIET_EPSILON,
            rounds=ROUNDS,
            canaries=0,
            support=0.0,
        )
        return plan_of(quiet, schema, members=each * len(file.sites), delta=_DELTA, helping=helping)

    whole = plan(file.features)

    def auc(features: tuple[str, ...]) -> float:
        found = try_plan(plan(features), members_per_site=each, clock=clock, world=whole).auc
        if found is None:
            raise StudyError("this plan measures no accuracy on mock rows: there is nothing to compare")
        return found

    dropped = []
    for scope in [only] if only else sorted(file.scopes):
        lost = lost_without(scope, file.features, {one: covers.get(one, ()) for one in file.scopes})
        kept = tuple(one for one in file.features if one not in lost)
        dropped.append(Dropped(scope, lost, None if not lost else auc(kept) if kept else 0.5))
    return Drops(auc(file.features), each * len(file.sites), tuple(dropped))


def lost_without(scope: str, features: Collection[str], covers: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """The features that no other scope of the plan covers too: what goes if this scope goes."""
    others = {column for name, columns in covers.items() if name != scope for column in columns}
    return tuple(one for one in features if one in covers[scope] and one not in others)
