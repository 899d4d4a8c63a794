"""`accord`: what people type.

Promises: bad input is one line that says what to do, exit code 2; Ctrl-C is exit code 130; nothing is half written.
Never: decides anything; commands call workflows.
May be imported by: nothing.
Start reading: `main.py`, then one command a file.
"""

from consent_center.cli.main import main

__all__ = ["main"]
