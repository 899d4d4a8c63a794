"""A whole made-up world in a folder: keys, a database, the family, a published log. For development and tests."""

import contextlib
import fcntl
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from audit.log.note import SignerKey
from consent_center.app import wiring_of
from consent_center.errors import SettingsError
from consent_center.example.family import Person, seed
from consent_center.portal.sign_in import address_tag
from consent_center.publisher import Publisher
from consent_center.settings import Settings, clock
from consent_center.web.mail import Outbox
from consent_center.web.published import PublishedLog
from consent_center.web.tokens import fingerprint, new_secret
from consent_center.web.wiring import Wiring
from consent_center.workflows.sign_in import hand_out_link
from federated.site.member_desk import MemberDesk
from federated.site.store import SiteStore
from privacy.keys import create_root_key

_ORIGIN = "harbour.example/accord"
_MARK = ".accord-dev"


@dataclass(frozen=True)
class DevWorld:
    """A seeded world for development and tests.

    Attributes:
        people: who can sign in.
        child: the member of eleven.
    """

    settings: Settings
    wiring: Wiring
    publisher: Publisher
    people: tuple[Person, ...]
    child: str

    def link_for(self, person: Person) -> str:
        """A fresh one-time link that works in whichever browser opens it, in the person's language."""
        secret = new_secret()
        self.wiring.store.run(hand_out_link, link=fingerprint(secret), member=person.member, at=self.wiring.clock())
        return f"{self.wiring.house.origin}/sign-in/link/{secret}?lang={person.language.value}"


@contextlib.contextmanager
def dev_world(folder: Path, *, origin: str, database: str, publishes: bool = True) -> Iterator[DevWorld]:
    """A fresh world in `folder`: keys, database, family, published log. Everything in the folder is replaced.

    Args:
        folder: where; emptied first.
        origin: scheme, host and port under which it is reached.
        database: its address.
        publishes: whether the log is published in the background, once a second; else by `DevWorld.publisher` alone.

    Raises:
        SettingsError: the folder holds something that was not made here, or a world that runs.
    """
    lock = _empty(folder)
    create_root_key(folder / "root.key")
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "signing.pem").touch(mode=0o600)
    (folder / "signing.pem").write_bytes(pem)
    settings = Settings(
        environment="dev",
        database=database,
        root_key=str(folder / "root.key"),
        signing_key=str(folder / "signing.pem"),
        public_url=origin,
    )
    signer = SignerKey.generate(_ORIGIN)
    wiring = wiring_of(settings)
    wiring = replace(
        wiring,
        post=Outbox(folder / "outbox", sender=wiring.house.email),
        outbox=folder / "outbox",
        log=PublishedLog(folder / "log", _ORIGIN, signer.verifier),
        relays={site: MemberDesk(SiteStore(folder / "sites" / site / "site.db")) for site in ("marketing", "service")},
    )
    store = wiring.store
    publisher = Publisher(store, folder / "log", signer, _ORIGIN, window_s=0)  # nobody here exists: nobody to hide
    try:
        family = seed(store, lambda address: address_tag(wiring.address_key, address), at=clock())
        if publishes:
            publisher.start()
        yield DevWorld(settings, wiring, publisher, family.people, family.child)
    finally:
        publisher.stop()
        store.close()
        lock.close()


def _empty(folder: Path) -> TextIO:
    """Empty the folder of an earlier world and lock it; never touch anybody else's files, nor a world that runs."""
    mark = folder / _MARK
    if folder.is_dir() and any(folder.iterdir()) and not mark.exists():
        raise SettingsError(f"{folder} holds files that are not a development world: name another folder")
    if mark.exists():
        _lock(mark).close()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    return _lock(mark)


def _lock(mark: Path) -> TextIO:
    file = mark.open("a", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise SettingsError(f"{mark.parent} is in use by another development world: stop that one first") from error
    return file
