"""Gate and site of an app that stock Flower started, each from a folder that its own operator named in its environment.

    ACCORD_COORDINATOR   the coordinator's folder: `gate.json` {"hub": "https://...", "token_file": "..."}, `ca/ca.crt`
    ACCORD_SITE          the site's folder, as `accord site init` made it

Never: takes a folder or an address from a run's configuration: whoever may start a run could then name another.
"""

import os
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from federated.errors import MalformedError
from federated.flower.gates import Answer, GateEntry
from federated.gate_http import HttpGate
from federated.signed import decode
from federated.site.folder import SiteFolder, open_site

COORDINATOR, SITE = "ACCORD_COORDINATOR", "ACCORD_SITE"
OWNER_ONLY = 0o077
PATIENCE_S = 120.0


def clock() -> datetime:
    """The real time."""
    return datetime.now(UTC)  # noqa: TID251  a process of its own is an outermost edge


def installed_gate() -> GateEntry:
    """The consent centre of the coordinator's folder.

    Raises:
        MalformedError: no folder is named, or it does not say where the consent centre is.
    """
    folder = _folder(COORDINATOR)
    try:
        known = decode((folder / "gate.json").read_bytes())
        token = folder / str(known["token_file"])
        if token.stat().st_mode & OWNER_ONLY:
            raise MalformedError(f"{token} can be read by others; run chmod 600 on it")
        authority = (folder / "ca" / "ca.crt").read_text(encoding="ascii")
        secret = token.read_text(encoding="ascii").strip()
        return GateEntry(HttpGate(str(known["hub"]), token=secret, authority=authority), patience_s=PATIENCE_S)
    except (OSError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise MalformedError(f"{folder}/gate.json names hub and token_file; write it") from error


@cache
def installed_site() -> Answer:
    """The site of the folder, opened once in this process.

    Raises:
        MalformedError: no folder is named, or it holds no site.
    """
    return open_site(SiteFolder(_folder(SITE)), clock=clock).answer


def _folder(name: str) -> Path:
    if not (folder := os.environ.get(name, "")):  # noqa: TID251  Flower starts this process, so nothing else can name it
        raise MalformedError(f"{name} names no folder; set it for the process that starts this app")
    return Path(folder)
