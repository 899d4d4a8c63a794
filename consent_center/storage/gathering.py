"""Requests that wait at the same time share one transaction: its queries and its fsync are paid once for all of them.

Whoever comes first serves everybody who waits; the next one serves those who came meanwhile, in a transaction after
it: two at a time were measured slower, because each is paid for by fewer. Each is answered on its own, with its result
or its own error, after the commit.

Invariant: an answer is given only after what it says is durable; if the shared transaction fails, each is told so.
Invariant: somebody serves, or is about to, as long as anybody waits.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from consent_center.errors import ConsentCenterError
from consent_center.storage.transaction import Store, Transaction

Q = TypeVar("Q")
R = TypeVar("R")
MOST = 256
"""Requests in one transaction at most."""


@dataclass
class _Waiting(Generic[Q, R]):
    """One request that waits: for its answer, or for its turn to serve everybody who waits.

    Attributes:
        leads: its thread serves next; nobody else does meanwhile.
        woken: it has its answer, or leads.
    """

    request: Q
    at: datetime
    leads: bool = False
    answer: "Future[R]" = field(default_factory=Future)
    woken: threading.Event = field(default_factory=threading.Event)


@dataclass
class Gathering(Generic[Q, R]):
    """A workflow that answers many requests at once, asked by many threads with one request each.

    Attributes:
        store: where it runs.
        workflow: `workflow(tx, requests, at=...)` gives, for each request in order, its result or its error; a
            request that it answers with an error must have left nothing.
    """

    store: Store
    workflow: Callable[[Transaction, Sequence[Q], datetime], Sequence[R | ConsentCenterError]]
    _waiting: "deque[_Waiting[Q, R]]" = field(default_factory=deque)
    _busy: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, request: Q, *, at: datetime) -> R:
        """The answer to one request, once it is durable.

        Raises:
            Whatever the workflow answers this request with.
            StorageError: the database could not do it; nothing was written.
        """
        mine: _Waiting[Q, R] = _Waiting(request, at)
        with self._lock:
            self._waiting.append(mine)
            if not self._busy:
                self._busy = mine.leads = True
        if not mine.leads:
            mine.woken.wait()
        if mine.leads:
            self._serve()
        return mine.answer.result()

    def _serve(self) -> None:
        """Answer those who wait, then let the first of those who came meanwhile serve in turn."""
        with self._lock:
            group = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST))]
        self._answer(group)
        with self._lock:
            if self._waiting:
                self._waiting[0].leads = True
                self._waiting[0].woken.set()
            else:
                self._busy = False

    def _answer(self, group: "list[_Waiting[Q, R]]") -> None:
        # The group speaks at the latest of its moments, so that nothing is dated before a question was asked.
        at = max(one.at for one in group)
        try:
            answers = self.store.run(self._work, [one.request for one in group], at=at)
            answered = list(zip(group, answers, strict=True))
        except BaseException as error:  # noqa: BLE001 - every caller must be told, whatever it is
            for one in group:
                one.answer.set_exception(error)
        else:
            for one, answer in answered:
                if isinstance(answer, ConsentCenterError):
                    one.answer.set_exception(answer)
                else:
                    one.answer.set_result(answer)
        for one in group:
            one.woken.set()

    def _work(self, tx: Transaction, requests: Sequence[Q], *, at: datetime) -> Sequence[R | ConsentCenterError]:
        return self.workflow(tx, requests, at)
