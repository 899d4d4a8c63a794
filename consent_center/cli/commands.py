"""Which commands there are, each in a module that is imported when it is asked for and not before.

Law: `accord --help` and a mistyped command import no command at all; torch and the web are loaded by who needs them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType

import click
import typer
import typer.core
from typer.core import TyperGroup
from typer.main import get_command

typer.core.HAS_RICH = False  # else plain help shows its brackets escaped for rich: "\\[default: 4]"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command is.

    Attributes:
        module: below `consent_center.cli`; imported when the command is asked for.
        help: the line that `accord --help` shows; the module says the same.
        name: of the function or of the Typer application in it.
    """

    module: str
    help: str
    name: str = "app"

    def load(self, name: str) -> click.Command:
        """The command itself, under this name."""
        found = getattr(import_module(f"consent_center.cli.{self.module}"), self.name)
        outer = typer.Typer(add_completion=False, rich_markup_mode=None)
        if isinstance(found, typer.Typer):
            outer.add_typer(found, name=name)
        else:
            outer.command(name)(found)
        made = get_command(outer)
        return made.commands[name] if isinstance(made, click.Group) else made


COMMANDS: Mapping[str, Place] = MappingProxyType(
    {
        "demo": Place(
            "demo",
            "From members' consents to a released, audited, verified model: on your machine, in a minute.",
            "demo",
        ),
        "up": Place(
            "up",
            "Start everything on this machine, or say that it runs; the first time, make keys and a programme.",
            "up",
        ),
        "status": Place(
            "up", "Say how everything on this machine stands. Exit code 1: something is not well.", "status"
        ),
        "down": Place(
            "up", "Stop exactly what `accord up` started in this folder; keys, members and the log stay.", "down"
        ),
        "sign-in": Place(
            "up",
            "Hand out a link that signs a made-up member in, once, within ten minutes. For trying out only.",
            "sign_in",
        ),
        "serve": Place("serve", "Serve the member pages and the staff console.", "serve"),
        "study": Place("study", "Ask to use members' data, and answer."),
        "audit": Place("audit", "Audit models, ours and others'."),
        "staff": Place("staff", "Who works at the console."),
        "site": Place("site_kit", "What a site does for itself."),
        "admin": Place("admin", "What the programme's administrators do for its sites."),
        "run": Place("run", "Drive runs of approved studies."),
        "reminders": Place(
            "reminders",
            "Write one JSON line for each member to remind: her number, a subject and a text in her language.",
            "reminders",
        ),
        "token": Place("token", "Tokens with which machines use the API."),
        "propagate": Place("propagate", "Tell recipients what they may no longer use, until stopped.", "propagate"),
        "migrate": Place("migrate", "Bring the database to this release, or say whether it is there.", "migrate"),
        "log": Place("log", "The tamper-evident log."),
        "model": Place("model", "What became of the models."),
        "privacy": Place("privacy", "Check privacy claims."),
    }
)


class Commands(TyperGroup):
    """The commands of the table, loaded one at a time."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One of them, imported now; None if there is none of this name."""
        del ctx
        place = COMMANDS.get(cmd_name)
        return None if place is None else place.load(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List them with the lines of the table, without importing any."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.help) for name, place in COMMANDS.items()])
