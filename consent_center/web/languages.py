"""Which of the three languages a page is shown in.

The order of what counts: the language the reader chose with the switch (a cookie), then what her browser asks for,
then English. Chinese is never converted: 繁體中文 and 简体中文 are two languages with words of their own.
"""

from enum import StrEnum

from babel import Locale


class Language(StrEnum):
    """A language that every page exists in; the value is its BCP 47 tag."""

    EN = "en"
    HANT = "zh-Hant"
    HANS = "zh-Hans"

    @property
    def locale(self) -> Locale:
        """Where its dates, numbers and plural forms come from."""
        return _LOCALES[self]

    @property
    def own_name(self) -> str:
        """What its readers call it."""
        return _OWN_NAMES[self]


_LOCALES = {
    Language.EN: Locale.parse("en_GB"),
    Language.HANT: Locale.parse("zh_Hant_TW"),
    Language.HANS: Locale.parse("zh_Hans_CN"),
}
_OWN_NAMES = {Language.EN: "English", Language.HANT: "繁體中文", Language.HANS: "简体中文"}
_HANT_REGIONS = frozenset({"tw", "hk", "mo"})


def parse(tag: str | None) -> Language | None:
    """The language that `tag` names exactly, or None: for what we wrote ourselves (cookie, switch, database)."""
    try:
        return Language(tag) if tag else None
    except ValueError:
        return None


def nearest(tag: str) -> Language | None:
    """The language whose readers can read `tag`, or None.

    Script decides for Chinese, and if it is missing, region: zh-TW, zh-HK and zh-MO read 繁體中文, other zh 简体中文.
    """
    parts = tag.strip().lower().replace("_", "-").split("-")
    if parts[0] == "en":
        return Language.EN
    if parts[0] != "zh":
        return None
    if "hant" in parts:
        return Language.HANT
    if "hans" in parts:
        return Language.HANS
    return Language.HANT if _HANT_REGIONS & set(parts[1:]) else Language.HANS


def negotiate(accept: str | None) -> Language:
    """The best of the three for an `Accept-Language` header; anything malformed in it is skipped.

    Source:
        RFC 9110, section 12.5.4; equal weights keep the order in which they were sent.
    """
    wanted: list[tuple[float, int, Language]] = []
    for place, part in enumerate((accept or "")[:500].split(",")):
        tag, _, weight = part.partition(";")
        language = nearest(tag)
        quality = _quality(weight)
        if language is not None and quality > 0:
            wanted.append((-quality, place, language))
    return min(wanted)[2] if wanted else Language.EN


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if not name:
        return 1.0
    try:
        quality = float(value)
    except ValueError:
        return 0.0
    return quality if name == "q" and 0 <= quality <= 1 else 0.0
