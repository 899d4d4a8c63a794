"""Dates, times, numbers and lists as people of each language write them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from babel.dates import format_datetime, format_skeleton
from babel.numbers import format_decimal
from markupsafe import Markup, escape

from consent_center.web.languages import Language

_DAY = {Language.EN: "d MMMM y", Language.HANT: "y年M月d日", Language.HANS: "y年M月d日"}
_MINUTE = {Language.EN: "d MMMM y, HH:mm", Language.HANT: "y年M月d日 HH:mm", Language.HANS: "y年M月d日 HH:mm"}
_SECOND = {Language.EN: "d MMMM y, HH:mm:ss", Language.HANT: "y年M月d日 HH:mm:ss", Language.HANS: "y年M月d日 HH:mm:ss"}


@dataclass(frozen=True)
class Formats:
    """How one reader sees numbers and moments.

    Attributes:
        language: hers.
        zone: the time zone of the programme she belongs to; every moment is shown in it.
    """

    language: Language
    zone: tzinfo

    def day(self, moment: date | datetime) -> str:
        """The day of a moment: "21 November 2026", "2026年11月21日"."""
        return self._written(moment, _DAY[self.language])

    def minute(self, moment: datetime) -> str:
        """A moment to the minute, 24-hour clock."""
        return self._written(moment, _MINUTE[self.language])

    def second(self, moment: datetime) -> str:
        """A moment to the second, for receipts and proofs."""
        return self._written(moment, _SECOND[self.language])

    def month(self, moment: date | datetime) -> str:
        """Month and year, for the headings of a history."""
        if isinstance(moment, datetime):
            moment = moment.astimezone(self.zone)
        return format_skeleton("yMMMM", moment, locale=self.language.locale)

    def time(self, moment: datetime, shown: str) -> Markup:
        """`shown` as a `<time>` that also carries the moment for machines."""
        stamp = moment.astimezone(self.zone).isoformat(timespec="seconds")
        return Markup('<time datetime="{}">{}</time>').format(stamp, shown)

    def number(self, value: float) -> str:
        """A number with the separators of the language."""
        return format_decimal(value, locale=self.language.locale)

    def listed(self, parts: Iterable[object]) -> Markup:
        """Names one after the other: "purchases, browsing", "購買紀錄、瀏覽紀錄"."""
        separator = ", " if self.language is Language.EN else "、"
        return escape(separator).join(escape(part) for part in parts)

    def together(self, parts: Iterable[object]) -> Markup:
        """Names in the middle of a sentence: "purchases and browsing", "購買紀錄、瀏覽紀錄"."""
        *most, last = parts
        if self.language is not Language.EN or not most:
            return self.listed([*most, last])
        return self.listed(most) + " and " + escape(last)

    def beside(self, parts: Iterable[object]) -> Markup:
        """Facts of different kinds in one line, with a middle dot."""
        separator = " · " if self.language is Language.EN else "・"
        return escape(separator).join(escape(part) for part in parts)

    def sentences(self, parts: Iterable[object]) -> Markup:
        """Sentences one after the other; Chinese has no space between them."""
        return escape(self.gap).join(escape(part) for part in parts if part)

    @property
    def gap(self) -> str:
        """What stands between a sentence and what follows it: Chinese has no space there."""
        return " " if self.language is Language.EN else ""

    def tongue(self, language: Language) -> str:
        """A language as hers calls it, inside a sentence: "Traditional Chinese", "英文"."""
        names: Mapping[str, str] = self.language.locale.languages
        return names[language.value.replace("-", "_")]

    def low(self, name: object) -> Markup:
        """A name in the middle of an English sentence; Chinese knows no capitals."""
        text = escape(name)
        return text[:1].lower() + text[1:] if self.language is Language.EN else text

    def cap(self, sentence: object) -> Markup:
        """The first letter of a sentence that begins with a name."""
        text = escape(sentence)
        return text[:1].upper() + text[1:]

    def _written(self, moment: date | datetime, pattern: str) -> str:
        if not isinstance(moment, datetime):
            return str(format_skeleton("yMMMMd", moment, locale=self.language.locale))
        return str(format_datetime(moment, pattern, tzinfo=self.zone, locale=self.language.locale))


def days_left(due: datetime, *, at: datetime) -> int:
    """Whole days until `due`, never below zero."""
    return max(0, (due - at) // timedelta(days=1))
