"""Secrets that a browser holds for us, and what is derived from them.

A cookie carries 32 random bytes; the database keeps only their SHA-256, so a stolen database opens no session. The
token of a form is an HMAC of the action's path under the cookie's secret: it is bound to this browser and this action.
"""

import hmac
import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256

_FORM_DOMAIN = b"accord form token v1\x00"


def new_secret() -> str:
    """32 random bytes, URL-safe: for cookies and one-time links."""
    return secrets.token_urlsafe(32)


def fingerprint(secret: str) -> bytes:
    """What the database keeps of a secret: its SHA-256, 32 bytes."""
    return sha256(secret.encode("utf-8", "replace")).digest()


def form_token(secret: str, action: str) -> str:
    """The hidden field that allows a form to be posted to the path `action` from the browser that holds `secret`."""
    mac = hmac.new(secret.encode("utf-8", "replace"), _FORM_DOMAIN + action.encode(), sha256).digest()
    return urlsafe_b64encode(mac).decode().rstrip("=")


def is_form_token(given: str, *, secret: str, action: str) -> bool:
    """Whether `given` is the token of that form, compared in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), form_token(secret, action).encode())
