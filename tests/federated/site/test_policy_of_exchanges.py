"""Law: a site takes part in a randomised exchange only with a partner that its policy names, with at least the noise
that it names, on columns, scopes and purposes that it lists; as the one that is helped and as a helper alike."""

from collections.abc import Callable
from dataclasses import replace
from datetime import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from federated.approvals import Pinned
from federated.errors import MalformedError, Refusal, RefusedError
from federated.site.folder import Limits, Permissions, policy_text
from federated.site.partners import ExchangeLimit
from federated.site.policy import Allowed, Policy, check_help_plan, check_plan, parse_policy
from tests.federated.linked_world import HELPERS, HOLDER, linked_plan
from tests.federated.world import START

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32))).public_key()
HEX = KEY.public_bytes_raw().hex()
PLAN = linked_plan(epsilon_label=1.0, epsilon_bin=4.0)


def text(site: str) -> str:
    """A policy that allows everything the plan needs, and no exchange yet."""
    allow = Permissions(
        models=["churn-linear"],
        purposes=["churn-model", *(f"link-{one}" for one in HELPERS)],
        scopes=["purchases", "tickets"],
        columns=["spend", "calls", "app", "label"],
        countries=["HK"],
    )
    limits = Limits(minimum_cohort=20, members=5_000, run=(40.0, 20.0), year=(90.0, 60.0))
    reviewers = [Pinned(f"site:{site}", f"site:{site}", "programme", KEY)]
    return policy_text(name=site, hub_key=KEY, allow=allow, limits=limits, reviewers=reviewers)


def partner(site: str, **changes: Any) -> str:
    """A partner as `site.toml` writes it."""
    numbers = {"epsilon_label": 1.0, "epsilon_bin": 4.0, "runs": 2, **changes}
    lines = "".join(f"{name} = {value}\n" for name, value in numbers.items())
    return f'\n[[peers]]\nsite = "{site}"\nkey = "{HEX}"\n\n[[exchanges]]\nsite = "{site}"\n{lines}'


HELPED = parse_policy(text(HOLDER) + "".join(partner(one) for one in HELPERS))
HELPS = parse_policy(text(HELPERS[0]) + partner(HOLDER))


def check(policy: Policy) -> None:
    """What the site says of the plan, at its end of the exchange."""
    (check_plan if policy.name == HOLDER else check_help_plan)(policy, PLAN, at=START)


def less(policy: Policy, **changes: Any) -> Policy:
    """The policy with a lower limit towards its last partner."""
    *_, last = policy.exchanges
    limit = replace(policy.exchanges[last], **changes)
    return replace(policy, exchanges={**policy.exchanges, last: limit})


def without(**names: set[str]) -> Callable[[Policy], Policy]:
    """The policy with shorter lists."""

    def shorter(policy: Policy) -> Policy:
        lists: dict[str, Any] = {name: getattr(policy.allowed, name) - gone for name, gone in names.items()}
        return replace(policy, allowed=replace(policy.allowed, **lists))

    return shorter


def last_of(policy: Policy, name: str) -> Policy:
    """The policy without its last partner in one of the lists."""
    *_, last = policy.exchanges
    left: dict[str, Any] = {name: {site: one for site, one in getattr(policy, name).items() if site != last}}
    return replace(policy, **left)


@pytest.mark.parametrize("policy", [HELPED, HELPS], ids=["helped", "helps"])
@pytest.mark.parametrize(
    "stricter",
    [
        lambda policy: last_of(policy, "exchanges"),
        lambda policy: last_of(policy, "peers"),
        lambda policy: less(policy, epsilon_label=0.99),
        lambda policy: less(policy, epsilon_bin=3.99),
        lambda policy: replace(policy, allowed=replace(policy.allowed, hours=(time(1), time(1, 1)))),
        without(models={"churn-linear"}),
        without(countries={"HK"}),
    ],
    ids=["exchange", "peer", "label", "bin", "hours", "model", "country"],
)
def test_each_rule_alone_refuses(policy: Policy, stricter: Callable[[Policy], Policy]) -> None:
    check(policy)
    with pytest.raises(RefusedError) as refused:
        check(stricter(policy))
    assert refused.value.code is Refusal.POLICY


@pytest.mark.parametrize(
    "names", [{"purposes": {"link-service"}}, {"scopes": {"tickets"}}, {"columns": {"app"}}], ids=min
)
def test_a_helper_lends_only_what_it_lists(names: dict[str, set[str]]) -> None:
    with pytest.raises(RefusedError) as refused:
        check(without(**names)(HELPS))
    assert refused.value.code is Refusal.POLICY


def test_a_site_that_the_plan_does_not_name_helps_nobody() -> None:
    with pytest.raises(RefusedError) as refused:
        check_help_plan(replace(HELPS, name="stranger"), PLAN, at=START)
    assert refused.value.code is Refusal.POLICY


@pytest.mark.parametrize(
    "wrong",
    [
        partner(HELPERS[0]),
        partner(HOLDER) + partner(HOLDER),
        *(partner(HOLDER, **one) for one in ({"epsilon_label": 0.0}, {"epsilon_bin": "inf"}, {"runs": 0})),
        partner(HOLDER, epsilon_bins=1.0),
        partner(HOLDER).replace("runs = 2\n", ""),
    ],
)
def test_what_is_misspelt_is_no_policy(wrong: str) -> None:
    with pytest.raises(MalformedError):
        parse_policy(text(HELPERS[0]) + wrong)


def test_a_policy_without_partners_takes_part_in_no_exchange() -> None:
    alone = parse_policy(text(HOLDER))
    assert (alone.exchanges, type(alone.allowed)) == ({}, Allowed)
    assert HELPED.exchanges[HELPERS[1]] == ExchangeLimit(1.0, 4.0, 2)
    with pytest.raises(RefusedError):
        check(alone)
