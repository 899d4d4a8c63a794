"""Check Accord's log without Accord.

    python -m audit verify DIR|URL --key VKEY      the whole log
    python -m audit proof FILE --key VKEY          one entry, by its .tlog-proof

Needs Python, the package `audit` and `cryptography`; nothing else of Accord, no network unless an address is given.

Exit codes:
    0  verified
    1  not verified: what was claimed is false, or the bytes are not in the one right form
    2  nothing known: wrong usage, or something could not be read
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from audit.errors import FormatError, LogError, UnreadableError
from audit.log.checkpoint import Checkpoint
from audit.log.fsck import verify_log
from audit.log.source import DirectorySource, Source, UrlSource
from audit.log.tlog_policy import Policy, parse_log_key, parse_policy, policy_for
from audit.log.tlog_proof import TlogProof

VERIFIED, NOT_VERIFIED, NOT_KNOWN = 0, 1, 2

_EXIT_CODES = "Exit codes: 0 verified; 1 not verified; 2 wrong usage, or something could not be read."


def main(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except UnreadableError as failure:
        print(f"NOTHING IS KNOWN: {failure}", file=sys.stderr)
        return NOT_KNOWN
    except LogError as failure:
        print(f"NOT VERIFIED: {failure}", file=sys.stderr)
        return NOT_VERIFIED


def _verify(options: argparse.Namespace) -> int:
    policy, origin = _trust(options)
    report = verify_log(
        _source(options),
        policy=policy,
        origin=origin,
        since=_older_checkpoint(options.since, policy, origin) if options.since else None,
        need_entries=options.entries,
    )
    print("\n".join(report.in_words()))
    return VERIFIED if report.verified else NOT_VERIFIED


def _proof(options: argparse.Namespace) -> int:
    policy, origin = _trust(options)
    proof = TlogProof.parse(_read_file(options.file))
    if options.entry:
        leaf = _read_file(options.entry)
    elif proof.extra is not None:
        leaf = proof.extra
    else:
        raise UnreadableError(options.file, "the entry is not in the file; give it with --entry")
    accepted = proof.verify(leaf, policy, origin=origin)
    head = accepted.checkpoint
    print(f"Log {origin}, {head.size:,} entries, signed by the log's key.")
    if accepted.witnesses:
        print(f"Cosigned by {', '.join(accepted.witnesses)}.")
    if policy.quorum == "none":
        print("Not checked: that the log shows everybody the same history (ask for witnesses with --policy).")
    print(f"Entry {proof.index} of it is exactly these {len(leaf)} bytes:")
    print(ascii(leaf.decode("utf-8", "backslashreplace"))[1:-1])
    print("VERIFIED")
    return VERIFIED


def _trust(options: argparse.Namespace) -> tuple[Policy, str]:
    """Find out whose signatures are asked for, and which log it is about.

    A broken key or policy is a wrong usage: nothing was verified with it.
    """
    try:
        policy = parse_policy(_read_file(options.policy)) if options.policy else Policy()
        key = parse_log_key(_text_of_key(options.key)) if options.key else None
    except FormatError as failure:
        raise UnreadableError("the key or policy", failure.why) from None
    if key is not None:
        if policy.logs and key not in {log.key for log in policy.logs}:
            raise UnreadableError("the policy", "it does not list the key you gave")
        policy = replace(policy, logs=policy_for(key, origin=options.origin).logs)
    origins = {log.origin for log in policy.logs}
    if options.origin:
        origins &= {options.origin}
    if len(origins) != 1:
        raise UnreadableError("the key", "say which log this is: with --key, or by --origin a log of the policy")
    return policy, origins.pop()


def _source(options: argparse.Namespace) -> Source:
    if "://" in options.log:
        token = _read_file(options.token_file).decode("ascii", "replace").strip() if options.token_file else None
        return UrlSource(options.log, token=token)
    if not Path(options.log).is_dir():
        raise UnreadableError(options.log, "it is not a directory")
    return DirectorySource(Path(options.log))


def _text_of_key(text_or_file: str) -> str:
    """Take a vkey as it is, or read it from a file."""
    if "+" in text_or_file and not Path(text_or_file).is_file():
        return text_or_file
    return _read_file(text_or_file).decode("utf-8", "replace").strip()


def _older_checkpoint(file: str, policy: Policy, origin: str) -> Checkpoint:
    """Read a checkpoint that was kept; it must be signed by the log, by witnesses only if it is the newest."""
    return Policy(policy.logs).accept(_read_file(file), origin=origin).checkpoint


def _read_file(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as failure:
        raise UnreadableError(file, failure.strerror or "input/output error") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m audit", description="Check Accord's tamper-evident log without Accord.", epilog=_EXIT_CODES
    )
    trust = argparse.ArgumentParser(add_help=False)
    trust.add_argument("--key", metavar="VKEY", help="the log's public key (name+hash+base64), or a file with it")
    trust.add_argument("--policy", metavar="FILE", help="a tlog-policy file: logs, witnesses and their quorum")
    trust.add_argument("--origin", metavar="NAME", help="the log's name, if it is not the name of the key")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    verify = commands.add_parser("verify", parents=[trust], help="verify a whole log", epilog=_EXIT_CODES)
    verify.add_argument("log", metavar="DIR|URL", help="the log's directory, or its address")
    verify.add_argument("--since", metavar="FILE", help="a checkpoint you kept from an earlier visit")
    verify.add_argument("--entries", action="store_true", help="ask for the entries, not just their hashes")
    verify.add_argument("--token-file", metavar="FILE", help="a file with the auditor's token for the entries of a URL")
    verify.set_defaults(run=_verify)
    proof = commands.add_parser("proof", parents=[trust], help="verify one .tlog-proof file", epilog=_EXIT_CODES)
    proof.add_argument("file", metavar="FILE", help="the proof")
    proof.add_argument("--entry", metavar="FILE", help="the entry, if it is not in the proof")
    proof.set_defaults(run=_proof)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
