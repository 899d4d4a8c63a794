"""The cookies we set: each named `__Host-`, so that no other host and no plain connection can set or read it.

Over plain http (development on this machine only) a browser would refuse that prefix in places; then the names say
`insecure`, and start-up says so too.
"""

from dataclasses import dataclass

from starlette.responses import Response

SESSION = "session"
VISIT = "visit"
LANGUAGE = "lang"
TYPE = "type"
_YEAR_S = 365 * 24 * 3600


@dataclass(frozen=True)
class Cookies:
    """How cookies are named and marked.

    Attributes:
        https: True if members reach the service over TLS.
    """

    https: bool

    def name(self, what: str) -> str:
        """The full name of the cookie `what`."""
        return f"__Host-accord-{what}" if self.https else f"accord-insecure-{what}"

    def put_secret(self, response: Response, what: str, value: str) -> None:
        """Set a cookie that ends with the browser and that no script can read."""
        response.set_cookie(self.name(what), value, path="/", secure=self.https, httponly=True, samesite="lax")

    def put_taste(self, response: Response, what: str, value: str) -> None:
        """Set a cookie that remembers a choice of presentation (language, type size) for a year."""
        response.set_cookie(
            self.name(what), value, max_age=_YEAR_S, path="/", secure=self.https, httponly=True, samesite="lax"
        )

    def drop(self, response: Response, what: str) -> None:
        """Remove a cookie."""
        response.delete_cookie(self.name(what), path="/", secure=self.https, httponly=True, samesite="lax")
