"""Giving and withdrawing through the API on PostgreSQL, beside a bare FastAPI + SQLModel insert endpoint.

Both run in a uvicorn of their own on the same database server; 16 clients each keep one connection and ask as fast as
they are answered, in alternating rounds. Ours authenticates, checks the statement against its notice, seals a payload,
writes statement, items, entry and propagation, and answers only when it is durable; the bare endpoint inserts one row.
Ours listens as `accord serve` does, the bare one as uvicorn does without a line per request.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from benchmarks import _programme as programme
from consent_center.consent.notice import choices_digest
from consent_center.settings import clock
from consent_center.storage.transaction import Store
from consent_center.workflows.enrol_member import enrol_members
from consent_center.workflows.machine_tokens import TokenScope, issue_token
from consent_center.workflows.register_member import register_members

CLIENTS = 16
ROUNDS = 3
SECONDS = 4.0
MEMBERS = 2000

OURS = """
import sys
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from benchmarks._programme import KEYS
from consent_center.api.create import create_api
from consent_center.api.world import World
from consent_center.cli.listening import listen
from consent_center.consent.receipt import Controller
from consent_center.settings import clock
from consent_center.storage.transaction import Store
store = Store.open(sys.argv[1], keys=KEYS)
world = World(store, clock, Controller("hub", "Hub", "x", "TW"), Ed25519PrivateKey.generate(), rate_per_minute=10**9)
listen(create_api(world), "127.0.0.1", int(sys.argv[2]))
"""
BARE = """
import sys, uvicorn
from typing import Annotated
from fastapi import Depends, FastAPI
from sqlmodel import Field, Session, SQLModel, create_engine
class Consent(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    member: str = Field(index=True)
    act: str
    items: str
    notice: str
    version: int
    language: str
    choices: str
class ConsentIn(SQLModel):
    member: str
    act: str
    items: list[dict]
    notice: str
    version: int
    language: str
    choices: str
engine = create_engine(sys.argv[1], pool_size=32)
SQLModel.metadata.create_all(engine)
app = FastAPI()
def session():
    with Session(engine) as opened:
        yield opened
@app.post("/statements", status_code=201)
def create(body: ConsentIn, session: Annotated[Session, Depends(session)]) -> Consent:
    row = Consent(**{**body.model_dump(), "items": str(body.items)})
    session.add(row)
    session.commit()
    session.refresh(row)
    return row
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="error", access_log=False)
"""


class Client:
    """One connection, kept; raw, so that the client costs little of the two cores."""

    def __init__(self, port: int, token: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.token = token

    def post(self, body: bytes) -> int:
        """Send one request and read its answer; the status."""
        head = (
            f"POST /statements HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.socket.sendall(head.encode() + body)
        read = b""
        while b"\r\n\r\n" not in read:
            read += self.socket.recv(65536)
        header, _, rest = read.partition(b"\r\n\r\n")
        length = int(header.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        while len(rest) < length:
            rest += self.socket.recv(65536)
        return int(header.split(b" ")[1])


def drive(port: int, token: str, bodies: list[list[bytes]], seconds: float) -> tuple[float, list[float]]:
    """Requests per second of all clients together, and how long each took in ms."""
    times: list[float] = []
    stop = time.perf_counter() + seconds

    def one(mine: list[bytes]) -> None:
        client = Client(port, token)
        number = 0
        while time.perf_counter() < stop:
            start = time.perf_counter()
            status = client.post(mine[number % len(mine)])
            times.append((time.perf_counter() - start) * 1000)
            if status != 201:
                raise RuntimeError(f"answered {status}")
            number += 1

    threads = [threading.Thread(target=one, args=(mine,)) for mine in bodies]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(times) / (time.perf_counter() - began), times


def serve(program: str, url: str, port: int, log: Path) -> subprocess.Popen[bytes]:
    """Start one server and wait until it listens."""
    environment = {**os.environ, "PYTHONPATH": "."}  # noqa: TID251 - for the child
    server = subprocess.Popen([sys.executable, "-c", program, url, str(port)], stderr=log.open("wb"), env=environment)
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return server
        time.sleep(0.1)
    raise RuntimeError(f"the server did not start: {log.read_text()[-2000:]}")


def payloads(members: list[str], choices: str) -> list[list[bytes]]:
    """For each client its own members, alternating yes and no."""
    item = programme.ITEMS[0]._asdict()
    rest = {"items": [item], "notice": "core", "version": 1, "language": "en", "choices": choices}
    return [
        [
            json.dumps({"member": member, "act": act, **rest}).encode()
            for member in members[client::CLIENTS]
            for act in ("given", "withdrawn")
        ]
        for client in range(CLIENTS)
    ]


def run() -> dict[str, object]:
    """Give and withdraw, beside the bare endpoint."""
    with programme.postgres() as url, tempfile.TemporaryDirectory() as folder:
        at = clock()
        with Store.open(url, keys=programme.KEYS) as store:
            programme.found(store, at=at)
            members = store.run(register_members, [None] * MEMBERS, at=at)
            store.run(enrol_members, members, "site-0", at=at)
            _, token = store.run(issue_token, [TokenScope.CONSENTS_WRITE], expires_at=at + programme.DAY, at=at)
        bodies = payloads(members, choices_digest(programme.notice(at), "en", programme.ITEMS))
        bare_url = url.replace("postgresql://", "postgresql+psycopg://")
        ports = programme.free_port(), programme.free_port()
        servers = [
            serve(OURS, url, ports[0], Path(folder) / "ours.log"),
            serve(BARE, bare_url, ports[1], Path(folder) / "bare.log"),
        ]
        try:
            for port in ports:
                drive(port, token, bodies, 1.0)
            rates: dict[int, list[float]] = {port: [] for port in ports}
            times: list[float] = []
            for number in range(ROUNDS):
                for port in ports if number % 2 else ports[::-1]:
                    rate, took = drive(port, token, bodies, SECONDS)
                    rates[port].append(rate)
                    if port == ports[0]:
                        times.extend(took)
                    print(f"round {number + 1}: {'ours' if port == ports[0] else 'bare'} {rate:.0f} requests/s")
        finally:
            for server in servers:
                server.terminate()
                server.wait()
    times.sort()
    ours, bare = (statistics.median(rates[port]) for port in ports)
    return {
        "figures": {
            "ours_per_s": round(ours, 1),
            "bare_per_s": round(bare, 1),
            "ratio": round(ours / bare, 3),
            "p50_ms": round(times[len(times) // 2], 2),
            "p99_ms": round(times[int(len(times) * 0.99)], 2),
            "clients": CLIENTS,
        },
        "goals": {"ratio": (">=", 0.7), "p99_ms": ("<=", 50)},
    }
