"""What the composition root hands to every router, and how a route asks for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import Depends, Request

from consent_center.storage.transaction import Store
from consent_center.web.house import House
from consent_center.web.mail import Post
from consent_center.web.oidc import Provider
from consent_center.web.pace import Pace
from consent_center.web.passkeys import Party
from consent_center.web.published import PublishedLog
from consent_center.workflows.show_decisions import Relay


@dataclass(frozen=True)
class Wiring:
    """The outside world of the pages.

    Attributes:
        store: the database.
        house: the programme, for frames and feet of pages.
        post: takes letters.
        outbox: the folder that letters go to in development; None when they are really sent.
        party: asks for passkeys.
        provider: an identity provider, if one is configured.
        address_key: 32 bytes under which e-mail addresses become tags.
        log: the published log, for proofs; None if nothing is published here.
        receipt_key: signs receipts.
        relays: site -> how it is asked for the reasons of its decisions; a site that is not here has not answered.
        clock: the one clock.
        pace: how fast forms may be posted.
        staff_provider: the identity provider of the staff; None in development.
    """

    store: Store
    house: House
    post: Post
    outbox: Path | None
    party: Party
    provider: Provider | None
    address_key: bytes
    log: PublishedLog | None
    receipt_key: Ed25519PrivateKey
    clock: Callable[[], datetime]
    relays: Mapping[str, Relay] = field(default_factory=dict)
    staff_provider: Provider | None = None
    pace: Pace = field(default_factory=Pace)


def wiring_of(request: Request) -> Wiring:
    """The wiring of the application that answers this request."""
    found: Wiring = request.app.state.wiring
    return found


WiringDep = Annotated[Wiring, Depends(wiring_of)]


def now_of(wiring: WiringDep) -> datetime:
    """The moment of this request."""
    return wiring.clock()


NowDep = Annotated[datetime, Depends(now_of)]
