"""What a helper does for another's model: train its own columns on randomised labels, and answer with randomised bins.

Everything here stays at the site but the bins, and those only after they are kept (`exchanged`). A model that was made
for the same question in this quarter is used again, so a second run costs nobody anything and shows nothing new.
"""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import numpy.typing as npt

from federated.errors import Refusal, RefusedError
from federated.linkage.randomised import answer_once, bins_of, edges_of
from federated.models.descent import GRADIENT, noise_of
from federated.models.model import Matrix
from federated.plan import digest
from federated.plan_exchange import numbers_of
from federated.signed import encode
from federated.site.exchanged import Exchanged, about_bins
from federated.site.features import unit_values
from federated.site.order import HelpWork
from federated.site.source import Source
from privacy.mechanism import to_data
from privacy.noise import NoiseSource, add_gaussian

ABSENT = 255
Floats = npt.NDArray[np.float64]
Octets = npt.NDArray[np.uint8]


def helped(
    work: HelpWork,
    labels: Octets,
    *,
    members: Sequence[bytes],
    fewest: int,
    kept: Exchanged,
    source: Source,
    noise: NoiseSource,
) -> Octets:
    """A bin for each member, shape (members,), `ABSENT` for those who were removed.

    Args:
        work: the run.
        labels: randomised, in the order of the tokens: 0, 1 or `ABSENT`.
        members: this site's pseudonyms in the same order; empty bytes for those who were removed.
        fewest: labels, of this site's policy.
        kept: what was answered before.
        source: the site's rows.
        noise: the source of noise.

    Raises:
        RefusedError: `link-tampered`: no such labels; `link-too-few` of them; `data-unreadable`.
    """
    present = np.array([bool(one) for one in members])
    if labels.shape != present.shape or not np.isin(labels, (0, 1, ABSENT)).all():
        raise RefusedError(Refusal.LINK_TAMPERED, "the partner's labels are not those of this list")
    labelled = present & (labels != ABSENT)
    if labelled.sum() < fewest:
        raise RefusedError(Refusal.LINK_TOO_FEW, "fewer labels came than this site trains on; wait for more")
    numbers = numbers_of(work.plan.releases, work.link.helper)
    about = about_bins(work.link.pairing, question(work))
    inputs = _inputs(work, source, members)
    if (made := kept.helping(about)) is None:
        weights = _trained(work, inputs[labelled], labels[labelled].astype(np.float64), noise)
        edges = edges_of(work.model.score(inputs[labelled], weights), numbers, noise)
        made = weights, edges
        kept.keep_helping(about, work.link.pairing.epoch, weights, edges)
    weights, edges = made
    bins = bins_of(work.model.score(inputs, weights), edges)
    tokens = [*work.link.tokens.pseudonym_of]
    truths = {tokens[place]: int(bins[place]) for place in np.flatnonzero(present)}
    told = kept.answers(about, tokens)
    answers = answer_once(told, truths, numbers.answers, noise)
    kept.keep(about, work.link.pairing.epoch, answers)
    return np.array([answers.get(token, ABSENT) for token in tokens], dtype=np.uint8)


def question(work: HelpWork) -> str:
    """Digest of everything that the answers depend on: another question is another mechanism, and is paid for."""
    plan, site = work.plan, work.link.helper.site
    priced = [to_data(one.mechanism) for one in plan.releases if one.kind == "exchange" and _about(one.name, site)]
    asked = {"helper": asdict(work.link.helper), "label": plan.label, "priced": priced, "model": work.own.model}
    return digest(encode(asked))


def _about(release: str, site: str) -> bool:
    _, colon, named = release.partition(":")
    return not colon or named == site


def _inputs(work: HelpWork, source: Source, members: Sequence[bytes]) -> Matrix:
    """Bounded inputs in the order of the members; those without a row say nothing."""
    features = work.own.features
    rows = source.read([one for one in members if one], sorted(feature.name for feature in features))
    values = np.full((len(members), len(features)), np.nan)
    place = {pseudonym: index for index, pseudonym in enumerate(members)}
    values[[place[one] for one in rows.pseudonyms]] = unit_values(features, rows.columns)
    return np.asarray(work.model.design(features, values), dtype=np.float64)


def _trained(work: HelpWork, inputs: Matrix, labels: Floats, noise: NoiseSource) -> Floats:
    """Weights of this site's own training under member-level noise; how many were trained on, both sites know."""
    plan, model = work.own, work.model
    (release,) = plan.releases
    state = model.start(plan, members=len(labels))
    for _ in model.rounds(plan):
        weights = model.weights(state)
        total = model.contribution(plan, release, inputs=inputs, labels=labels, weights=weights)
        state = model.update(state, {GRADIENT: add_gaussian(total, std=noise_of(release).std, noise=noise)})
    return np.asarray(model.finish(state), dtype=np.float64)
