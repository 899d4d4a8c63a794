"""The coordinator's side of one round whose noise is shared: five exchanges, and the total of those who stayed.

It relays what the sites signed and sealed, and opens nothing but the sum. A site that is silent or refuses has left;
as long as the plan's quorum stays, the round goes on without it, and its entry says so.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from federated.errors import MalformedError, Refusal, RefusedError
from federated.exchange import Output, Vector, kind_of, parse_refused
from federated.gate import SiteRound
from federated.models.model import Exchange
from federated.plan import Plan
from federated.secure_sum.opening import open_total
from federated.secure_sum.participants import Occasion
from federated.secure_sum.protocol import Reveal
from federated.secure_sum.quantise import from_ring
from federated.signed import Signed
from federated.sum_exchange import (
    AnsweredKind,
    AskedKind,
    Step,
    SumVector,
    parse_step,
    parse_vector,
    signed_blob,
    step_bytes,
    weights_blob,
)
from privacy.mechanism import DiscreteGaussian

Send = Callable[[Mapping[str, bytes]], Mapping[str, bytes]]
"""One message to each of these sites, and their answers; a site that did not answer is absent."""


@dataclass(frozen=True)
class Summed:
    """What one attempt came to.

    Attributes:
        totals: release -> sum over the survivors, in the release's own units.
        copies: full noises that the sums of counts carry.
        sites: what each site did; those that left carry their code.
        nonces: survivor -> nonce of its next statement.
        statements: survivor -> the statement under which it took part.
    """

    totals: dict[str, Output]
    copies: float
    sites: dict[str, SiteRound]
    nonces: dict[str, str]
    statements: dict[str, Signed]


class LeftError(RefusedError):
    """Too few sites stayed; the attempt is over, and nothing was opened.

    Attributes:
        left: site -> why.
    """

    def __init__(self, left: Mapping[str, Refusal]) -> None:
        code = next(iter(left.values()), Refusal.SUM_TOO_FEW)
        super().__init__(code, "too few sites stayed for a secure sum; ask for the round again")
        self.left = dict(left)


@dataclass
class Attempt:
    """One attempt at one round.

    Attributes:
        send: how to reach the sites.
        left: site -> why it is not in the sum.
    """

    plan: Plan
    exchange: Exchange
    run: str
    number: int
    attempt: int
    send: Send
    left: dict[str, Refusal] = field(default_factory=dict)

    def sum(self, weights: Vector, statements: Mapping[str, Signed]) -> Summed:
        """Take all steps.

        Args:
            weights: the model's.
            statements: site -> its signed removals; a site without one is not asked.

        Raises:
            LeftError: too few sites stayed.
            RefusedError, MalformedError: what came together does not open.
        """
        listed, sealed = self._shared(statements)
        vectors = self._vectors(listed, sealed, weights)
        stayed = tuple(sorted(vectors))
        signatures = self._signatures(stayed) if len(stayed) < len(listed) else ()
        reveals = self._reveals(stayed, signatures, tuple(listed))
        words = open_total(
            self._occasion(), [*listed.values()], {site: one.words for site, one in vectors.items()}, reveals
        )
        lengths = {tuple(one.lengths.items()) for one in vectors.values()}
        if len(lengths) != 1 or [name for name, _ in min(lengths)] != [one.name for one in self.exchange.releases]:
            raise RefusedError(Refusal.MALFORMED, "the sites do not agree on what they released")
        sites = {site: SiteRound(refusal=code) for site, code in self.left.items()}
        sites |= {site: SiteRound(one.used_digest, one.used, one.removed) for site, one in vectors.items()}
        return Summed(
            totals=_totals(self.exchange, dict(min(lengths)), from_ring(words)),
            copies=len(vectors) / self.plan.quorum.honest,
            sites=sites,
            nonces={site: one.nonce for site, one in vectors.items()},
            statements={site: one.statement for site, one in vectors.items()},
        )

    def _shared(self, statements: Mapping[str, Signed]) -> tuple[dict[str, Signed], dict[str, dict[str, bytes]]]:
        """Signed keys and sealed shares of everybody who takes part; begun anew without a site that leaves here."""
        while True:
            asked = {site: one for site, one in statements.items() if site not in self.left}
            steps = {site: self._step("sum-open", blobs=(signed_blob(one),)) for site, one in asked.items()}
            listed = {
                site: Signed.from_text(step.blobs[0])
                for site, step in self._ask(steps, "sum-keys").items()
                if self._counts(site, step, 1)
            }
            self._enough(listed)
            everybody = self._step("sum-list", blobs=tuple(signed_blob(one) for one in listed.values()))
            sealed = {
                site: dict(zip(step.names, step.blobs, strict=True))
                for site, step in self._ask(dict.fromkeys(listed, everybody), "sum-shares").items()
                if self._counts(site, step, len(listed) - 1, named=True)
            }
            if {*sealed} == {*listed}:
                return listed, sealed
            self._enough(sealed)

    def _vectors(
        self, listed: Mapping[str, Signed], sealed: Mapping[str, Mapping[str, bytes]], weights: Vector
    ) -> dict[str, SumVector]:
        blob = weights_blob(weights)
        steps = {}
        for site in listed:
            inbox = {sender: shares[site] for sender, shares in sealed.items() if site in shares}
            steps[site] = self._step("sum-round", names=tuple(inbox), blobs=(blob, *inbox.values()))
        vectors = {}
        for site, answer in self.send({site: step_bytes(step) for site, step in steps.items()}).items():
            try:
                one = parse_vector(answer)
            except MalformedError:
                self.left[site] = _code(answer)
                continue
            if (one.run, one.number, one.attempt) == (self.run, self.number, self.attempt):
                vectors[site] = one
        self._silent(listed, vectors)
        self._enough(vectors)
        return vectors

    def _signatures(self, stayed: tuple[str, ...]) -> tuple[bytes, ...]:
        steps = dict.fromkeys(stayed, self._step("sum-agree", names=stayed))
        return tuple(
            step.blobs[0] for step in self._ask(steps, "sum-survivors", leaving=False).values() if len(step.blobs) == 1
        )

    def _reveals(
        self, stayed: tuple[str, ...], signatures: tuple[bytes, ...], listed: Sequence[str]
    ) -> dict[str, Reveal]:
        steps = dict.fromkeys(stayed, self._step("sum-unmask", names=stayed, blobs=signatures))
        reveals = {}
        for site, step in self._ask(steps, "sum-reveal", leaving=False).items():
            shares = dict(zip(step.names, step.blobs, strict=False))
            if {*shares} == {*listed}:
                own = {name: share for name, share in shares.items() if name in stayed}
                pair = {name: share for name, share in shares.items() if name not in stayed}
                reveals[site] = Reveal(own=own, pair=pair)
        return reveals

    def _ask(self, steps: Mapping[str, Step], kind: AnsweredKind, *, leaving: bool = True) -> dict[str, Step]:
        """The answers that are of this kind and attempt; who gives none has left, unless its vector is in already."""
        answers = self.send({site: step_bytes(step) for site, step in steps.items()})
        found = {}
        for site, answer in answers.items():
            try:
                step = parse_step(answer, kind=kind)
            except MalformedError:
                if leaving:
                    self.left[site] = _code(answer)
                continue
            if (step.run, step.number, step.attempt) == (self.run, self.number, self.attempt):
                found[site] = step
        if leaving:
            self._silent(steps, found)
        return found

    def _counts(self, site: str, step: Step, blobs: int, *, named: bool = False) -> bool:
        right = len(step.blobs) == blobs and (not named or len({*step.names}) == blobs)
        if not right:
            self.left[site] = Refusal.MALFORMED
        return right

    def _silent(self, asked: Mapping[str, object], answered: Mapping[str, object]) -> None:
        for site in {*asked} - {*answered}:
            self.left.setdefault(site, Refusal.NO_QUORUM)

    def _enough(self, sites: Mapping[str, object]) -> None:
        if len(sites) < self.plan.quorum.least:
            raise LeftError(self.left)

    def _step(self, kind: AskedKind, *, names: tuple[str, ...] = (), blobs: tuple[bytes, ...] = ()) -> Step:
        return Step(kind, self.run, self.number, self.attempt, names, blobs)

    def _occasion(self) -> Occasion:
        return Occasion(
            self.run, self.number, self.attempt, "", "", 0, tuple(sorted(self.plan.sites)), self.plan.quorum
        )


def _totals(exchange: Exchange, lengths: Mapping[str, int], numbers: npt.NDArray[np.int64]) -> dict[str, Output]:
    totals: dict[str, Output] = {}
    start = 0
    for release in exchange.releases:
        piece = numbers[start : start + lengths[release.name]]
        start += lengths[release.name]
        mechanism = release.mechanism
        totals[release.name] = (
            piece.astype(np.float64) * mechanism.grid if isinstance(mechanism, DiscreteGaussian) else piece
        )
    return totals


def _code(answer: bytes) -> Refusal:
    try:
        if kind_of(answer) == "refused":
            return parse_refused(answer).code
    except MalformedError:
        pass
    return Refusal.MALFORMED
