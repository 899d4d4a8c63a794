"""The composition root: settings in, application out. Nothing is decided here."""

from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from fastapi import FastAPI, Response

from audit.log.note import VerifierKey
from consent_center.api.create import create_api
from consent_center.api.log import create_log
from consent_center.api.world import World
from consent_center.consent.receipt import Controller
from consent_center.console.create import create_console
from consent_center.errors import ConsentCenterError, SettingsError
from consent_center.portal.router import TOLD, tell
from consent_center.portal.router import router as portal
from consent_center.settings import Settings, clock
from consent_center.storage.cohorts import current_epoch
from consent_center.storage.transaction import Store
from consent_center.web.headers import SecurityHeaders
from consent_center.web.house import House
from consent_center.web.languages import Language
from consent_center.web.mail import Outbox, Post, Smtp
from consent_center.web.oidc import Provider
from consent_center.web.pages import STATIC_PATH, static_files
from consent_center.web.passkeys import Party
from consent_center.web.published import PublishedLog
from consent_center.web.switches import Switches
from consent_center.web.wiring import Wiring
from consent_center.workflows.lookup_key import lookup_key
from federated.site.member_desk import MemberDesk
from privacy.keys import read_root_key


def create_app(settings: Settings, *, wiring: Wiring | None = None) -> FastAPI:
    """The web application.

    Args:
        settings: what the operator set.
        wiring: the outside world, where it is not what the settings say (tests, development).

    Raises:
        SettingsError, StorageError, KeyFileError: it cannot start.
    """
    world = wiring or wiring_of(settings)
    app = FastAPI(title="Accord", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.wiring = world
    app.mount(STATIC_PATH, static_files(), name="static")
    for_machines = api_world(settings, world)
    app.mount("/v1", create_api(for_machines))
    app.mount("/log", create_log(for_machines, None if world.log is None else world.log.directory))
    app.mount("/console", create_console(world))
    app.add_api_route("/health", lambda: health(world), include_in_schema=False)
    app.include_router(portal)
    for error in TOLD:
        app.add_exception_handler(error, tell)
    app.add_middleware(Switches, cookies=world.house.cookies)
    app.add_middleware(SecurityHeaders, https=world.house.origin.startswith("https://"))
    return app


def health(wiring: Wiring) -> Response:
    """Whether it can serve: 200 if the database answers, 503 if not. Says nothing else, to anybody."""
    try:
        wiring.store.read(current_epoch)
    except ConsentCenterError:
        return Response(status_code=HTTPStatus.SERVICE_UNAVAILABLE)
    return Response(status_code=HTTPStatus.OK)


def api_world(settings: Settings, wiring: Wiring) -> World:
    """The same outside world, as the API knows it."""
    house = wiring.house
    controller = Controller(house.code, house.company[Language.EN], house.email, house.country)
    return World(wiring.store, wiring.clock, controller, wiring.receipt_key, rate_per_minute=settings.rate_per_minute)


def wiring_of(settings: Settings, *, now: Callable[[], datetime] = clock) -> Wiring:
    """The outside world that the settings name.

    Raises:
        SettingsError, StorageError, KeyFileError: a part of it is missing or unsafe.
    """
    ring = read_root_key(Path(settings.root_key))
    house = read_house(settings)
    mail, oidc, log = (house.connected.get(part) for part in ("mail", "oidc", "log"))
    outbox = Path("var/outbox") if mail is None and not settings.production else None
    if mail is None and outbox is None:
        raise SettingsError("production needs a mail server: fill in `mail` in the programme file")
    post: Post
    if mail is not None:
        post = Smtp(
            host=str(mail["host"]),
            port=int(mail.get("port", 587)),
            sender=str(mail["sender"]),
            user=str(mail.get("user", "")),
            password=_secret(mail.get("password_file")),
        )
    else:
        post = Outbox(Path("var/outbox"), sender=house.email)
    provider = None if oidc is None else _provider(oidc, house, back="/sign-in/oidc/back")
    staff_oidc = house.connected.get("staff_oidc")
    staff = None if staff_oidc is None else _provider(staff_oidc, house, back="/console/sign-in/oidc/back")
    store = Store.open(settings.database, keys=ring, create=not settings.production)
    return Wiring(
        store=store,
        house=house,
        post=post,
        outbox=outbox,
        party=Party(name=house.names[Language.EN], origin=house.origin),
        provider=provider,
        address_key=store.run(lookup_key, at=now()),
        log=None
        if log is None
        else PublishedLog(Path(log["directory"]), str(log["origin"]), VerifierKey.parse(str(log["key"]))),
        receipt_key=_signing_key(Path(settings.signing_key)),
        clock=now,
        relays=relays_of(house),
        staff_provider=staff,
    )


def relays_of(house: House) -> dict[str, MemberDesk]:
    """How each site that the programme file names is asked on a member's behalf.

    Raises:
        SettingsError: a site is named without its folder.
        SiteAbsentError: there is no site in that folder.
    """
    relays = {}
    for site, named in house.connected.get("sites", {}).items():
        folder = named.get("folder") if isinstance(named, Mapping) else None
        if not isinstance(folder, str) or not folder:
            raise SettingsError(f"`sites` in the programme file names {site} without its folder: add `folder`")
        relays[str(site)] = MemberDesk.open(Path(folder) / "site.db")
    return relays


def _provider(oidc: Mapping[str, Any], house: House, *, back: str) -> Provider:
    return Provider(
        issuer=str(oidc["issuer"]),
        name=str(oidc["name"]),
        client_id=str(oidc["client_id"]),
        client_secret=_secret(oidc.get("client_secret_file")),
        callback=f"{house.origin}{back}",
    )


def read_house(settings: Settings) -> House:
    """The programme file, or the example outside production."""
    if settings.programme:
        return House.read(Path(settings.programme), origin=settings.public_url)
    if settings.production:
        raise SettingsError("production needs ACCORD_PROGRAMME: the path of the programme file")
    with as_file(files("consent_center.web") / "harbour_club.yaml") as example:
        return House.read(example, origin=settings.public_url)


def _signing_key(path: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise SettingsError(f"the signing key {path} cannot be read: check ACCORD_SIGNING_KEY") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsError(f"the signing key {path} is not an Ed25519 key in PEM")
    return key


def _secret(path: object) -> str:
    if not path:
        return ""
    try:
        return Path(str(path)).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"the secret file {path} cannot be read: check the programme file") from error
