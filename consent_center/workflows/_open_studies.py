"""Where every open study stands, kept by each process until something is said or a moment passes. Not a workflow.

Law: what is kept equals what `known_all` would compute at this moment. A standing follows from what is stored and
from the time alone, and it changes with time only at a moment that something stored names (an end, a beginning, an
expiry); so it is kept for exactly one state of the tables and until the next such moment. Where something was said
about single studies only, only those are computed again. The gate never asks here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from consent_center.storage import standings, studies
from consent_center.storage.standings import Said
from consent_center.storage.transaction import Transaction
from consent_center.studies.study import Study
from consent_center.workflows._studying import Known, Surroundings, known_all, surroundings

_KEY = "studies/open"
_NEVER = datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True)
class _Kept:
    """What was computed for the state `version` of the tables; `said` names the state of each single study."""

    version: tuple[int, ...]
    around: Surroundings
    since: datetime
    until: datetime
    said: Mapping[str, Said]
    known: Mapping[str, Known]

    def speaks_of(self, around: Surroundings, *, at: datetime) -> bool:
        """Would a study about which nothing more was said stand now as it stood then?"""
        return self.since <= at < self.until and self.around is around


def known_open(tx: Transaction, *, at: datetime) -> Sequence[Known]:
    """Every study whose closing date lies ahead, and where it stands, oldest first."""
    if tx.writing:
        return known_all(tx, studies.open_ones(tx, at=at), at=at)
    version, around = standings.version(tx, standings.SAID), surroundings(tx)
    kept: _Kept | None = tx.warm.get(_KEY)
    if kept is None or not kept.speaks_of(around, at=at):
        kept = tx.warm[_KEY] = _computed(tx, version, around, None, at=at)
    elif kept.version != version:
        kept = tx.warm[_KEY] = _computed(tx, version, around, kept, at=at)
    return tuple(kept.known.values())


def _computed(
    tx: Transaction, version: tuple[int, ...], around: Surroundings, kept: _Kept | None, *, at: datetime
) -> _Kept:
    said = standings.said(tx, at=at)
    same = {} if kept is None else {name: one for name, one in kept.known.items() if kept.said[name] == said.get(name)}
    changed = studies.open_ones(tx, at=at) if kept is None else studies.some(tx, sorted(said.keys() - same.keys()))
    same |= {one.study.id: one for one in known_all(tx, changed, at=at, around=around)}
    known = {name: same[name] for name in said}
    until = min((one for one in _moments(known.values(), around) if one > at), default=_NEVER)
    return _Kept(version, around, at, until, said, known)


def known_some(tx: Transaction, some: Sequence[Study], *, at: datetime) -> list[Known]:
    """Where each of these studies stands, those that are open from what is kept."""
    kept = {one.study.id: one for one in known_open(tx, at=at)}
    others = {one.study.id: one for one in known_all(tx, [one for one in some if one.id not in kept], at=at)}
    return [kept.get(one.id) or others[one.id] for one in some]


def _moments(known: Iterable[Known], around: Surroundings) -> Iterator[datetime]:
    """Every moment at which the standing of one of these studies could change by itself."""
    for one in known:
        yield from (one.study.filed_at, one.study.closes_at)
        if one.assessment is not None:
            yield from (one.assessment.made_at, one.assessment.expires_at)
        for answer, _ in one.answers:
            yield from (answer.at, answer.at + around.policy.approval_lasts)
    for contract in around.contracts:
        yield from (contract.begins, contract.ends, contract.in_force_until)
    for contracted in around.catalogue.contracts.values():
        yield from (contracted.begins, contracted.ends)
    for assessed in around.catalogue.assessments.values():
        yield from (assessed.begins, assessed.ends)
    yield from (notice.published_at for notice in around.catalogue.notices.values())
    yield from (decision.at for decision in around.decisions)
    yield from (person.ends_at for person in around.people.values() if person.ends_at is not None)
