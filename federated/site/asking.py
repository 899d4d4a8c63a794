"""What the holder of a label sends its helpers: randomised, once a quarter, and the same to each of them.

A label crosses for everybody on a list whose bucket of the run is one that is trained on: the bucket is chance. Only
members of the run's cohort are looked at, those who allow the training and not the linkage alone; for the others, and
where no label is known, a fair coin is sent, so that nobody learns whose label is missing or who allowed what.
"""

from collections.abc import Collection

import numpy as np

from federated.linkage.randomised import answer_once
from federated.plan import parts_of
from federated.plan_exchange import numbers_of
from federated.site.exchanged import Exchanged, about_labels
from federated.site.features import labels
from federated.site.order import Work
from federated.site.source import Source
from privacy.noise import NoiseSource

COIN = 2.0**-20


def randomised_labels(
    work: Work, removed: Collection[bytes], *, kept: Exchanged, source: Source, noise: NoiseSource
) -> dict[bytes, int]:
    """Pseudonym -> her label as it crosses; on the disk when this returns.

    Args:
        work: the run, with the lists of its helpers.
        removed: whom the statements named so far.
        kept: what was sent in this quarter.
        source: the site's rows.
        noise: the source of noise.

    Raises:
        RefusedError: `data-unreadable`.
    """
    plan, epoch = work.plan, work.links[0].pairing.epoch
    listed = sorted({own for link in work.links for own in link.members}.difference(removed))
    drawn = zip(listed, parts_of(plan, work.permit.run, listed), strict=True)
    asked = [own for own, part in drawn if part == "train"]
    mechanism = numbers_of(plan.releases, plan.helpers[0]).labels
    about = about_labels(plan.label, mechanism.epsilon, epoch)
    sent = kept.answers(about, asked)
    training = next(one for one in work.exchanges if one.release.kind == "train")
    trained = frozenset(work.members_of(training, without=removed))
    rows = source.read([one for one in asked if one in trained and one not in sent], [plan.label])
    told = zip(rows.pseudonyms, labels(rows.columns[plan.label]), strict=True)
    known = {own: int(label) for own, label in told if not np.isnan(label)}
    unknown = [own for own in asked if own not in sent and own not in known]
    coins = noise.randomised_response(np.zeros(len(unknown), dtype=np.int64), epsilon=COIN, options=2)
    drawn_now = answer_once({}, known, mechanism, noise)
    drawn_now |= dict(zip(unknown, (int(one) for one in coins), strict=True))
    kept.keep(about, epoch, drawn_now)
    return sent | drawn_now
