"""What differs between laws, as data: ages, clocks, bases. Where a rule is not here, the strictest holds everywhere.

Not legal advice; an operator checks these numbers for her own case.

Source: PIPL articles 13, 31, 44-50 and 57; GDPR articles 6, 8, 12 and 33; Taiwan PDPA articles 8, 13 and 20.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from consent_center.errors import DefinitionError


@dataclass(frozen=True, slots=True)
class Jurisdiction:
    """One law's numbers.

    Attributes:
        code: its name.
        countries: where it applies, ISO 3166-1 alpha-2.
        guardian_age: below this age, in years, a guardian decides.
        bases: the legal bases that it knows; the consent page appears only where the basis is consent.
        propagation: within what time every recipient must know of a withdrawal.
        right: the clock of a member's request.
        right_extension: by how much it may be lengthened, with a reason.
        incident: within what time an incident is reported; zero is "at once".
    """

    code: str
    countries: tuple[str, ...]
    guardian_age: int
    bases: tuple[str, ...]
    propagation: timedelta
    right: timedelta
    right_extension: timedelta
    incident: timedelta


PIPL = Jurisdiction(
    code="PIPL",
    countries=("CN",),
    guardian_age=14,
    bases=("consent", "contract", "legal-duty", "emergency", "public-interest", "made-public"),
    propagation=timedelta(hours=24),
    right=timedelta(days=15),
    right_extension=timedelta(0),
    incident=timedelta(0),
)
GDPR = Jurisdiction(
    code="GDPR",
    countries=(
        *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE"),
        *("IS", "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK"),
    ),
    guardian_age=16,
    bases=("consent", "contract", "legal-duty", "vital-interest", "public-task", "legitimate-interest"),
    propagation=timedelta(hours=24),
    right=timedelta(days=30),
    right_extension=timedelta(days=60),
    incident=timedelta(hours=72),
)
PDPA_TW = Jurisdiction(
    code="PDPA-TW",
    countries=("TW",),
    guardian_age=18,
    bases=("consent", "contract", "legal-duty", "public-interest", "made-public"),
    propagation=timedelta(hours=24),
    right=timedelta(days=15),
    right_extension=timedelta(days=15),
    incident=timedelta(hours=72),
)
ALL = (PIPL, GDPR, PDPA_TW)


def jurisdiction(code: str) -> Jurisdiction:
    """A jurisdiction by its code.

    Raises:
        DefinitionError: not one of `ALL`.
    """
    for one in ALL:
        if one.code == code:
            return one
    raise DefinitionError(f"unknown jurisdiction: choose one of {', '.join(one.code for one in ALL)}")


def of_country(country: str) -> Jurisdiction:
    """The law of a country; where none is on file, PIPL, whose clocks are the shortest."""
    return next((one for one in ALL if country in one.countries), PIPL)


def guarded_until(born: date, law: Jurisdiction) -> date:
    """The birthday on which a member decides for herself; the 29th of February counts as the 1st of March."""
    year = born.year + law.guardian_age
    try:
        return born.replace(year=year)
    except ValueError:
        return date(year, 3, 1)
