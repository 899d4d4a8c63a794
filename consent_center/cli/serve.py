"""`accord serve`: the web application. With `--dev`, a made-up family on SQLite, in seconds, on this machine only."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from consent_center.settings import Settings

_out = Console(highlight=False, soft_wrap=True)


def serve(
    *,
    dev: Annotated[bool, typer.Option("--dev", help="A made-up family on SQLite; plain http on this machine.")] = False,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    folder: Annotated[Path, typer.Option(help="Where --dev keeps its files; emptied at each start.")] = Path("var/dev"),
) -> None:
    """Serve the member pages and the staff console."""
    from consent_center.app import create_app  # noqa: PLC0415 - the web is loaded by who serves it, not by every command
    from consent_center.example.world import dev_world  # noqa: PLC0415 - the same

    if not dev:
        settings = Settings.read()
        _listen(create_app(settings), host, port)
        return
    if host not in ("127.0.0.1", "localhost", "::1"):
        raise typer.BadParameter("--dev is not safe for others: it listens on this machine only")
    with dev_world(folder, origin=f"http://localhost:{port}", database=f"sqlite:///{folder}/accord.db") as world:
        _out.print("DEVELOPMENT: plain http, unprotected cookies, mail goes to a folder. Nobody here exists.\n")
        for person in world.people:
            _out.print(f"  {person.language.own_name:<8} {person.address:<22} {world.link_for(person)}", markup=False)
        _out.print(f"\nEach link works once, for ten minutes. More: {world.wiring.house.origin}/sign-in", markup=False)
        _out.print(f"Letters: {folder / 'outbox'}   Stop: Ctrl-C", markup=False)
        _listen(create_app(world.settings, wiring=world.wiring), host, port)


def _listen(app: object, host: str, port: int) -> None:
    import uvicorn  # noqa: PLC0415 - the same

    uvicorn.run(app, host=host, port=port, access_log=False, server_header=False, log_level="warning")  # type: ignore[arg-type]
