"""Is a site ready? Each check says what it looked at, whether it is in order, and if not, what to do."""

import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from federated.certificates import read_node_key
from federated.errors import FederatedError
from federated.keyfile import read_key
from federated.site.policy import read_policy
from federated.site.source import DuckDbSource
from federated.site.store import SiteStore

TLS_WAIT_S = 5.0
CLOCK_MAY_DIFFER_S = 30


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


def check_site(folder: Path, *, address: str, authority: str, at: datetime) -> Iterator[Finding]:
    """Every check of a site's folder, in order; a failed one does not stop the others.

    Args:
        folder: the site's.
        address: host:port of the coordinator.
        authority: PEM of the authority that vouches for it.
        at: now, by the site's clock.
    """
    yield _tried("policy: site.toml", lambda: _allows(folder))
    for name in ("approval.key", "speak.key"):
        yield _tried(f"key: {name}", lambda name=name: _read(folder / "keys" / name))  # type: ignore[misc]
    yield _tried("key: node.key", lambda: _node(folder))
    yield _tried("enrolments", lambda: _enrolled(folder))
    yield _tried("data", lambda: _data(folder))
    yield from _coordinator(address, authority, at=at)


def _tried(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, look())
    except FederatedError as error:
        return Finding(what, str(error))


def _allows(folder: Path) -> str:
    allowed = read_policy(folder / "site.toml").allowed
    empty = [name for name in ("models", "purposes", "scopes", "columns", "countries") if not getattr(allowed, name)]
    return f"nothing is allowed yet: list {', '.join(empty)} under [allow] in site.toml" if empty else ""


def _read(path: Path) -> str:
    read_key(path)
    return ""


def _node(folder: Path) -> str:
    read_node_key(folder / "keys" / "node.key")
    return ""


def _enrolled(folder: Path) -> str:
    store = SiteStore(folder / "site.db")
    try:
        return "" if store.cohort_keys() else "no member is enrolled; import the pseudonyms that the programme sent"
    finally:
        store.close()


def _data(folder: Path) -> str:
    columns = sorted(read_policy(folder / "site.toml").allowed.columns)
    DuckDbSource(folder / "data.duckdb").read((bytes(16),), columns)
    return ""


def _coordinator(address: str, authority: str, *, at: datetime) -> Iterator[Finding]:
    host, _, port = address.rpartition(":")
    what = f"coordinator: {address}"
    try:
        context = ssl.create_default_context(cadata=authority)
        with (
            socket.create_connection((host, int(port)), TLS_WAIT_S) as plain,
            context.wrap_socket(plain, server_hostname=host) as line,
        ):
            line.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            answer = line.recv(4096).decode("latin-1")
    except ssl.SSLCertVerificationError as error:
        yield Finding(what, f"its certificate is not believed ({error.verify_message}); ask for a new invitation")
        return
    except (OSError, ValueError):
        yield Finding(what, "it cannot be reached; check the address and that this machine may connect to it")
        return
    yield Finding(what)
    yield Finding("clock", _clock(answer, at=at))


def _clock(answer: str, *, at: datetime) -> str:
    dates = [line.partition(":")[2].strip() for line in answer.splitlines() if line.lower().startswith("date:")]
    if not dates:
        return ""
    apart = abs((parsedate_to_datetime(dates[0]) - at).total_seconds())
    if apart <= CLOCK_MAY_DIFFER_S:
        return ""
    return f"this clock and the coordinator's differ by {apart:.0f} s; let it be set by NTP"
