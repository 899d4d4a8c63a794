"""`accord serve`: the web application. With `--dev`, a made-up family on SQLite, in seconds, on this machine only."""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from rich.console import Console

from audit.log.note import SignerKey
from consent_center.app import create_app, wiring_of
from consent_center.cli.family import Person, seed
from consent_center.portal.sign_in import address_tag
from consent_center.publisher import Publisher
from consent_center.settings import Settings, clock
from consent_center.web.mail import Outbox
from consent_center.web.published import PublishedLog
from consent_center.web.tokens import fingerprint, new_secret
from consent_center.web.wiring import Wiring
from consent_center.workflows.sign_in import hand_out_link
from privacy.keys import create_root_key

_ORIGIN = "harbour.example/accord"
_out = Console(highlight=False, soft_wrap=True)


def serve(
    *,
    dev: Annotated[bool, typer.Option("--dev", help="A made-up family on SQLite; plain http on this machine.")] = False,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    folder: Annotated[Path, typer.Option(help="Where --dev keeps its files; emptied at each start.")] = Path("var/dev"),
) -> None:
    """Serve the member portal."""
    if not dev:
        settings = Settings.read()
        _listen(create_app(settings), host, port)
        return
    if host not in ("127.0.0.1", "localhost", "::1"):
        raise typer.BadParameter("--dev is not safe for others: it listens on this machine only")
    with dev_world(folder, origin=f"http://localhost:{port}", database=f"sqlite:///{folder}/accord.db") as world:
        _out.print("DEVELOPMENT: plain http, unprotected cookies, mail goes to a folder. Nobody here exists.\n")
        for person in world.people:
            _out.print(f"  {person.language.own_name:<8} {person.address:<22} {world.link_for(person)}", markup=False)
        _out.print(f"\nEach link works once, for ten minutes. More: {world.wiring.house.origin}/sign-in", markup=False)
        _out.print(f"Letters: {folder / 'outbox'}   Stop: Ctrl-C", markup=False)
        _listen(create_app(world.settings, wiring=world.wiring), host, port)


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
def dev_world(folder: Path, *, origin: str, database: str) -> Iterator[DevWorld]:
    """A fresh world in `folder`: keys, database, family, published log. Everything in the folder is replaced."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
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
    )
    store = wiring.store
    publisher = Publisher(store, folder / "log", signer, _ORIGIN, window_s=0)  # nobody here exists: nobody to hide
    try:
        family = seed(store, lambda address: address_tag(wiring.address_key, address), at=clock())
        publisher.start()
        yield DevWorld(settings, wiring, publisher, family.people, family.child)
    finally:
        publisher.stop()
        store.close()


def _listen(app: object, host: str, port: int) -> None:
    uvicorn.run(app, host=host, port=port, access_log=False, server_header=False, log_level="warning")  # type: ignore[arg-type]
