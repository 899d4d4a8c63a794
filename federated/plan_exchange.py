"""What a plan says of a randomised exchange: who helps, with which columns, under which purpose, until when.

The one site of such a plan holds the label. Each helper is asked once, before the first round of the training:

    labels             each linked member's label, randomised; the same answer goes to every helper, so it is paid once
    training:SITE      the helper's own training on these labels and its own columns
    edges:SITE         the histogram that the edges of its bins come from
    bins:SITE          which bin of the helper's score she falls into, randomised, of members who are trained on
    bins-held-out:SITE the same, of members on whom the model is tried

All of these are releases of the kind "exchange", priced and charged like any other. The bin becomes a feature of the
site's own model, "bin:SITE"; where there is none it says nothing, like every value that is missing.
A plan that scores or audits with such a model names the same helpers and has none of these releases: it reads the bins
that the site kept.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from federated.errors import MalformedError
from federated.linkage.pairing import Pairing
from federated.linkage.randomised import Exchange as Numbers
from federated.plan_parts import Feature, Part, Release, read_feature
from privacy.mechanism import DiscreteLaplace, Gaussian, RandomisedResponse

LABELS, TRAINING, EDGES, BINS, HELD_OUT_BINS = "labels", "training:", "edges:", "bins:", "bins-held-out:"
BIN_FEATURE = "bin:"
MOST_HELPERS = 8
_DIGEST = re.compile(r"([0-9a-f]{64})?", re.ASCII)


@dataclass(frozen=True)
class Helper:
    """A site whose columns help another's model.

    Attributes:
        purpose: the linkage purpose that members allowed at both sites, for this partner by name.
        scopes: what of hers the helper's own model reads.
        features: its columns, with public ranges.
    """

    site: str
    purpose: str
    scopes: tuple[str, ...]
    features: tuple[Feature, ...]


@dataclass(frozen=True)
class RandomisedExchange:
    """The exchange of a plan.

    Attributes:
        epoch: the quarter that it is good for, as `2026-q4`.
        model: which model each helper fits, a name in the registry.
        helpers: in a fixed order.
        trained: of a plan that scores or audits a finished model, the digest of the plan that made the bins.
    """

    epoch: str
    model: str
    helpers: tuple[Helper, ...]
    trained: str = ""

    def pairing(self, holder: str, helper: Helper) -> Pairing:
        """Who is paired with whom, for what and until when."""
        return Pairing(holder=holder, helper=helper.site, purpose=helper.purpose, epoch=self.epoch)


def bin_feature_of(site: str, bins: int) -> Feature:
    """What a helper's answer is to the model of the site that asked."""
    return Feature(BIN_FEATURE + site, "categorical", categories=tuple(str(one) for one in range(1, bins + 1)))


def own_features(features: Sequence[Feature]) -> tuple[Feature, ...]:
    """The features that are columns of the site, not answers of helpers."""
    return tuple(one for one in features if not one.name.startswith(BIN_FEATURE))


def crossings_of(releases: Sequence[Release], helpers: Sequence[Helper]) -> tuple[tuple[Helper, Numbers], ...]:
    """Each helper with the public numbers of what crosses; none where answers of an earlier run are read."""
    if not any(one.kind == "exchange" for one in releases):
        return ()
    return tuple((one, numbers_of(releases, one)) for one in helpers)


def paid_in(crossings: Sequence[tuple[Helper, Numbers]]) -> float:
    """Pure ε that what crosses costs a member who is trained on: her label once; an answer and edges each helper."""
    labels = {numbers.epsilon_label for _, numbers in crossings}
    return sum(labels) + sum(numbers.epsilon_bin + numbers.epsilon_edges for _, numbers in crossings)


def training_of(releases: Sequence[Release], helper: Helper) -> Release:
    """A helper's own training; its `times` are the rounds.

    Raises:
        MalformedError: the plan has none, or not with Gaussian noise.
    """
    found = _named(releases, TRAINING + helper.site)
    if not isinstance(found.mechanism, Gaussian):
        raise MalformedError(f"{helper.site} trains with Gaussian noise")
    return found


def numbers_of(releases: Sequence[Release], helper: Helper) -> Numbers:
    """The public numbers of the exchange with one helper.

    Raises:
        MalformedError: a release is missing, or priced otherwise than it is drawn.
    """
    labels, bins, edges = (_named(releases, name).mechanism for name in _crossing(helper))
    if not isinstance(labels, RandomisedResponse) or not isinstance(bins, RandomisedResponse):
        raise MalformedError("labels and bins cross through randomised response")
    if not isinstance(edges, DiscreteLaplace):
        raise MalformedError("the edges of bins come from a histogram with discrete Laplace noise")
    found = Numbers(labels.epsilon, bins.epsilon, edges.epsilon, bins.options)
    if (labels, bins, edges) != (found.labels, found.answers, found.edges):
        raise MalformedError("the plan prices the exchange otherwise than it is drawn")
    return found


def check_exchange(
    exchange: RandomisedExchange | None,
    *,
    sites: Sequence[str],
    features: Sequence[Feature],
    releases: Sequence[Release],
    held_out: bool,
    package: str,
) -> None:
    """Refuse a plan whose exchange is not exactly what it prices, or that has parts of one without having one.

    Args:
        exchange: of the plan.
        sites: of the plan.
        features: of the plan.
        releases: of the plan.
        held_out: whether the plan tries the model on members who are not trained on.
        package: of the plan; with one, nothing crosses.

    Raises:
        MalformedError: what is wrong with it.
    """
    named = {one.name: one for one in features if one.name.startswith(BIN_FEATURE)}
    crossing = {one.name: one for one in releases if one.kind == "exchange"}
    if exchange is None:
        if named or crossing:
            raise MalformedError("a plan that has no exchange neither reads bins nor releases anything of one")
        return
    _check_helpers(exchange, sites)
    if set(named) != {BIN_FEATURE + one.site for one in exchange.helpers}:
        raise MalformedError("the model reads the bin of each helper, and of nobody else")
    if not _DIGEST.fullmatch(exchange.trained) or bool(exchange.trained) != bool(package):
        raise MalformedError("an exchange is carried out by the plan that trains; others name that plan")
    wanted: dict[str, Part] = {} if package else {LABELS: "train"}
    for one in () if package else exchange.helpers:
        wanted |= _priced(one, releases, named[BIN_FEATURE + one.site], held_out=held_out)
    if {name: one.part for name, one in crossing.items()} != wanted:
        raise MalformedError(f"an exchange releases exactly {', '.join(sorted(wanted)) or 'nothing'}")


def _check_helpers(exchange: RandomisedExchange, sites: Sequence[str]) -> None:
    if len(sites) != 1:
        raise MalformedError("an exchange has one site that holds the label; name the others as its helpers")
    helpers = [one.site for one in exchange.helpers]
    if not 1 <= len(helpers) <= MOST_HELPERS or len({*helpers, *sites}) != len(helpers) + 1:
        raise MalformedError(f"an exchange names 1 to {MOST_HELPERS} helpers, each once, and none that holds the label")
    for one in exchange.helpers:
        exchange.pairing(sites[0], one)
        _check_columns(one)


def _priced(helper: Helper, releases: Sequence[Release], feature: Feature, *, held_out: bool) -> dict[str, Part]:
    """Release -> its part, of everything about one helper, if it is priced as it is drawn."""
    numbers, training = numbers_of(releases, helper), training_of(releases, helper)
    if feature != bin_feature_of(helper.site, numbers.bins):
        raise MalformedError(f"the bins of {helper.site} are the categories 1 to {numbers.bins}")
    if held_out and _named(releases, HELD_OUT_BINS + helper.site).mechanism != numbers.answers:
        raise MalformedError("the bins of all members are drawn alike")
    if training.times < 1:
        raise MalformedError(f"{helper.site} trains for at least one round")
    wanted: dict[str, Part] = {prefix + helper.site: "train" for prefix in (TRAINING, EDGES, BINS)}
    return {**wanted, HELD_OUT_BINS + helper.site: "held-out"} if held_out else wanted


def read_exchange(data: Mapping[str, Any] | None) -> RandomisedExchange | None:
    """An exchange as a plan writes it."""
    if data is None:
        return None
    return RandomisedExchange(**{**data, "helpers": tuple(_read_helper(one) for one in data["helpers"])})


def _read_helper(data: Mapping[str, Any]) -> Helper:
    features = tuple(read_feature(one) for one in data["features"])
    return Helper(**{**data, "scopes": tuple(data["scopes"]), "features": features})


def _check_columns(helper: Helper) -> None:
    names = [one.name for one in helper.features]
    if not names or len(set(names)) != len(names) or not helper.scopes:
        raise MalformedError(f"{helper.site} helps with at least one column and scope, each named once")
    if any(one.kind == "items" or one.name.startswith(BIN_FEATURE) for one in helper.features):
        raise MalformedError(f"{helper.site} helps with its own columns, none of which is a set of items")
    if any(one.kind == "continuous" and not one.lo < one.hi for one in helper.features):
        raise MalformedError("a continuous feature needs a public range with lo < hi")


def _crossing(helper: Helper) -> tuple[str, str, str]:
    return LABELS, BINS + helper.site, EDGES + helper.site


def _named(releases: Sequence[Release], name: str) -> Release:
    for one in releases:
        if one.name == name and one.kind == "exchange" and (one.times == 1 or name.startswith(TRAINING)):
            return one
    raise MalformedError(f"the exchange of the plan prices no {name}, or not once")
