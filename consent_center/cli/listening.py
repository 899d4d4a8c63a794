"""A web application on a port: how `accord serve` listens, and what the benchmarks measure."""

import gc
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

_NEW_OBJECTS = 50_000
_ROUNDS = 20


def listen(
    app: ASGIApp, host: str, port: int, *, certificate: Path | None = None, certificate_key: Path | None = None
) -> None:
    """Answer requests until told to stop.

    What was loaded until now stays for good: the collector never walks it again, and it runs once in 50,000 new
    objects instead of 700, so that no answer waits for it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, _ROUNDS, _ROUNDS)
    uvicorn.run(
        app,
        host=host,
        port=port,
        ssl_certfile=certificate,
        ssl_keyfile=certificate_key,
        access_log=False,
        server_header=False,
        log_level="warning",
        timeout_graceful_shutdown=3,
    )
