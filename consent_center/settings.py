"""Everything that an operator can set, read once from the environment, and the one clock.

ACCORD_ENV             dev | test | production (default production: insecure settings are refused)
ACCORD_DATABASE        sqlite:///path or postgresql://...
ACCORD_ROOT_KEY        path of the root key file (0600)
ACCORD_SIGNING_KEY     path of the key file with which the consent centre signs
ACCORD_PUBLIC_URL      where members reach it, https://... in production
ACCORD_JURISDICTION    which law's clocks and rules apply: PIPL, GDPR or PDPA-TW
ACCORD_PROGRAMME       path of the programme file (see consent_center/web/house.py); an example without one
ACCORD_RATE_PER_MINUTE requests that one token may make in a minute
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from consent_center.errors import SettingsError

PREFIX = "ACCORD_"


def clock() -> datetime:
    """Now, UTC: the only place that reads the clock."""
    return datetime.now(UTC)  # noqa: TID251 - this is the one clock


@dataclass(frozen=True)
class Settings:
    """What an operator set.

    Attributes:
        environment: "dev", "test" or "production".
        database: address of the database.
        root_key: path of the root key file; empty only outside production.
        signing_key: path of the signing key file; empty only outside production.
        public_url: where members reach it.
        jurisdiction: whose clocks and rules apply.
        programme: path of the programme file; empty only outside production.
        rate_per_minute: requests that one token may make in a minute.
    """

    environment: str = "production"
    database: str = "sqlite:///var/accord.db"
    root_key: str = ""
    signing_key: str = ""
    public_url: str = "http://localhost:8000"
    jurisdiction: str = "PIPL"
    programme: str = ""
    rate_per_minute: int = 6000

    def __post_init__(self) -> None:
        """Refuse what would be unsafe."""
        if self.environment not in {"dev", "test", "production"}:
            raise SettingsError("ACCORD_ENV is dev, test or production")
        if self.rate_per_minute < 1:
            raise SettingsError("ACCORD_RATE_PER_MINUTE is a whole number from 1")
        if self.production:
            missing = [
                name for name, value in (("ROOT_KEY", self.root_key), ("SIGNING_KEY", self.signing_key)) if not value
            ]
            if missing:
                needed = " and ".join(PREFIX + name for name in missing)
                raise SettingsError(f"production needs {needed}; after make up: set -a; . var/up/admin.env; set +a")
            if not self.public_url.startswith("https://"):
                raise SettingsError("ACCORD_PUBLIC_URL must be https in production")

    @property
    def production(self) -> bool:
        """Are insecure settings refused?"""
        return self.environment == "production"

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> Self:
        """The settings in the environment.

        Raises:
            SettingsError: unknown, malformed or unsafe.
        """
        found = environment if environment is not None else os.environ  # noqa: TID251 - this is the one reader
        known = {
            "ENV": "environment",
            "DATABASE": "database",
            "ROOT_KEY": "root_key",
            "SIGNING_KEY": "signing_key",
            "PUBLIC_URL": "public_url",
            "JURISDICTION": "jurisdiction",
            "PROGRAMME": "programme",
        }
        values = {field: found[PREFIX + name] for name, field in known.items() if found.get(PREFIX + name)}
        rate = found.get(f"{PREFIX}RATE_PER_MINUTE", str(cls.rate_per_minute))
        if not (rate.isascii() and rate.isdigit()):
            raise SettingsError("ACCORD_RATE_PER_MINUTE is a whole number from 1")
        return cls(**values, rate_per_minute=int(rate))
