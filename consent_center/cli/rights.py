"""`accord admin right`: members' requests under the law, answered by compliance; each step is an entry she sees.

accord admin right list                              what waits, the one that is due first on top; no words of hers
accord admin right show | answer | refuse | extend REQUEST --by ACCOUNT
accord admin right site-done REQUEST SITE --by ACCOUNT
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import tzinfo
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from consent_center.errors import SettingsError
from consent_center.settings import Settings, clock
from consent_center.storage.rights import Task
from consent_center.storage.transaction import Store
from consent_center.web.house import House
from consent_center.workflows.answer_right import (
    answer_right,
    extend_right,
    finish_site_task,
    open_requests,
    read_request,
    refuse_right,
)
from privacy.keys import read_root_key

app = typer.Typer(help="Members' requests under the law.", no_args_is_help=True, rich_markup_mode=None)
_out = Console(highlight=False, soft_wrap=True)
RequestArg = Annotated[str, typer.Argument(help="The request, as `accord admin right list` names it.")]
ByOpt = Annotated[str, typer.Option(help="The account that does it; its role is compliance.")]


@app.command("list")
def list_open() -> None:
    """What waits for an answer, the one that is due first on top."""
    now, zone = clock(), _zone()
    with _store() as store:
        waiting = store.read(open_requests)
    for request, tasks in waiting:
        late = "  LATE" if request.is_late(at=now) else ""
        due = f"due {request.due_at.astimezone(zone):%Y-%m-%d}"
        _say(f"{request.id}  {request.right:<12}  {due}{late}  {_told(tasks)}")
    _say(f"{len(waiting)} requests wait for an answer.")


@app.command()
def show(request: RequestArg, by: ByOpt) -> None:
    """One request in her own words. She sees who read it."""
    with _store() as store:
        found, tasks = store.run(read_request, name=request, staff=by, at=clock())
    _say(f"member   {found.member}")
    _say(f"right    {found.right}, {found.stage}, due {found.due_at.astimezone(_zone()):%Y-%m-%d}")
    for name, words in (("about", found.about), ("words", found.detail), ("reason", found.reason)):
        if words:
            _say(f"{name:<8} {words}")
    _say(f"sites    {_told(tasks)}")


@app.command()
def answer(
    request: RequestArg, by: ByOpt, text: Annotated[str, typer.Option(help="The answer, as she reads it.")]
) -> None:
    """Answer a request; it is closed."""
    with _store() as store:
        store.run(answer_right, name=request, text=text, staff=by, at=clock())
    _say("It is answered.")


@app.command()
def refuse(request: RequestArg, by: ByOpt, reason: Annotated[str, typer.Option(help="Why, as she reads it.")]) -> None:
    """Refuse a request, with a reason; it is closed."""
    with _store() as store:
        store.run(refuse_right, name=request, reason=reason, staff=by, at=clock())
    _say("It is refused.")


@app.command()
def extend(request: RequestArg, by: ByOpt, reason: Annotated[str, typer.Option(help="Why, as she reads it.")]) -> None:
    """Take two months more, once, with a reason."""
    zone = _zone()
    with _store() as store:
        found = store.run(extend_right, name=request, reason=reason, zone=zone, staff=by, at=clock())
    _say(f"It is due {found.due_at.astimezone(zone):%Y-%m-%d}.")


@app.command("site-done")
def site_done(request: RequestArg, site: Annotated[str, typer.Argument(help="Which site.")], by: ByOpt) -> None:
    """Note that a site has told you that it did its share of a request; she sees it."""
    with _store() as store:
        first = store.run(finish_site_task, name=request, site=site, staff=by, at=clock())
    _say(f"{site} has done its share." if first else f"{site} had done its share already: nothing is changed.")


def _say(line: str) -> None:
    _out.print(line, markup=False)


def _told(tasks: list[Task]) -> str:
    return (
        ", ".join(f"{one.site} {'done' if one.done_at else 'WAITS'}" for one in tasks) or "no site has to do anything"
    )


def _zone() -> tzinfo:
    settings = Settings.read()
    if settings.programme:
        return House.read(Path(settings.programme), origin=settings.public_url).zone
    with as_file(files("consent_center.web") / "harbour_club.yaml") as example:
        return House.read(example, origin=settings.public_url).zone


@contextmanager
def _store() -> Iterator[Store]:
    settings = Settings.read()
    if not settings.root_key:
        raise SettingsError("set ACCORD_ROOT_KEY and ACCORD_DATABASE, or: set -a; . var/up/admin.env; set +a")
    ring = read_root_key(Path(settings.root_key))
    with Store.open(settings.database, keys=ring, create=not settings.production) as store:
        yield store
