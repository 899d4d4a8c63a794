"""What a site answers when a member asks about herself, through the consent centre: decisions, and tags.

A tag is derived from the newest finished scores (`site.tags`): "at-risk" for a score at or above the threshold of its
study, "taste:DEPARTMENT" for what her lists lean on. A tag that she deleted is named as deleted until she takes the
deletion back, whether or not scores from before still hold it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from federated.errors import FederatedError, MalformedError
from federated.exchange import parse_order
from federated.models.histories import department_names
from federated.plan import Plan, parse_plan
from federated.site.decisions import Answer, Decisions, Outcome
from federated.site.scorebook import ScoreBook, Scoring
from federated.site.store import SiteStore
from federated.site.tags import AT_RISK, TASTE, Tags

_TASTES = "tastes:"


class SiteAbsentError(FederatedError):
    """There is no site where one was expected."""


@dataclass(frozen=True)
class Held:
    """A tag about her.

    Attributes:
        name: `at-risk` or `taste:DEPARTMENT`.
        since: when the scoring that holds it was finished; None if no scores hold it any more.
        horizon_days: how far ahead that score looks; 0 for a taste.
        deleted: whether she deleted it; the next scoring then leaves it out.
    """

    name: str
    since: datetime | None
    horizon_days: int
    deleted: bool


class MemberDesk:
    """One site's own answers about one member."""

    def __init__(self, store: SiteStore) -> None:
        self._store = store
        self._book, self._tags, self._register = ScoreBook(store), Tags(store), Decisions(store)

    @classmethod
    def open(cls, database: Path) -> Self:
        """The desk of the site with this database.

        Raises:
            SiteAbsentError: there is none; a new one is never made here.
        """
        if not database.is_file():
            raise SiteAbsentError(f"{database} is no site's database: name the site's folder")
        return cls(SiteStore(database))

    def decisions_of(self, pseudonym: bytes) -> list[tuple[str, bytes, Mapping[str, Any]]]:
        """Commitment, salt and document of each decision about her, newest first."""
        return [(one.commitment, one.salt, one.document) for one in self._register.of_member(pseudonym)]

    def answer_decision(self, pseudonym: bytes, commitment: str, answer: Answer, *, words: str, at: datetime) -> None:
        """Keep what she says to a decision.

        Raises:
            MalformedError: no such decision about her, or not one of the three answers.
        """
        self._register.answer(pseudonym, commitment, answer, words=words, at=at)

    def review_decision(self, pseudonym: bytes, commitment: str, outcome: Outcome, *, words: str, at: datetime) -> None:
        """Keep what a person answered to a decision that she called unfair.

        Raises:
            MalformedError: no such decision about her.
        """
        self._register.reviewed(pseudonym, commitment, outcome, words=words, at=at)

    def tags_of(self, pseudonym: bytes) -> list[Held]:
        """Every tag that is held about her or that she deleted, by name."""
        deleted = self._tags.deleted([pseudonym]).get(pseudonym, frozenset())
        found = {name: Held(name, None, 0, deleted=True) for name in deleted}
        for study in self._studies():
            scoring = self._book.finished(study)
            hers = None if scoring is None else self._book.of_member(scoring.run, pseudonym)
            if scoring is not None and hers is not None:
                for name, horizon in _named(scoring, hers):
                    found[name] = Held(name, scoring.done, horizon, deleted=name in deleted)
        return [found[name] for name in sorted(found)]

    def _studies(self) -> list[str]:
        with self._store.reading() as database:
            rows = database.execute("SELECT DISTINCT study FROM scorings WHERE done IS NOT NULL ORDER BY study")
            return [str(study) for (study,) in rows.fetchall()]

    def delete_tag(self, pseudonym: bytes, name: str, *, at: datetime) -> None:
        """She deletes a tag; again changes nothing.

        Raises:
            MalformedError: no tag of that name is held about her.
        """
        if name not in {one.name for one in self.tags_of(pseudonym)}:
            raise MalformedError("no such tag is held about this member")
        self._tags.delete(pseudonym, name, at=at)

    def restore_tag(self, pseudonym: bytes, name: str) -> None:
        """She takes a deletion back; without one nothing changes."""
        self._tags.restore(pseudonym, name)


def _named(scoring: Scoring, hers: Mapping[str, Any]) -> list[tuple[str, int]]:
    """The tags that her entries in one scoring make, each with how far ahead it looks."""
    plan: Plan = parse_plan(parse_order(scoring.work).plan)
    lists = [feature for feature in plan.features if f"{_TASTES}{feature.name}" in hers]
    if not lists:
        flagged = float(hers["score"]) >= float(plan.settings["threshold"])
        return [(AT_RISK, plan.horizon_days)] if flagged else []
    return [
        (TASTE + department_names(feature)[int(code)], 0)
        for feature in lists
        for code in hers[f"{_TASTES}{feature.name}"]
        if code >= 0
    ]
