"""The part of a study file that asks other sites for help: whose columns, under which linkage, at which price.

exchange:
  quarter: 2026-q4              # what crosses is good for one quarter
  epsilon_label: 1.0            # of each member's label; every helper is sent the same one
  helpers:
    - site: service
      purpose: link-service     # the linkage that members allowed at both, for this partner by name
      scopes: {services: Support and outages tell who is about to leave.}
      features: [tech_support, internet_service]
      epsilon_bin: 3.0          # of each answer, one of `bins` groups
      epsilon: 2.0              # of the helper's own training
      bins: 4                   # optional, 2 to 8
      rounds: auto              # optional
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from consent_center.studies.errors import StudyFileError
from consent_center.studies.schema import SiteSchema
from consent_center.studies.yaml_mapping import did_you_mean, key_problems
from consent_center.studies.yaml_values import Problems, names_of, number_of, reasons_of, text_of, whole_of
from federated.linkage.randomised import MOST_BINS, Exchange
from federated.models.exchange_plan import Asking, Help
from federated.plan import Feature, Plan
from federated.plan_exchange import Helper, numbers_of, training_of
from privacy.ledger import Release, worst_member_cost

MOST_EPSILON = 100.0
_KEYS = {"quarter", "epsilon_label", "helpers"}
_REQUIRED = {"site", "purpose", "scopes", "features", "epsilon_bin", "epsilon"}
_OPTIONAL = {"bins", "rounds"}


@dataclass(frozen=True)
class HelperAsked:
    """One helper as a study file names it.

    Attributes:
        scopes: scope -> why the model cannot do without it.
        epsilon: of the helper's own training, at the ledger's delta.
        rounds: None lets the schedule choose.
    """

    site: str
    purpose: str
    scopes: Mapping[str, str]
    features: tuple[str, ...]
    epsilon_bin: float
    epsilon: float
    bins: int = 4
    rounds: int | None = None


@dataclass(frozen=True)
class ExchangeAsked:
    """The exchange as a study file asks for it."""

    quarter: str
    epsilon_label: float
    helpers: tuple[HelperAsked, ...]

    @property
    def scopes(self) -> dict[str, str]:
        """Scope -> why it is asked for, of all helpers."""
        return {scope: why for one in self.helpers for scope, why in one.scopes.items()}


def read_exchange(value: Any, problems: Problems) -> ExchangeAsked | None:
    """The exchange of a study file; what is wrong with it is added to the problems."""
    if not isinstance(value, dict) or not isinstance(value.get("helpers"), list) or not value["helpers"]:
        problems.add("exchange has the keys quarter, epsilon_label and helpers, a list of at least one")
        return None
    problems.found += key_problems(value, required=_KEYS, known=_KEYS, where="exchange.")
    helpers = [_helper(one, f"exchange.helpers {number}", problems) for number, one in enumerate(value["helpers"], 1)]
    return ExchangeAsked(
        text_of(value, "quarter", problems),
        number_of(value, "epsilon_label", 0.0, MOST_EPSILON, problems),
        tuple(one for one in helpers if one is not None),
    )


def asking_of(asked: ExchangeAsked, schemas: Mapping[str, SiteSchema]) -> Asking:
    """What the plan asks for, on columns that the helpers have.

    Args:
        asked: in the study file.
        schemas: helper -> the columns it offers.

    Raises:
        StudyFileError: a helper that offers no columns, or not these.
    """
    problems: list[str] = []
    helps = []
    for one in asked.helpers:
        known: dict[str, Feature] = {}
        if one.site in schemas:
            known = {feature.name: feature for feature in schemas[one.site].features}
        else:
            problems.append(f"site {one.site} offers no schema yet, or is not known{did_you_mean(one.site, schemas)}")
        problems += [
            f"{one.site} has no feature {name}{did_you_mean(name, known)}" for name in one.features if name not in known
        ]
        features = tuple(known[name] for name in one.features if name in known)
        numbers = Exchange(epsilon_label=asked.epsilon_label, epsilon_bin=one.epsilon_bin, bins=one.bins)
        helper = Helper(one.site, one.purpose, tuple(one.scopes), features)
        helps.append(Help(helper, numbers, one.epsilon, one.rounds))
    if problems:
        raise StudyFileError(tuple(dict.fromkeys(problems)))
    return Asking(asked.quarter, tuple(helps))


def sites_of(exchange: ExchangeAsked | None) -> Sequence[str]:
    """Whom a study file asks for help."""
    return [one.site for one in exchange.helpers] if exchange else []


def exchange_lines(plan: Plan) -> list[str]:
    """What an exchange costs, in lines: what crosses in the pure part of an account, the trainings in the other."""
    if not plan.exchange or not plan.releases_of("exchange"):
        return []
    first = numbers_of(plan.releases, plan.helpers[0])
    lines = [f"exchange of {plan.exchange.epoch}: labels ε {first.epsilon_label:g}, the same ones for every helper"]
    for helper in plan.helpers:
        numbers, training = numbers_of(plan.releases, helper), training_of(plan.releases, helper)
        paid = worst_member_cost([Release(training.mechanism, training.times, training.part)])
        lines.append(
            f"{helper.site} helps with {len(helper.features)} columns under {helper.purpose}: pure ε "
            f"{numbers.epsilon_bin:g} of an answer and {numbers.epsilon_edges:g} of its groups' edges; its own "
            f"training of {training.times} rounds {paid.gaussian / 1e12:.3f} of squared GDP μ"
        )
    return [*lines, f"what crosses costs a member who is trained on pure ε {plan.crossing_epsilon:g} in all"]


def _helper(value: Any, where: str, problems: Problems) -> HelperAsked | None:
    if not isinstance(value, dict):
        problems.add(f"{where} has the keys {', '.join(sorted(_REQUIRED))}")
        return None
    problems.found += key_problems(value, required=_REQUIRED, known=_REQUIRED | _OPTIONAL, where=f"{where}.")
    auto = value.get("rounds") in (None, "auto")
    return HelperAsked(
        site=text_of(value, "site", problems),
        purpose=text_of(value, "purpose", problems),
        scopes=reasons_of(value.get("scopes"), f"{where}.scopes", problems),
        features=names_of(value, "features", problems),
        epsilon_bin=number_of(value, "epsilon_bin", 0.0, MOST_EPSILON, problems),
        epsilon=number_of(value, "epsilon", 0.0, MOST_EPSILON, problems),
        bins=whole_of(value, "bins", 2, MOST_BINS, problems) if "bins" in value else 4,
        rounds=None if auto else whole_of(value, "rounds", 1, 1000, problems),
    )
