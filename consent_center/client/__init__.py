"""A typed client for partners: statements, verdicts, and the check of what they are told.

Promises: every refusal is a `ProblemError` with the stable code; a write that is repeated after a lost answer is done
    once; a webhook is believed only if it was signed with the secret that the programme showed once.
Never: keeps anything, or sends a member's identifier that the caller did not give it.
May be imported by: partners' programs; nothing of the consent centre imports it.
Start reading: `Client`.
"""

import base64
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

import httpx
from standardwebhooks import Webhook, WebhookVerificationError

Act = Literal["given", "renewed", "refused", "deferred", "withdrawn", "paused", "resumed"]
Language = Literal["en", "zh-Hant", "zh-Hans"]
MOST_QUESTIONS = 10_000
ATTEMPTS = 3


class ClientError(Exception):
    """The client's errors.

    ClientError
    ├── ProblemError       the consent centre refused, and says why
    ├── UnavailableError   no answer; what was asked may or may not have been done, repeat it with the same key
    └── UnsignedError      a webhook that the programme did not sign
    """


class ProblemError(ClientError):
    """The consent centre refused; nothing was written.

    Attributes:
        status: of HTTP.
        code: stable name of the reason.
        detail: what happened, and what to do next.
        document: the whole problem document.
    """

    def __init__(self, status: int, document: Mapping[str, Any]) -> None:
        self.status, self.document = status, document
        self.code, self.detail = str(document.get("code", "")), str(document.get("detail", ""))
        super().__init__(f"{self.code}: {self.detail}")


class UnavailableError(ClientError):
    """No answer came, or none that can be read."""


class UnsignedError(ClientError):
    """A webhook that was not signed with this secret, or is too old."""


@dataclass(frozen=True, slots=True)
class Item:
    """One cell of choice: this data, for this purpose, by this recipient, in this country."""

    scope: str
    purpose: str
    recipient: str
    country: str

    def to_json(self) -> dict[str, str]:
        """As it is sent."""
        return {
            "scope": self.scope,
            "purpose": self.purpose,
            "recipient": self.recipient,
            "country": self.country,
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """May this be used now?

    Attributes:
        allowed: only True is a yes.
        reason: why; "allowed" for a yes.
        statement: number of the statement it rests on, if anything was said.
    """

    allowed: bool
    reason: str
    statement: int | None = None


class Client:
    """The consent centre's API for one token.

    Args:
        address: such as `https://consent.example/v1`.
        token: the machine token.
        transport: how to reach it, where it is not the network (tests).
        timeout_s: how long to wait for one answer.
    """

    def __init__(
        self, address: str, token: str, *, transport: httpx.BaseTransport | None = None, timeout_s: float = 30.0
    ) -> None:
        self._http = httpx.Client(
            base_url=address.rstrip("/") + "/",
            headers={"Authorization": f"Bearer {token}"},
            transport=transport,
            timeout=timeout_s,
            follow_redirects=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def say(
        self,
        member: str,
        act: Act,
        items: Sequence[Item],
        *,
        notice: str,
        version: int,
        language: Language,
        choices: str,
        gpc: bool = False,
        key: str | None = None,
    ) -> int:
        """Record one act of a member; returns the statement's number.

        Args:
            member: her pseudonym at your site (her identifier for tokens of the programme).
            act: what she said.
            items: about what.
            notice: code of the notice that she read.
            version: its version.
            language: in which she read it.
            choices: SHA-256 of the choices exactly as shown, hexadecimal.
            gpc: did her browser send `Sec-GPC: 1`?
            key: idempotency key; by default a new one, under which lost answers are asked for again.

        Raises:
            ProblemError: refused.
            UnavailableError: no answer, although it was asked for `ATTEMPTS` times.
        """
        body = {
            "member": member,
            "act": act,
            "items": [item.to_json() for item in items],
            "notice": notice,
            "version": version,
            "language": language,
            "choices": choices,
        }
        headers = {"Idempotency-Key": key or secrets.token_urlsafe(24)}
        if gpc:
            headers["Sec-GPC"] = "1"
        return int(self._ask("POST", "statements", body, headers=headers)["statement"])

    def verdict(self, member: str, item: Item) -> Verdict:
        """May this item of this member be used now?"""
        answer = self._ask("GET", "verdicts", params={"member": member, **item.to_json()})
        return Verdict(answer["allowed"] is True, str(answer["reason"]), answer["statement"])

    def verdicts(self, asked: Sequence[tuple[str, Item]]) -> Iterator[Verdict]:
        """Many verdicts, in the order asked; 10,000 are sent in one question."""
        for start in range(0, len(asked), MOST_QUESTIONS):
            part = asked[start : start + MOST_QUESTIONS]
            items = list(dict.fromkeys(item for _, item in part))
            places = {item: place for place, item in enumerate(items)}
            questions = [{"member": member, "item": places[item]} for member, item in part]
            body = {"items": [item.to_json() for item in items], "questions": questions}
            for reason in self._ask("POST", "verdicts", body)["reasons"]:
                yield Verdict(reason == "allowed", str(reason))

    def told(self, *, only_open: bool = False) -> Iterator[Mapping[str, Any]]:
        """What your site was told, or is to be told, that it may no longer use; page by page."""
        after: str | None = ""
        while after is not None:
            page = self._ask("GET", "propagation", params={"only_open": only_open, "after": after})
            yield from page["items"]
            after = page["next"]

    def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = self._http.request(method, path, json=body, params=params, headers=headers)
                document = answer.json()
            except (httpx.HTTPError, json.JSONDecodeError, UnicodeDecodeError) as error:
                if attempt == ATTEMPTS:
                    raise UnavailableError(f"no readable answer ({type(error).__name__})") from error
                continue
            if answer.is_success:
                return document
            raise ProblemError(answer.status_code, document if isinstance(document, dict) else {})
        raise UnavailableError("no answer")


def read_webhook(secret: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, Any]:
    """What the programme tells: whom and what you may no longer use.

    Args:
        secret: as it was shown once, "whsec_...".
        headers: of the request.
        body: of the request, exactly as received.

    Raises:
        UnsignedError: not signed with this secret, or more than five minutes old.
    """
    try:
        told: Mapping[str, Any] = Webhook(secret).verify(body, {name.lower(): value for name, value in headers.items()})
    except (WebhookVerificationError, ValueError) as error:
        raise UnsignedError("this message was not signed by the programme: drop it") from error
    return told


def secret_of(secret: bytes) -> str:
    """A secret in the form in which it is shown."""
    return "whsec_" + base64.b64encode(secret).decode()
