"""What the processes of a federation do until they are killed: the consent centre, a site, the coordinator."""

import hashlib
import json
import os
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from consent_center.storage.transaction import Store
from faults.federation_town import SITES, STUDY, Town, clock
from faults.world import KEYS
from federated.certificates import read_node_key
from federated.gate import Gate
from federated.site.folder import open_site


def run_hub(town: Town) -> None:
    """The consent centre's gate over HTTPS, until killed."""
    import uvicorn
    from fastapi import FastAPI

    from consent_center.api.create import create_api
    from consent_center.api.world import World
    from consent_center.consent.receipt import Controller
    from consent_center.errors import ConsentCenterError
    from consent_center.gate import StoreGate

    if town.planted == "loses":
        real = StoreGate.settle_round
        StoreGate.settle_round = lambda gate, report: None if report.round % 3 == 0 else real(gate, report)
    while True:
        try:
            store = Store.open(town.url, keys=KEYS)
            break
        except ConsentCenterError:
            time.sleep(0.1)
    world = World(store, clock, Controller("hub", "Faults", "privacy@example.org", "TW"), town.signer, 10**6)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/v1", create_api(world))
    certificate, key = town.folder / "server" / "server.crt", town.folder / "server" / "server.key"
    uvicorn.run(app, port=town.hub_port, ssl_certfile=certificate, ssl_keyfile=key, log_level="critical", ws="none")


def run_site(town: Town, name: str, *, now: Callable[[], datetime] = clock, key: Path | None = None) -> None:
    """A site, until killed; it notes what leaves it.

    Args:
        town: the town.
        name: the site's.
        now: its clock.
        key: of its node; None for the registered one.
    """
    from federated.exchange import kind_of, parse_reply, parse_request
    from federated.flower import client_app
    from federated.flower.gates import SITE, registered_sites
    from federated.flower.node import Coordinator, SiteNode
    from federated.site.journal import Journal

    unwritten: list[Callable[[], None]] = []
    if town.planted == "forgets":
        finish = Journal.finish
        Journal.finish = lambda *given, **named: unwritten.append(lambda: finish(*given, **named))
        Journal.begin = lambda _, progress, **__: progress
    folder = town.site(name)
    agent = open_site(folder, clock=now)
    said: list[bytes] = []

    def answer(message: bytes) -> bytes:
        if unwritten and kind_of(message) == "round" and parse_request(message).number != parse_reply(said[-1]).number:
            unwritten.pop()()
        reply = agent.answer(message)
        said[:] = [reply] if kind_of(reply) == "reply" else said
        if kind_of(reply) == "reply":
            read = parse_reply(reply)
            handle = os.open(town.folder / f"{name}.left", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            values = b"".join(read.outputs[one].tobytes() for one in sorted(read.outputs))
            os.write(handle, f"{read.run} {read.number} {hashlib.sha256(values).hexdigest()}\n".encode())
            os.close(handle)
        return reply

    node = SiteNode(
        Coordinator(f"{town.address}:{town.port}", (town.folder / "ca" / "ca.crt").read_bytes()),
        key=read_node_key(folder.node_key_file if key is None else key),
        app=client_app.app,
        node_config={SITE: name},
    )
    with registered_sites({name: answer}):
        node.run()


def run_coordinator(
    town: Town,
    token: str,
    *,
    patience_s: float = 40.0,
    server: str = "server",
    gate_of: Callable[[Gate], Gate] = lambda gate: gate,
) -> None:
    """One run with this token, from its beginning or from where another process left it.

    Args:
        town: the town.
        token: for the run.
        patience_s: with sites that are away.
        server: the folder of its certificate.
        gate_of: what it makes of the consent centre's answers; anything but themselves is a lie.
    """
    from federated.errors import RefusedError
    from federated.flower.deployment import run_deployed, wait_for
    from federated.flower.fleet import FleetLink, Listening
    from federated.flower.internals import public_key_to_bytes
    from federated.gate_http import HttpGate

    certificate, key = town.folder / server / "server.crt", town.folder / server / "server.key"
    authority = (town.folder / "ca" / "ca.crt").read_text()
    gate = HttpGate(f"https://127.0.0.1:{town.hub_port}", token=token, authority=authority)
    link = FleetLink(Listening(town.address, town.port, certificate, key))
    known = {
        name: link.register(public_key_to_bytes(read_node_key(town.site(name).node_key_file).public_key()))
        for name in SITES
    }
    link.start()
    try:
        wait_for(link, known, timeout_s=min(30.0, patience_s))
        report = run_deployed(
            gate_of(gate),
            STUDY,
            link,
            known,
            watch=lambda one: town.say(token, f"round {one.round}"),
            patience_s=patience_s,
        )
        town.say(token, f"ended {report.outcome} {report.run} {json.dumps(dict(report.results).get('refusals', {}))}")
    except RefusedError as refused:
        town.say(token, f"ended {refused.code} - {refused}")
    link.stop()
