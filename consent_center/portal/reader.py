"""Who asks for a page: the signed-in member behind a request, and the forms she posts.

Law: a page of the portal is drawn for exactly one member, the one whose session the browser's cookie names; whose page
it is never comes from the address.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Query, Request
from fastapi.responses import HTMLResponse
from starlette.responses import RedirectResponse

from consent_center.consent.catalogue import Catalogue
from consent_center.consent.grant import Actor, ActorKind
from consent_center.consent.verdict import Switch
from consent_center.portal.names import Names
from consent_center.storage.sessions import SignedIn
from consent_center.web.cookies import SESSION, VISIT
from consent_center.web.failures import NotFoundError
from consent_center.web.forms import FieldError, Posted, read_form
from consent_center.web.pages import Page
from consent_center.web.tokens import fingerprint, new_secret
from consent_center.web.wiring import NowDep, Wiring, WiringDep
from consent_center.workflows.keep_session import TOUCH_EVERY, session_in_force, touch_session
from consent_center.workflows.set_switch import set_switch
from consent_center.workflows.show_choices import Choices, show_choices, show_switch


class SignedOutError(Exception):
    """Nobody is signed in; the page is for members.

    Attributes:
        path: the page that was asked for, to come back to.
        had_session: whether the browser was signed in before.
    """

    def __init__(self, path: str, *, had_session: bool) -> None:
        super().__init__("nobody is signed in")
        self.path = path
        self.had_session = had_session


@dataclass(kw_only=True)
class MemberPage(Page):
    """A page for a signed-in member.

    Attributes:
        member: whose page it is: her own, or that of whom she acts for.
        actor: as whom she speaks.
    """

    wiring: Wiring
    session: SignedIn
    member: str
    actor: Actor

    @property
    def by_delegate(self) -> bool:
        """Whether somebody looks who may answer for the member, and no more."""
        return self.actor.kind is ActorKind.DELEGATE

    def choices(self) -> Choices:
        """Everything she was asked and said, read from one snapshot."""
        return self.wiring.store.read(show_choices, self.member, at=self.at)

    def names(self, choices: Choices) -> Names:
        """What things are called in her language."""
        return self.named(choices.catalogue)

    def named(self, catalogue: Catalogue) -> Names:
        """What this catalogue's things are called in her language."""
        return Names(self.words, catalogue, self.house.recipients)

    def show(
        self,
        template: str,
        *,
        here: str = "",
        status: int = 200,
        problems: list[FieldError] | None = None,
        **context: object,
    ) -> HTMLResponse:
        """Draw one of her pages; `here` is the part of the navigation it belongs to.

        If her browser sends Global Privacy Control, the switch against personalised marketing is first stored as on, so
        that what the page shows is what verdicts obey.
        """
        switch_on = self.wiring.store.read(show_switch, self.member, at=self.at)
        by_browser = sends_gpc(self.request) and self.member == self.session.member
        if by_browser and not switch_on:
            setting = Switch.NO_PERSONALISED
            self.wiring.store.run(set_switch, self.member, setting, on=True, source="gpc", at=self.at)
            switch_on = True
        self.chrome |= {
            "here": here,
            "member": self.member,
            "switch_on": switch_on,
            "switch_by_browser": by_browser,
            "acting_for": None if self.member == self.session.member else self.actor.kind.value,
        }
        return self.draw(template, status=status, problems=problems, **context)

    def go(self, path: str) -> RedirectResponse:
        """Lead on after something was stored, so that reloading stores nothing twice."""
        return RedirectResponse(path, status_code=303)


def sends_gpc(request: Request) -> bool:
    """Whether the browser sends Global Privacy Control."""
    return request.headers.get("sec-gpc") == "1"


def browser_secret(request: Request, wiring: Wiring) -> str | None:
    """The secret that binds forms to this browser: of its session, or of its visit before she signs in."""
    cookies = wiring.house.cookies
    return request.cookies.get(cookies.name(SESSION)) or request.cookies.get(cookies.name(VISIT))


def member_page(request: Request, wiring: WiringDep, at: NowDep) -> MemberPage:
    """The page of whoever is signed in.

    Raises:
        SignedOutError: nobody is, or not any more.
    """
    secret = request.cookies.get(wiring.house.cookies.name(SESSION))
    found = None
    if secret is not None:
        found = wiring.store.read(session_in_force, fingerprint=fingerprint(secret), at=at)
    if secret is None or found is None:
        path = request.url.path if request.method == "GET" else "/"
        raise SignedOutError(path, had_session=secret is not None)
    if request.method == "POST" or at - found.session.seen_at >= TOUCH_EVERY:
        wiring.store.run(touch_session, fingerprint=found.session.fingerprint, at=at)
    return MemberPage(
        request=request,
        house=wiring.house,
        at=at,
        secret=secret,
        wiring=wiring,
        session=found.session,
        member=found.member,
        actor=found.actor,
    )


def own_page(page: Annotated[MemberPage, Depends(member_page)]) -> MemberPage:
    """A page that a delegate does not see: she may answer for the member, not read about her.

    Raises:
        NotFoundError: a delegate asks.
    """
    if page.by_delegate:
        raise NotFoundError
    return page


def visit_page(request: Request, wiring: WiringDep, at: NowDep) -> Page:
    """A page for somebody who is not signed in; `open_visit` gives her browser its secret."""
    secret = request.cookies.get(wiring.house.cookies.name(VISIT)) or new_secret()
    return plain(Page(request=request, house=wiring.house, at=at, secret=secret))


def plain(page: Page) -> Page:
    """A page in the portal's frame without a member."""
    page.chrome |= {"here": "", "member": None, "switch_on": False, "switch_by_browser": False, "acting_for": None}
    return page


def open_visit(page: Page, response: HTMLResponse) -> HTMLResponse:
    """Give the browser the secret of its visit, and take away a session that has ended."""
    cookies = page.house.cookies
    if page.request.cookies.get(cookies.name(VISIT)) != page.secret:
        cookies.put_secret(response, VISIT, page.secret)
    if cookies.name(SESSION) in page.request.cookies:
        cookies.drop(response, SESSION)
    return response


async def posted(request: Request, wiring: WiringDep) -> Posted:
    """The form that was posted, if it may be believed.

    Raises:
        TooFastError: more came from this browser or address than a person sends.
        FormError: it may not be believed.
    """
    secret = browser_secret(request, wiring)
    wiring.pace.count(browser=secret, address=request.client.host if request.client else "")
    return await read_form(request, secret=secret, origin=wiring.house.origin)


MemberPageDep = Annotated[MemberPage, Depends(member_page)]
OwnPageDep = Annotated[MemberPage, Depends(own_page)]
VisitPageDep = Annotated[Page, Depends(visit_page)]
PostedDep = Annotated[Posted, Depends(posted)]

Number = Annotated[int, Path(ge=0, le=2**53)]
"""The number of an entry in an address."""

MaybeNumber = Annotated[int | None, Query(ge=0, le=2**53)]
"""The number of an entry in a query."""
