"""The entry point: one line for whatever goes wrong.

Exit codes: 0 done, 1 done and the answer is no, 2 wrong usage or a refusal, 130 interrupted.
"""

import sys

import click
import typer
from rich.console import Console

from audit.errors import LogError
from consent_center.cli import site_kit as _site_kit  # noqa: F401  adds its commands to `accord site`
from consent_center.cli.admin import app as admin
from consent_center.cli.audit import app as audit
from consent_center.cli.demo import demo
from consent_center.cli.log import app as log
from consent_center.cli.privacy import app as privacy
from consent_center.cli.run import app as runs
from consent_center.cli.serve import serve
from consent_center.cli.site import app as site
from consent_center.cli.staff import app as staff
from consent_center.cli.study import app as study
from consent_center.errors import ConsentCenterError
from federated.errors import FederatedError
from privacy.errors import PrivacyError

INTERRUPTED = 130

app = typer.Typer(
    name="accord",
    help="Consent you can prove, learning that never moves the data.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo)
app.command("serve")(serve)
app.add_typer(study, name="study")
app.add_typer(audit, name="audit")
app.add_typer(staff, name="staff")
app.add_typer(site, name="site")
app.add_typer(admin, name="admin")
app.add_typer(runs, name="run")
app.add_typer(log, name="log")
app.add_typer(privacy, name="privacy")


@app.callback()
def accord() -> None:
    """Consent you can prove, learning that never moves the data."""


def main() -> None:
    """Run `accord`."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        code = app(args=arguments, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as usage:
        errors.print(usage.format_message(), markup=False)
        return 2
    except click.ClickException as usage:
        errors.print(f"accord: {_one_line(usage.format_message())}; see accord --help", markup=False)
        return 2
    except (click.exceptions.Abort, KeyboardInterrupt):
        return _interrupted(errors)
    except (ConsentCenterError, FederatedError, PrivacyError, LogError) as refused:
        errors.print(f"accord: {_one_line(str(refused))}", markup=False)
        return 2
    if code == INTERRUPTED:  # how Typer answers Ctrl-C
        return _interrupted(errors)
    return code if isinstance(code, int) else 0


def _interrupted(errors: Console) -> int:
    errors.print("accord: interrupted; nothing half-done was kept, run it again", markup=False)
    return INTERRUPTED


def _one_line(message: str) -> str:
    return " ".join(message.split()).rstrip(".")
