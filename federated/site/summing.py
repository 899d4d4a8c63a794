"""The site's side of a round whose noise is shared: secrets, masks and shares around the same checks as any round.

    sum-open    statement fresh and for this nonce                  -> keys, bound to run, round, attempt and epoch
    sum-list    everybody's keys signed by pinned peers             -> sealed shares
    sum-round   statement still fresh -> attempt on disk -> rows, clip, noise share, masks -> output on disk -> out
    sum-agree, sum-unmask   one answer to who stayed                -> shares

Invariant: a round's secrets live in this process only; after a restart the site has left the round.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from federated.errors import Refusal, RefusedError
from federated.gate import FRESH_FOR, Removals
from federated.plan import digest
from federated.secure_sum.participants import Occasion
from federated.secure_sum.protocol import (
    Advertised,
    Masked,
    Shared,
    advertise,
    agree,
    mask,
    share,
    unmask,
)
from federated.signed import Signed, encode
from federated.site.ground import Ground, identity, pseudonyms
from federated.site.journal import Progress
from federated.site.order import Work
from federated.site.outputs import shared_outputs
from federated.sum_exchange import (
    AnsweredKind,
    AskedKind,
    Step,
    SumVector,
    parse_step,
    signed_blob,
    step_bytes,
    vector_bytes,
    weights_of,
)


@dataclass(frozen=True)
class Speaks:
    """How a site speaks to other sites.

    Attributes:
        key: signs its keys of each round; peers pinned its public half.
        draw_seed: 32 fresh bytes; anything but the operating system's entropy is for tests.
    """

    key: Ed25519PrivateKey
    draw_seed: Callable[[], bytes]


@dataclass(frozen=True)
class _Session:
    """A sum in progress: which, whom it must not use, and where the protocol and the journal stand."""

    number: int
    attempt: int
    removals: Removals
    statement: Signed
    state: Advertised | Shared | Masked
    progress: Progress


class Sums:
    """The secure sums of one site.

    Args:
        ground: the site's things.
        speaks: None: it takes part in no sum.
    """

    def __init__(self, ground: Ground, speaks: Speaks | None) -> None:
        self._ground = ground
        self._speaks = speaks
        self._sessions: dict[str, _Session] = {}

    def answer(self, message: bytes, *, kind: AskedKind, at: datetime) -> bytes:
        """Take one step of a sum.

        Raises:
            RefusedError: the step is not taken.
            MalformedError: not a step.
        """
        step = parse_step(message, kind=kind)
        progress, work = self._ground.standing(step.run, mode="secure-sum", at=at)
        match kind:
            case "sum-open":
                return self._open(step, progress, work, at=at)
            case "sum-list":
                return self._list(step)
            case "sum-round":
                return self._round(step, message, work, at=at)
            case "sum-agree":
                return self._agree(step)
            case "sum-unmask":
                answer = self._unmask(step)
                if step.number == len(work.exchanges):
                    self._ground.forget(step.run)
                return answer

    def _open(self, step: Step, progress: Progress, work: Work, *, at: datetime) -> bytes:
        if not 1 <= step.number <= len(work.exchanges) or not 1 <= step.attempt <= work.plan.max_attempts:
            raise RefusedError(Refusal.ROUND_OUT_OF_ORDER, "the plan has no such round or attempt")
        statement = Signed.from_text(step.blobs[0]) if step.blobs else None
        removals, said = self._ground.removals(statement, progress, number=step.number, at=at)
        progress = self._ground.journal.turn_to(progress, step.number)
        occasion = Occasion(
            run=step.run,
            round=step.number,
            attempt=step.attempt,
            plan_digest=work.permit.plan_digest,
            cohorts=digest(encode(dict(work.permit.cohorts))),
            epoch=removals.epoch,
            sites=tuple(sorted(work.plan.sites)),
            quorum=work.plan.quorum,
        )
        speaks = self._own()
        state = advertise(occasion, self._ground.policy.name, key=speaks.key, seed=speaks.draw_seed())
        self._sessions[step.run] = _Session(step.number, step.attempt, removals, said, state, progress)
        return _answer(step, "sum-keys", blobs=(signed_blob(state.advert),))

    def _list(self, step: Step) -> bytes:
        session = self._session(step)
        if not isinstance(session.state, Advertised):
            raise _out_of_order()
        listed = [Signed.from_text(blob) for blob in step.blobs]
        state, sealed = share(session.state, listed, peers=self._peers())
        self._keep(step.run, session, state)
        return _answer(step, "sum-shares", names=tuple(sealed), blobs=tuple(sealed.values()))

    def _round(self, step: Step, message: bytes, work: Work, *, at: datetime) -> bytes:
        ground, session = self._ground, self._session(step)
        name = identity("sum-round", step.run, step.number, message)
        if isinstance(session.state, Masked):
            if (sent := ground.journal.released(step.run, step.number, name)) is not None:
                return sent
            raise _out_of_order()
        if not isinstance(session.state, Shared) or not step.blobs or len(step.blobs) != 1 + len(step.names):
            raise _out_of_order()
        if not abs(at - session.removals.issued_at) <= FRESH_FOR:
            raise RefusedError(Refusal.STATEMENT_STALE, "the removals are too old; ask for this round again")
        weights = weights_of(step.blobs[0])
        work.model.check_weights(work.plan, weights)
        exchange = work.exchanges[step.number - 1]
        removed = session.progress.removed | pseudonyms(session.removals.removed)
        used = ground.used(step.run, work, exchange, removed)
        progress = ground.journal.begin(
            session.progress,
            request=name,
            epoch=session.removals.epoch,
            removed=removed,
            most=work.plan.max_attempts,
        )
        rows = ground.rows(step.run, work, exchange, used)
        outputs = shared_outputs(work, exchange, rows, weights, members=len(used.members), noise=ground.noise)
        inbox = dict(zip(step.names, step.blobs[1:], strict=True))
        state, words = mask(session.state, inbox, np.concatenate([*outputs.values()]))
        reply = SumVector(
            run=step.run,
            number=step.number,
            attempt=step.attempt,
            nonce=ground.draw_nonce(),
            used_digest=used.digest,
            used=len(used.members),
            removed=len(work.pseudonyms & removed),
            statement=session.statement,
            lengths={release: values.size for release, values in outputs.items()},
            words=words,
        )
        sent = vector_bytes(reply)
        ground.journal.finish(progress, request=name, reply=sent, nonce=reply.nonce)
        self._keep(step.run, session, state)
        return sent

    def _agree(self, step: Step) -> bytes:
        session = self._session(step)
        if not isinstance(session.state, Masked):
            raise _out_of_order()
        state, signed = agree(session.state, step.names, key=self._own().key)
        self._keep(step.run, session, state)
        return _answer(step, "sum-survivors", blobs=(signed_blob(signed),))

    def _unmask(self, step: Step) -> bytes:
        session = self._session(step)
        if not isinstance(session.state, Masked):
            raise _out_of_order()
        signed = [Signed.from_text(blob) for blob in step.blobs]
        state, reveal = unmask(session.state, step.names, signed, peers=self._peers())
        self._keep(step.run, session, state)
        shares = {**reveal.own, **reveal.pair}
        return _answer(step, "sum-reveal", names=tuple(shares), blobs=tuple(shares.values()))

    def _session(self, step: Step) -> _Session:
        session = self._sessions.get(step.run)
        if session is None or (session.number, session.attempt) != (step.number, step.attempt):
            raise _out_of_order()
        return session

    def _keep(self, run: str, session: _Session, state: Shared | Masked) -> None:
        self._sessions[run] = replace(session, state=state)

    def _own(self) -> Speaks:
        if self._speaks is None:
            raise RefusedError(Refusal.POLICY, "this site has no key to speak to other sites; make one")
        return self._speaks

    def _peers(self) -> dict[str, Ed25519PublicKey]:
        policy = self._ground.policy
        return {**policy.peers, policy.name: self._own().key.public_key()}


def _answer(step: Step, kind: AnsweredKind, *, names: tuple[str, ...] = (), blobs: tuple[bytes, ...] = ()) -> bytes:
    return step_bytes(Step(kind, step.run, step.number, step.attempt, names, blobs))


def _out_of_order() -> RefusedError:
    return RefusedError(Refusal.ROUND_OUT_OF_ORDER, "this sum is not at this step here; ask for the round again")
