"""The coordinator's side of a round whose noise each site adds itself: every site answers, or it came to nothing.

A site that is silent is asked again, with a fresh statement: while the patience lasts, and as often as the plan priced.
That costs nothing: a site that released its numbers sends the same bytes again, and one that had begun when it died
begins again only if the plan priced another attempt.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from federated.errors import MalformedError, Refusal, RefusedError
from federated.exchange import RoundReply, RoundRequest, kind_of, parse_refused, parse_reply, request_bytes
from federated.gate import SiteRound
from federated.models.model import Exchange
from federated.signed import Signed

Send = Callable[[Mapping[str, bytes]], Mapping[str, bytes]]
"""One message to each of these sites, and their answers; a site that did not answer is absent."""

AGAIN = frozenset({Refusal.NO_QUORUM, Refusal.INTERNAL})
AWAY = frozenset({Refusal.NO_QUORUM, Refusal.STATEMENT_STALE})
WAIT_S = 0.5


@dataclass
class Patience:
    """How long a coordinator waits for sites that are away; none in one process, where nobody comes back.

    Attributes:
        seconds: for each step of a run.
        wait: sleeps; anything but `time.sleep` is for tests.
    """

    seconds: float = 0.0
    wait: Callable[[float], None] = time.sleep

    def deadline(self) -> float:
        """When a step that begins now is given up."""
        return time.monotonic() + self.seconds

    def again(self, until: float) -> bool:
        """Wait a little; False if it is too late for that."""
        if time.monotonic() >= until:
            return False
        self.wait(WAIT_S)
        return True


@dataclass
class LocalRound:
    """One round at every site.

    Attributes:
        statements: site -> nonce of hers -> a fresh signed statement of removals for each of these sites.
        replies: what came; refusals: why the others did not.
    """

    run: str
    exchange: Exchange
    weights: Any
    nonces: Mapping[str, str]
    statements: Callable[[Mapping[str, str]], Mapping[str, Signed]]
    send: Send
    replies: dict[str, RoundReply] = field(default_factory=dict)
    refusals: dict[str, Refusal] = field(default_factory=dict)

    def ask(self, *, attempts: int, patience: Patience) -> None:
        """Ask until every site answered, one refused, or there is no point in asking again."""
        until, made = patience.deadline(), 0
        while True:
            self._once()
            made += 1
            why = {*self.refusals.values()}
            if not why or not why <= AGAIN | AWAY:
                return
            if made >= attempts and not (why <= AWAY and patience.again(until)):
                return

    @property
    def sites(self) -> dict[str, SiteRound]:
        """What each site did."""
        done = {site: SiteRound(one.used_digest, one.used, one.removed) for site, one in self.replies.items()}
        return {**{site: SiteRound(refusal=self.refusals.get(site)) for site in self.nonces}, **done}

    def _once(self) -> None:
        waiting = {site: nonce for site, nonce in self.nonces.items() if site not in self.replies}
        statements = self.statements(waiting)
        number = self.exchange.number
        answers = self.send(
            {
                site: request_bytes(RoundRequest(self.run, number, statements.get(site), self.weights))
                for site in waiting
            }
        )
        self.refusals = {}
        for site in waiting:
            if (refused := refusal_of(answers.get(site), kind="reply")) is not None:
                self.refusals[site] = refused
            else:
                self.replies[site] = self._checked(parse_reply(answers[site]))

    def _checked(self, reply: RoundReply) -> RoundReply:
        expected = {release.name for release in self.exchange.releases}
        if (reply.run, reply.number) != (self.run, self.exchange.number) or {*reply.outputs} != expected:
            raise RefusedError(Refusal.ROUND_OUT_OF_ORDER, "a site answered another round, or with other releases")
        return reply


def refusal_of(answer: bytes | None, *, kind: str) -> Refusal | None:
    """Why an answer is not the one that was asked for; None if it is. A site that is silent makes no quorum."""
    if answer is None:
        return Refusal.NO_QUORUM
    try:
        found = kind_of(answer)
        if found == kind:
            return None
        return parse_refused(answer).code
    except MalformedError:
        return Refusal.MALFORMED
