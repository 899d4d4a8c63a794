"""Which sites may connect: one signed request for each approved site, in a folder that the administrators write.

NAME.json      approved: the request that the site sent, as it was signed
NAME.revoked   was approved once

The coordinator looks at the folder every second, so an approval or a revocation takes effect without a restart.
"""

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from consent_center.errors import RuleError
from federated.errors import MalformedError
from federated.signed import Signed
from federated.site.joining import SiteRequest, read_request

LOOK_EVERY_S = 1.0


class RegistryError(RuleError):
    """The folder of approved sites cannot be used as it is; says what to do."""


class Door(Protocol):
    """Who lets sites in: `federated.flower.fleet.FleetLink`."""

    def register(self, public_key: bytes) -> int:
        """Admit the node with this key, and number it."""
        ...

    def unregister(self, node: int) -> None:
        """Admit it no more."""
        ...

    def wake(self, nodes: Iterable[int]) -> None:
        """Let its open call end, so that it notices."""
        ...


def approved_sites(folder: Path) -> dict[str, SiteRequest]:
    """Name -> what an approved site asked to be approved with.

    Raises:
        RegistryError: a file is not an approved request.
    """
    found: dict[str, SiteRequest] = {}
    for file in sorted(folder.glob("*.json")):
        try:
            request = read_request(Signed.from_text(file.read_bytes()))
        except FileNotFoundError:  # revoked this moment
            continue
        except (OSError, MalformedError) as error:
            raise RegistryError(f"{file} is not an approved request: approve the site again") from error
        if request.site != file.stem:
            raise RegistryError(f"{file} is the request of {request.site}: approve the site again")
        found[request.site] = request
    return found


class Registered:
    """The approved sites, as the door knows them.

    Args:
        folder: of approved requests.
        door: who lets them in.
        key_of: the node's public key in the form the door wants.
    """

    def __init__(self, folder: Path, door: Door, key_of: "KeyOf") -> None:
        self._folder, self._door, self._key_of = folder, door, key_of
        self._known: dict[str, tuple[str, int]] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True, name="registry")

    def start(self) -> None:
        """Let the approved sites in, and follow the folder from now on."""
        self.look()
        self._thread.start()

    def stop(self) -> None:
        """Follow no more."""
        self._stop.set()
        self._thread.join(LOOK_EVERY_S + 5)

    def look(self) -> None:
        """Let in who was approved, and turn away who was revoked or has other keys.

        Raises:
            RegistryError: the folder cannot be read.
        """
        approved = approved_sites(self._folder)
        with self._lock:
            for site, (key, node) in [*self._known.items()]:
                if site not in approved or approved[site].node != key:
                    self._door.unregister(node)
                    self._door.wake([node])
                    del self._known[site]
            for site, request in approved.items():
                if site not in self._known:
                    self._known[site] = request.node, self._door.register(self._key_of(request.node))

    def nodes(self) -> dict[str, int]:
        """Site -> its node."""
        with self._lock:
            return {site: node for site, (_, node) in self._known.items()}

    def _follow(self) -> None:
        while not self._stop.wait(LOOK_EVERY_S):
            try:
                self.look()
            except RegistryError:
                continue  # a file that is being written; an unreadable one keeps its site as it was


class KeyOf(Protocol):
    """A node's public key, from PEM to what the door wants."""

    def __call__(self, pem: str, /) -> bytes:
        """Its bytes."""
        ...
