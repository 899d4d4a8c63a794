"""What every round of a site stands on, whatever its noise: the run's work, fresh removals, rows, and the journal."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from federated.errors import Refusal, RefusedError
from federated.exchange import parse_order
from federated.gate import Clock, Removals, check_removals
from federated.models.model import Exchange
from federated.plan import NoiseMode
from federated.signed import Signed
from federated.site.answered import with_answers
from federated.site.journal import Journal, Progress
from federated.site.order import Work, check_order
from federated.site.policy import Policy, check_hours
from federated.site.rows import MemberRows, Using, load, using
from federated.site.source import Source
from federated.site.store import SiteStore
from privacy.noise import NoiseSource


@dataclass
class Ground:
    """One site's things, and what its runs keep in memory.

    Attributes:
        draw_nonce: a fresh unguessable text for each statement.
    """

    policy: Policy
    store: SiteStore
    source: Source
    noise: NoiseSource
    clock: Clock
    draw_nonce: Callable[[], str]
    journal: Journal
    work: dict[str, Work] = field(default_factory=dict)
    using: dict[str, Using] = field(default_factory=dict)

    def check(self, message: bytes, *, at: datetime) -> Work:
        """The work that an order asks for; raises `RefusedError` for the first thing that is not in order."""
        order = parse_order(message)
        return check_order(order, policy=self.policy, cohort_keys=self.store.cohort_keys(), at=at)

    def standing(self, run: str, *, mode: NoiseMode, at: datetime) -> tuple[Progress, Work]:
        """Where a run stands at this site, if it may go on now, in this noise mode.

        Raises:
            RefusedError: it was not opened here, its permit has expired, or its plan was priced for the other mode.
        """
        progress = self.journal.progress(run)
        if run not in self.work:
            self.work[run] = self.check(progress.work, at=at)
        work = self.work[run]
        if at >= work.permit.expires_at:
            raise RefusedError(Refusal.PERMIT_EXPIRED, "the permit has expired; ask for a new admission")
        if work.plan.noise_mode != mode:
            raise RefusedError(Refusal.PLAN_CHANGED, "this plan was approved for another noise mode")
        return progress, work

    def removals(
        self, statement: Signed | None, progress: Progress, *, number: int, at: datetime
    ) -> tuple[Removals, Signed]:
        """The removals for this round, and the statement that says them, checked; only within the site's hours.

        Raises:
            RefusedError: `statement-missing`, `-forged`, `-replayed` or `-stale`, or `policy`.
        """
        check_hours(self.policy, at=at)
        if statement is None:
            raise RefusedError(Refusal.STATEMENT_MISSING, "no statement of removals came with this round")
        removals = check_removals(
            statement,
            hub_key=self.policy.hub_key,
            run=progress.run,
            site=self.policy.name,
            number=number,
            nonce=progress.nonce,
            epoch=progress.epoch,
            at=at,
        )
        return removals, statement

    def used(self, run: str, work: Work, exchange: Exchange, removed: frozenset[bytes]) -> Using:
        """Whom the round uses.

        Raises:
            RefusedError: `cohort-too-small`: after the removals too few are left to train on.
        """
        used = using(work, exchange, removed=removed, before=self.using.get(run))
        if exchange.release.kind == "train" and len(used.members) < self.policy.minimum_cohort:
            raise RefusedError(Refusal.COHORT_TOO_SMALL, "after the removals too few members are left to train on")
        return used

    def rows(self, run: str, work: Work, exchange: Exchange, used: Using) -> MemberRows:
        """Their rows, read once and kept until the exchange changes; only after `Journal.begin`."""
        rows = used.rows
        if rows is None:
            rows = load(with_answers(self.source, work, self.store), work, exchange, used.members)
        self.using[run] = replace(used, rows=rows)
        return rows

    def forget(self, run: str) -> None:
        """Drop what a finished run kept in memory."""
        self.work.pop(run, None)
        self.using.pop(run, None)


def pseudonyms(texts: tuple[str, ...]) -> frozenset[bytes]:
    """The pseudonyms of a statement.

    Raises:
        RefusedError: `statement-forged`.
    """
    try:
        return frozenset(bytes.fromhex(text) for text in texts)
    except (ValueError, TypeError) as error:
        raise RefusedError(Refusal.STATEMENT_FORGED, "the removals do not name pseudonyms") from error


def identity(kind: str, run: str, number: int, *parts: bytes) -> str:
    """What makes two requests for a round the same; a resend may carry a fresher statement."""
    drawn = hashlib.sha256(f"accord/{kind}/v1\n{run}\n{number}\n".encode())
    for part in parts:
        drawn.update(part)
    return drawn.hexdigest()
