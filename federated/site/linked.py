"""Whom a site and its partners may name to each other in a run: its lists of link tokens, checked like a cohort."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from federated.errors import Refusal, RefusedError
from federated.gate import Order
from federated.linkage.pairing import Pairing, epoch_of
from federated.linkage.tokens import Tokens, check_tokens
from federated.plan import Plan
from federated.plan_exchange import Helper
from federated.signed import Signed
from federated.site.policy import Policy


@dataclass(frozen=True)
class Link:
    """One pair of a run, as one of its two sites sees it.

    Attributes:
        tokens: this site's list.
    """

    helper: Helper
    pairing: Pairing
    tokens: Tokens

    @property
    def listed(self) -> str:
        """SHA-256 over the tokens in their order: the same at both sites, whatever their pseudonyms are."""
        return sha256(b"".join(self.tokens.pseudonym_of)).hexdigest()

    @property
    def members(self) -> tuple[bytes, ...]:
        """This site's pseudonyms of everybody on the list, in the order of the tokens."""
        return tuple(self.tokens.pseudonym_of.values())


def check_links(
    plan: Plan, order: Order, *, policy: Policy, run: str, enrolled: Collection[bytes], at: datetime
) -> tuple[Link, ...]:
    """The lists of the site whose model is helped, one for each helper.

    Raises:
        RefusedError: `link-tampered`, `-epoch`, `-stale` or `-duplicate`.
    """
    if len(order.tokens) != len(plan.helpers):
        raise RefusedError(Refusal.LINK_TAMPERED, "the order does not hold a list of link tokens for each helper")
    (site,) = plan.sites if plan.helpers else ("",)
    return tuple(
        _link(plan, helper, site, listed, policy=policy, run=run, enrolled=enrolled, at=at)
        for helper, listed in zip(plan.helpers, order.tokens, strict=True)
    )


def check_helping(
    plan: Plan, helper: Helper, order: Order, *, policy: Policy, run: str, enrolled: Collection[bytes], at: datetime
) -> Link:
    """The list of a site that helps: it stands in the order in the place of a cohort.

    Raises:
        RefusedError: `link-tampered`, `-epoch`, `-stale` or `-duplicate`; `link-too-few`.
    """
    (holder,) = plan.sites
    listed = (order.cohort, order.members)
    link = _link(plan, helper, holder, listed, policy=policy, run=run, enrolled=enrolled, at=at)
    if len(link.members) < policy.minimum_cohort:
        raise RefusedError(Refusal.LINK_TOO_FEW, "fewer linked members than this site helps with; wait for more")
    return link


def _link(
    plan: Plan,
    helper: Helper,
    holder: str,
    listed: tuple[Signed, bytes],
    *,
    policy: Policy,
    run: str,
    enrolled: Collection[bytes],
    at: datetime,
) -> Link:
    if plan.exchange is None:
        raise RefusedError(Refusal.LINK_TAMPERED, "the plan has no exchange")
    pairing = plan.exchange.pairing(holder, helper)
    if pairing.epoch != (now := epoch_of(at)):
        raise RefusedError(Refusal.LINK_EPOCH, f"the plan is for {pairing.epoch}, this is {now}; plan it anew")
    signed, body = listed
    tokens = check_tokens(
        signed, body, hub_key=policy.hub_key, pairing=pairing, site=policy.name, run=run, enrolled=enrolled, at=at
    )
    return Link(helper, pairing, tokens)
