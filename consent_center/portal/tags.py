"""What they think she likes: the tags that sites hold about her, to see, to correct and to delete.

The hub keeps no tag. Each site is asked when she looks; what she wants done is filed as a right first, so that it has
a clock and is never lost, then relayed to the site, whose next scoring honours it.
"""

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from markupsafe import Markup
from starlette.responses import Response

from consent_center.portal.names import Names
from consent_center.portal.reader import MemberPage, OwnPageDep, PostedDep
from consent_center.web.failures import NotFoundError
from consent_center.workflows.file_right import file_right
from consent_center.workflows.settle_tag import AboutTag, Wish, open_tag_requests, settle_tag
from consent_center.workflows.show_decisions import Relay, pseudonyms_of
from federated.site.member_desk import Held
from federated.site.tags import TASTE

router = APIRouter()
_WISHES = (Wish.DELETE.value, Wish.RESTORE.value)


@dataclass(frozen=True)
class Tag:
    """A tag as the page shows it.

    Attributes:
        waits: a wish of hers that the site has not done yet, with its request; None if there is none.
    """

    about: AboutTag
    title: Markup
    is_taste: bool
    since: datetime | None
    horizon_days: int
    deleted: bool
    waits: tuple[Wish, str] | None


@dataclass(frozen=True)
class Site:
    """A site that knows her, and its tags; None if it did not answer, or no site is connected under this name."""

    name: Markup
    tags: list[Tag] | None


@router.get("/tags", response_class=HTMLResponse)
def show(page: OwnPageDep) -> Response:
    """Every tag that a site holds about her."""
    pseudonyms = page.wiring.store.read(pseudonyms_of, page.member)
    _relay_again(page, pseudonyms)
    waiting = {
        (about.site, about.name): (about.wish, request.id)
        for request, about in page.wiring.store.read(open_tag_requests, page.member)
    }
    names = page.named(page.choices().catalogue)
    sites = []
    for code, pseudonym in sorted(pseudonyms.items()):
        held = _ask(page.wiring.relays.get(code), pseudonym)
        tags = None if held is None else [_shown(page, names, code, one, waiting.get((code, one.name))) for one in held]
        sites.append(Site(names.recipient(code), tags))
    return page.show("portal/tags/page.html", here="decisions", sites=sites)


@router.post("/tags/{site}")
def change(site: str, page: OwnPageDep, form: PostedDep) -> Response:
    """Delete a tag, or take a deletion back: filed first, then relayed."""
    wish = Wish(form.choice("wish", _WISHES))
    about = AboutTag.parse(f"tag:{wish}:{site}:{form.fields.get('tag', '')}")
    pseudonyms = page.wiring.store.read(pseudonyms_of, page.member)
    if about is None or site not in pseudonyms:
        raise NotFoundError
    held = _ask(page.wiring.relays.get(site), pseudonyms[site]) or []
    found = next((one for one in held if one.name == about.name), None)
    if found is None:
        raise NotFoundError
    if found.deleted is (wish is Wish.RESTORE):
        page.wiring.store.run(
            file_right,
            member=page.member,
            right=wish.right,
            about=str(about),
            detail=page.words(f"tag.wish.{wish}").unescape(),
            once=f"{form.fields.get('token', '')[:16]}-{page.at.timestamp():.0f}-{about}"[:120],
            zone=page.house.zone,
            sites=[site],
            at=page.at,
        )
        _relay_again(page, pseudonyms)
    return page.go("/tags")


def tag_title(page: MemberPage, names: Names, name: str) -> Markup:
    """A tag in words: a taste by what its scope calls the department, else by the site's own word."""
    if name.startswith(TASTE):
        code = name.removeprefix(TASTE)
        return page.words("tag.taste", department=names.category_said(code) or code.replace("_", " "))
    return page.words(f"tag.{name}") if page.words.has(f"tag.{name}") else Markup("{}").format(name)


def _shown(page: MemberPage, names: Names, site: str, one: Held, waits: tuple[Wish, str] | None) -> Tag:
    return Tag(
        about=AboutTag(Wish.CORRECT, site, one.name),
        title=tag_title(page, names, one.name),
        is_taste=one.name.startswith(TASTE),
        since=one.since,
        horizon_days=one.horizon_days,
        deleted=one.deleted,
        waits=waits,
    )


def _ask(relay: Relay | None, pseudonym: bytes) -> list[Held] | None:
    if relay is None:
        return None
    try:
        return list(relay.tags_of(pseudonym))
    except Exception:  # noqa: BLE001 - a site that fails has not answered; its error may quote her data
        return None


def _relay_again(page: MemberPage, pseudonyms: dict[str, bytes]) -> None:
    """Hand every open wish to its site; those that it does are answered."""
    for request, about in page.wiring.store.read(open_tag_requests, page.member):
        relay, pseudonym = page.wiring.relays.get(about.site), pseudonyms.get(about.site)
        if relay is None or pseudonym is None:
            continue
        try:
            if about.wish is Wish.DELETE:
                relay.delete_tag(pseudonym, about.name, at=page.at)
            else:
                relay.restore_tag(pseudonym, about.name)
        except Exception:  # noqa: BLE001, S112 - it has not done it; the request stays open and is relayed again
            continue
        text = page.words(f"tag.done.{about.wish}").unescape()
        page.wiring.store.run(settle_tag, name=request.id, text=text, at=page.at)
