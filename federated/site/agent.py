"""The site's side of a run: one order, then rounds, each answered or refused.

    order  -> every check (`site.order`), charge the site's own ledger, keep the order, answer with a nonce
    round  -> statement of removals fresh and for this nonce, round in order -> attempt on disk -> rows, clip, noise
              -> output on disk -> out
    sum-*  -> the same round in the steps of a secure sum (`site.summing`)
    link-* -> the randomised exchange of a run, before its first round (`site.linking`)

Invariant: `answer` returns a message and never raises; what leaves is an answer or a code, never the text of an error.
"""

import logging
import traceback
from collections.abc import Callable
from threading import RLock

from federated.errors import MalformedError, Refusal, RefusedError
from federated.exchange import (
    Opened,
    Refused,
    RoundReply,
    RoundRequest,
    kind_of,
    opened_bytes,
    parse_request,
    refused_bytes,
    reply_bytes,
)
from federated.gate import Clock
from federated.models.model import Exchange
from federated.site.accounts import SiteAccounts
from federated.site.charging import charge_run
from federated.site.ground import Ground, identity, pseudonyms
from federated.site.journal import Journal, Progress
from federated.site.linking import Links
from federated.site.order import Work
from federated.site.outputs import local_outputs
from federated.site.policy import Policy
from federated.site.source import Source
from federated.site.store import SiteStore
from federated.site.summing import Speaks, Sums
from federated.sum_exchange import ASKED, LINK_ASKED
from privacy.noise import NoiseSource

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
        speaks: how it speaks to other sites in secure sums; None: it takes part in none.
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
        speaks: Speaks | None = None,
    ) -> None:
        self.policy = policy
        self._ground = Ground(policy, store, source, noise, clock, draw_nonce, Journal(store))
        self._accounts = SiteAccounts(store)
        self._sums = Sums(self._ground, speaks)
        self._links = Links(self._ground, speaks)
        self._lock = RLock()

    def close(self) -> None:
        """Close the site's database; the agent answers nothing after that."""
        with self._lock:
            self._ground.store.close()

    def answer(self, message: bytes) -> bytes:
        """Answer an order or a round; anything that goes wrong becomes a code."""
        try:
            with self._lock:
                kind = kind_of(message)
                if kind == "order":
                    return self.open(message)
                for asked in LINK_ASKED:
                    if kind == asked:
                        return self._links.answer(message, kind=asked, at=self._ground.clock())
                if kind == "round":
                    return self.round(message)
                for step in ASKED:
                    if kind == step:
                        return self._sums.answer(message, kind=step, at=self._ground.clock())
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
        ground = self._ground
        at = ground.clock()
        if self._links.helps(message):
            return self._links.open(message, at=at)
        work = ground.check(message, at=at)
        run, epoch = work.permit.run, work.permit.epoch
        charge_run(self._accounts, self.policy, work.plan, run=run, at=at)
        progress = ground.journal.open(run, work=message, nonce=ground.draw_nonce(), epoch=epoch)
        if progress.work != message:
            raise RefusedError(Refusal.COHORT_TAMPERED, "this run was opened with another order; admit a new run")
        ground.work[run] = work
        return opened_bytes(Opened(run=run, nonce=progress.nonce, number=progress.number))

    def round(self, message: bytes) -> bytes:
        """Run one round, or send again what the same request got before.

        Raises:
            RefusedError: the round does not run.
            MalformedError: not a round.
        """
        ground = self._ground
        at = ground.clock()
        request = parse_request(message)
        run, number = request.run, request.number
        progress, work = ground.standing(run, mode="local", at=at)
        name = identity("round", run, number, request.weights.astype("<f8").tobytes())
        if (sent := ground.journal.released(run, number, name)) is not None:
            return sent
        exchange = _exchange(work, request, progress)
        work.model.check_weights(work.plan, request.weights)
        removals, statement = ground.removals(request.statement, progress, number=number, at=at)
        removed = progress.removed | pseudonyms(removals.removed)
        used = ground.used(run, work, exchange, removed)
        progress = ground.journal.begin(
            progress, request=name, epoch=removals.epoch, removed=removed, most=work.plan.max_attempts
        )
        rows = ground.rows(run, work, exchange, used)
        reply = RoundReply(
            run=run,
            number=number,
            nonce=ground.draw_nonce(),
            used_digest=used.digest,
            used=len(used.members),
            removed=len(work.pseudonyms & removed),
            statement=statement,
            outputs=local_outputs(work, exchange, rows, request.weights, noise=ground.noise),
        )
        sent = reply_bytes(reply)
        ground.journal.finish(progress, request=name, reply=sent, nonce=reply.nonce)
        if number == len(work.exchanges):
            ground.forget(run)
        return sent


def _where(error: Exception) -> str:
    """The kind of an error and the line it came from, for the site's operator; never its text."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} at {frames[-1].name}, line {frames[-1].lineno}" if frames else type(error).__name__


def _exchange(work: Work, request: RoundRequest, progress: Progress) -> Exchange:
    if request.number != progress.number or not 1 <= request.number <= len(work.exchanges):
        raise RefusedError(Refusal.ROUND_OUT_OF_ORDER, "this is not the round that comes next at this site")
    return work.exchanges[request.number - 1]
