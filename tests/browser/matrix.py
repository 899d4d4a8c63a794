"""The whole matrix, by `make browser`: every page x language x theme x width x database, no rule of WCAG 2.2 AA broken.

Not collected by `make test`, which looks at every page once per language.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser

from tests.browser.harness import MEMBER_PAGES, VISITOR_PAGES, Served, serving, sign_in
from tests.browser.test_every_page import violations


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def anywhere(request: pytest.FixtureRequest) -> Iterator[Served]:
    """The family on either database."""
    folder = Path(tempfile.mkdtemp(prefix="accord-matrix-"))
    database, server = None, None
    if request.param == "postgresql":
        named = os.environ.get("ACCORD_TEST_POSTGRES")  # noqa: TID251 - a test has no settings to ask
        if not named:
            server = pytest.importorskip("pgserver").get_server(folder / "pg", cleanup_mode="stop")
            named = server.get_uri()
        name = f"matrix_{secrets.token_hex(6)}"
        with psycopg.connect(named, autocommit=True) as admin:
            admin.execute(f'CREATE DATABASE "{name}"')
        start, _, query = named.partition("?")
        database = start.rsplit("/", 1)[0] + f"/{name}" + (f"?{query}" if query else "")
    with serving(folder / "dev", database=database) as running:
        yield running
    if server is not None:
        server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.browser
@pytest.mark.parametrize("language", ["en", "zh-Hant", "zh-Hans"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 640, 1280])
def test_no_page_breaks_a_rule_anywhere(
    anywhere: Served, browser: Browser, language: str, scheme: str, width: int
) -> None:
    broken: dict[str, list[str]] = {}
    for inside, pages in ((True, MEMBER_PAGES), (False, VISITOR_PAGES)):
        size = {"width": width, "height": 800}
        context = browser.new_context(locale=language, color_scheme=scheme, viewport=size, reduced_motion="reduce")
        if inside:
            sign_in(context, anywhere, anywhere.person(language))
        page = context.new_page()
        for name, path in pages.items():
            page.goto(anywhere.origin + path)
            found = violations(page)
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                found.append("scrolls sideways")
            if found:
                broken[name] = found
        context.close()
    assert broken == {}
