"""Did the warnings of a scoring do any good? Read from the site's own rows once the horizon has passed.

Everybody who was flagged counts in the arm that the public hash put her in, whether or not a warning reached her, so
the arms differ by chance and by the warnings alone. The answer stays at the site.
"""

from datetime import timedelta

import numpy as np

from federated.errors import Refusal, RefusedError
from federated.site.features import labels
from federated.site.holdout import Effect, effect, held_out
from federated.site.offers import Brand
from federated.site.scorebook import ScoreBook
from federated.site.scoring import Desk, scoring_plan


def effect_of_warnings(desk: Desk, *, study: str, outcome: str, brand: Brand) -> Effect:
    """Compare who left among the flagged members that might be warned with who left among those held out.

    Args:
        desk: the site's means.
        study: of the scoring.
        outcome: the column that says what came of it: 1 for a member who left, 0 for one who stayed.
        brand: its share of the holdout, as it was when members were told.

    Raises:
        RefusedError: `cohort-stale`: no finished scoring, or its horizon has not passed; `data-unreadable`: no such
            column.
    """
    book = ScoreBook(desk.store)
    scoring = book.finished(study)
    if scoring is None or scoring.done is None:
        raise RefusedError(Refusal.COHORT_STALE, "this study has no finished scoring; run it first")
    plan = scoring_plan(scoring)
    ripe_at = scoring.done + timedelta(days=plan.horizon_days)
    if desk.clock() < ripe_at:
        raise RefusedError(
            Refusal.COHORT_STALE, f"what came of these scores is known from {ripe_at:%Y-%m-%d}; ask then"
        )
    flagged = [
        block.pseudonyms[place]
        for block in book.blocks(scoring.run)
        for place in np.flatnonzero(block.columns["score"] >= plan.settings["threshold"]).tolist()
    ]
    rows = desk.source.read(flagged, [outcome])
    left = labels(rows.columns[outcome])
    known = ~np.isnan(left)
    out = np.array([held_out(study, one, share=brand.holdout) for one in rows.pseudonyms], dtype=bool)
    arms = [(int((known & arm).sum()), int(left[known & arm].sum())) for arm in (~out, out)]
    return effect(warned=arms[0], holdout=arms[1])
