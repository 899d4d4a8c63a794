"""About how many members could a study use? A band, with noise that is drawn once a day."""

from collections.abc import Sequence
from datetime import datetime

from consent_center.consent.cohort import EPSILON, band, preview_key
from consent_center.consent.scope import Item
from consent_center.storage import cohorts, previews
from consent_center.storage.transaction import Transaction
from privacy.noise import NoiseSource


def preview_cohort(
    tx: Transaction, site: str, items: Sequence[Item], *, noise: NoiseSource, at: datetime
) -> tuple[int, int | None]:
    """The band of the number of members linked at a site who allow all of these items now.

    Args:
        tx: the transaction.
        site: where.
        items: all of which they must allow.
        noise: drawn once for the site, the items and the day, then kept.
        at: now.

    Returns:
        From, and below; None for no upper end.
    """
    key = preview_key(site, items, at)
    drawn = previews.find(tx, key)
    if drawn is None:
        fresh = int(noise.discrete_laplace((1,), epsilon=EPSILON)[0])
        drawn = previews.keep(tx, key, fresh)
    return band(cohorts.count_allowed(tx, site, items, at=at) + drawn)


def count_cohort(tx: Transaction, site: str, items: Sequence[Item], *, at: datetime) -> int:
    """A query for `store.read`: the exact number, for the site itself and for reviewers."""
    return cohorts.count_allowed(tx, site, items, at=at)
