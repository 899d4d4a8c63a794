"""Who sits at the console: the signed-in person behind a request, and what she may open.

Laws: a route names the one act that it is; somebody whose roles do not allow that act never reaches its code. Nor does
an operator reach the study or run that a path names if it does not concern her site: to her there is none.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from starlette.responses import RedirectResponse

from consent_center.errors import ForbiddenError
from consent_center.studies.person import Person
from consent_center.studies.roles import Act
from consent_center.web.cookies import VISIT
from consent_center.web.forms import Posted, read_form
from consent_center.web.pages import Page
from consent_center.web.tokens import fingerprint, new_secret
from consent_center.web.wiring import NowDep, Wiring, WiringDep
from consent_center.workflows.sight import EVERYTHING, Sight, check_sight, sight_of
from consent_center.workflows.staff_sign_in import TOUCH_EVERY, staff_in_force, touch_staff

STAFF = "staff"
HOME = "/console"
RAIL: tuple[tuple[str, tuple[tuple[str, str, Act], ...]], ...] = (
    (
        "oversight",
        (
            ("today", f"{HOME}/", Act.SEE_QUEUE),
            ("findings", f"{HOME}/findings", Act.SEE_FINDINGS),
            ("log", f"{HOME}/log", Act.SEE_LOG),
            ("decisions", f"{HOME}/decisions", Act.REVIEW_DECISION),
            ("members", f"{HOME}/members", Act.READ_MEMBER),
            ("people", f"{HOME}/people", Act.SEE_PEOPLE),
        ),
    ),
    (
        "work",
        (
            ("studies", f"{HOME}/studies", Act.SEE_STUDIES),
            ("runs", f"{HOME}/runs", Act.SEE_RUNS),
            ("audits", f"{HOME}/audits", Act.SEE_RUNS),
            ("models", f"{HOME}/models", Act.SEE_RUNS),
            ("budgets", f"{HOME}/budgets", Act.SEE_BUDGETS),
            ("contracts", f"{HOME}/contracts", Act.SEE_CONTRACTS),
            ("definitions", f"{HOME}/definitions", Act.SEE_DEFINITIONS),
            ("rules", f"{HOME}/rules", Act.SEE_DEFINITIONS),
            ("key", f"{HOME}/key", Act.KEEP_KEY),
        ),
    ),
)


class StaffSignedOutError(Exception):
    """Nobody of the staff is signed in with this browser."""


@dataclass(kw_only=True)
class StaffPage(Page):
    """A page for a signed-in person of the staff; `sight` is what she may see of the sites."""

    wiring: Wiring
    person: Person
    sight: Sight = EVERYTHING

    def show(self, template: str, *, here: str = "", status: int = 200, **context: Any) -> HTMLResponse:
        """Draw a page; `here` is the part of the rail it belongs to."""
        rail = [(group, [link for link in links if self.person.may(link[2])]) for group, links in RAIL]
        self.chrome |= {"here": here, "person": self.person, "rail": [one for one in rail if one[1]]}
        return self.draw(template, status=status, **context)

    def check_sight(self, *, study: str = "", run: str = "") -> None:
        """Refuse, as if there were none, a study or run that does not concern her site.

        Raises:
            UnknownStudyError, UnknownRunError: it does not.
        """
        if self.sight.sites is not None:
            self.wiring.store.read(check_sight, self.sight, study=study, run=run)

    def go(self, path: str) -> RedirectResponse:
        """Lead on after something was stored, so that reloading stores nothing twice."""
        return RedirectResponse(path, status_code=303)


@dataclass(frozen=True)
class Desk:
    """A dependency: the page of a signed-in person who may do this one act.

    Attributes:
        act: what the route does.
    """

    act: Act

    def __call__(self, request: Request, wiring: WiringDep, at: NowDep) -> StaffPage:
        """The page, if she may.

        Raises:
            StaffSignedOutError: nobody is signed in.
            ForbiddenError: her roles do not allow it.
            UnknownStudyError, UnknownRunError: the path names what does not concern her site.
        """
        page = staff_page(request, wiring, at)
        if not page.person.may(self.act):
            raise ForbiddenError(f"your role does not allow this: {self.act.value}")
        if page.person.site:
            page.sight = wiring.store.read(sight_of, page.person, at=at)
            named = request.path_params
            page.check_sight(study=named.get("study", ""), run=named.get("run", ""))
        return page


def staff_page(request: Request, wiring: WiringDep, at: NowDep) -> StaffPage:
    """The page of whoever is signed in.

    Raises:
        StaffSignedOutError: nobody is, or not any more.
    """
    secret = request.cookies.get(wiring.house.cookies.name(STAFF))
    found = None
    if secret is not None:
        found = wiring.store.read(staff_in_force, fingerprint=fingerprint(secret), at=at)
    if secret is None or found is None:
        raise StaffSignedOutError
    if at - found.seen_at >= TOUCH_EVERY:
        wiring.store.run(touch_staff, fingerprint=fingerprint(secret), at=at)
    return StaffPage(request=request, house=wiring.house, at=at, secret=secret, wiring=wiring, person=found.person)


def visit_page(request: Request, wiring: WiringDep, at: NowDep) -> Page:
    """A page for somebody who is not signed in."""
    secret = request.cookies.get(wiring.house.cookies.name(VISIT)) or new_secret()
    page = Page(request=request, house=wiring.house, at=at, secret=secret)
    page.chrome |= {"here": "", "person": None, "rail": []}
    return page


def open_visit(page: Page, response: HTMLResponse) -> HTMLResponse:
    """Give the browser the secret of its visit."""
    cookies = page.house.cookies
    if page.request.cookies.get(cookies.name(VISIT)) != page.secret:
        cookies.put_secret(response, VISIT, page.secret)
    return response


async def posted(request: Request, wiring: WiringDep) -> Posted:
    """The form that a signed-in person posted, if it may be believed.

    Raises:
        TooFastError: more came from this browser or address than a person sends.
        FormError: it may not be believed.
    """
    cookies = wiring.house.cookies
    secret = request.cookies.get(cookies.name(STAFF)) or request.cookies.get(cookies.name(VISIT))
    wiring.pace.count(browser=secret, address=request.client.host if request.client else "")
    return await read_form(request, secret=secret, origin=wiring.house.origin)


VisitDep = Annotated[Page, Depends(visit_page)]
PostedDep = Annotated[Posted, Depends(posted)]
SignedInDep = Annotated[StaffPage, Depends(staff_page)]
