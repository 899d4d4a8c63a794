"""`python -m consent_center.topology.database FOLDER`: a PostgreSQL of our own, until stopped.

It listens on a socket of this machine and on no network. FOLDER/address says where, once it does. The server is
PostgreSQL 16 from the package `pgserver`; where another PostgreSQL is at hand, name it and this is not started.
"""

import logging
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

import psycopg

from consent_center.topology.placing import ADDRESS

NAME = "accord"
LOOK_EVERY_S = 1.0


def main(folder: Path) -> int:
    """Run until stopped; 1 if the server ended by itself, so that whoever supervises starts it again."""
    import pgserver  # noqa: PLC0415 - only where no PostgreSQL is named

    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    logging.disable(logging.INFO)
    (folder / ADDRESS).unlink(missing_ok=True)
    server = pgserver.postgres_server.get_server(folder / "data", cleanup_mode="stop")
    uri = server.get_uri()
    _create(uri)
    start, _, query = uri.partition("?")
    address = f"{start.rsplit('/', 1)[0]}/{NAME}?{query}"
    draft = folder / f".{ADDRESS}"
    draft.write_text(address + "\n", encoding="utf-8")
    draft.replace(folder / ADDRESS)
    while not stopped.wait(LOOK_EVERY_S):
        if not server.get_postmaster_info().is_running():
            return 1
    (folder / ADDRESS).unlink(missing_ok=True)
    server.cleanup()
    return 0


def answers(address: str) -> bool:
    """Does a database answer at this address?"""
    if not address:
        return False
    try:
        with psycopg.connect(address, connect_timeout=3) as line:
            line.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True


def _create(uri: str) -> None:
    with psycopg.connect(uri, autocommit=True) as admin:
        if admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", (NAME,)).fetchone() is None:
            admin.execute(f'CREATE DATABASE "{NAME}"')


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
