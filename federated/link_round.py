"""The coordinator's side of a randomised exchange: four steps, in which it relays what it can neither open nor read.

    every site    link-open     -> signed keys
    the holder    link-labels   -> labels, sealed for each helper
    each helper   link-help     -> bins, sealed for the holder
    the holder    link-bins     -> whom it used

All of them or none: half an exchange is no exchange. A site that is silent is waited for while the patience lasts, and
then everything begins anew; that costs nothing, because the sites keep what they answered.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from federated.errors import MalformedError, Refusal, RefusedError
from federated.exchange import RoundReply, parse_reply
from federated.gate import SiteRound
from federated.local_round import refusal_of
from federated.plan import Plan
from federated.signed import Signed
from federated.sum_exchange import LinkAnsweredKind, LinkAskedKind, Step, parse_step, signed_blob, step_bytes

Send = Callable[[Mapping[str, bytes]], Mapping[str, bytes]]
"""One message to each of these sites, and their answers; a site that did not answer is absent."""

ROUND = 1


@dataclass
class LinkRound:
    """One try at the exchange of a run.

    Attributes:
        replies: site -> whom it used, once it is done.
        refusals: site -> why it is not.
    """

    plan: Plan
    run: str
    send: Send
    replies: dict[str, RoundReply] = field(default_factory=dict)
    refusals: dict[str, Refusal] = field(default_factory=dict)

    @property
    def sites(self) -> dict[str, SiteRound]:
        """What each site did."""
        done = {site: SiteRound(one.used_digest, one.used, one.removed) for site, one in self.replies.items()}
        absent = {site: SiteRound(refusal=self.refusals.get(site, Refusal.NO_QUORUM)) for site in self.plan.concerned}
        return {**absent, **done}

    @property
    def statements(self) -> dict[str, Signed]:
        """Site -> the statement under which it took part."""
        return {site: reply.statement for site, reply in self.replies.items()}

    @property
    def nonces(self) -> dict[str, str]:
        """Site -> of its next statement."""
        return {site: reply.nonce for site, reply in self.replies.items()}

    def exchange(self, statements: Mapping[str, Signed]) -> None:
        """Take all steps; afterwards every site has a reply, or some have a refusal and nothing of it counts.

        Raises:
            MalformedError: an answer has another form than it should.
        """
        try:
            self._exchange(statements)
        except RefusedError:
            self.replies.clear()

    def _exchange(self, statements: Mapping[str, Signed]) -> None:
        (holder,) = self.plan.sites
        helpers = [one.site for one in self.plan.helpers]
        opening = {site: self._step("link-open", blobs=(signed_blob(one),)) for site, one in statements.items()}
        keys = {site: _named(step) for site, step in self._ask(opening, "link-keys").items()}
        if {*keys} != {*self.plan.concerned} or any({*keys[one]} != {holder} for one in helpers):
            raise MalformedError("an exchange needs a key of each site, for each of its partners")
        asked = {holder: self._of({site: keys[site][holder] for site in helpers}, "link-labels")}
        labels = _named(self._ask(asked, "link-sealed")[holder])
        if {*labels, *keys[holder]} != {*helpers}:
            raise MalformedError("the holder speaks to each helper, and to nobody else")
        helping = {
            site: self._step("link-help", names=(holder,), blobs=(keys[holder][site], labels[site])) for site in helpers
        }
        bins: dict[str, bytes] = {}
        for site, step in self._ask(helping, "link-answers").items():
            if len(step.blobs) != 2:
                raise MalformedError("a helper answers with its bins, and says whom it used")
            bins[site], reply = step.blobs
            self._done(site, reply)
        answers = self.send({holder: step_bytes(self._of(bins, "link-bins"))})
        if (refused := refusal_of(answers.get(holder), kind="reply")) is not None:
            self._refuse({holder: refused})
        self._done(holder, answers[holder])

    def _ask(self, steps: Mapping[str, Step], kind: LinkAnsweredKind) -> dict[str, Step]:
        """Everybody's answer of this kind; one that is missing ends this try."""
        answers = self.send({site: step_bytes(step) for site, step in steps.items()})
        refused = {site: code for site in steps if (code := refusal_of(answers.get(site), kind=kind)) is not None}
        if refused:
            self._refuse(refused)
        found = {site: parse_step(answers[site], kind=kind) for site in steps}
        if any((one.run, one.number, len(one.names)) != (self.run, ROUND, len({*one.names})) for one in found.values()):
            raise MalformedError("a site answered another exchange")
        return found

    def _refuse(self, refused: Mapping[str, Refusal]) -> None:
        self.refusals = dict(refused)
        raise RefusedError(next(iter(refused.values())), "a site does not take part in the exchange")

    def _done(self, site: str, message: bytes) -> None:
        reply = parse_reply(message)
        if (reply.run, reply.number) != (self.run, ROUND) or reply.outputs:
            raise MalformedError("a site says of an exchange whom it used, and nothing else")
        self.replies[site] = reply

    def _of(self, blobs: Mapping[str, bytes], kind: LinkAskedKind) -> Step:
        return self._step(kind, names=tuple(blobs), blobs=tuple(blobs.values()))

    def _step(self, kind: LinkAskedKind, *, names: tuple[str, ...] = (), blobs: tuple[bytes, ...] = ()) -> Step:
        return Step(kind, self.run, ROUND, 1, names, blobs)


def _named(step: Step) -> dict[str, bytes]:
    if len(step.names) != len(step.blobs):
        raise MalformedError("an answer names whom each of its parts is for")
    return dict(zip(step.names, step.blobs, strict=True))
