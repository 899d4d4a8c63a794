"""The two switches of presentation that keep the page: language, and larger letters.

`?lang=zh-Hant` on any page, and `?letters=large`, set a cookie and lead back to the same page without that part of the
query. They change nothing but the looks, so they are links and work everywhere.
"""

from fastapi import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from consent_center.web.cookies import LANGUAGE, TYPE, Cookies
from consent_center.web.languages import parse
from consent_center.web.pages import address

_LETTERS = ("large", "usual")


class Switches:
    """Remembers a choice of presentation and leads back to the same page.

    Args:
        app: what answers every other request.
        cookies: how our cookies are named.
    """

    def __init__(self, app: ASGIApp, *, cookies: Cookies) -> None:
        self.app = app
        self.cookies = cookies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a switch, pass on everything else."""
        if scope["type"] != "http" or scope["method"] != "GET" or b"=" not in scope.get("query_string", b""):
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        language = parse(request.query_params.get("lang"))
        letters = request.query_params.get("letters")
        if language is None and letters not in _LETTERS:
            await self.app(scope, receive, send)
            return
        response = RedirectResponse(address(request, lang=None, letters=None), status_code=303)
        if language is not None:
            self.cookies.put_taste(response, LANGUAGE, language.value)
        if letters in _LETTERS:
            self.cookies.put_taste(response, TYPE, letters)
        await response(scope, receive, send)
