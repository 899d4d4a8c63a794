"""From scores to what a member is told: warnings turned into retention offers, and recommendations.

    chosen    flagged in the newest finished scoring, not in the holdout, "at-risk" not deleted, not decided in this run
    decided   an action for the strongest reason, from the brand's own small table; reasons; what would change it
    cleared   the consent centre answers anew: verdict for offers, her limit, the model still released
    told      only what was cleared less than a minute ago is handed on

A crash at any point leaves decisions that are pending: they are cleared anew before anything is sent, and a message is
known by its commitment, so a member is never told twice. A withdrawal after scoring is a refusal here.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from federated.clearance import Clearance, Clearing, Proposal, check_clearance
from federated.errors import MalformedError, Refusal, RefusedError
from federated.models.explain import MOST_REASONS, Reason, change_of, level_name
from federated.models.histories import department_names
from federated.models.package import Package
from federated.models.preference import NEW, Preference
from federated.models.registry import model_of
from federated.models.rules import Rule
from federated.plan import Plan
from federated.site.decisions import RULED, Decision, Decisions, Kept
from federated.site.features import unit_values
from federated.site.holdout import HOLDOUT_SHARE, held_out
from federated.site.scorebook import ScoreBook, Scoring
from federated.site.scoring import Desk, scoring_plan
from federated.site.tags import AT_RISK, Tags

BATCH = 500
SCORES_LAST = timedelta(days=7)
LABEL = "at risk"
Deliver = Callable[[Kept], None]
"""Hand one cleared decision to whatever tells the member; raises if it could not, and it is tried again later."""


@dataclass(frozen=True)
class Brand:
    """What a brand does about a warning: its own table, in `offers.toml` of the site's folder.

    Attributes:
        default: the action for a reason that the table does not name.
        retention: feature -> action, codes of the brand's own.
        actionable: features that somebody can change; what would change a score is looked for among them only.
        holdout: share of consenting members who are scored and not warned, to measure what warnings do.
        webhook: where the brand's CRM listens; None if nothing is sent.
    """

    default: str = "say-hello"
    retention: Mapping[str, str] = field(default_factory=dict)
    actionable: tuple[str, ...] = ()
    holdout: float = HOLDOUT_SHARE
    webhook: str | None = None


@dataclass(frozen=True)
class Told:
    """What came of it: decisions that reached their members, and refusals by code."""

    told: int
    refused: Mapping[str, int]


def read_brand(path: Path) -> Brand:
    """The brand's table; the defaults if it has none.

    Raises:
        MalformedError: not a table of this form.
    """
    if not path.is_file():
        return Brand()
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        brand = Brand(**{**data, "actionable": tuple(data.get("actionable", ()))})
    except (tomllib.TOMLDecodeError, TypeError, UnicodeDecodeError) as error:
        raise MalformedError(f"{path.name} is not a table of offers; correct it") from error
    texts = (brand.default, *brand.actionable, *brand.retention, *brand.retention.values())
    if not all(one and type(one) is str for one in texts) or not 0 <= brand.holdout < 1:
        raise MalformedError(f"{path.name}: actions and features are texts, holdout a share from 0 to below 1")
    return brand


def tell_members(
    desk: Desk, clearing: Clearing, package: Package, *, study: str, brand: Brand, deliver: Deliver, most: int = 100_000
) -> Told:
    """Decide about the members of the newest scoring of a study, have it cleared, and hand it on.

    Args:
        desk: the site's means.
        clearing: the consent centre.
        package: the model that scored them.
        study: of the scoring.
        brand: its table of actions.
        deliver: tells a member, for example `crm.webhook`.
        most: how many members at most in this call.

    Raises:
        RefusedError: `cohort-stale`: no finished scoring of the last seven days; or the consent centre's refusal.
    """
    scoring = ScoreBook(desk.store).finished(study)
    if scoring is None or scoring.done is None or desk.clock() - scoring.done > SCORES_LAST:
        raise RefusedError(Refusal.COHORT_STALE, "no scores of the last seven days; run the scoring first")
    register = Decisions(desk.store)
    told, refused = 0, dict[str, int]()
    waiting = [(Proposal(one.pseudonym.hex(), one.document["kind"], one.commitment)) for one in register.pending(study)]
    made = _decided(desk, register, scoring, package, brand)
    left = most
    while left > 0:
        if not waiting:
            waiting = list(register.propose(islice(made, min(BATCH, left))))
        batch, waiting = waiting[:BATCH], waiting[BATCH:]
        if not batch:
            break
        left -= len(batch)
        clearance = _cleared(desk, clearing, scoring.run, batch)
        register.settle(clearance.cleared, clearance.refused)
        for code in clearance.refused.values():
            refused[code] = refused.get(code, 0) + 1
        kept = {one.commitment: one for one in register.pending(study)}
        for commitment in clearance.cleared:
            if commitment in kept:
                deliver(kept[commitment])
                register.told([commitment])
                told += 1
    return Told(told, refused)


def _cleared(desk: Desk, clearing: Clearing, run: str, proposals: Sequence[Proposal]) -> Clearance:
    site, nonce = desk.policy.name, desk.draw_nonce()
    signed = clearing.clear(site, nonce, run, proposals)
    return check_clearance(
        signed, hub_key=desk.policy.hub_key, site=site, nonce=nonce, proposals=proposals, at=desk.clock()
    )


def _decided(
    desk: Desk, register: Decisions, scoring: Scoring, package: Package, brand: Brand
) -> Iterator[tuple[bytes, Decision]]:
    """Decisions for members who were not decided about in this run, made as they are asked for."""
    trained, plan = package.parsed_plan(), scoring_plan(scoring)
    lists = isinstance(model_of(trained), Preference)
    decided, tags = register.decided_in(scoring.run), Tags(desk.store)
    for block in ScoreBook(desk.store).blocks(scoring.run):
        deleted = tags.deleted(block.pseudonyms)
        flagged = np.flatnonzero(block.columns["score"] >= plan.settings["threshold"]).tolist()
        open_ = [place for place in flagged if block.pseudonyms[place] not in decided]
        if not lists:
            open_ = [place for place in open_ if _may_warn(scoring, brand, block.pseudonyms[place], deleted)]
        for start in range(0, len(open_), BATCH):
            batch = open_[start : start + BATCH]
            values = {} if lists else _values(desk, plan, brand, [block.pseudonyms[place] for place in batch])
            for place in batch:
                pseudonym = block.pseudonyms[place]
                hers = {name: column[place] for name, column in block.columns.items()}
                if lists:
                    yield pseudonym, _recommendation(desk, scoring, plan, hers)
                else:
                    yield pseudonym, _offer(desk, scoring, plan, package, brand, hers, values.get(pseudonym))


def _may_warn(scoring: Scoring, brand: Brand, pseudonym: bytes, deleted: Mapping[bytes, frozenset[str]]) -> bool:
    return AT_RISK not in deleted.get(pseudonym, ()) and not held_out(scoring.study, pseudonym, share=brand.holdout)


def _values(desk: Desk, plan: Plan, brand: Brand, members: Sequence[bytes]) -> dict[bytes, Any]:
    """Members' unit values of now, where something of them can be changed."""
    if not brand.actionable:
        return {}
    rows = desk.source.read(members, [feature.name for feature in plan.features])
    return dict(zip(rows.pseudonyms, unit_values(plan.features, rows.columns), strict=True))


def _offer(
    desk: Desk,
    scoring: Scoring,
    plan: Plan,
    package: Package,
    brand: Brand,
    hers: Mapping[str, Any],
    values: Any,
) -> Decision:
    features, threshold, model = plan.features, float(plan.settings["threshold"]), model_of(package.parsed_plan())
    reasons = tuple(
        Reason(features[int(index)].name, level_name(features[int(index)], int(level)), float(weight))
        for index, level, weight in zip(hers["reason"], hers["level"], hers["weight"], strict=True)
        if index >= 0
    )
    change = None
    if values is not None:
        change = change_of(
            model,
            features,
            values,
            package.weights,
            threshold=threshold,
            actionable=brand.actionable,
        )
    action = next((brand.retention[one.feature] for one in reasons if one.feature in brand.retention), brand.default)
    label = RULED if isinstance(model, Rule) else LABEL
    return _decision(desk, scoring, plan, "offer", label, float(hers["score"]), (action,), reasons, change)


def _recommendation(desk: Desk, scoring: Scoring, plan: Plan, hers: Mapping[str, Any]) -> Decision:
    task = plan.features[0]
    names = department_names(task)
    items = tuple(task.categories[int(item)] for item in hers[f"{NEW}:{task.name}"] if item >= 0)
    shown = {item.partition("/")[0] for item in items}
    liked = [names[int(code)] for code in hers[f"tastes:{task.name}"] if code >= 0]
    reasons = tuple(
        Reason(task.name, department, float(len(liked) - place))
        for place, department in enumerate(liked)
        if department in shown
    )[:MOST_REASONS]
    return _decision(desk, scoring, plan, "recommendation", "may like", float(hers["score"]), items, reasons, None)


def _decision(
    desk: Desk,
    scoring: Scoring,
    plan: Plan,
    kind: Any,
    label: str,
    score: float,
    action: tuple[str, ...],
    reasons: tuple[Reason, ...],
    change: Any,
) -> Decision:
    return Decision(
        kind=kind,
        run=scoring.run,
        model=scoring.package,
        study=scoring.study,
        label=label,
        horizon_days=plan.horizon_days,
        score=score,
        threshold=float(plan.settings["threshold"]),
        action=action,
        reasons=reasons,
        change=change,
        at=desk.clock(),
    )
