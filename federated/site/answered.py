"""A site's rows with what helpers answered beside them: to a model a bin is a column like any other.

A bin counts only while its token is on the present list of the run and was not taken back; everybody else's is missing,
which says nothing. So a withdrawn linkage, a new quarter and a member who was never linked are all the same to a model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from federated.plan_exchange import BIN_FEATURE
from federated.site.exchanged import Exchanged, about_received
from federated.site.order import Work
from federated.site.source import Purchases, Rows, Source
from federated.site.store import SiteStore


@dataclass(frozen=True)
class Answered:
    """Rows of `source`, and a column of bins for each helper.

    Attributes:
        bins: column -> pseudonym -> bin, from 0.
    """

    source: Source
    bins: Mapping[str, Mapping[bytes, int]]

    def read(self, pseudonyms: Sequence[bytes], columns: Sequence[str]) -> Rows:
        """See `Source.read`."""
        rows = self.source.read(pseudonyms, [name for name in columns if name not in self.bins])
        told = {
            name: np.array([_text(self.bins[name].get(own)) for own in rows.pseudonyms], dtype=object)
            for name in columns
            if name in self.bins
        }
        return Rows(rows.pseudonyms, {**rows.columns, **told})

    def read_items(self, pseudonyms: Sequence[bytes], columns: Sequence[str]) -> Purchases:
        """See `Source.read_items`."""
        return self.source.read_items(pseudonyms, columns)


def with_answers(source: Source, work: Work, store: SiteStore) -> Source:
    """The site's rows as a run's model reads them.

    Args:
        source: its own rows.
        work: the run; without an exchange the source is returned as it is.
        store: where answers are kept.
    """
    if work.plan.exchange is None:
        return source
    trained = work.plan.exchange.trained or work.permit.plan_digest
    kept = Exchanged(store)
    bins: dict[str, dict[bytes, int]] = {}
    for link in work.links:
        of_token = link.tokens.pseudonym_of
        told = kept.answers(about_received(link.pairing, trained), of_token)
        bins[BIN_FEATURE + link.helper.site] = {of_token[token]: answer for token, answer in told.items()}
    return Answered(source, bins)


def _text(answer: int | None) -> str | None:
    return None if answer is None else str(answer + 1)
