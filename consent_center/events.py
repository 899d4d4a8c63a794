"""The closed list of what the log can say, and exactly how much of it anybody may see.

Laws: a leaf shows only fields of its kind's allow-list, each of a type that cannot hold a sentence, a name or an
address; a leaf about a member shows version, class and month only, everything else is in the salted commitment;
no leaf holds an exact count of members.

A new kind is one line in `KINDS` and its documentation.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal
from uuid import UUID

from audit.log.entry import encode_leaf
from consent_center.errors import EventError

VERSION = 1
_PAYLOAD = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
MemberClass = Literal["statement", "right", "decision"]
Check = Callable[[object], bool]

_CODE = re.compile(r"[a-z0-9](?:[a-z0-9.:_-]{0,78}[a-z0-9])?", re.ASCII)
_WORD = re.compile(r"[A-Z]{2,20}", re.ASCII)
_SECOND = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


def code(value: object) -> bool:
    """A code: lower case, digits and inner `.:_-`, at most 80 characters. No spaces, no "@", nothing beyond ASCII.

    Seven to fifteen characters without a letter are no code: they could be a telephone number.
    """
    if not isinstance(value, str) or _CODE.fullmatch(value) is None:
        return False
    return not 7 <= len(value) <= 15 or any(letter.isalpha() for letter in value)


def account_name(value: object) -> bool:
    """The name of an account: at most 8 codes with "/" between them."""
    return isinstance(value, str) and value.count("/") < 8 and all(code(part) for part in value.split("/"))


def codes(value: object) -> bool:
    """A list of at most 64 codes."""
    return isinstance(value, list | tuple) and len(value) <= 64 and all(code(one) for one in value)


def digest(value: object) -> bool:
    """A SHA-256, hexadecimal."""
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def digests(value: object) -> bool:
    """Site -> SHA-256, at most 64 of them."""
    return isinstance(value, Mapping) and len(value) <= 64 and all(code(k) and digest(v) for k, v in value.items())


def whole(value: object) -> bool:
    """An integer from 0 to 2**53 - 1: rounds, versions, units of a charge; never a count of members."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def yes_no(value: object) -> bool:
    """True or false."""
    return isinstance(value, bool)


def verdict_word(value: object) -> bool:
    """The outcome of a release check: one word in capitals, such as PASS."""
    return isinstance(value, str) and _WORD.fullmatch(value) is not None


def second(value: object) -> bool:
    """A UTC second, as `utc_second` writes it."""
    return isinstance(value, str) and _SECOND.fullmatch(value) is not None


def reasons(value: object) -> bool:
    """Site -> reason code, at most 64 of them."""
    return isinstance(value, Mapping) and len(value) <= 64 and all(code(k) and code(v) for k, v in value.items())


def digest_or_none(value: object) -> bool:
    """A SHA-256, or the empty string where there is nothing to digest."""
    return value == "" or digest(value)


@dataclass(frozen=True)
class Kind:
    """A kind of event.

    Attributes:
        name: what the leaf calls it.
        public: field -> its check; no other field may be shown.
        member_class: for kinds about members, the only thing that the leaf shows of the kind.
    """

    name: str
    public: Mapping[str, Check] = field(default_factory=dict)
    member_class: MemberClass | None = None


_ABOUT_MEMBERS: dict[str, MemberClass] = {
    "member.registered": "statement",
    "member.enrolled": "statement",
    "member.unenrolled": "statement",
    "statement.made": "statement",
    "switch.set": "statement",
    "sign_in.changed": "statement",
    "delegation.given": "statement",
    "delegation.ended": "statement",
    "member.read": "right",
    "right.asked": "right",
    "right.answered": "right",
    "member.erased": "right",
    "decision.made": "decision",
    "decision.shown": "decision",
    "decision.contested": "decision",
    "decision.reviewed": "decision",
}

_STUDY: dict[str, Check] = {"study": code, "plan": digest, "role": code}
_CHARGE: dict[str, Check] = {"charge_gaussian": whole, "charge_pure": whole}
_RUN: dict[str, Check] = {"run": code, "study": code}
_MODEL: dict[str, Check] = {**_RUN, "model": digest, "verdict": verdict_word, "report": digest, "role": code}

_ABOUT_THE_PROGRAMME: dict[str, dict[str, Check]] = {
    "definition.made": {"of": code, "code": code, "version": whole, "digest": digest},
    "notice.published": {"notice": code, "version": whole, "digest": digest, "material": yes_no},
    "notice.held": {"notice": code, "version": whole, "digest": digest, "findings": codes},
    "propagation.delivered": {"recipient": code, "attempt": whole},
    "propagation.overdue": {"recipient": code},
    "study.filed": {**_STUDY, "purposes": codes},
    "study.assessed": {**_STUDY, "assessment": digest, "risk_percent": whole},
    "study.answered": {**_STUDY, "answer": code},
    "study.approved": {**_STUDY, "signature": digest},
    "study.refused": {**_STUDY, "code": code},
    "study.closed": {**_STUDY, "code": code},
    "study.suspended": {**_STUDY, "code": code},
    "study.resumed": {**_STUDY, "code": code},
    "finding.opened": {"finding": code, "about": code},
    "finding.closed": {"finding": code, "about": code},
    "reviewer.registered": {"role": code, "key": digest},
    "approval.refused": {**_STUDY, "code": code},
    "site.invited": {"site": code, "document": digest},
    "site.approved": {"site": code, "document": digest},
    "site.revoked": {"site": code},
    "account.opened": {"account": account_name, "budget_gaussian": whole, "budget_pure": whole},
    "run.admitted": {
        **_RUN,
        **_CHARGE,
        "purposes": codes,
        "plan": digest,
        "permit": digest,
        "cohorts": digests,
        "epoch": whole,
    },
    "run.refused": {**_RUN, **_CHARGE, "plan": digest, "code": code},
    "link.issued": {
        "run": code,
        "holder": code,
        "helper": code,
        "purpose": code,
        "epoch": code,
        "lists": digests,
        "members": code,
    },
    "round.admitted": {**_RUN, "round": whole, "epoch": whole, "statements": digests},
    "round.refused": {**_RUN, "round": whole, "code": code},
    "round.settled": {**_RUN, "round": whole, "release": code, "used": digests, "refused": reasons},
    "run.settled": {**_RUN, "outcome": code, "rounds": whole, "model": digest_or_none, "results": digest_or_none},
    "model.released": _MODEL,
    "model.withheld": _MODEL,
    "model.suspended": {**_MODEL, "code": code},
    "model.retired": {**_MODEL, "code": code},
    "release.refused": {**_RUN, "model": digest, "code": code},
    "audit.judged": _MODEL,
    "release.overridden": {**_MODEL, "until": second, "signature": digest},
    "staff.acted": {"action": code, "role": code, "subject": code},
    "token.issued": {"token": code, "scopes": codes},
    "token.revoked": {"token": code},
    "import.finished": {"import": code, "digest": digest},
    "export.made": {"of": code, "digest": digest, "role": code},
}

KINDS: dict[str, Kind] = {
    **{name: Kind(name, member_class=member_class) for name, member_class in _ABOUT_MEMBERS.items()},
    **{name: Kind(name, public) for name, public in _ABOUT_THE_PROGRAMME.items()},
}


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, ready for the log.

    Attributes:
        kind: one of `KINDS`.
        public: what the leaf shows; must be empty for kinds about members.
        private: what only the salted commitment covers; kept encrypted beside the log.
        member: number of the member it is about, for kinds about members; never written anywhere in clear.
    """

    kind: str
    public: Mapping[str, Any] = field(default_factory=dict)
    private: Mapping[str, Any] | None = None
    member: int | None = None

    def __post_init__(self) -> None:
        """Refuse what the log must not say."""
        kind = KINDS.get(self.kind)
        if kind is None:
            raise EventError("unknown kind of event: add it to events.KINDS")
        if (kind.member_class is None) != (self.member is None):
            raise EventError(f"{self.kind}: kinds about members name the member, other kinds do not")
        for name, value in self.public.items():
            check = kind.public.get(name)
            if check is None:
                raise EventError(f"{self.kind}: a public field is not on its list; put it under `private`")
            if not check(value):
                raise EventError(f"{self.kind}: public field {name} is not a {check.__name__}")

    @classmethod
    def of(
        cls,
        kind: str,
        *,
        public: Mapping[str, Any] | None = None,
        private: Mapping[str, Any] | None = None,
        member: int | None = None,
    ) -> "Event":
        """An event; see the attributes."""
        return cls(kind, public or {}, private, member)


def payload_of(event: Event, *, at: datetime) -> bytes:
    """What the salted commitment of an entry covers: kind, second, and everything private."""
    return _PAYLOAD.encode({"kind": event.kind, "at": utc_second(at), **(event.private or {})}).encode()


def leaf_of(event: Event, *, at: datetime, entry: UUID, committed: bytes | None, tag: bytes | None) -> bytes:
    """The bytes of the leaf.

    Args:
        event: what happened.
        at: when it was recorded.
        entry: the entry's random identifier.
        committed: commitment to `payload_of`; None only if there is nothing private and no member.
        tag: subject tag, for kinds about members.

    Raises:
        EventError: a member's leaf without tag or commitment.
    """
    kind = KINDS[event.kind]
    if kind.member_class is not None:
        if committed is None or tag is None:
            raise EventError("a leaf about a member needs its tag and its commitment")
        # The same bytes as encode_leaf of this mapping, written directly: the hottest line of the product. A test
        # holds the two together.
        return (
            f'{{"class":"{kind.member_class}","commitment":"{committed.hex()}","id":"{entry.hex}",'
            f'"month":"{utc_second(at)[:7]}","tag":"{tag.hex()}","v":{VERSION}}}'
        ).encode("ascii")
    leaf: dict[str, object] = {"v": VERSION, "kind": event.kind, "at": utc_second(at), "id": entry.hex, **event.public}
    if committed is not None:
        leaf["commitment"] = committed.hex()
    return encode_leaf(leaf)


@lru_cache(maxsize=1024)
def utc_second(at: datetime) -> str:
    """A time as the log writes it: UTC, whole seconds, "2026-11-21T21:40:05Z"."""
    if at.tzinfo is None:
        raise EventError("times need a zone")
    return at.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
