"""How large a cohort is, said without saying who is in it.

Law: outside the site and the reviewers, a size is told only as a band around a noised count, and the noise of one set
of items on one day is drawn once, so that asking again tells nothing new.
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime

from consent_center.consent.scope import Item

EPSILON = 1.0
"""Pure ε of one preview: discrete Laplace noise of sensitivity 1 on the count."""

EDGES = (0, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000)


def band(noised: int) -> tuple[int, int | None]:
    """The band that a noised count falls into: from, and below (None for no end)."""
    lower = max(edge for edge in EDGES if edge <= max(noised, 0))
    above = [edge for edge in EDGES if edge > lower]
    return lower, above[0] if above else None


def preview_key(site: str, items: Iterable[Item], at: datetime) -> str:
    """Under which name the noise of a preview is kept: the site, the set of items, and the day."""
    named = "\n".join(sorted(str(item) for item in items))
    day = at.astimezone(UTC).date().isoformat()
    return hashlib.sha256(f"accord/preview/v1\n{site}\n{day}\n{named}".encode()).hexdigest()
