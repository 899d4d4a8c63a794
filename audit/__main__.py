"""Check Accord's log without Accord.

    python -m audit verify DIR|URL --key VKEY      the whole log
    python -m audit proof FILE --key VKEY          one entry, by its .tlog-proof
    python -m audit new-witness-key NAME FILE      a key for a witness
    python -m audit witness DIR --key-file FILE --log VKEY     be a witness, for a partner who wants to watch the log

Needs Python, the package `audit` and `cryptography`; nothing else of Accord, no network unless an address is given.

Exit codes:
    0  verified
    1  not verified: what was claimed is false, or the bytes are not in the one right form
    2  nothing known: wrong usage, or something could not be read
"""

import argparse
import os
import re
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from audit.errors import FormatError, LogError, UnreadableError
from audit.log.checkpoint import Checkpoint
from audit.log.cosignature import Cosigner
from audit.log.fsck import verify_log
from audit.log.note import Verifier
from audit.log.source import DirectorySource, Source, UrlSource
from audit.log.tlog_policy import Policy, parse_log_key, parse_policy, policy_for
from audit.log.tlog_proof import TlogProof
from audit.log.witness import Witness
from audit.log.witness_server import WitnessServer

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
    except OSError as failure:
        print(f"NOTHING IS KNOWN: {failure.strerror or 'input/output error'}", file=sys.stderr)
        return NOT_KNOWN


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


def _new_witness_key(options: argparse.Namespace) -> int:
    cosigner = Cosigner.generate(options.name)
    try:
        handle = os.open(options.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as failure:
        raise UnreadableError(options.file, failure.strerror or "input/output error") from None
    with os.fdopen(handle, "w") as file:
        file.write(cosigner.secret_text() + "\n")
    print(cosigner.verifier.text())
    return VERIFIED


def _witness(options: argparse.Namespace) -> int:
    try:
        cosigner = Cosigner.parse_secret(_read_file(options.key_file).decode("utf-8", "replace").strip())
        logs: dict[str, list[Verifier]] = {}
        for text in options.log:
            key = parse_log_key(_text_of_key(text))
            logs.setdefault(key.name, []).append(key)
    except FormatError as failure:
        raise UnreadableError("the key", failure.why) from None
    try:
        with closing(Witness(Path(options.directory), cosigner, logs)) as witness:
            server = WitnessServer(witness, (options.host, options.port), lambda: int(time.time()))
            if options.certificate:
                server.wrap_in_tls(Path(options.certificate), Path(options.certificate_key or options.certificate))
            _serve(server, ", ".join(logs))
    except (LogError, OSError, OverflowError) as failure:
        raise UnreadableError("the witness's memory or address", str(failure)) from None
    return VERIFIED


def _serve(server: WitnessServer, logs: str) -> None:
    cosigner, (host, port) = server.witness.cosigner, server.server_address[:2]
    with server:
        scheme = "https" if server.tls else "http"
        print(f"Witness {cosigner.name} listens at {scheme}://{host!s}:{port}/add-checkpoint and watches {logs}.")
        advice = "" if server.tls else "Put it behind TLS. "
        print(f"{advice}Its public key:\n{cosigner.verifier.text()}", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("Stopped.")


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
    """Take what looks like a vkey as it is, and anything else as the name of a file with one."""
    if re.search(r"\+[0-9a-f]{8}\+", text_or_file):
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
    new_key = commands.add_parser("new-witness-key", help="draw a key for a witness (ML-DSA-44)")
    new_key.add_argument("name", metavar="NAME", help="the witness's name, such as witness.example/w1")
    new_key.add_argument(
        "file", metavar="FILE", help="where the private key goes; must not exist; the public one is shown"
    )
    new_key.set_defaults(run=_new_witness_key)
    witness = commands.add_parser("witness", help="cosign the checkpoints of a log that only grows")
    witness.add_argument("directory", metavar="DIR", help="the witness's memory; keep it, and never copy it")
    witness.add_argument("--key-file", required=True, metavar="FILE", help="its private key")
    witness.add_argument(
        "--log", required=True, action="append", metavar="VKEY", help="a log to watch; may be repeated"
    )
    witness.add_argument("--host", default="127.0.0.1", help="address to listen at (127.0.0.1)")
    witness.add_argument("--port", type=int, default=8480, help="port to listen at (8480)")
    witness.add_argument("--certificate", metavar="FILE", help="serve TLS with this certificate, PEM")
    witness.add_argument("--certificate-key", metavar="FILE", help="its key, if it is not in the same file")
    witness.set_defaults(run=_witness)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
