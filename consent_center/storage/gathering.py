"""Requests that wait at the same time share one transaction: its queries and its fsync are paid once for all of them.

Whoever comes first serves everybody who waits; the next one serves those who came meanwhile. Each is answered on its
own, with its result or its own error, after the commit.

Invariant: an answer is given only after what it says is durable; if the shared transaction fails, each is told so.
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
class Gathering(Generic[Q, R]):
    """A workflow that answers many requests at once, asked by many threads with one request each.

    Attributes:
        store: where it runs.
        workflow: `workflow(tx, requests, at=...)` gives, for each request in order, its result or its error; a
            request that it answers with an error must have left nothing.
    """

    store: Store
    workflow: Callable[[Transaction, Sequence[Q], datetime], Sequence[R | ConsentCenterError]]
    _waiting: "deque[tuple[Q, datetime, Future[R]]]" = field(default_factory=deque)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, request: Q, *, at: datetime) -> R:
        """The answer to one request, once it is durable.

        Raises:
            Whatever the workflow answers this request with.
            StorageError: the database could not do it; nothing was written.
        """
        mine: Future[R] = Future()
        self._waiting.append((request, at, mine))
        with self._turn:
            while not mine.done():
                self._serve([self._waiting.popleft() for _ in range(min(len(self._waiting), MOST))])
        return mine.result()

    def _serve(self, group: "list[tuple[Q, datetime, Future[R]]]") -> None:
        # The group speaks at the latest of its moments, so that nothing is dated before a question was asked.
        at = max(moment for _, moment, _ in group)
        try:
            answers = self.store.run(self._work, [request for request, _, _ in group], at=at)
        except BaseException as error:  # noqa: BLE001 - every caller must be told, whatever it is
            for _, _, waiting in group:
                waiting.set_exception(error)
            return
        for (_, _, waiting), answer in zip(group, answers, strict=True):
            if isinstance(answer, ConsentCenterError):
                waiting.set_exception(answer)
            else:
                waiting.set_result(answer)

    def _work(self, tx: Transaction, requests: Sequence[Q], *, at: datetime) -> Sequence[R | ConsentCenterError]:
        return self.workflow(tx, requests, at)
