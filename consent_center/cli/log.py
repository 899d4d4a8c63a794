"""`accord log`: publish the log, verify it, look at it, prove an entry, be a witness.

accord log new-key NAME FILE            draw the log's key; the public one is shown
accord log publish DIR --key-file FILE  publish, and go on until stopped
accord log verify DIR|URL --key VKEY    as `python -m audit verify`
accord log show [--from N]              leaves of the database, in the order of the log
accord log prove INDEX DIR --key VKEY   write a `.tlog-proof` of one entry
accord log witness MEMORY ...           as `python -m audit witness`
accord log recover DIR --key VKEY       bring published entries back into a restored database
accord log resume                       decide that a moved database is the right one
"""

import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from audit.__main__ import main as audit
from audit.log.cosignature import CosignerKey
from audit.log.note import SignerKey, VerifierKey
from consent_center.errors import SettingsError
from consent_center.log_status import Status
from consent_center.publisher import INTERVAL_S, WINDOW_S, Publisher, WitnessAddress
from consent_center.settings import Settings, clock
from consent_center.storage.transaction import Store
from consent_center.web.published import PublishedLog
from consent_center.workflows.mend_log import recover_entries, resume_log, show_leaf, show_leaves
from privacy.keys import read_root_key

app = typer.Typer(name="log", help="The tamper-evident log.", no_args_is_help=True)
_out = Console(highlight=False, soft_wrap=True)
_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
Directory = Annotated[Path, typer.Argument(help="Where the log is served from.")]
Key = Annotated[str, typer.Option(help="The log's public key: name+hash+base64.")]


@app.command("new-key")
def new_key(
    name: Annotated[str, typer.Argument(help="The log's one name, such as programme.example/accord.")],
    file: Annotated[Path, typer.Argument(help="Where the private key goes; must not exist.")],
) -> None:
    """Draw the log's key. The public one is shown: give it to everybody who verifies."""
    signer = SignerKey.generate(name)
    try:
        file.touch(mode=0o600, exist_ok=False)
        file.write_text(signer.secret_text() + "\n", encoding="ascii")
    except OSError as error:
        raise SettingsError(f"the key file {file} cannot be made: choose a new name in a folder that exists") from error
    _out.print(signer.verifier.text(), markup=False)


@app.command()
def publish(
    directory: Directory,
    key_file: Annotated[Path, typer.Option(help="The log's private key file.")],
    *,
    window: Annotated[float, typer.Option(min=0, max=3600, help="Seconds to gather members' entries.")] = WINDOW_S,
    interval: Annotated[float, typer.Option(min=INTERVAL_S, max=60, help="Seconds between checkpoints.")] = INTERVAL_S,
    witness: Annotated[
        list[str] | None, typer.Option(help="ADDRESS=VKEY of a witness, or a file with it; may be repeated.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Publish what there is, also of members, and stop.")] = False,
) -> None:
    """Publish the log of the configured database. Exit code 1: halted, a person must decide."""
    signer = _signer(key_file)
    with _store() as store:
        publisher = Publisher(
            store,
            directory,
            signer,
            signer.name,
            window_s=window,
            interval_s=interval,
            witnesses=[_witness(one) for one in witness or ()],
        )
        try:
            if once:
                _out.print(f"{publisher.flush():,} entries published")
                return
            publisher.start()
            _follow(publisher)
        finally:
            publisher.stop()


def _follow(publisher: Publisher) -> None:
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    told: list[str] = []
    before: Status | None = None
    while not stopped.wait(1.0):
        now = publisher.status
        if before is None or now.leading != before.leading:
            _out.print(f"{'leading' if now.leading else 'standing by'}, {now.size:,} entries published")
        alerts = now.alerts()
        for alert in alerts:
            if alert.split(":")[0] not in {one.split(":")[0] for one in told}:
                _out.print(f"ALERT {alert}", markup=False)
        before, told = now, alerts
        if now.halted:
            raise typer.Exit(1)


@app.command(context_settings=_PASSED_ON)
def verify(context: typer.Context) -> None:
    """Verify a published log, by folder or address; the same as `python -m audit verify`."""
    raise typer.Exit(audit(["verify", *context.args]))


@app.command(context_settings=_PASSED_ON)
def witness(context: typer.Context) -> None:
    """Cosign the checkpoints of a log that only grows; the same as `python -m audit witness`."""
    raise typer.Exit(audit(["witness", *context.args]))


@app.command()
def show(
    start: Annotated[int, typer.Option("--from", min=0, help="The first index.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 50,
) -> None:
    """Show leaves in the order of the log, one a line: index, then the exact leaf."""
    with _store() as store:
        for index, leaf in enumerate(store.read(show_leaves, start, limit), start):
            _out.print(f"{index} {leaf.decode('utf-8', 'backslashreplace')}", markup=False)


@app.command()
def prove(
    index: Annotated[int, typer.Argument(min=0, help="The entry's place in the log.")],
    directory: Directory,
    *,
    key: Key,
    out: Annotated[Path | None, typer.Option(help="Where the proof goes; INDEX.tlog-proof without it.")] = None,
) -> None:
    """Write the proof of one entry as a file that `python -m audit proof` verifies. Exit code 1: not published yet."""
    verifier = VerifierKey.parse(key)
    with _store() as store:
        leaf = store.read(show_leaf, index)
    head = PublishedLog(directory, verifier.name, verifier).head()
    proof = None if head is None or leaf is None else head.prove(leaf, index)
    if proof is None:
        _out.print("this entry is not published (yet)")
        raise typer.Exit(1)
    place = out or Path(f"{index}.tlog-proof")
    place.write_bytes(proof.written)
    _out.print(f"{place} proves entry {index} of {proof.size:,}", markup=False)


@app.command()
def recover(directory: Directory, *, key: Key) -> None:
    """Bring published entries back into a database that was restored from a backup, so that the log goes on.

    Their leaves return; what the lost rows said does not. Stop every service first.
    """
    verifier = VerifierKey.parse(key)
    head = PublishedLog(directory, verifier.name, verifier).head()
    if head is None:
        raise SettingsError("nothing is published there: name the directory of the published log")
    with _store() as store:
        found = recover_entries(store, directory, head.checkpoint, at=clock())
    _out.print(f"{found:,} entries brought back; the log goes on from {head.checkpoint.size:,}")


@app.command()
def resume() -> None:
    """Decide that this database, moved to another cluster with all its entries, is the right one."""
    with _store() as store:
        store.run(resume_log, at=clock())
    _out.print("decided; the next publisher goes on, if the published log agrees")


def _store() -> Store:
    settings = Settings.read()
    if not settings.root_key:
        raise SettingsError("set ACCORD_ROOT_KEY to the path of the root key file")
    return Store.open(settings.database, keys=read_root_key(Path(settings.root_key)), create=not settings.production)


def _signer(file: Path) -> SignerKey:
    try:
        if file.stat().st_mode & 0o077:
            raise SettingsError(f"the log's key file {file} is open to others: chmod 600")
        return SignerKey.parse_secret(file.read_text(encoding="ascii").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the log's key file {file} cannot be read: make one with `accord log new-key`") from error


def _witness(text: str) -> WitnessAddress:
    if "=" not in text and Path(text).is_file():
        text = Path(text).read_text(encoding="ascii").strip()
    address, found, key = text.partition("=")
    if not found or not address.startswith(("https://", "http://")):
        raise SettingsError("a witness is ADDRESS=VKEY, such as https://witness.example=witness.example/w1+...")
    return WitnessAddress(address, CosignerKey.parse(key))
