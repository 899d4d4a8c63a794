"""Every certificate, key and password of an installation, each in a file of its own that only its owner can read.

authority/ca.key         signs certificates; no service reads it
ca.crt                   the authority that everybody pins
NAME.crt NAME.key        of each service that listens
root.key signing.key     of the consent centre
log.key log.vkey         the log's key, and its public half
witness.key              the witness's key; witness.address says where it is and which key it has
database.password        and database.pgpass, the same for clients
programme.yaml           who the programme is; an example to be filled in
"""

import os
import secrets
from datetime import datetime
from importlib.resources import files
from pathlib import Path

from audit.log.cosignature import Cosigner
from audit.log.note import SignerKey
from consent_center.errors import SettingsError
from consent_center.topology.description import read_topology
from consent_center.topology.placing import LOOPBACK, Containers
from federated.certificates import create_authority, issue_server
from federated.keyfile import create_key
from privacy.keys import create_root_key

ORIGIN = "programme.example/accord"
LISTENING = {
    "database": ("database.crt", "database.key"),
    "consent-centre": ("consent-centre.crt", "consent-centre.key"),
    "witness": ("witness.crt", "witness-tls.key"),
    "coordinator": ("coordinator.crt", "coordinator.key"),
}


def make_secrets(
    folder: Path,
    *,
    hosts: tuple[str, ...] = (),
    witness_at: str = "",
    log_folder: str = "/shared/log",
    at: datetime,
) -> list[Path]:
    """Make all of them.

    Args:
        folder: a new or empty folder.
        hosts: names and addresses under which services are reached besides their own names and loopback.
        witness_at: host:port of the witness; the description's, in containers, if empty.
        log_folder: where the pages find the published log.
        at: now.

    Returns:
        The files that services read.

    Raises:
        SettingsError: the folder holds files already.
    """
    if folder.exists() and any(folder.iterdir()):
        raise SettingsError(f"{folder} holds files already: keys are never overwritten; name a new folder")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = folder / "authority"
    create_authority(authority, name="Accord installation", at=at)
    _write(folder / "ca.crt", (authority / "ca.crt").read_text(encoding="ascii"))
    for service, (certificate, key) in LISTENING.items():
        described = read_topology().service(service)
        names = [service, *(Containers().host(described, port) for port in described.only_on), LOOPBACK, "localhost"]
        made = issue_server(authority, folder / ".made", hosts=[*names, *hosts], at=at)
        made[0].rename(folder / certificate)
        made[1].rename(folder / key)
    (folder / ".made").rmdir()
    create_root_key(folder / "root.key")
    create_key(folder / "signing.key")
    log, cosigner = SignerKey.generate(ORIGIN), Cosigner.generate("witness.example/w1")
    witness = read_topology().service("witness")
    where = witness_at or f"{witness.name}:{witness.ports['cosign']}"
    password = secrets.token_urlsafe(32)
    programme = (files("consent_center.topology") / "programme.yaml").read_text(encoding="utf-8")
    texts = {
        "log.key": log.secret_text(),
        "log.vkey": log.verifier.text(),
        "witness.key": cosigner.secret_text(),
        "witness.address": f"https://{where}={cosigner.verifier.text()}",
        "database.password": password,
        "database.pgpass": f"*:*:*:accord:{password}",
        "programme.yaml": programme
        + f"log: {{directory: {log_folder}, origin: {ORIGIN}, key: {log.verifier.text()!r}}}",
    }
    for name, text in texts.items():
        _write(folder / name, f"{text}\n")
    return sorted(file for file in folder.iterdir() if file.is_file())


def _write(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
