"""The programme as its pages describe it, and the addresses of what it is connected to: one YAML file.

    code: harbour-club
    country: TW
    zone: Asia/Taipei
    name: {en: Harbour Club, zh-Hant: 港灣會員, zh-Hans: 港湾会员}
    company: {en: ..., zh-Hant: ..., zh-Hans: ...}
    address: {en: ..., zh-Hant: ..., zh-Hans: ...}
    email: privacy@harbour.example
    phone: "+886 2 5550 0100"
    required: [{purpose: points, scopes: [purchases], recipient: sales}]
    recipients: {tern: {en: Tern Airlines, zh-Hant: 燕鷗航空, zh-Hans: 燕鸥航空}}
    mail: {host: smtp.example, port: 587, sender: ..., user: ..., password_file: ...}
    oidc: {issuer: ..., name: ..., client_id: ..., client_secret_file: ...}
    staff_oidc: {issuer: ..., name: ..., client_id: ..., client_secret_file: ...}
    log: {directory: ..., origin: harbour.example/accord, key: <the log's verifier key>}
    sites: {marketing: {folder: /var/accord/sites/marketing}}

`required`, `recipients` (names that differ by language) and what follows them are optional. Secrets are in files of
their own and never in this one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from functools import cached_property
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from consent_center.errors import SettingsError
from consent_center.web.cookies import Cookies
from consent_center.web.languages import Language


@dataclass(frozen=True)
class Required:
    """One use of data that membership itself needs; nobody is asked about it."""

    purpose: str
    scopes: tuple[str, ...]
    recipient: str


@dataclass(frozen=True)
class House:
    """What the pages say about the programme itself.

    Attributes:
        names: what the programme calls itself, per language.
        origin: scheme, host and port under which readers reach it, without a trailing slash.
        zone: the time zone in which days begin and end.
        company, address, email, phone: who answers for it, for notices and the foot of each page.
        required: what membership itself needs.
        recipients: code -> name per language, where the name differs from the definition's.
        connected: the optional parts of the file: mail, oidc, staff_oidc, log, sites.
    """

    code: str
    country: str
    names: Mapping[Language, str]
    origin: str
    zone: tzinfo
    company: Mapping[Language, str]
    address: Mapping[Language, str]
    email: str
    phone: str
    required: tuple[Required, ...]
    recipients: Mapping[str, Mapping[Language, str]]
    connected: Mapping[str, Mapping[str, Any]]

    @cached_property
    def cookies(self) -> Cookies:
        """How its cookies are named."""
        return Cookies(https=self.origin.startswith("https://"))

    @property
    def phone_shown(self) -> str:
        """The phone number as pages write it: it never breaks across two lines."""
        return self.phone.replace(" ", "\N{NO-BREAK SPACE}")

    @classmethod
    def read(cls, path: Path, *, origin: str) -> Self:
        """Read the file.

        Raises:
            SettingsError: it is missing, or lacks something; the message names it.
        """
        try:
            data = yaml.safe_load(path.read_text(encoding="utf-8"))
            return cls(
                code=str(data["code"]),
                country=str(data["country"]),
                names=_translated(data, "name"),
                origin=origin.rstrip("/"),
                zone=ZoneInfo(data["zone"]),
                company=_translated(data, "company"),
                address=_translated(data, "address"),
                email=str(data["email"]),
                phone=str(data["phone"]),
                required=tuple(
                    Required(need["purpose"], tuple(need["scopes"]), need["recipient"])
                    for need in data.get("required", ())
                ),
                recipients={str(code): _translated(data["recipients"], code) for code in data.get("recipients", ())},
                connected={
                    part: data[part] for part in ("mail", "oidc", "staff_oidc", "log", "sites") if data.get(part)
                },
            )
        except (OSError, yaml.YAMLError) as error:
            raise SettingsError(f"the programme file {path} cannot be read: check ACCORD_PROGRAMME") from error
        except (KeyError, TypeError, ZoneInfoNotFoundError) as error:
            raise SettingsError(
                f"the programme file {path} lacks {error}: see the example beside web/house.py"
            ) from error


def _translated(data: Mapping[str, Any], name: str) -> dict[Language, str]:
    return {language: str(data[name][language.value]) for language in Language}
