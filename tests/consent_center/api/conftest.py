"""The API on a store of the test, with a token that may do everything and ways to make narrower ones."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi.testclient import TestClient

from consent_center.api.create import create_api
from consent_center.api.world import World
from consent_center.consent.receipt import Controller
from consent_center.storage.transaction import Store
from consent_center.workflows.machine_tokens import TokenScope, issue_token
from tests.consent_center.world import CHOICES, DAY, NOW, TRAIN, found


@dataclass
class Api:
    """The API and what a test needs around it."""

    world: World
    members: list[str]
    client: TestClient
    now: list = field(default_factory=lambda: [NOW])

    def token(self, *scopes: TokenScope, site: str = "") -> dict[str, str]:
        """Headers of a new token."""
        at = self.now[0]
        _, secret = self.world.store.run(issue_token, scopes or list(TokenScope), site=site, expires_at=at + DAY, at=at)
        return {"Authorization": f"Bearer {secret}"}

    def statement(self, act: str = "given", *items, member: str = "", **more) -> dict:
        """The payload of a statement."""
        return {
            "member": member or self.members[0],
            "act": act,
            "items": [item._asdict() for item in items or (TRAIN,)],
            "notice": "core",
            "version": 1,
            "language": "en",
            "choices": CHOICES,
            **more,
        }


def make_api(store: Store, now: list) -> Api:
    """The API on a founded store."""
    members = found(store)
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    world = World(store, lambda: now[0], Controller("hub", "The programme", "privacy@example.org", "TW"), key)
    api = Api(world, members, TestClient(create_api(world), raise_server_exceptions=False), now)
    api.client.headers.update(api.token())
    return api


@pytest.fixture
def api(small_store: Store) -> Iterator[Api]:
    """The API on SQLite."""
    made = make_api(small_store, [NOW])
    with made.client:
        yield made


@pytest.fixture
def any_api(store: Store) -> Iterator[Api]:
    """The API on either database."""
    made = make_api(store, [NOW])
    with made.client:
        yield made


Maker = Callable[[Store, list], Api]
