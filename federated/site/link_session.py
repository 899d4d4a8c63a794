"""One exchange in progress at a site: whom it must not use, and what it seals for its partners and opens of them.

Lives in this process only, as its secrets do: a site that was restarted begins anew, with the same answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from federated.errors import Refusal, RefusedError
from federated.gate import Removals
from federated.linkage.sealing import Occasion, advertise, partner_key, seal, unseal
from federated.signed import Signed
from federated.site.journal import Progress
from federated.site.linked import Link
from federated.site.order import HelpWork, Work
from federated.site.policy import Policy
from federated.site.summing import Speaks
from federated.sum_exchange import Step

Octets = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Session:
    """An exchange in progress.

    Attributes:
        site: this site.
        removed: pseudonyms here of whoever took something back since the admission.
        secrets: partner -> this site's secret for it, fresh for this try.
        theirs: partner -> its public key, once its partner sent it.
    """

    site: str
    progress: Progress
    removals: Removals
    statement: Signed
    removed: frozenset[bytes]
    secrets: Mapping[str, bytes] = field(repr=False)
    theirs: Mapping[str, bytes] = field(default_factory=dict)

    def partner(self, link: Link) -> str:
        """The other end of a link."""
        return partner_of(link, self.site)

    def adverts(self, work: Work | HelpWork, speaks: Speaks) -> dict[str, Signed]:
        """Partner -> this site's key for it, signed for this occasion."""
        return {
            self.partner(link): advertise(
                self._occasion(work, link), self.site, key=speaks.key, secret=self.secrets[self.partner(link)]
            )
            for link in links_of(work)
        }

    def met(self, step: Step, work: Work | HelpWork, policy: Policy) -> Self:
        """The session with the partners' keys that a step brought, each signed by whom this site pinned.

        Raises:
            RefusedError: `link-tampered`, `-epoch` or `-stale`: not a key of each partner for this very occasion.
        """
        links = {self.partner(link): link for link in links_of(work)}
        if {*step.names} != {*links}:
            raise RefusedError(Refusal.LINK_TAMPERED, "the keys are not those of this run's partners")
        theirs = {
            name: partner_key(
                Signed.from_text(blob), self._occasion(work, links[name]), name, pinned=policy.peers[name]
            )
            for name, blob in zip(step.names, step.blobs, strict=False)
        }
        return replace(self, theirs=theirs)

    def sealed(self, said: Octets, work: Work | HelpWork, link: Link) -> bytes:
        """One byte a member, that only the partner can open."""
        partner = self.partner(link)
        return seal(
            said.tobytes(),
            self._occasion(work, link),
            "labels" if isinstance(work, Work) else "bins",
            mine=self.secrets[partner],
            theirs=self.theirs[partner],
        )

    def unsealed(self, sealed: bytes, work: Work | HelpWork, link: Link) -> Octets:
        """One byte a member, as the partner said it.

        Raises:
            RefusedError: `link-tampered`, or `round-out-of-order` before its key came.
        """
        partner = self.partner(link)
        if partner not in self.theirs:
            raise out_of_order()
        opened = unseal(
            sealed,
            self._occasion(work, link),
            "bins" if isinstance(work, Work) else "labels",
            mine=self.secrets[partner],
            theirs=self.theirs[partner],
        )
        return np.frombuffer(opened, dtype=np.uint8)

    def _occasion(self, work: Work | HelpWork, link: Link) -> Occasion:
        return Occasion(work.permit.run, link.pairing, work.permit.plan_digest, link.listed, self.removals.epoch)


def links_of(work: Work | HelpWork) -> tuple[Link, ...]:
    """The pairs of a run that a site is in: all of them, or its own."""
    return work.links if isinstance(work, Work) else (work.link,)


def partner_of(link: Link, site: str) -> str:
    """The other end of a link, as one of its two sites sees it."""
    return link.pairing.helper if link.pairing.holder == site else link.pairing.holder


def out_of_order() -> RefusedError:
    """What is said to a step that does not follow here."""
    return RefusedError(Refusal.ROUND_OUT_OF_ORDER, "this exchange is not at this step here; begin it anew")
