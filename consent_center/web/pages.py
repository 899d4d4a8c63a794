"""How a page is drawn: one environment for all templates, one `Page` per request.

Templates escape everything, and a name that a route forgot to pass is an error and not an empty space. A template is
named by its package and path: "portal/home/page.html" is `consent_center/portal/templates/home/page.html`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, cached_property
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from markupsafe import Markup
from starlette.staticfiles import StaticFiles

from consent_center.web.catalogue import Words, words
from consent_center.web.cookies import LANGUAGE, TYPE, Cookies
from consent_center.web.formats import Formats
from consent_center.web.forms import TOKEN_FIELD, FieldError
from consent_center.web.house import House
from consent_center.web.languages import Language, negotiate, parse
from consent_center.web.tokens import form_token

STATIC_PATH = "/static"
_HERE = Path(str(files("consent_center")))
_PARTS = ("web", "portal", "console")


@cache
def environment() -> Environment:
    """The one template environment."""
    env = Environment(
        loader=PrefixLoader({part: FileSystemLoader(_HERE / part / "templates") for part in _PARTS}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    env.globals["asset"] = asset
    return env


@cache
def asset(name: str) -> str:
    """The address of a static file with its digest, so that a browser may keep it for ever."""
    digest = sha256((_HERE / "web" / "static" / name).read_bytes()).hexdigest()[:12]
    return f"{STATIC_PATH}/{name}?v={digest}"


class LastingFiles(StaticFiles):
    """The static files: they never change under their address, so a browser asks once."""

    def file_response(self, *args: object, **kwargs: object) -> object:  # type: ignore[override]
        """The file, to be kept for a year."""
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def static_files() -> LastingFiles:
    """The folder of style sheets, scripts and the mark."""
    return LastingFiles(directory=_HERE / "web" / "static")


@dataclass(kw_only=True)
class Page:
    """One reader's view of one request: her language, her formats, her browser's secret.

    Attributes:
        request: what was asked for.
        house: the programme.
        at: the moment of the request.
        secret: the cookie secret of her session, or of her visit before she signed in; forms are bound to it.
        chrome: what the frame around the page shows (navigation, switch), set by the router's package.
    """

    request: Request
    house: House
    at: datetime
    secret: str
    chrome: dict[str, object] = field(default_factory=dict)

    @cached_property
    def language(self) -> Language:
        """What she reads."""
        return language_of(self.request, self.house.cookies)

    @cached_property
    def words(self) -> Words:
        """The messages of her language."""
        return words(self.language)

    @cached_property
    def formats(self) -> Formats:
        """Her dates and numbers."""
        return Formats(language=self.language, zone=self.house.zone)

    @property
    def large_type(self) -> bool:
        """Whether she asked for larger letters."""
        return self.request.cookies.get(self.house.cookies.name(TYPE)) == "large"

    def here(self, **changes: str) -> str:
        """The address of this page with some of its query changed: how the language switch keeps the page."""
        return address(self.request, **changes)

    def token(self, action: str) -> Markup:
        """The hidden field that lets a form be posted to `action`."""
        value = form_token(self.secret, action)
        return Markup('<input type="hidden" name="{}" value="{}">').format(TOKEN_FIELD, value)

    def draw(
        self, template: str, *, status: int = 200, problems: list[FieldError] | None = None, **context: object
    ) -> HTMLResponse:
        """The page as HTML.

        Args:
            template: package and path, "portal/home/page.html".
            status: the HTTP status.
            problems: fields to be answered differently; the template shows each beside its field.
            context: what the template expects, as its first comment says.
        """
        html = (
            environment()
            .get_template(template)
            .render(
                t=self.words,
                tn=self.words.count,
                f=self.formats,
                lang=self.language,
                languages=tuple(Language),
                page=self,
                house=self.house,
                at=self.at,
                problems={problem.field: problem for problem in problems or ()},
                **self.chrome,
                **context,
            )
        )
        return HTMLResponse(html, status_code=status, headers={"Content-Language": self.language.value})


def language_of(request: Request, cookies: Cookies) -> Language:
    """What the reader of a request reads: her choice, or what her browser asks for."""
    chosen = parse(request.cookies.get(cookies.name(LANGUAGE)))
    return chosen or negotiate(request.headers.get("accept-language"))


def address(request: Request, **changes: str | None) -> str:
    """The path and query of a request with some of the query changed; None takes a part away."""
    query = {k: v for k, v in parse_qsl(request.url.query) if k not in changes}
    query |= {k: v for k, v in changes.items() if v is not None}
    path = quote(request.url.path, safe="/~._-")
    return f"{path}?{urlencode(query)}" if query else path


def local_path(path: str, *, otherwise: str = "/") -> str:
    """`path` if it is a path on this host, else `otherwise`: for "go back where you were"."""
    bad = not path.startswith("/") or path.startswith("//") or "\\" in path or any(ord(c) < 33 for c in path)
    return otherwise if bad or len(path) > 500 else path
