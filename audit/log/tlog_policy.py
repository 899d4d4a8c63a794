"""A trust policy: which logs, which witnesses, and how many of them must have cosigned.

    log example.com/log+c74f20a3+ARpc...
    witness airline airline.example/w1+1c2d3e4f+Bgx7... https://witness.airline.example
    witness grocer grocer.example/w1+5a6b7c8d+BKz1...
    group partners any airline grocer
    quorum partners

Invariant: a witness counts towards the quorum in one way only, because a name is a member of one group at most.

Source: C2SP tlog-policy.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from audit.errors import FormatError, OriginError, QuorumError, SignatureError
from audit.log.checkpoint import Checkpoint
from audit.log.cosignature import CosignerKey
from audit.log.lines import read_decimal
from audit.log.note import ED25519, Verifier, VerifierKey, parse_note, signed_by
from audit.log.vkey import parse_vkey

_FORMAT = "tlog-policy"
_FORBIDDEN = re.compile(rb"[^\t\n\x20-\x7e\x80-\xff]")
_NONE = "none"


@dataclass(frozen=True)
class Log:
    """A log that a policy accepts.

    Attributes:
        key: its key.
        origin: its name on checkpoints; in a policy file that is the name of the key.
        url: where it can be reached, if stated.
    """

    key: Verifier
    origin: str
    url: str | None = None


@dataclass(frozen=True)
class Witness:
    """A witness that a policy knows.

    Attributes:
        name: what the policy calls it.
        key: its key, with the name on its signature lines.
        url: where checkpoints are sent to it, if stated.
    """

    name: str
    key: CosignerKey
    url: str | None = None


@dataclass(frozen=True)
class Group:
    """Witnesses or other groups, of which so many are needed.

    Attributes:
        threshold: how many members must have witnessed, from 1 to all.
        members: their names.
    """

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True)
class Accepted:
    """A checkpoint that satisfies a policy.

    Attributes:
        checkpoint: the head of the log.
        witnesses: names, as the policy has them, of all whose cosignatures are valid; at least a quorum.
    """

    checkpoint: Checkpoint
    witnesses: tuple[str, ...]


@dataclass(frozen=True)
class Policy:
    """When a checkpoint is to be believed.

    Attributes:
        logs: the logs accepted; empty if they are known from elsewhere.
        witnesses: the witnesses known, by name.
        groups: the groups, by name.
        quorum: name of the witness or group that must have witnessed, or "none".
    """

    logs: tuple[Log, ...] = ()
    witnesses: dict[str, Witness] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    quorum: str = _NONE

    def accept(self, note: bytes, *, origin: str) -> Accepted:
        """Return the checkpoint if the log of this origin signed it and a quorum of witnesses cosigned it.

        Raises:
            FormatError: not a note, or not a checkpoint.
            OriginError: it belongs to another log.
            SignatureError: none of the log's keys signed it, or a signature by a known key is wrong.
            QuorumError: too few of the witnesses cosigned it.
        """
        parsed = parse_note(note)
        if not signed_by(parsed, [log.key for log in self.logs if log.origin == origin]):
            raise SignatureError(
                f"no key that the policy has for {origin} signed this; check that it is the right policy"
            )
        checkpoint = Checkpoint.of_text(parsed.text)
        if checkpoint.origin != origin:
            raise OriginError(found=checkpoint.origin, expected=origin)
        keys = set(signed_by(parsed, [witness.key for witness in self.witnesses.values()]))
        present = tuple(witness.name for witness in self.witnesses.values() if witness.key in keys)
        if self.quorum != _NONE and not self._witnessed(self.quorum, present):
            raise QuorumError(quorum=self.quorum, witnesses=present)
        return Accepted(checkpoint, present)

    def _witnessed(self, name: str, present: tuple[str, ...]) -> bool:
        if name in self.witnesses:
            return name in present
        group = self.groups[name]
        return sum(self._witnessed(member, present) for member in group.members) >= group.threshold


def policy_for(key: Verifier, *, origin: str | None = None) -> Policy:
    """Return the policy of whoever trusts one log's key and asks for no witnesses.

    Args:
        key: the log's key.
        origin: the log's name, if it is not the name of the key.
    """
    return Policy(logs=(Log(key, origin or key.name),))


def parse_policy(data: bytes) -> Policy:
    """Read a policy file.

    Raises:
        FormatError: it is not one; the message names the line.
    """
    if _FORBIDDEN.search(data):
        raise FormatError(_FORMAT, "it has control characters")
    if not data.endswith(b"\n"):
        raise FormatError(_FORMAT, "the last line has no newline")
    reading = _Reading()
    for number, items in _lines(data):
        try:
            reading.line(*items)
        except FormatError as refused:
            raise FormatError(_FORMAT, f"line {number}: {refused.why}") from None
    if reading.quorum is None:
        raise FormatError(_FORMAT, "it has no quorum line; write `quorum none` to ask for no witnesses")
    return Policy(tuple(reading.logs), reading.witnesses, reading.groups, reading.quorum)


def parse_log_key(text: str) -> Verifier:
    """Read the key of a log: Ed25519 (0x01), or a cosigner's key that signs for the log (0x04, 0x06).

    Raises:
        FormatError: it is no such key.
    """
    return VerifierKey.parse(text) if parse_vkey(text)[1] == ED25519 else CosignerKey.parse(text)


def _lines(data: bytes) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the words of every line that says something.

    Names are opaque bytes: what is not UTF-8 is kept by surrogate escapes, so that different bytes stay different.
    """
    for number, line in enumerate(data.split(b"\n")[:-1], start=1):
        words = [word.decode("utf-8", "surrogateescape") for word in re.split(rb"[ \t]+", line.strip(b" \t"))]
        if words != [""] and not words[0].startswith("#"):
            yield number, words


class _Reading:
    """What the lines read so far have defined."""

    def __init__(self) -> None:
        self.logs: list[Log] = []
        self.witnesses: dict[str, Witness] = {}
        self.groups: dict[str, Group] = {}
        self.quorum: str | None = None
        self._keys: set[tuple[str, bytes]] = set()
        self._members: set[str] = set()

    def line(self, keyword: str, *words: str) -> None:
        match keyword, words:
            case "log", [vkey, *url] if len(url) <= 1:
                self._new_key("log", vkey)
                key = parse_log_key(vkey)
                self.logs.append(Log(key, key.name, *url))
            case "witness", [name, vkey, *url] if len(url) <= 1:
                self._new_name(name)
                self._new_key("witness", vkey)
                self.witnesses[name] = Witness(name, CosignerKey.parse(vkey), *url)
            case "group", [name, threshold, *members] if members:
                self._group(name, threshold, members)
            case "quorum", [name]:
                if self.quorum is not None:
                    raise FormatError(_FORMAT, "a second quorum")
                if name != _NONE:
                    self._known(name)
                self.quorum = name
            case _:
                raise FormatError(
                    _FORMAT, "neither a log, a witness, a group nor a quorum, or with too many or few words"
                )

    def _group(self, name: str, threshold: str, members: list[str]) -> None:
        for member in members:
            self._known(member)
            if member in self._members:
                raise FormatError(_FORMAT, "a name is a member twice")
            self._members.add(member)
        self._new_name(name)
        needed = {"any": 1, "all": len(members)}.get(threshold) or read_decimal(threshold, _FORMAT)
        if not 1 <= needed <= len(members):
            raise FormatError(_FORMAT, f"{needed} of {len(members)} members cannot be asked for")
        self.groups[name] = Group(needed, tuple(members))

    def _known(self, name: str) -> None:
        if name not in self.witnesses and name not in self.groups:
            raise FormatError(_FORMAT, "a name is used before it is defined")

    def _new_name(self, name: str) -> None:
        if name == _NONE or name in self.witnesses or name in self.groups:
            raise FormatError(_FORMAT, "a name is defined twice, or is the reserved `none`")

    def _new_key(self, role: str, vkey: str) -> None:
        public_key = parse_vkey(vkey)[2]
        if (role, public_key) in self._keys:
            raise FormatError(_FORMAT, f"the same {role} key twice")
        self._keys.add((role, public_key))
