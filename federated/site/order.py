"""Whether a site takes part in a run: every check of an order, before a charge is made or a row is touched.

Trusts two things, both pinned: the consent centre's key and the reviewers' keys. The coordinator that carries the
order is trusted with nothing.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from federated.approvals import missing_roles
from federated.cohort import Cohort, check_cohort, sizes_of
from federated.errors import MalformedError, Refusal, RefusedError
from federated.gate import Order, Permit, check_permit
from federated.models.exchange_plan import helper_plan
from federated.models.model import Exchange, Model, Scorer
from federated.models.registry import exchanges, model_of, scorer_of
from federated.plan import Part, Plan, digest, parse_plan, parts_of
from federated.price import price
from federated.shared_noise import check_noise
from federated.site.linked import Link, check_helping, check_links
from federated.site.policy import Policy, check_help_plan, check_plan
from federated.used import used_members


@dataclass(frozen=True)
class Work:
    """A run that this site takes part in: nothing in it is taken on trust any more.

    Attributes:
        parts: the part of each member of the cohort, in the cohort's order.
        pseudonyms: all of the cohort.
        links: one list of link tokens for each of the plan's helpers.
    """

    plan: Plan
    permit: Permit
    cohort: Cohort
    model: Model
    exchanges: tuple[Exchange, ...]
    parts: tuple[Part | None, ...]
    pseudonyms: frozenset[bytes]
    links: tuple[Link, ...] = ()

    def members_of(self, exchange: Exchange, *, without: Iterable[bytes] = ()) -> tuple[bytes, ...]:
        """Whom an exchange may use: the cohort's members in its part who allow its use, minus the removed."""
        return used_members(
            self.plan,
            exchange,
            pseudonyms=self.cohort.pseudonyms,
            uses=self.cohort.uses,
            parts=self.parts,
            removed=frozenset(without),
        )


@dataclass(frozen=True)
class HelpWork:
    """A run in which this site helps another's model: nothing in it is taken on trust any more.

    Attributes:
        own: its own training, as a plan of its own; never sent.
        pseudonyms: everybody on its list of link tokens.
    """

    plan: Plan
    permit: Permit
    link: Link
    own: Plan
    model: Scorer
    pseudonyms: frozenset[bytes]


def check_order(order: Order, *, policy: Policy, cohort_keys: Mapping[bytes, bytes], at: datetime) -> Work:
    """The work that an order asks for, if everything about it is in order.

    Args:
        order: what the coordinator relayed.
        policy: this site's own rules, with the keys it pinned.
        cohort_keys: pseudonym -> cohort key, from this site's own enrolments.
        at: now, by this site's clock.

    Raises:
        RefusedError: the first thing that is not.
    """
    plan, permit = _approved(order, policy=policy, at=at)
    model = model_of(plan)
    check_noise(plan)
    check_plan(policy, plan, at=at)
    cohort = _cohort(order, permit, policy=policy, cohort_keys=cohort_keys, at=at)
    parts = tuple(parts_of(plan, permit.run, cohort.pseudonyms))
    if cohort.header.epoch != permit.epoch or cohort.header.sizes != sizes_of(plan, cohort.body, parts):
        raise RefusedError(Refusal.COHORT_TAMPERED, "the cohort's epoch or sizes are not those of this admission")
    if cohort.header.sizes.get("train", 0) < policy.minimum_cohort and plan.releases_of("train"):
        raise RefusedError(Refusal.COHORT_TOO_SMALL, "fewer members than this site trains on; wait for more consents")
    return Work(
        plan=plan,
        permit=permit,
        cohort=cohort,
        model=model,
        exchanges=exchanges(plan),
        parts=parts,
        pseudonyms=frozenset(cohort.pseudonyms),
        links=check_links(plan, order, policy=policy, run=permit.run, enrolled=cohort_keys.keys(), at=at),
    )


def check_help(order: Order, *, policy: Policy, enrolled: Collection[bytes], at: datetime) -> HelpWork:
    """The work that an order asks of a site that helps, if everything about it is in order.

    Args:
        order: what the coordinator relayed.
        policy: this site's own rules, with the keys it pinned.
        enrolled: the pseudonyms of this site's own enrolments.
        at: now, by this site's clock.

    Raises:
        RefusedError: the first thing that is not.
    """
    plan, permit = _approved(order, policy=policy, at=at)
    helper = check_help_plan(policy, plan, at=at)
    if permit.cohorts.get(policy.name) != digest(order.cohort.payload):
        raise RefusedError(Refusal.LINK_TAMPERED, "the permit names another list of link tokens for this site")
    link = check_helping(plan, helper, order, policy=policy, run=permit.run, enrolled=enrolled, at=at)
    own = helper_plan(plan, helper)
    return HelpWork(plan, permit, link, own, scorer_of(own), frozenset(link.members))


def _approved(order: Order, *, policy: Policy, at: datetime) -> tuple[Plan, Permit]:
    """The plan and the permit of an order, if the reviewers and the consent centre signed exactly these."""
    plan_digest = digest(order.plan)
    permit = check_permit(order.permit, hub_key=policy.hub_key, plan_digest=plan_digest, at=at)
    try:
        plan = parse_plan(order.plan)
    except MalformedError as error:
        raise RefusedError(Refusal.MALFORMED, "the plan cannot be read by this version; upgrade the site") from error
    missing = missing_roles(
        order.approvals,
        plan_digest=plan_digest,
        required=policy.required,
        pinned=policy.pinned,
        author=permit.author,
    )
    if missing:
        raise RefusedError(Refusal.PLAN_NOT_APPROVED, f"no valid approval of this plan by {', '.join(missing)}")
    if permit.study != plan.study or not price(plan).fits(permit.charge):
        raise RefusedError(Refusal.PLAN_CHANGED, "the permit is for another study, or charges less than the plan costs")
    return plan, permit


def _cohort(
    order: Order,
    permit: Permit,
    *,
    policy: Policy,
    cohort_keys: Mapping[bytes, bytes],
    at: datetime,
) -> Cohort:
    if permit.cohorts.get(policy.name) != digest(order.cohort.payload):
        raise RefusedError(Refusal.COHORT_TAMPERED, "the permit names another cohort for this site")
    return check_cohort(
        order.cohort,
        order.members,
        hub_key=policy.hub_key,
        run=permit.run,
        site=policy.name,
        plan_digest=permit.plan_digest,
        cohort_keys=cohort_keys,
        at=at,
    )
