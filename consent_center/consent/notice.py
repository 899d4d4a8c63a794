"""Notices: the versioned plain-language text under which a choice is made.

Laws: a notice with a legal field empty, in any of the three languages, is not publishable; a published version never
changes; a material change sends its items back to *requested*.

Source: PIPL articles 17 and 30, GDPR article 13.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from consent_center.consent.scope import Item, check_code
from consent_center.errors import NoticeError

LANGUAGES = ("en", "zh-Hant", "zh-Hans")
LEGAL_FIELDS = ("who", "contact", "purpose", "method", "data_types", "retention", "rights", "consequences")
SENSITIVE_FIELDS = ("necessity", "impact")


@dataclass(frozen=True, slots=True)
class NoticeText:
    """What members read, in one language.

    Attributes:
        title, body: the notice.
        who, contact: who processes, and how to reach them.
        purpose, method, data_types, retention: what is done, how, with what, for how long.
        rights: how to use one's rights, withdrawal first.
        consequences: what follows from yes, and from no.
        necessity, impact: why sensitive data is needed and what it could do; required if a scope is sensitive.
        accept, refuse: the words of the two choices.
        example: for purposes that train models, what the model could reveal, clearly hypothetical.
    """

    title: str
    body: str
    who: str
    contact: str
    purpose: str
    method: str
    data_types: str
    retention: str
    rights: str
    consequences: str
    necessity: str = ""
    impact: str = ""
    accept: str = "Allow"
    refuse: str = "Do not allow"
    example: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """One version of a notice.

    Attributes:
        code: its name.
        version: 1, 2, 3, ...; each published once.
        items: what it asks for.
        texts: language -> text, all of `LANGUAGES`.
        material: purpose, method or data types changed since the last version.
        published_at: from when on it may be shown.
        ends: when it must no longer be shown, if that is known.
        preselected: items shown as chosen already; must be empty, kept so that the lint can refuse it.
    """

    code: str
    version: int
    items: tuple[Item, ...]
    texts: tuple[tuple[str, NoticeText], ...]
    published_at: datetime
    material: bool = True
    ends: datetime | None = None
    preselected: tuple[Item, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no member could read or answer."""
        check_code(self.code)
        if self.version < 1:
            raise NoticeError("the versions of a notice count from 1")
        if not self.items or len(set(self.items)) != len(self.items):
            raise NoticeError("a notice asks for each of its items once, and for at least one")
        if self.preselected:
            raise NoticeError("nothing may be selected before the member chooses: remove the pre-selection")

    def text(self, language: str) -> NoticeText:
        """The text in one language.

        Raises:
            NoticeError: not in this language.
        """
        for name, text in self.texts:
            if name == language:
                return text
        raise NoticeError(f"the notice is not available in this language: choose one of {', '.join(LANGUAGES)}")

    def open_at(self, at: datetime) -> bool:
        """May this version be shown, and answered, at this moment? From its whole second on, as statements count."""
        return self.published_at.replace(microsecond=0) <= at and (self.ends is None or at < self.ends)


def missing_fields(notice: Notice, *, sensitive: bool) -> tuple[str, ...]:
    """Which legal fields are empty, as "language.field"; a notice with any is not publishable."""
    wanted = LEGAL_FIELDS + (SENSITIVE_FIELDS if sensitive else ())
    given = dict(notice.texts)
    return tuple(
        f"{language}.{name}"
        for language in LANGUAGES
        for name in ("title", "body", *wanted)
        if language not in given or not getattr(given[language], name).strip()
    )


def choices_digest(notice: Notice, language: str, shown: Sequence[Item]) -> str:
    """SHA-256 over the choices exactly as shown: the text in that language and the items in their order.

    The page computes it from what it displays and the statement keeps it, so that afterwards nobody can say that
    something else was asked.
    """
    document = {
        "version": 1,
        "notice": notice.code,
        "notice_version": notice.version,
        "language": language,
        "text": asdict(notice.text(language)),
        "items": [str(item) for item in shown],
    }
    written = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(written.encode()).hexdigest()
