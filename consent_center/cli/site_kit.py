"""`accord site init | accept | check | status | policy | run`: a site, from an empty folder to a connected process."""

import logging
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated

import duckdb
import typer
from rich.console import Console

from consent_center.cli.site import app
from consent_center.errors import RuleError
from consent_center.settings import clock
from federated.certificates import read_node_key
from federated.errors import MalformedError
from federated.flower import client_app
from federated.flower.gates import SITE, registered_sites
from federated.flower.node import Coordinator, SiteNode
from federated.signed import Signed
from federated.site.accounts import SiteAccounts
from federated.site.equipment import coordinator_of, equip_site
from federated.site.folder import Limits, Permissions, SiteFolder, create_site, open_site, pin_peers, source_of
from federated.site.joining import fingerprint, read_invitation, read_package
from federated.site.policy import read_policy
from federated.site.preflight import check_coordinator, check_data, check_folder
from federated.site.source import DuckDbSource
from federated.site.store import SiteStore
from privacy.errors import UnknownAccountError

_out = Console(highlight=False, soft_wrap=True)
SiteOpt = Annotated[Path, typer.Option("--site", help="The site's folder.")]
_HERE = Path()


class SiteKitError(RuleError):
    """Something of the site's folder is not as a command needs it; says what to do."""


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="A new folder for the site.")],
    invitation: Annotated[Path, typer.Option(help="The invitation that the programme sent.")],
    confirm: Annotated[str, typer.Option(help="The invitation's digits, as the programme read them out.")],
    organisation: Annotated[str, typer.Option(help="Whose site it is.")],
    members: Annotated[int, typer.Option(min=1, help="About how many members the site has.")] = 10_000,
) -> None:
    """Make a site's folder: keys, a policy that allows nothing yet, and the request to send to the programme."""
    signed = _document(invitation)
    if fingerprint(signed).replace(" ", "") != confirm.replace(" ", ""):
        raise SiteKitError(
            f"this invitation's digits are {fingerprint(signed)}: not those you were told; do not use it"
        )
    invited = read_invitation(signed)
    try:
        made = create_site(
            folder,
            name=invited.site,
            organisation=organisation,
            hub_key=invited.hub_key,
            allow=Permissions(models=(), purposes=(), scopes=(), columns=(), countries=()),
            limits=Limits(minimum_cohort=100, members=members, delta=min(1e-5, 0.1 / members)),
            reviewers=invited.reviewers,
        )
    except FileExistsError as error:
        raise SiteKitError(f"there is a site in {folder} already; choose an empty folder") from error
    sent = equip_site(made, invited, organisation=organisation)
    _out.print(
        f"Site {invited.site} is in {folder}. Its policy allows nothing yet: fill in [allow] in site.toml.",
        markup=False,
    )
    _out.print(f"The programme's plans read: {', '.join(invited.columns.names)}", markup=False)
    _out.print(f"Made-up members with these columns are in {made.mock_file}: accord site check --mock tries them.")
    _out.print(f"Send {made.request_file} to the programme, and read out: {fingerprint(sent)}")


@app.command()
def accept(
    package: Annotated[Path, typer.Argument(help="The package that the programme sent after its approval.")],
    site: SiteOpt = _HERE,
) -> None:
    """Pin the keys of the other approved sites, for secure sums with them."""
    folder = SiteFolder(site)
    policy = read_policy(folder.policy)
    peers = read_package(_document(package), site=policy.name, hub_key=policy.hub_key)
    changed = [name for name, key in policy.peers.items() if name in peers and peers[name] != key]
    if changed:
        raise SiteKitError(f"{changed[0]} has another key than the pinned one: ask both before you edit site.toml")
    fresh = {name: key for name, key in peers.items() if name not in policy.peers}
    pin_peers(folder, fresh)
    _out.print(f"Pinned: {', '.join(sorted(fresh)) or 'nothing new'}. Ready: accord site check --site {site}")


@app.command()
def enrol(
    file: Annotated[Path, typer.Argument(help="CSV: pseudonym,cohort_key in hexadecimal, one member a line.")],
    site: SiteOpt = _HERE,
) -> None:
    """Remember members who linked their account: what the programme sent about each, and nothing else."""
    try:
        lines = [line.split(",") for line in file.read_text(encoding="ascii").split() if line]
        pairs = {bytes.fromhex(pseudonym): bytes.fromhex(key) for pseudonym, key in lines if pseudonym != "pseudonym"}
    except (OSError, ValueError) as error:
        raise SiteKitError(f"{file} is not a list of pseudonym,cohort_key in hexadecimal; nothing was kept") from error
    if not pairs:
        raise SiteKitError(f"{file} lists nobody: members link their accounts first; nothing was kept")
    store = SiteStore(SiteFolder(site).database)
    try:
        store.enrol(pairs)
        _out.print(f"{len(pairs)} members enrolled; {len(store.cohort_keys())} in all")
    finally:
        store.close()


@app.command("load")
def load_rows(
    file: Annotated[Path, typer.Argument(help="CSV or Parquet: pseudonym, then the columns; one row for each member.")],
    site: SiteOpt = _HERE,
) -> None:
    """Put the site's rows into its own database, in place of those that are there."""
    folder = SiteFolder(site)
    read_policy(folder.policy)
    read = {".csv": "read_csv", ".parquet": "read_parquet"}.get(file.suffix.lower())
    if read is None or not file.is_file():
        raise SiteKitError(f"{file} is no CSV or Parquet file that can be read; check the path")
    draft = folder.data.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    try:
        with duckdb.connect(str(draft)) as database:
            draft.chmod(0o600)
            # A pseudonym may look like a number; it is text.
            types = ", types = {'pseudonym': 'VARCHAR'}" if read == "read_csv" else ""
            database.execute(f"CREATE TABLE members AS SELECT * FROM {read}(?{types})", [str(file)])
            found = database.execute("SELECT count(*), count(DISTINCT pseudonym) FROM members").fetchone()
    except duckdb.Error as error:
        draft.unlink(missing_ok=True)
        raise SiteKitError(f"{file} is no table with a column pseudonym; nothing was changed") from error
    rows, members = found or (0, 0)
    if not rows or rows != members:
        draft.unlink(missing_ok=True)
        raise SiteKitError(f"{file} has {rows} rows of {members} members: one row for each member; nothing was changed")
    draft.replace(folder.data)
    _out.print(f"{rows} rows are in {folder.data}. Next: accord site check --site {site}")


@app.command()
def check(
    site: SiteOpt = _HERE,
    *,
    mock: Annotated[bool, typer.Option("--mock", help="Look at the made-up members instead of the real rows.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Do not call the coordinator.")] = False,
) -> None:
    """Look at everything a run needs, and name the fix for each thing that is not in order. Exit code 1: fix it."""
    folder = SiteFolder(site)
    findings = [*check_folder(site)]
    if mock:
        source = DuckDbSource(folder.mock_file)
        findings += check_data(site, source, members=_mock_members(folder))
    else:
        findings += check_data(site, source_of(folder))
    if not offline:
        findings += check_coordinator(*coordinator_of(folder), at=clock())
    for finding in findings:
        _out.print(f"  {'ok  ' if finding.fine else 'FIX '} {finding.what}", markup=False)
        if finding.fix:
            _out.print(f"       {finding.fix}", markup=False)
    if not all(finding.fine for finding in findings):
        raise typer.Exit(1)


@app.command()
def policy(site: SiteOpt = _HERE) -> None:
    """Say what this site allows, as it is understood; whatever is not listed is refused."""
    read = read_policy(SiteFolder(site).policy)
    for name in ("models", "purposes", "scopes", "columns", "countries"):
        _out.print(f"{name:<11}{', '.join(sorted(getattr(read.allowed, name))) or 'nothing'}", markup=False)
    hours = read.allowed.hours
    _out.print(f"{'hours':<11}{'any' if hours is None else f'{hours[0]:%H:%M} to {hours[1]:%H:%M} UTC'}")
    _out.print(f"{'required':<11}{', '.join(read.required)}", markup=False)
    _out.print(f"{'sums with':<11}{', '.join(sorted(read.peers)) or 'nobody'}", markup=False)


@app.command()
def status(site: SiteOpt = _HERE) -> None:
    """Say how many members are enrolled, and what of this year's budget is spent."""
    folder = SiteFolder(site)
    read = read_policy(folder.policy)
    store = SiteStore(folder.database)
    try:
        _out.print(f"{read.name}: {len(store.cohort_keys())} members enrolled")
        year = f"year/{clock().year}"
        try:
            balance = SiteAccounts(store).balance(year)
        except UnknownAccountError:
            _out.print(f"{year}: nothing spent")
            return
        left = balance.spent.left_of(balance.budget.limit)
        _out.print(f"{year}: spent mu {balance.spent.mu:.3f} and pure epsilon {balance.spent.epsilon_pure:.3f}")
        _out.print(f"{'left':<9}: mu {left.mu:.3f} and pure epsilon {left.epsilon_pure:.3f}")
    finally:
        store.close()


@app.command()
def run(site: SiteOpt = _HERE) -> None:
    """Connect to the coordinator and answer until stopped: one long-lived process, only code installed here."""
    folder = SiteFolder(site)
    address, authority = coordinator_of(folder)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("federated").setLevel(logging.INFO)
    name = read_policy(folder.policy).name
    agent = open_site(folder, clock=clock)
    node = SiteNode(
        Coordinator(address, authority.encode("ascii")),
        key=read_node_key(folder.node_key_file),
        app=client_app.app,
        node_config={SITE: name},
    )
    busy = threading.Event()

    def answer(message: bytes) -> bytes:
        busy.set()
        try:
            return agent.answer(message)
        finally:
            busy.clear()

    def stop(_number: int, _frame: FrameType | None) -> None:
        node.stop()
        if not busy.is_set():  # it only waits for a message: what it would be told meanwhile is told again later
            raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    _out.print(f"{name} answers {address}. Stop: Ctrl-C")
    try:
        with registered_sites({name: answer}):
            node.run()
    finally:
        agent.close()


def _mock_members(folder: SiteFolder) -> list[bytes]:
    try:
        with duckdb.connect(str(folder.mock_file), read_only=True) as database:
            found = database.sql("SELECT pseudonym FROM members").fetchall()
    except duckdb.Error as error:
        raise SiteKitError(f"{folder.mock_file} cannot be read: is {folder.path} a site's folder?") from error
    return [bytes.fromhex(one) for (one,) in found]


def _document(path: Path) -> Signed:
    try:
        return Signed.from_text(path.read_bytes())
    except OSError as error:
        raise SiteKitError(f"cannot read {path}: {error.strerror}") from error
    except MalformedError as error:
        raise SiteKitError(f"{path} is not a signed document; ask for it again") from error
