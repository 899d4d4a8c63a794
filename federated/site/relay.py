"""What a site answers about one member, to the consent centre that asks on her behalf: decisions, tags, her answers.

    decisions   what was decided, with the salt that opens each commitment in the log
    tags        what the newest finished scores say of her, and what she deleted of it
    answers     what she says to a decision is kept beside it

Everything is read from the site's own database when she asks, and nothing of it is kept elsewhere.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from federated.models.histories import department_names
from federated.plan import Plan
from federated.site.decisions import Answer, Decisions
from federated.site.scorebook import ScoreBook
from federated.site.scoring import scoring_plan
from federated.site.store import SiteStore
from federated.site.tags import AT_RISK, TASTE, Tags


@dataclass(frozen=True, slots=True)
class Tag:
    """One thing that a model says of a member.

    Attributes:
        name: "at-risk", or "taste:" and a department.
        model: digest of the model's package; empty if only her deletion is left of it.
        run: the scoring that it comes from; empty likewise.
        scored_at: when; None likewise.
        deleted: she deleted it: the next scoring leaves it out.
    """

    name: str
    model: str
    run: str
    scored_at: datetime | None
    deleted: bool


class SiteRelay:
    """A site, as the consent centre asks it: `show_decisions.Relay` and `show_tags.TagRelay` of its workflows."""

    def __init__(self, store: SiteStore) -> None:
        self._store = store

    def decisions_of(self, pseudonym: bytes) -> Sequence[tuple[str, bytes, Mapping[str, Any]]]:
        """Commitment, salt and document of each decision about her, newest first."""
        return [(one.commitment, one.salt, one.document) for one in Decisions(self._store).of_member(pseudonym)]

    def answer(self, pseudonym: bytes, commitment: str, answer: Answer, *, words: str, at: datetime) -> None:
        """Keep what she says to a decision about her; see `Decisions.answer`."""
        Decisions(self._store).answer(pseudonym, commitment, answer, words=words, at=at)

    def tags_of(self, pseudonym: bytes) -> tuple[Tag, ...]:
        """What the newest finished scores say of her, and what she deleted, by name."""
        deleted = Tags(self._store).deleted([pseudonym]).get(pseudonym, frozenset())
        found = {name: Tag(name, "", "", None, deleted=True) for name in deleted}
        book = ScoreBook(self._store)
        for scoring in book.all_finished():
            for name in _tags_in(scoring_plan(scoring), book.of_member(scoring.run, pseudonym) or {}):
                found[name] = Tag(name, scoring.package, scoring.run, scoring.done, deleted=name in deleted)
        return tuple(found[name] for name in sorted(found))

    def delete_tag(self, pseudonym: bytes, tag: str, *, at: datetime) -> None:
        """She does not want this said of her: the next scoring leaves it out, and until then nothing rests on it."""
        Tags(self._store).delete(pseudonym, tag, at=at)

    def restore_tag(self, pseudonym: bytes, tag: str) -> None:
        """She takes a deletion back; the next scoring may say it again."""
        Tags(self._store).restore(pseudonym, tag)


def _tags_in(plan: Plan, hers: Mapping[str, Any]) -> Iterator[str]:
    if not hers:
        return
    if "reason" in hers:
        if hers["score"] >= plan.settings["threshold"]:
            yield AT_RISK
        return
    for feature in plan.features:
        names = department_names(feature)
        yield from (TASTE + names[int(code)] for code in hers[f"tastes:{feature.name}"] if code >= 0)
