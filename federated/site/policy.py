"""What a site allows, in its own file `site.toml`, by its own rules: whatever is not listed is refused.

    name = "marketing"
    hub_key = "<64 hexadecimal digits, pinned out of band>"

    [allow]
    models = ["churn-shapes"]
    purposes = ["churn-model", "fairness-audit"]
    scopes = ["purchases", "demographics"]
    columns = ["visits_4w", "label", "age_band"]    # features, labels and audited attributes
    countries = ["HK"]
    hours = ["07:00", "22:00"]                      # optional, UTC

    [limits]
    minimum_cohort = 100                            # of this site's own members, in the part that is trained on
    members = 2000                                  # about how many members the site has; bounds delta
    delta = 1e-5
    [limits.run]
    epsilon = 4.0                                   # of one run, its pure part included
    epsilon_pure = 2.0
    [limits.year]
    epsilon = 8.0
    epsilon_pure = 4.0

    [approvals]
    required = ["legal", "technology", "members-representative", "site:marketing"]
    [[approvals.reviewers]]
    reviewer = "ada"
    role = "legal"
    organisation = "programme"
    key = "<64 hexadecimal digits, or p256:<66> for a passkey>"

    [[peers]]                                       # optional: sites that this one speaks to, pinned out of band
    site = "sales"
    key = "<64 hexadecimal digits>"

    [[exchanges]]                                   # optional: with whom this site takes part in randomised exchanges
    site = "sales"                                  # a peer
    epsilon_label = 1.0                             # the most that one label or one answer may give away
    epsilon_bin = 4.0
    runs = 2                                        # in a quarter, for each purpose

A key that this version does not know is an error, so that no rule is ever misspelt into nothing.
"""

import tomllib
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from federated.approvals import Pinned
from federated.errors import MalformedError, Refusal, RefusedError
from federated.keyfile import read_public
from federated.passkey_signature import read_key_text
from federated.plan import Plan
from federated.plan_exchange import Helper, own_features
from federated.price import price
from federated.site.partners import ExchangeLimit, check_partner
from federated.site.strict_toml import table_of, texts_of
from privacy.errors import PrivacyError
from privacy.ledger import Budget


@dataclass(frozen=True)
class Allowed:
    """What may be done with the site's rows; a name that is not here is refused.

    Attributes:
        columns: features, labels and audited attributes.
        hours: from and until, UTC, until excluded and past midnight if it is earlier; None for any time.
    """

    models: frozenset[str]
    purposes: frozenset[str]
    scopes: frozenset[str]
    columns: frozenset[str]
    countries: frozenset[str]
    hours: tuple[time, time] | None = None


@dataclass(frozen=True)
class Policy:
    """A site's own rules.

    Attributes:
        minimum_cohort: fewer of this site's own members in the part that is trained on: refused.
        run_budget: the most one run may cost any member.
        year_budget: the most all runs of a calendar year (UTC) may.
        required: roles that must have approved, this site's own among them.
        pinned: reviewer -> who she is and which key is hers.
        peers: site -> the key with which it speaks in secure sums and exchanges; a plan needs all its sites here.
        exchanges: site -> how far this one goes with it in randomised exchanges; with nobody else it takes part in any.
    """

    name: str
    hub_key: Ed25519PublicKey
    allowed: Allowed
    minimum_cohort: int
    run_budget: Budget
    year_budget: Budget
    required: tuple[str, ...]
    pinned: Mapping[str, Pinned]
    peers: Mapping[str, Ed25519PublicKey] = field(default_factory=dict)
    exchanges: Mapping[str, ExchangeLimit] = field(default_factory=dict)


def check_plan(policy: Policy, plan: Plan, *, at: datetime) -> None:
    """Refuse a plan that this site's rules do not allow.

    Raises:
        RefusedError: `policy`, or `over-budget` for a run above the limit of one run.
    """
    allowed = policy.allowed
    scopes = {scope for use in plan.uses for scope in use.scopes}
    columns = {
        plan.label,
        *(feature.name for feature in own_features(plan.features)),
        *(attribute.name for attribute in plan.attributes),
    } - {""}
    spoken_to = set(plan.sites) - {policy.name} if plan.noise_mode == "secure-sum" else set()
    _refuse_unlisted(
        ("this site is", {policy.name}, set(plan.sites)),
        ("the model is", {plan.model}, allowed.models),
        ("the country is", {plan.country}, allowed.countries),
        ("a purpose is", set(plan.purposes), allowed.purposes),
        ("a scope is", scopes, allowed.scopes),
        ("a column is", columns, allowed.columns),
        ("speaking to a site is", spoken_to | {helper.site for helper in plan.helpers}, {*policy.peers}),
    )
    for helper in plan.helpers:
        check_partner(policy.exchanges.get(helper.site), plan, helper, partner=helper.site)
    _refuse_now_or_too_dear(policy, plan, at=at)


def check_help_plan(policy: Policy, plan: Plan, *, at: datetime) -> Helper:
    """What this site does in a plan that it helps with, if its rules allow that.

    Raises:
        RefusedError: `policy`, or `over-budget` for a run above the limit of one run.
    """
    allowed, (holder,) = policy.allowed, plan.sites
    helper = next((one for one in plan.helpers if one.site == policy.name), None)
    if helper is None or plan.exchange is None:
        raise RefusedError(Refusal.POLICY, "this site neither trains nor helps in this plan; change the plan")
    _refuse_unlisted(
        ("the model is", {plan.exchange.model}, allowed.models),
        ("the country is", {plan.country}, allowed.countries),
        ("a purpose is", {helper.purpose}, allowed.purposes),
        ("a scope is", set(helper.scopes), allowed.scopes),
        ("a column is", {feature.name for feature in helper.features}, allowed.columns),
        ("speaking to a site is", {holder}, {*policy.peers}),
    )
    check_partner(policy.exchanges.get(holder), plan, helper, partner=holder)
    _refuse_now_or_too_dear(policy, plan, at=at)
    return helper


def _refuse_unlisted(*rules: tuple[str, AbstractSet[str], AbstractSet[str]]) -> None:
    for what, asked, permitted in rules:
        if not asked <= permitted:
            names = ", ".join(sorted(asked - permitted))
            raise RefusedError(Refusal.POLICY, f"{what} not allowed here: {names}; ask the site, or change the plan")


def _refuse_now_or_too_dear(policy: Policy, plan: Plan, *, at: datetime) -> None:
    check_hours(policy, at=at)
    if not price(plan).fits(policy.run_budget.limit):
        raise RefusedError(Refusal.OVER_BUDGET, "the run costs more than this site allows one run; ask for more noise")


def check_hours(policy: Policy, *, at: datetime) -> None:
    """Refuse outside the site's hours.

    Raises:
        RefusedError: `policy`.
    """
    if policy.allowed.hours is None:
        return
    since, until = policy.allowed.hours
    now = at.astimezone(UTC).time()
    if not (since <= now < until if since < until else now >= since or now < until):
        raise RefusedError(Refusal.POLICY, f"this site works from {since:%H:%M} to {until:%H:%M} UTC; come back then")


def read_policy(path: Path) -> Policy:
    """Read `site.toml`.

    Raises:
        MalformedError: unreadable, or a key that is missing, unknown or of the wrong form; says which.
    """
    try:
        return parse_policy(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise MalformedError(f"cannot read the site's policy {path.name}; check the path and its owner") from error


def parse_policy(text: str) -> Policy:
    """Read the text of `site.toml`.

    Raises:
        MalformedError: a key that is missing, unknown or of the wrong form; says which.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MalformedError(f"the site's policy is not TOML: {error}") from error
    peers, exchanges = data.pop("peers", []), data.pop("exchanges", [])
    top = table_of("site.toml", data, name=str, hub_key=str, allow=dict, limits=dict, approvals=dict)
    limits = table_of("limits", top["limits"], minimum_cohort=int, members=int, delta=float, run=dict, year=dict)
    approvals = table_of("approvals", top["approvals"], required=list, reviewers=list)
    if limits["minimum_cohort"] < 1:
        raise MalformedError("limits.minimum_cohort is 1 or more")
    required = texts_of("approvals.required", approvals["required"])
    if f"site:{top['name']}" not in required:
        raise MalformedError(f"approvals.required must name this site's own role, site:{top['name']}")
    return Policy(
        name=top["name"],
        hub_key=read_public(top["hub_key"]),
        allowed=_allowed(top["allow"]),
        minimum_cohort=limits["minimum_cohort"],
        run_budget=_budget("limits.run", limits["run"], limits),
        year_budget=_budget("limits.year", limits["year"], limits),
        required=required,
        pinned=_pinned(approvals["reviewers"]),
        peers=_peers(peers, own=top["name"]),
        exchanges=_exchanges(exchanges, own=top["name"]),
    )


def _allowed(data: dict[str, Any]) -> Allowed:
    lists = ("models", "purposes", "scopes", "columns", "countries")
    hours = data.pop("hours", None)
    table = table_of("allow", data, **dict.fromkeys(lists, list))
    return Allowed(
        **{name: frozenset(texts_of(f"allow.{name}", table[name])) for name in lists},
        hours=None if hours is None else _hours(hours),
    )


def _hours(value: Any) -> tuple[time, time]:
    try:
        since, until = (time.fromisoformat(text) for text in value)
    except (TypeError, ValueError) as error:
        raise MalformedError('allow.hours are two times such as ["07:00", "22:00"]') from error
    return since, until


def _budget(name: str, data: dict[str, Any], limits: dict[str, Any]) -> Budget:
    table = table_of(name, data, epsilon=float, epsilon_pure=float)
    try:
        return Budget.create(**table, delta=limits["delta"], members=limits["members"])
    except PrivacyError as error:
        raise MalformedError(f"{name} is no budget: {error}") from error


def _pinned(reviewers: list[Any]) -> dict[str, Pinned]:
    tables = [
        table_of("approvals.reviewers", one, reviewer=str, role=str, organisation=str, key=str) for one in reviewers
    ]
    pinned = {one["reviewer"]: Pinned(**{**one, "key": read_key_text(one["key"])}) for one in tables}
    if len(pinned) != len(tables):
        raise MalformedError("approvals.reviewers names a reviewer twice")
    return pinned


def _peers(listed: Any, *, own: str) -> dict[str, Ed25519PublicKey]:
    tables = [table_of("peers", one, site=str, key=str) for one in (listed if isinstance(listed, list) else [listed])]
    peers = {one["site"]: read_public(one["key"]) for one in tables}
    if len(peers) != len(tables) or own in peers:
        raise MalformedError("peers names each other site once, and not this one")
    return peers


def _exchanges(listed: Any, *, own: str) -> dict[str, ExchangeLimit]:
    kinds = {"site": str, "epsilon_label": float, "epsilon_bin": float, "runs": int}
    tables = [table_of("exchanges", one, **kinds) for one in (listed if isinstance(listed, list) else [listed])]
    found = {one.pop("site"): ExchangeLimit(**one) for one in tables}
    if len(found) != len(tables) or own in found:
        raise MalformedError("exchanges names each other site once, and not this one")
    return found
