"""`accord`: what people type.

Promises: bad input is one line that says what to do, exit code 2; Ctrl-C is exit code 130; nothing is half written.
Never: decides anything; commands call workflows.
May be imported by: nothing.
Start reading: `main.py`, then `commands.py`, then one command a file.
"""

import os


def main() -> None:
    """Run `accord`."""
    # Read while numpy is loaded. Members' rows go through it in small pieces: more threads cost up to fifty times the
    # time as soon as something else runs on the machine, and gain nothing on an idle one.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # noqa: TID251
    from consent_center.cli.main import main as run  # noqa: PLC0415 - a command's module is no reason to load the others

    run()
