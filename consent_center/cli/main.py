"""The entry point: one line for whatever goes wrong.

Exit codes: 0 done, 1 done and the answer is no, 2 wrong usage or a refusal, 130 interrupted.
"""

import sys

import click
import typer
from rich.console import Console

from audit.errors import LogError
from consent_center.cli.commands import Commands
from consent_center.errors import ConsentCenterError
from federated.errors import FederatedError
from privacy.errors import PrivacyError

INTERRUPTED = 130

app = typer.Typer(
    name="accord",
    cls=Commands,
    help="Consent you can prove, learning that never moves the data.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


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
    except OSError as refused:
        if refused.filename is None:
            raise
        why = f"{refused.filename}: {refused.strerror}"
        errors.print(f"accord: {why}; check the path, its permissions and the space left", markup=False)
        return 2
    if code == INTERRUPTED:  # how Typer answers Ctrl-C
        return _interrupted(errors)
    return code if isinstance(code, int) else 0


def _interrupted(errors: Console) -> int:
    errors.print("accord: interrupted; nothing half-done was kept, run it again", markup=False)
    return INTERRUPTED


def _one_line(message: str) -> str:
    return " ".join(message.split()).rstrip(".")
