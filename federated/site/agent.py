"""The site's side of a run: one order, then rounds, each answered or refused.

    order  -> every check (`site.order`), charge the site's own ledger, keep the order, answer with a nonce
    round  -> statement of removals fresh and for this nonce, round in order -> attempt on disk -> rows, clip, noise
              -> output on disk -> out

Invariant: `answer` returns a message and never raises; what leaves is an answer or a code, never the text of an error.
"""

import hashlib
import logging
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from threading import RLock

import numpy as np

from federated.errors import MalformedError, Refusal, RefusedError
from federated.exchange import (
    Opened,
    Output,
    Refused,
    RoundReply,
    RoundRequest,
    kind_of,
    opened_bytes,
    parse_order,
    parse_request,
    refused_bytes,
    reply_bytes,
)
from federated.gate import Clock, check_removals
from federated.models.model import Exchange
from federated.plan import Release
from federated.site.accounts import SiteAccounts
from federated.site.charging import charge_run
from federated.site.counts import noised_bins, noised_histogram, noised_table
from federated.site.journal import Journal, Progress
from federated.site.order import Work, check_order
from federated.site.policy import Policy, check_hours
from federated.site.rows import MemberRows, Using, load, using
from federated.site.source import Source
from federated.site.store import SiteStore
from federated.tables import QUALITY, TABLE
from privacy.mechanism import Gaussian
from privacy.noise import NoiseSource, add_gaussian

_LOG = logging.getLogger(__name__)


class SiteAgent:
    """One site, as the runs see it. Threads take turns.

    Args:
        policy: the site's own rules and pinned keys.
        store: its database.
        source: where its rows are.
        noise: the source of noise.
        clock: now, timezone-aware.
        draw_nonce: a fresh unguessable text for each statement.
    """

    def __init__(
        self,
        *,
        policy: Policy,
        store: SiteStore,
        source: Source,
        noise: NoiseSource,
        clock: Clock,
        draw_nonce: Callable[[], str],
    ) -> None:
        self.policy = policy
        self._store = store
        self._source = source
        self._noise = noise
        self._clock = clock
        self._draw_nonce = draw_nonce
        self._accounts = SiteAccounts(store)
        self._journal = Journal(store)
        self._lock = RLock()
        self._work: dict[str, Work] = {}
        self._using: dict[str, Using] = {}

    def close(self) -> None:
        """Close the site's database; the agent answers nothing after that."""
        with self._lock:
            self._store.close()

    def answer(self, message: bytes) -> bytes:
        """Answer an order or a round; anything that goes wrong becomes a code."""
        try:
            with self._lock:
                kind = kind_of(message)
                if kind == "order":
                    return self.open(message)
                if kind == "round":
                    return self.round(message)
            return refused_bytes(Refused(Refusal.MALFORMED))
        except RefusedError as error:
            _LOG.warning("refused (%s): %s", error.code.value, error)
            return refused_bytes(Refused(error.code))
        except MalformedError as error:
            _LOG.warning("refused (malformed): %s", error)
            return refused_bytes(Refused(Refusal.MALFORMED))
        except Exception as error:  # noqa: BLE001  its text may quote a member's data: it neither leaves nor is logged
            _LOG.error("refused (internal): %s", _where(error))
            return refused_bytes(Refused(Refusal.INTERNAL))

    def open(self, message: bytes) -> bytes:
        """Check an order, charge for it, and ask for the first statement of removals.

        Raises:
            RefusedError: the site does not take part.
            MalformedError: not an order.
        """
        at = self._clock()
        work = self._check(message, at=at)
        self._charge(work, at=at)
        run, epoch = work.permit.run, work.permit.epoch
        progress = self._journal.open(run, work=message, nonce=self._draw_nonce(), epoch=epoch)
        if progress.work != message:
            raise RefusedError(Refusal.COHORT_TAMPERED, "this run was opened with another order; admit a new run")
        self._work[run] = work
        return opened_bytes(Opened(run=run, nonce=progress.nonce, number=progress.number))

    def round(self, message: bytes) -> bytes:
        """Run one round, or send again what the same request got before.

        Raises:
            RefusedError: the round does not run.
            MalformedError: not a round.
        """
        at = self._clock()
        request = parse_request(message)
        progress = self._journal.progress(request.run)
        work = self._work_of(progress, at=at)
        if at >= work.permit.expires_at:
            raise RefusedError(Refusal.PERMIT_EXPIRED, "the permit has expired; ask for a new admission")
        identity = _identity(request)
        if (sent := self._journal.released(request.run, request.number, identity)) is not None:
            return sent
        exchange = _exchange(work, request, progress)
        work.model.check_weights(work.plan, request.weights)
        check_hours(self.policy, at=at)
        removals = check_removals(
            request.statement,
            hub_key=self.policy.hub_key,
            run=request.run,
            site=self.policy.name,
            number=request.number,
            nonce=progress.nonce,
            epoch=progress.epoch,
            at=at,
        )
        removed = progress.removed | _pseudonyms(removals.removed)
        used = using(work, exchange, removed=removed, before=self._using.get(request.run))
        if exchange.release.kind == "train" and len(used.members) < self.policy.minimum_cohort:
            raise RefusedError(Refusal.COHORT_TOO_SMALL, "after the removals too few members are left to train on")
        progress = self._journal.begin(
            progress, request=identity, epoch=removals.epoch, removed=removed, most=work.plan.max_attempts
        )
        reply = RoundReply(
            run=request.run,
            number=request.number,
            nonce=self._draw_nonce(),
            used_digest=used.digest,
            used=len(used.members),
            removed=len(work.pseudonyms & removed),
            outputs=self._outputs(work, exchange, used, request),
        )
        sent = reply_bytes(reply)
        self._journal.finish(progress, request=identity, reply=sent, nonce=reply.nonce)
        if request.number == len(work.exchanges):
            self._work.pop(request.run, None)
            self._using.pop(request.run, None)
        return sent

    def _check(self, message: bytes, *, at: datetime) -> Work:
        order = parse_order(message)
        return check_order(order, policy=self.policy, cohort_keys=self._store.cohort_keys(), at=at)

    def _charge(self, work: Work, *, at: datetime) -> None:
        charge_run(self._accounts, self.policy, work.plan, run=work.permit.run, at=at)

    def _work_of(self, progress: Progress, *, at: datetime) -> Work:
        if progress.run not in self._work:
            self._work[progress.run] = self._check(progress.work, at=at)
        return self._work[progress.run]

    def _outputs(self, work: Work, exchange: Exchange, used: Using, request: RoundRequest) -> dict[str, Output]:
        rows = load(self._source, work, exchange, used.members) if used.rows is None else used.rows
        self._using[request.run] = replace(used, rows=rows)
        return {release.name: self._output(work, release, rows, request) for release in exchange.releases}

    def _output(self, work: Work, release: Release, rows: MemberRows, request: RoundRequest) -> Output:
        plan = work.plan
        if release.kind == "train":
            if not isinstance(release.mechanism, Gaussian):
                raise RefusedError(Refusal.MALFORMED, "this site adds Gaussian noise to what it trains")
            known = ~np.isnan(rows.labels)
            total = work.model.contribution(
                plan, release, inputs=rows.inputs[known], labels=rows.labels[known], weights=request.weights
            )
            return add_gaussian(total, std=release.mechanism.std, noise=self._noise)
        values, labels = work.model.counted(
            plan, release, inputs=rows.inputs, labels=rows.labels, weights=request.weights
        )
        if release.name.startswith(QUALITY):
            return noised_bins(plan, release, values=values, noise=self._noise)
        if release.kind == "evaluate":
            return noised_histogram(plan, release, scores=values, labels=labels, noise=self._noise)
        groups = rows.groups[release.name.removeprefix(TABLE)]
        scores = np.nan_to_num(values, nan=0.0)
        return noised_table(plan, release, scores=scores, labels=labels, groups=groups, noise=self._noise)


def _where(error: Exception) -> str:
    """The kind of an error and the line it came from, for the site's operator; never its text."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} at {frames[-1].name}, line {frames[-1].lineno}" if frames else type(error).__name__


def _exchange(work: Work, request: RoundRequest, progress: Progress) -> Exchange:
    if request.number != progress.number or not 1 <= request.number <= len(work.exchanges):
        raise RefusedError(Refusal.ROUND_OUT_OF_ORDER, "this is not the round that comes next at this site")
    return work.exchanges[request.number - 1]


def _identity(request: RoundRequest) -> str:
    """What makes two requests the same: a resend may carry a fresher statement."""
    text = f"accord/round/v1\n{request.run}\n{request.number}\n".encode()
    return hashlib.sha256(text + request.weights.astype("<f8").tobytes()).hexdigest()


def _pseudonyms(texts: tuple[str, ...]) -> frozenset[bytes]:
    try:
        return frozenset(bytes.fromhex(text) for text in texts)
    except (ValueError, TypeError) as error:
        raise RefusedError(Refusal.STATEMENT_FORGED, "the removals do not name pseudonyms") from error
