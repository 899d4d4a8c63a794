"""From what a study asks of its helpers to the releases of the exchange, priced."""

from dataclasses import dataclass, replace

from federated.errors import MalformedError
from federated.linkage.randomised import Exchange as Numbers
from federated.models.descent import GRADIENT, Descending
from federated.models.noise_choice import gaussian_for
from federated.models.registry import MODELS, installed
from federated.plan import Feature, Plan, Release, Use
from federated.plan_exchange import (
    BINS,
    EDGES,
    HELD_OUT_BINS,
    LABELS,
    TRAINING,
    Helper,
    RandomisedExchange,
    bin_feature_of,
    training_of,
)
from privacy.accounting import gdp_mu
from privacy.choice import rounds_for

HELPER_MODEL = "churn-linear"


@dataclass(frozen=True)
class Help:
    """What a study asks of one helper.

    Attributes:
        numbers: ε of labels, bins and edges, and how many bins; ε of the labels is the same for every helper.
        epsilon: of the helper's own training, at the ledger's delta.
        rounds: of it; None lets the schedule choose.
    """

    helper: Helper
    numbers: Numbers
    epsilon: float
    rounds: int | None = None


@dataclass(frozen=True)
class Asking:
    """What a study asks of its helpers.

    Attributes:
        epoch: the quarter of the exchange.
    """

    epoch: str
    helps: tuple[Help, ...]
    model: str = HELPER_MODEL

    @property
    def part(self) -> RandomisedExchange:
        """The plan's part."""
        return RandomisedExchange(self.epoch, self.model, tuple(one.helper for one in self.helps))

    @property
    def features(self) -> tuple[Feature, ...]:
        """What the answers are to the model of the site that asks."""
        return tuple(bin_feature_of(one.helper.site, one.numbers.bins) for one in self.helps)


def crossing(asking: Asking, *, members: int, delta: float, held_out: bool) -> list[Release]:
    """The releases of an exchange.

    Args:
        asking: what is asked.
        members: about how many will be trained on, a public band; sets the rounds of the helpers' trainings.
        delta: of the ledger that will be charged.
        held_out: whether the plan tries the model on members who are not trained on.

    Raises:
        MalformedError: nobody is asked, the ε of the labels differ, or no such model.
    """
    if len({one.numbers.labels for one in asking.helps}) != 1:
        raise MalformedError("an exchange asks at least one helper, and sends all of them the same labels")
    releases = [Release(LABELS, "exchange", "train", asking.helps[0].numbers.labels)]
    for one in asking.helps:
        rounds = one.rounds or rounds_for(members=members, mu=gdp_mu(one.epsilon, delta))
        bound = _descending(asking.model).bound(one.helper.features)
        noise = gaussian_for(bound=bound, times=rounds, epsilon=one.epsilon, delta=delta)
        site, numbers = one.helper.site, one.numbers
        releases.append(Release(TRAINING + site, "exchange", "train", noise, rounds))
        releases.append(Release(EDGES + site, "exchange", "train", numbers.edges))
        releases.append(Release(BINS + site, "exchange", "train", numbers.answers))
        if held_out:
            releases.append(Release(HELD_OUT_BINS + site, "exchange", "held-out", numbers.answers))
    return releases


def helper_plan(plan: Plan, helper: Helper) -> Plan:
    """The helper's own training as a plan: its columns, the plan's label, its noise; never filed, never sent.

    Raises:
        MalformedError: the plan does not price such a training.
    """
    training = training_of(plan.releases, helper)
    return replace(
        plan,
        model=plan.exchange.model if plan.exchange else "",
        sites=(helper.site,),
        uses=(Use(("train",), helper.purpose, helper.scopes),),
        features=helper.features,
        attributes=(),
        releases=(replace(training, name=GRADIENT, kind="train"),),
        split={"train": ((0, 100),), "held-out": (), "judge": ()},
        settings={"rounds": training.times},
        max_attempts=1,
        exchange=None,
    )


def _descending(name: str) -> Descending:
    found: object = MODELS.get(name) or installed().get(name)
    if not isinstance(found, Descending):
        raise MalformedError(f"no churn model is called {name}, with which a helper could train")
    return found
