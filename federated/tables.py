"""What is counted about scores on the held-out part: one histogram, and one table per audited attribute.

    release "quality:..." equal bins of how good a member's list was (ranking models): "new:TASK" and "again:TASK" by
                          NDCG, "recall:TASK" by the share of what is relevant that "new to me" holds
    release "coverage:TASK"  items of the catalogue: the one of each member's list of new items that she stands for
    release "support:NAME"  equal bins of a continuous feature's unit values: where a shape rests on members at all
    release "histogram"   labels 0 and 1 x equal bins of the score
    release "table:NAME"  groups of the attribute, "not given" too x labels x bins below and above the threshold,
                          or x `table_bins` equal bins of which the threshold is an edge
    release "table:NAME:RUNG"  the same of one of several columns of members' numbers

Both come from the plan alone. One member is in one cell of each, so each release has L1 sensitivity 1.
"""

from itertools import pairwise

from audit.fairness.counts import Layout
from audit.fairness.errors import LayoutError
from federated.errors import MalformedError
from federated.plan import Plan, Release
from privacy.mechanism import DiscreteLaplace

HISTOGRAM = "histogram"
SCORES = "scores"
TABLE = "table:"
QUALITY = "quality:"
COVERAGE = "coverage:"
SUPPORT = "support:"
RECALL = "recall"
BINS = "table_bins"


def table_name(attribute: str, rung: str = "") -> str:
    """The name of the release that counts an attribute, and of which column, if the plan reads several."""
    return f"{TABLE}{attribute}:{rung}" if rung else TABLE + attribute


def counted_of(release: Release) -> tuple[str, str]:
    """The attribute and the column that a table counts; the latter empty if the plan reads one only."""
    attribute, _, rung = release.name.removeprefix(TABLE).partition(":")
    return attribute, rung


def ranks(plan: Plan) -> bool:
    """Does the plan's model make lists of items, instead of one score?"""
    return all(feature.kind == "items" for feature in plan.features)


def histogram_bins(plan: Plan) -> int:
    """How many equal bins of [0, 1] the histogram has."""
    return plan.whole("bins", at_least=2, at_most=1000)


def layout_of(plan: Plan, release: Release) -> Layout:
    """The axes of one fairness table; what it is a table of is "ATTRIBUTE", or "ATTRIBUTE:RUNG".

    Raises:
        MalformedError: not a table of one of the plan's attributes, or the threshold is not inside (0, 1).
    """
    attribute, rung = counted_of(release)
    groups = {one.name: one.groups for one in plan.attributes}.get(attribute)
    threshold = plan.settings.get("threshold")
    known = not rung or rung in {feature.name for feature in plan.features}
    if not release.name.startswith(TABLE) or groups is None or not known or not isinstance(threshold, float):
        raise MalformedError("an audit counts tables of the plan's attributes, at the plan's threshold")
    edges: tuple[float, ...] = (0.0, threshold, 1.0)
    if BINS in plan.settings:
        bins = plan.whole(BINS, at_least=2, at_most=100)
        edges = tuple(edge / bins for edge in range(bins + 1))
    try:
        name = release.name.removeprefix(TABLE)
        return Layout(attribute=name, groups=groups, edges=edges, threshold=threshold)
    except LayoutError as error:
        raise MalformedError(f"the table of {attribute} cannot be laid out: {error}") from error


def catalogue_of(plan: Plan, release: Release) -> int:
    """How many items the task of a coverage release has.

    Raises:
        MalformedError: no task of the plan.
    """
    sizes = {feature.name: len(feature.categories) for feature in plan.features}
    task = release.name.removeprefix(COVERAGE)
    if task not in sizes:
        raise MalformedError(f"the plan has no catalogue called {task} whose coverage could be counted")
    return sizes[task]


def _in_bins(plan: Plan, release: Release) -> bool:
    """Is it one of the releases that count equal bins?"""
    if release.name.startswith(SUPPORT):
        name = release.name.removeprefix(SUPPORT)
        return any(feature.name == name and feature.kind == "continuous" for feature in plan.features)
    return release.name == HISTOGRAM or (release.name.startswith(QUALITY) and ranks(plan))


def check_scores(plan: Plan) -> None:
    """Refuse a scoring plan that releases anything but one noised histogram of scores.

    Raises:
        MalformedError: what is wrong with it.
    """
    names = [release.name for release in plan.releases]
    mechanism = plan.releases[0].mechanism
    if names != [SCORES] or not isinstance(mechanism, DiscreteLaplace) or mechanism.sensitivity < 1 or plan.label:
        raise MalformedError("a scoring run reads no label and releases scores once, with discrete Laplace noise")
    histogram_bins(plan)
    threshold = plan.settings.get("threshold")
    if not isinstance(threshold, float) or not 0 < threshold < 1:
        raise MalformedError("a scoring plan needs the threshold, between 0 and 1, at which a member is flagged")


def check_tables(plan: Plan) -> None:
    """Refuse a plan whose evaluation or audit could not be counted or is not priced for it.

    Raises:
        MalformedError: what is wrong with it.
    """
    counted = (*plan.releases_of("evaluate"), *plan.releases_of("audit"))
    for release in counted:
        if not isinstance(release.mechanism, DiscreteLaplace) or release.mechanism.sensitivity < 1:
            raise MalformedError("counts are released with discrete Laplace noise")
        if release.part == "train" and not plan.package:
            raise MalformedError("scores are counted on a part that was not trained on")
        if release.kind == "audit":
            layout_of(plan, release)
        elif release.name.startswith(COVERAGE) and ranks(plan):
            catalogue_of(plan, release)
        elif _in_bins(plan, release):
            histogram_bins(plan)
        else:
            raise MalformedError("an evaluation counts one histogram of scores, or one for each list")
    for first, second in pairwise(counted):
        if first.kind == second.kind and first.part != second.part:
            raise MalformedError("releases of one kind are computed on one part")
