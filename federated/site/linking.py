"""The site's side of a randomised exchange: one round, before the training, around the same checks as any.

    link-open     statement fresh and for this nonce, run limit   -> a signed key for each partner
    link-labels   to the holder: the helpers' keys                -> labels, randomised, kept, sealed
    link-help     to a helper: the holder's key, its labels       -> trains; bins, randomised, kept, sealed
    link-bins     to the holder: what each helper sealed          -> kept, all of them or none

Who is meant is said by the place in the list: both sites' lists are in the order of the tokens, so a label or a bin is
one byte and no token crosses. The length tells how many are on the list, which both know, and nothing of anybody else.

Invariant: whatever is cut anywhere begins anew with the same answers: they are kept before they leave, and drawn once a
quarter. The keys of an exchange live in this process only.
"""

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from federated.cohort import members_digest
from federated.errors import Refusal, RefusedError
from federated.exchange import Opened, RoundReply, opened_bytes, parse_order, reply_bytes
from federated.gate import FRESH_FOR
from federated.linkage.limits import Matchings
from federated.linkage.randomised import all_answered
from federated.plan import parse_plan
from federated.plan_exchange import numbers_of
from federated.signed import Signed
from federated.site.accounts import SiteAccounts
from federated.site.asking import randomised_labels
from federated.site.charging import charge_run
from federated.site.exchanged import Exchanged, about_received
from federated.site.ground import Ground, identity, pseudonyms
from federated.site.helping import ABSENT, helped
from federated.site.journal import Progress
from federated.site.link_session import Session, links_of, out_of_order, partner_of
from federated.site.order import HelpWork, Work, check_help
from federated.site.summing import Speaks
from federated.sum_exchange import LinkAnsweredKind, LinkAskedKind, Step, parse_step, signed_blob, step_bytes

ROUND = 1
TRIES = 100
"""However often it is begun anew, the answers are the same: tries are counted only so that they end."""


class Links:
    """The randomised exchanges of one site.

    Args:
        ground: the site's things.
        speaks: None: it takes part in none.
    """

    def __init__(self, ground: Ground, speaks: Speaks | None) -> None:
        self._ground, self._speaks = ground, speaks
        self._kept = Exchanged(ground.store)
        self._sessions: dict[str, Session] = {}
        self._helping: dict[str, HelpWork] = {}

    def helps(self, message: bytes) -> bool:
        """Does an order ask this site to help, instead of to train?"""
        plan = parse_plan(parse_order(message).plan)
        return self._ground.policy.name in {helper.site for helper in plan.helpers}

    def open(self, message: bytes, *, at: datetime) -> bytes:
        """Check the order of a helper, charge for it, and ask for the statement of removals.

        Raises:
            RefusedError: the site does not help.
        """
        ground = self._ground
        work = self._work(message, at=at)
        run = work.permit.run
        charge_run(SiteAccounts(ground.store), ground.policy, work.plan, run=run, at=at)
        progress = ground.journal.open(run, work=message, nonce=ground.draw_nonce(), epoch=work.permit.epoch)
        if progress.work != message:
            raise RefusedError(Refusal.LINK_TAMPERED, "this run was opened with another order; admit a new run")
        self._helping[run] = work
        return opened_bytes(Opened(run=run, nonce=progress.nonce, number=progress.number))

    def answer(self, message: bytes, *, kind: LinkAskedKind, at: datetime) -> bytes:
        """Take one step of an exchange.

        Raises:
            RefusedError: the step is not taken.
            MalformedError: not a step.
        """
        step = parse_step(message, kind=kind)
        if (step.number, step.attempt) != (ROUND, 1) or len(step.names) > len(step.blobs):
            raise RefusedError(Refusal.ROUND_OUT_OF_ORDER, "an exchange is the first round of its run")
        match kind:
            case "link-open":
                return self._open(step, at=at)
            case "link-labels":
                return self._labels(step, at=at)
            case "link-help":
                return self._help(step, at=at)
            case "link-bins":
                return self._bins(step, at=at)

    def _open(self, step: Step, *, at: datetime) -> bytes:
        ground, speaks = self._ground, self._own()
        progress, work = self._standing(step.run, at=at)
        statement = Signed.from_text(step.blobs[0]) if step.blobs else None
        removals, said = ground.removals(statement, progress, number=ROUND, at=at)
        progress = ground.journal.turn_to(progress, ROUND)
        removed = progress.removed | pseudonyms(removals.removed)
        for link in links_of(work):
            limit = ground.policy.exchanges[partner_of(link, ground.policy.name)]
            Matchings(ground.store.path, most=limit.runs).open(link.pairing, step.run, at=at)
            self._kept.forget_before(link.pairing.epoch)
        secrets = {partner_of(link, ground.policy.name): speaks.draw_seed() for link in links_of(work)}
        session = Session(ground.policy.name, progress, removals, said, removed, secrets)
        self._sessions[step.run] = session
        adverts = session.adverts(work, speaks)
        return _answer(step, "link-keys", tuple(adverts), tuple(signed_blob(one) for one in adverts.values()))

    def _labels(self, step: Step, *, at: datetime) -> bytes:
        session, work = self._session(step, at=at)
        if not isinstance(work, Work):
            raise RefusedError(Refusal.POLICY, "this site holds no label in this run")
        session = session.met(step, work, self._ground.policy)
        self._begin(step, session)
        self._sessions[step.run] = session
        sent = randomised_labels(
            work, session.removed, kept=self._kept, source=self._ground.source, noise=self._ground.noise
        )
        sealed = {}
        for link in work.links:
            said = np.array([sent.get(own, ABSENT) for own in link.members], dtype=np.uint8)
            sealed[link.helper.site] = session.sealed(said, work, link)
        return _answer(step, "link-sealed", tuple(sealed), tuple(sealed.values()))

    def _help(self, step: Step, *, at: datetime) -> bytes:
        ground = self._ground
        session, work = self._session(step, at=at)
        if not isinstance(work, HelpWork) or len(step.names) != 1 or len(step.blobs) != 2:
            raise RefusedError(Refusal.POLICY, "this site does not help in this run, or is not asked as it should be")
        session = session.met(step, work, ground.policy)
        self._begin(step, session)
        self._sessions[step.run] = session
        labels = session.unsealed(step.blobs[1], work, work.link)
        bins = helped(
            work,
            labels,
            members=[b"" if own in session.removed else own for own in work.link.members],
            fewest=ground.policy.minimum_cohort,
            kept=self._kept,
            source=ground.source,
            noise=ground.noise,
        )
        sealed = session.sealed(bins, work, work.link)
        reply = self._finish(step, session, work)
        return _answer(step, "link-answers", step.names, (sealed, reply))

    def _bins(self, step: Step, *, at: datetime) -> bytes:
        session, work = self._session(step, at=at, fresh=False)
        if not isinstance(work, Work) or {*step.names} != {link.helper.site for link in work.links}:
            raise RefusedError(
                Refusal.LINK_TAMPERED, "an exchange brings an answer of each helper, or comes to nothing"
            )
        sealed = dict(zip(step.names, step.blobs, strict=True))
        came: dict[str, dict[bytes, int]] = {}
        for link in work.links:
            bins = session.unsealed(sealed[link.helper.site], work, link)
            due = np.array([own not in session.removed for own in link.members])
            all_answered(bins, due, numbers_of(work.plan.releases, link.helper).answers)
            tokens = [*link.tokens.pseudonym_of]
            came[about_received(link.pairing, work.permit.plan_digest)] = {
                tokens[place]: int(bins[place]) for place in np.flatnonzero(due)
            }
        for about, answers in came.items():
            self._kept.keep(about, work.links[0].pairing.epoch, answers)
        return self._finish(step, session, work)

    def _begin(self, step: Step, session: Session) -> None:
        name = identity("exchange", step.run, ROUND)
        epoch, removed = session.removals.epoch, session.removed
        self._ground.journal.begin(session.progress, request=name, epoch=epoch, removed=removed, most=TRIES)

    def _finish(self, step: Step, session: Session, work: Work | HelpWork) -> bytes:
        """Say whom this site used, and expect the next round."""
        ground = self._ground
        everybody = {own for link in links_of(work) for own in link.members}
        used = everybody - session.removed
        reply = RoundReply(
            run=step.run,
            number=ROUND,
            nonce=ground.draw_nonce(),
            used_digest=members_digest(used),
            used=len(used),
            removed=len(everybody & session.removed),
            statement=session.statement,
        )
        sent = reply_bytes(reply)
        ground.journal.finish(
            session.progress, request=identity("exchange", step.run, ROUND), reply=sent, nonce=reply.nonce
        )
        self._sessions.pop(step.run, None)
        self._helping.pop(step.run, None)
        return sent

    def _standing(self, run: str, *, at: datetime) -> tuple[Progress, Work | HelpWork]:
        """Where a run stands at this site, and its work: as the one that is helped, or as a helper."""
        progress = self._ground.journal.progress(run)
        if not self.helps(progress.work):
            return self._ground.standing(run, mode="local", at=at)
        if run not in self._helping:
            self._helping[run] = self._work(progress.work, at=at)
        if at >= self._helping[run].permit.expires_at:
            raise RefusedError(Refusal.PERMIT_EXPIRED, "the permit has expired; ask for a new admission")
        return progress, self._helping[run]

    def _work(self, message: bytes, *, at: datetime) -> HelpWork:
        ground = self._ground
        return check_help(parse_order(message), policy=ground.policy, enrolled=ground.store.cohort_keys().keys(), at=at)

    def _session(self, step: Step, *, at: datetime, fresh: bool = True) -> tuple[Session, Work | HelpWork]:
        if (session := self._sessions.get(step.run)) is None:
            raise out_of_order()
        if fresh and not abs(at - session.removals.issued_at) <= FRESH_FOR:
            raise RefusedError(Refusal.STATEMENT_STALE, "the removals are too old; ask for this round again")
        return session, self._standing(step.run, at=at)[1]

    def _own(self) -> Speaks:
        if self._speaks is None:
            raise RefusedError(Refusal.POLICY, "this site has no key to speak to other sites; make one")
        return self._speaks


def _answer(step: Step, kind: LinkAnsweredKind, names: Sequence[str], blobs: Sequence[bytes]) -> bytes:
    return step_bytes(Step(kind, step.run, step.number, step.attempt, tuple(names), tuple(blobs)))
