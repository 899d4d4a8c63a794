"""Check Accord's log without Accord: `python -m audit verify DIR|URL --key VKEY`.

Needs Python, the package `audit.log` and `cryptography`; nothing else of Accord, no network unless an address is given.

Exit codes:
    0  verified
    1  not verified: what was claimed is false, or the bytes are not in the one right form
    2  nothing known: wrong usage, or something could not be read
"""

import argparse
import sys
from pathlib import Path

from audit.errors import FormatError, LogError, UnreadableError
from audit.log import checkpoint as checkpoints
from audit.log.checkpoint import Checkpoint
from audit.log.fsck import verify_log
from audit.log.note import VerifierKey
from audit.log.source import DirectorySource, Source, UrlSource

VERIFIED, NOT_VERIFIED, NOT_KNOWN = 0, 1, 2


def main(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except UnreadableError as failure:
        print(f"Nothing is known: {failure}.", file=sys.stderr)
        return NOT_KNOWN
    except LogError as failure:
        print(f"NOT VERIFIED: {failure}", file=sys.stderr)
        return NOT_VERIFIED


def _verify(options: argparse.Namespace) -> int:
    key = _read_key(options.key)
    origin = options.origin or key.name
    report = verify_log(
        _source(options.log),
        keys=[key],
        origin=origin,
        since=_read_checkpoint(options.since, key, origin) if options.since else None,
        need_entries=options.entries,
    )
    print("\n".join(report.in_words()))
    return VERIFIED if report.verified else NOT_VERIFIED


def _source(place: str) -> Source:
    if "://" in place:
        return UrlSource(place)
    if not Path(place).is_dir():
        raise UnreadableError(place, "it is not a directory")
    return DirectorySource(Path(place))


def _read_key(text_or_file: str) -> VerifierKey:
    """Take a vkey as it is, or read it from a file. A broken key is a wrong usage: nothing was verified with it."""
    text = text_or_file
    if "+" not in text or Path(text).is_file():
        text = _read_file(text_or_file).decode("utf-8", "replace").strip()
    try:
        return VerifierKey.parse(text)
    except FormatError as failure:
        raise UnreadableError("the key", failure.why) from None


def _read_checkpoint(file: str, key: VerifierKey, origin: str) -> Checkpoint:
    return checkpoints.verify(_read_file(file), keys=[key], origin=origin)


def _read_file(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as failure:
        raise UnreadableError(file, failure.strerror or "input/output error") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m audit", description="Check Accord's tamper-evident log without Accord.", epilog=_EXIT_CODES
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    verify = commands.add_parser("verify", help="verify a whole log", epilog=_EXIT_CODES)
    verify.add_argument("log", metavar="DIR|URL", help="the log's directory, or its address")
    verify.add_argument(
        "--key", required=True, metavar="VKEY", help="the log's public key (name+hash+base64), or a file"
    )
    verify.add_argument("--origin", metavar="NAME", help="the log's name, if it is not the name of the key")
    verify.add_argument("--since", metavar="FILE", help="a checkpoint you kept from an earlier visit")
    verify.add_argument("--entries", action="store_true", help="require the entries, not just their hashes")
    verify.set_defaults(run=_verify)
    return parser


_EXIT_CODES = "Exit codes: 0 verified; 1 not verified; 2 wrong usage, or something could not be read."

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
