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
    certificate: Annotated[Path | None, typer.Option(help="Serve TLS with this certificate; else plain http.")] = None,
    certificate_key: Annotated[Path | None, typer.Option(help="Its key.")] = None,
) -> None:
    """Serve the member pages and the staff console."""
    from consent_center.app import create_app  # noqa: PLC0415 - the web is loaded by who serves it, not by every command
    from consent_center.cli.listening import listen  # noqa: PLC0415 - the same
    from consent_center.example.office import link_for_staff, seed_office  # noqa: PLC0415 - the same
    from consent_center.example.world import dev_world  # noqa: PLC0415 - the same
    from consent_center.watcher import Watcher  # noqa: PLC0415 - the same

    if not dev:
        settings = Settings.read()
        if (certificate is None) != (certificate_key is None):
            raise typer.BadParameter("a certificate and its key go together: name both")
        app = create_app(settings)
        with Watcher(app.state.wiring.store):
            listen(app, host, port, certificate=certificate, certificate_key=certificate_key)
        return
    if host not in ("127.0.0.1", "localhost", "::1"):
        raise typer.BadParameter("--dev is not safe for others: it listens on this machine only")
    with dev_world(folder, origin=f"http://localhost:{port}", database=f"sqlite:///{folder}/accord.db") as world:
        _out.print("DEVELOPMENT: plain http, unprotected cookies, mail goes to a folder. Nobody here exists.\n")
        for person in world.people:
            _out.print(f"  {person.language.own_name:<8} {person.address:<22} {world.link_for(person)}", markup=False)
        store, origin = world.wiring.store, world.wiring.house.origin
        _out.print("\nThe staff, one for each role:", markup=False)
        for one in seed_office(store, at=world.wiring.clock()):
            link = link_for_staff(store, one, origin=origin, at=world.wiring.clock())
            _out.print(f"  {min(one.roles).value:<23} {one.name:<14} {link}", markup=False)
        _out.print(f"\nEach link works once, for ten minutes. More: {origin}/sign-in, accord staff link", markup=False)
        place = f"ACCORD_DATABASE=sqlite:///{folder}/accord.db ACCORD_ROOT_KEY={folder / 'root.key'}"
        _out.print(f"Before accord staff list and other commands: export ACCORD_ENV=dev {place}", markup=False)
        _out.print(f"Letters: {folder / 'outbox'}   Stop: Ctrl-C", markup=False)
        with Watcher(store):
            listen(create_app(world.settings, wiring=world.wiring), host, port)
