"""Scoring at the site: a run of its own, for the members whose verdict for offers is yes at that moment.

    admit      the consent centre says that the model is released and cuts a fresh signed cohort for the offers purpose
    check      order, policy, own ledger, and that the model's bytes are the ones that were approved
    statement  before the first block, and again whenever the last one is older than `FRESH_ENOUGH`
    blocks     score, explain, write: 262,144 members in one transaction, so a killed run goes on where it stood
    release    one noised histogram of scores; everything else stays at the site

Scores and reasons never leave the site. Sending anything takes a verdict of its own (`federated.site.offers`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from federated.cohort import members_digest
from federated.errors import MalformedError, Refusal, RefusedError
from federated.exchange import order_bytes, parse_order
from federated.gate import Admission, Clock, Gate, RoundReport, RunReport, SiteRound, check_removals
from federated.models.package import Package, parse_package
from federated.models.preference import Preference
from federated.plan import Plan, Release, digest, parse_plan
from federated.results import bins_result
from federated.signed import Signed
from federated.site.accounts import SiteAccounts
from federated.site.answered import with_answers
from federated.site.charging import charge_run
from federated.site.counts import noised_bins
from federated.site.folder import SiteFolder, source_of
from federated.site.order import Work, check_order
from federated.site.policy import Policy, check_hours, read_policy
from federated.site.scorebook import BLOCK, Block, ScoreBook, Scoring, ordered, without
from federated.site.scored_blocks import listed_block, scored_block
from federated.site.source import Source
from federated.site.store import SiteStore
from federated.site.tags import AT_RISK, Tags
from privacy.noise import NoiseSource, SecureNoise

FRESH_ENOUGH = timedelta(seconds=30)
ROUND = 1
"""A scoring run has one round, however many statements of removals it asks for: each has a nonce of its own."""
NEVER = datetime(1, 1, 1, tzinfo=UTC)
Progress = Callable[[int, int], None]
"""Members done, members in all."""


@dataclass(frozen=True)
class Desk:
    """A site's means, as scoring and offers need them.

    Attributes:
        policy: its rules and pinned keys.
        store: its database.
        source: its rows.
        noise: the source of noise.
        clock: now, timezone-aware.
        draw_nonce: a fresh unguessable text.
    """

    policy: Policy
    store: SiteStore
    source: Source
    noise: NoiseSource
    clock: Clock
    draw_nonce: Callable[[], str]


@dataclass(frozen=True)
class Scored:
    """A finished scoring run, as the site itself may know it: exact numbers stay here.

    Attributes:
        members: who was scored.
        without_row: members of the cohort about whom the site has no usable row.
        removed: members of the cohort whose verdict had turned to no.
        flagged: scores at or above the threshold (for lists: members who got one).
        results: what left the site, noised.
    """

    run: str
    members: int
    without_row: int
    removed: int
    flagged: int
    results: Mapping[str, Any]


def open_desk(folder: SiteFolder, *, clock: Clock, draw_nonce: Callable[[], str]) -> Desk:
    """The means of a site in its folder.

    Raises:
        MalformedError: its policy, or its `data.toml`, cannot be read.
    """
    return Desk(
        policy=read_policy(folder.policy),
        store=SiteStore(folder.database),
        source=source_of(folder),
        noise=SecureNoise(),
        clock=clock,
        draw_nonce=draw_nonce,
    )


def score_members(
    desk: Desk, gate: Gate, package: bytes, *, study: str, progress: Progress = lambda _done, _all: None
) -> Scored:
    """Score this site's members with a finished model; goes on with a run that was killed half-way.

    Args:
        desk: the site's means.
        gate: the consent centre.
        package: the model's bytes.
        study: the approved study of this scoring.
        progress: told after each block.

    Raises:
        RefusedError: the first thing that is not in order; a model that is not released, or of another version, an
            empty or too small cohort, a statement that is missing or stale. Blocks already written stay, unused.
    """
    book = ScoreBook(desk.store)
    scoring, work = _begun(desk, gate, book, package, study=study)
    model = checked_model(work, package)
    run = _Running(desk, gate, book, work, model, model.parsed_plan(), scoring.run)
    run.ask_for_statement()
    members = work.members_of(work.exchanges[0])
    pseudonyms = list(map(members.__getitem__, ordered(members).tolist()))
    starts = range(0, len(pseudonyms), BLOCK)
    done = book.blocks_done(scoring.run)
    for number, start in enumerate(starts):
        if number not in done:
            if desk.clock() - run.stated_at > FRESH_ENOUGH:
                run.ask_for_statement()
            block = run.block(pseudonyms[start : start + BLOCK])
            book.write(scoring.run, number, block)
            run.scores.append(block.columns["score"])
        progress(min(start + BLOCK, len(pseudonyms)), len(pseudonyms))
    run.scores += [block.columns["score"] for block in book.blocks(scoring.run, done)]
    return run.finish(pseudonyms)


@dataclass
class _Running:
    """A scoring run in progress.

    Attributes:
        removed: whom any statement named: none of them is scored from then on.
        statement: the last one, as it was signed; `named` are its members. The run is settled with it.
    """

    desk: Desk
    gate: Gate
    book: ScoreBook
    work: Work
    model: Package
    plan: Plan
    run: str
    removed: frozenset[bytes] = frozenset()
    statement: Signed | None = None
    named: frozenset[bytes] = frozenset()
    stated_at: datetime = NEVER
    epoch: int = 0
    scores: list[npt.NDArray[np.float64]] = field(default_factory=list)

    def ask_for_statement(self) -> None:
        """Fresh removals, signed by the consent centre for this run and nonce."""
        desk, site = self.desk, self.desk.policy.name
        check_hours(desk.policy, at=desk.clock())
        nonce = desk.draw_nonce()
        signed = self.gate.admit_round(self.run, ROUND, {site: nonce}).get(site)
        at = desk.clock()
        removals = check_removals(
            signed,
            hub_key=desk.policy.hub_key,
            run=self.run,
            site=site,
            number=ROUND,
            nonce=nonce,
            epoch=max(self.epoch, self.work.permit.epoch),
            at=at,
        )
        self.named = frozenset(bytes.fromhex(one) for one in removals.removed)
        self.removed |= self.named
        self.statement, self.stated_at, self.epoch = signed, at, removals.epoch

    def block(self, members: list[bytes]) -> Block:
        """Scores and reasons, or lists, of these members but the removed."""
        plan, deleted = self.plan, Tags(self.desk.store).deleted(members)
        left_out = self.removed | {one for one, tags in deleted.items() if AT_RISK in tags}
        allowed = without(members, left_out)
        if isinstance(self.work.model, Preference):
            learned = self.work.model.learned(plan, self.model.weights)
            return listed_block(self.desk.source, learned, plan, allowed, deleted)
        rows = with_answers(self.desk.source, self.work, self.desk.store)
        return scored_block(rows, self.work.model, plan, self.model.weights, allowed)

    def finish(self, pseudonyms: list[bytes]) -> Scored:
        """Release the histogram, settle, and let these scores count."""
        plan, release = self.work.plan, self.work.plan.releases[0]
        scores = np.concatenate([np.zeros(0), *self.scores])
        scored, flagged = len(scores), int((scores >= plan.settings["threshold"]).sum())
        counts = self._counts(plan, release, scores)
        results = {"scores": bins_result(plan, release, [counts])}
        used = without(pseudonyms, self.named)
        self._settle(used, results)
        self.book.finish(self.run, at=self.desk.clock())
        return Scored(
            run=self.run,
            members=scored,
            without_row=len(used) - scored,
            removed=len(pseudonyms) - len(used),
            flagged=flagged,
            results=results,
        )

    def _counts(self, plan: Plan, release: Release, scores: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        drawn = noised_bins(plan, release, values=scores, noise=self.desk.noise)
        kept = self.book.release(self.run, drawn.astype("<i8").tobytes())
        return np.frombuffer(kept, dtype="<i8").astype(np.int64)

    def _settle(self, used: list[bytes], results: Mapping[str, Any]) -> None:
        site = self.desk.policy.name
        done = SiteRound(used_digest=members_digest(used), used=len(used), removed=len(self.named))
        stated = {site: self.statement} if self.statement is not None else {}
        report = RoundReport(run=self.run, round=ROUND, kind="score", sites={site: done}, statements=stated)
        ended = RunReport(run=self.run, outcome="completed", rounds=1, results=results)
        for settle in (partial(self.gate.settle_round, report), partial(self.gate.settle_run, ended)):
            try:
                settle()
            except RefusedError as refused:
                # A run that was killed after it settled comes here again: the consent centre has its report already.
                if refused.code is not Refusal.ROUND_OUT_OF_ORDER:
                    raise


def _begun(desk: Desk, gate: Gate, book: ScoreBook, package: bytes, *, study: str) -> tuple[Scoring, Work]:
    wanted = digest(package)
    known = book.unfinished(study, wanted)
    if known is not None:
        try:
            return known, ordered_work(desk, known.work, wanted)
        except RefusedError as refused:
            if refused.code not in (Refusal.PERMIT_EXPIRED, Refusal.COHORT_STALE):
                raise
    admission: Admission = gate.admit_run(study)
    site = desk.policy.name
    if set(admission.orders) != {site}:
        raise RefusedError(Refusal.POLICY, "a site scores its own members only; file one study for each site")
    message = order_bytes(admission.orders[site])
    work = ordered_work(desk, message, wanted)
    charge_run(SiteAccounts(desk.store), desk.policy, work.plan, run=work.permit.run, at=desk.clock())
    started = Scoring(work.permit.run, study, wanted, message, desk.clock(), None, None)
    return book.begin(started), work


def ordered_work(desk: Desk, message: bytes, wanted: str) -> Work:
    """The checked order of a scoring run, with the whole proof that the consent centre signed this cohort.

    Raises:
        RefusedError: the first thing that is not in order.
    """
    at = desk.clock()
    work = check_order(parse_order(message), policy=desk.policy, cohort_keys=desk.store.cohort_keys(), at=at)
    if work.plan.package != wanted:
        raise RefusedError(Refusal.PLAN_CHANGED, "the study approved another model; file a study for this one")
    if work.cohort.header.sizes[work.plan.counted_part] < work.plan.minimum_cohort:
        raise RefusedError(
            Refusal.COHORT_TOO_SMALL, "fewer members allow offers than the plan's minimum; wait for more"
        )
    return work


def scoring_plan(scoring: Scoring) -> Plan:
    """The plan of a scoring run, as it was ordered and checked when the run began."""
    return parse_plan(parse_order(scoring.work).plan)


def checked_model(work: Work, package: bytes) -> Package:
    """The model that a scoring run scores with, if it is one of this version and fits the plan.

    Raises:
        RefusedError: `malformed`: weights that are no numbers, or of another model.
    """
    try:
        model = parse_package(package)
        work.model.check_weights(model.parsed_plan(), model.weights)
        if model.parsed_plan().features != work.plan.features:
            raise MalformedError("the plan reads other features than the model was trained on")
    except MalformedError as error:
        raise RefusedError(Refusal.MALFORMED, str(error)) from error
    return model
