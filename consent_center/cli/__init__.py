"""`accord`: what people type.

Promises: bad input is one line that says what to do, exit code 2; Ctrl-C is exit code 130; nothing is half written.
Never: decides anything; commands call workflows.
May be imported by: nothing.
Start reading: `main.py`, then `commands.py`, then one command a file.
"""


def main() -> None:
    """Run `accord`."""
    from consent_center.cli.main import main as run  # noqa: PLC0415 - a command's module is no reason to load the others

    run()
