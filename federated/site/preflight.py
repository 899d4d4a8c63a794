"""Is a site ready? Each check says what it looked at, whether it is in order, and if not, what to do.

What a check of the rows says stays on the site's own terminal: it names columns, never values.
"""

import json
import socket
import ssl
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from cryptography import x509

from federated.certificates import read_node_key
from federated.errors import FederatedError, MalformedError
from federated.keyfile import read_key
from federated.plan import Feature
from federated.site.columns import Columns, read_columns
from federated.site.features import labels, unit_values
from federated.site.folder import SiteFolder
from federated.site.policy import Policy, read_policy
from federated.site.source import Source
from federated.site.store import SiteStore

TLS_WAIT_S = 5.0
CLOCK_MAY_DIFFER_S = 30
ENDS_SOON = timedelta(days=30)
SAMPLE = 2000
FEWEST = 20
PYTHON = ((3, 11), (3, 13))
FLOWER = "1.41."


@dataclass(frozen=True)
class Finding:
    """One check.

    Attributes:
        fix: what to do; empty if all is well.
    """

    what: str
    fix: str = ""

    @property
    def fine(self) -> bool:
        """Is it in order?"""
        return not self.fix


def check_folder(folder: Path) -> Iterator[Finding]:
    """What the folder itself holds: versions, policy, keys, enrolments."""
    yield _tried("versions", _versions)
    yield _tried("folder", lambda: _private(folder))
    yield _tried("policy: site.toml", lambda: _allows(folder))
    yield _tried("policy: limits", lambda: _sane(read_policy(folder / "site.toml")))
    for name in ("approval.key", "speak.key"):
        yield _tried(f"key: {name}", lambda name=name: _read(folder / "keys" / name))  # type: ignore[misc]
    yield _tried("key: node.key", lambda: _node(folder))
    yield _tried("enrolments", lambda: _enrolled(folder))


def check_data(folder: Path, source: Source, *, members: Sequence[bytes] = ()) -> Iterator[Finding]:
    """Whether the rows can be read, and look as the programme's plans expect.

    Args:
        folder: the site's.
        source: where its rows are.
        members: whose rows are looked at; some of those who are enrolled, if none are named.
    """
    yield _tried("data", lambda: _reachable(folder, source))
    yield _tried("data: columns", lambda: _matching(folder, source, members or _some(folder)))


def check_coordinator(address: str, authority: str, *, at: datetime) -> Iterator[Finding]:
    """Whether the coordinator is reached over TLS that the pinned authority vouches for, and has the same time."""
    host, _, port = address.rpartition(":")
    what = f"coordinator: {address}"
    try:
        context = ssl.create_default_context(cadata=authority)
        with (
            socket.create_connection((host, int(port)), TLS_WAIT_S) as plain,
            context.wrap_socket(plain, server_hostname=host) as line,
        ):
            ends = x509.load_der_x509_certificate(line.getpeercert(binary_form=True) or b"").not_valid_after_utc
            line.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            answer = line.recv(4096).decode("latin-1")
    except ssl.SSLCertVerificationError as error:
        yield Finding(what, f"its certificate is not believed ({error.verify_message}); ask for a new invitation")
        return
    except (OSError, ValueError):
        yield Finding(what, "it cannot be reached; check the address and that this machine may connect to it")
        return
    yield Finding(what)
    soon = f"the coordinator's ends on {ends:%Y-%m-%d}; tell the programme" if ends - at < ENDS_SOON else ""
    yield Finding("certificate", soon)
    yield Finding("clock", _clock(answer, at=at))


def columns_of(folder: Path) -> Columns | None:
    """The columns that came with the invitation; None if none did."""
    path = SiteFolder(folder).columns_file
    if not path.exists():
        return None
    try:
        return read_columns(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise MalformedError(f"{path.name} cannot be read; take it from the invitation again") from error


def _tried(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, look())
    except FederatedError as error:
        return Finding(what, str(error))


def _versions() -> str:
    if not PYTHON[0] <= sys.version_info[:2] < PYTHON[1]:
        return f"Python {sys.version_info.major}.{sys.version_info.minor} runs this; install 3.11 or 3.12"
    try:
        found = version("flwr")
    except PackageNotFoundError:
        return "Flower is not installed; install accord again with its constraints.txt"
    if not found.startswith(FLOWER):
        return f"Flower {found} is installed and {FLOWER}x is needed; install accord again with its constraints.txt"
    return ""


def _private(folder: Path) -> str:
    try:
        mode = folder.stat().st_mode
    except OSError:
        return f"there is no folder {folder}; make the site with accord site init"
    return f"others can look into it; run chmod 700 {folder}" if mode & 0o077 else ""


def _allows(folder: Path) -> str:
    allowed = read_policy(folder / "site.toml").allowed
    empty = [name for name in ("models", "purposes", "scopes", "columns", "countries") if not getattr(allowed, name)]
    return f"nothing is allowed yet: list {', '.join(empty)} under [allow] in site.toml" if empty else ""


def _sane(policy: Policy) -> str:
    if policy.minimum_cohort < FEWEST:
        return f"limits.minimum_cohort is {policy.minimum_cohort}; below {FEWEST} members too much shows: set more"
    if not policy.run_budget.limit.fits(policy.year_budget.limit):
        return "limits.run allows more than limits.year; lower it, or no run is ever admitted"
    roles = {one.role for one in policy.pinned.values()}
    if missing := sorted({*policy.required} - roles):
        return f"nobody is pinned for {', '.join(missing)}; add the reviewer under [[approvals.reviewers]]"
    return ""


def _read(path: Path) -> str:
    read_key(path)
    return ""


def _node(folder: Path) -> str:
    read_node_key(folder / "keys" / "node.key")
    return ""


def _enrolled(folder: Path) -> str:
    return "" if _some(folder) else "no member is enrolled; import the list that the programme sent: accord site enrol"


def _some(folder: Path) -> list[bytes]:
    if not (folder / "site.db").exists():
        return []
    store = SiteStore(folder / "site.db")
    try:
        return sorted(store.cohort_keys())[:SAMPLE]
    finally:
        store.close()


def _reachable(folder: Path, source: Source) -> str:
    columns = sorted(read_policy(folder / "site.toml").allowed.columns)
    try:
        source.read((bytes(16),), columns)
    except FederatedError as error:
        lacking = [name for name in columns if not _has(source, name)]
        if lacking and len(lacking) < len(columns):
            return f"the table has no column {', '.join(lacking)}; add it, or take it out of [allow] columns"
        return str(error)
    return ""


def _has(source: Source, column: str) -> bool:
    try:
        source.read((bytes(16),), (column,))
    except FederatedError:
        return False
    return True


def _matching(folder: Path, source: Source, members: Sequence[bytes]) -> str:
    known = columns_of(folder)
    allowed = read_policy(folder / "site.toml").allowed.columns
    if known is None or not members:
        return ""
    wanted = [name for name in known.names if name in allowed]
    rows = source.read(members, wanted)
    if not rows.pseudonyms:
        return "no enrolled member has a row; the column pseudonym holds 32 hexadecimal digits, as in the list you got"
    found = rows.columns
    empty = [one.name for one in known.features if one.name in allowed and _mostly_missing(one, found[one.name])]
    empty += [name for name in known.labels if name in allowed and np.isnan(labels(found[name])).all()]
    if empty:
        return (
            f"most values of {', '.join(empty)} are missing or of another form than the invitation says; convert them"
        )
    return ""


def _mostly_missing(feature: Feature, column: np.ndarray) -> bool:
    if feature.kind == "items":
        return False
    return bool(np.isnan(unit_values((feature,), {feature.name: column})).mean() > 0.5)


def _clock(answer: str, *, at: datetime) -> str:
    dates = [line.partition(":")[2].strip() for line in answer.splitlines() if line.lower().startswith("date:")]
    if not dates:
        return ""
    apart = abs((parsedate_to_datetime(dates[0]) - at.astimezone(UTC)).total_seconds())
    if apart <= CLOCK_MAY_DIFFER_S:
        return ""
    return f"this clock and the coordinator's differ by {apart:.0f} s; let it be set by NTP"
