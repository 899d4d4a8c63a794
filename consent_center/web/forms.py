"""How a posted form is accepted: same origin, right token, bounded size, plain text.

    posted = await read_form(request, secret=..., origin=...)
    posted.text("reason", limit=600)

Whatever fails raises before anything is written, with a code that `failures.py` turns into a page that says what to do.
"""

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from fastapi import Request

from consent_center.web.tokens import is_form_token

TOKEN_FIELD = "token"  # noqa: S105 - the name of a field, not a secret
_MOST_BYTES = 64 * 1024
_MOST_FIELDS = 120
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


class FormError(Exception):
    """A posted form that is not accepted.

    FormError
    ├── ForgedFormError      not sent from our page in this browser, or sent after a sign-out
    ├── MalformedFormError   not a form, too large, or a choice that the page did not offer
    └── FieldError           one field needs another answer; the page is shown again with what was typed
    """


class ForgedFormError(FormError):
    """The form did not come from our page in this browser."""


class MalformedFormError(FormError):
    """The body is no form of ours."""


class FieldError(FormError):
    """A field that has to be answered differently.

    Attributes:
        field: the name of the field.
        key: the message that says what to write.
        values: what fills the message's placeholders.
    """

    def __init__(self, field: str, key: str, **values: object) -> None:
        super().__init__(f"the field {field} was refused: {key}")
        self.field = field
        self.key = key
        self.values = values


@dataclass(frozen=True)
class Posted:
    """The fields of an accepted form, last value wins."""

    fields: Mapping[str, str]

    def text(self, name: str, *, limit: int, required: bool = False) -> str:
        """What was written into `name`: trimmed, NFC, without invisible control characters.

        Raises:
            FieldError: empty although required, or more than `limit` characters.
        """
        raw = self.fields.get(name, "").replace("\r\n", "\n").replace("\r", "\n")
        text = unicodedata.normalize("NFC", _CONTROL.sub("", raw)).strip()
        if required and not text:
            raise FieldError(name, "error.required")
        if len(text) > limit:
            raise FieldError(name, "error.too_long", limit=limit, count=len(text))
        return text

    def choice(self, name: str, offered: Collection[str]) -> str:
        """One of the values that the page offered.

        Raises:
            MalformedFormError: anything else.
        """
        value = self.fields.get(name, "")
        if value not in offered:
            raise MalformedFormError(f"the page offers no such answer for {name}; open the page again")
        return value

    def number(self, name: str, *, least: int, most: int) -> int:
        """A whole number within bounds.

        Raises:
            FieldError: something else was written.
        """
        text = unicodedata.normalize("NFKC", self.fields.get(name, "")).strip()
        if not (text.isascii() and text.isdigit() and len(text) <= 9 and least <= int(text) <= most):
            raise FieldError(name, "error.number", least=least, most=most)
        return int(text)


async def read_form(request: Request, *, secret: str | None, origin: str) -> Posted:
    """The posted form, if it may be believed.

    Args:
        request: a POST.
        secret: the cookie secret that the form's token must be derived from; None if the browser sent no cookie.
        origin: scheme, host and port under which members reach us.

    Raises:
        ForgedFormError: another origin, no cookie, or another token.
        MalformedFormError: not url-encoded UTF-8, or too large.
    """
    refuse_cross_site(request, origin=origin)
    posted = Posted(await _fields(request))
    given = posted.fields.get(TOKEN_FIELD, "")
    if secret is None or not is_form_token(given, secret=secret, action=request.url.path):
        raise ForgedFormError("the form was not made for this browser and action; open the page again")
    return posted


def refuse_cross_site(request: Request, *, origin: str) -> None:
    """Refuse a request that a page of another origin made the browser send.

    Pages are served with `Referrer-Policy: no-referrer`, under which browsers send `Origin: null` with our own forms;
    `Sec-Fetch-Site` then tells. A request that carries neither header comes from no browser we know and is refused.

    Raises:
        ForgedFormError: it did.
    """
    site = request.headers.get("sec-fetch-site")
    sender = request.headers.get("origin")
    foreign_site = site is not None and site != "same-origin"
    foreign_origin = sender not in (None, "null", origin)
    if foreign_site or foreign_origin or (site is None and sender is None):
        raise ForgedFormError("the form was sent from another site; open the page here")


async def _fields(request: Request) -> dict[str, str]:
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise MalformedFormError("send the form as application/x-www-form-urlencoded")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise MalformedFormError(f"send at most {_MOST_BYTES} bytes")
    try:
        pairs = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError as error:
        raise MalformedFormError("the form is not url-encoded UTF-8") from error
    return dict(pairs)
