"""The words of the pages: one gettext catalogue per language, read from `locale/` when the process starts.

A message is named by a key ("home.title"), never by its English text, so that English is a translation like the others
and a reworded sentence keeps its two sisters. Catalogues are plain `.po` files, several per language (one per part of
the product); they are compiled in memory, so what runs is what was reviewed.
"""

import gettext
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from io import BytesIO

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from markupsafe import Markup, escape

from consent_center.web.languages import Language

PLACE = re.compile(r"\{(\w+)\}")
"""A place that a value fills."""


class UntranslatedError(KeyError):
    """A key that a catalogue lacks: a fault of ours, found by the tests."""


@dataclass(frozen=True)
class Words:
    """The messages of one language.

    Attributes:
        language: which.
        translations: key -> message; plural forms by the language's own rule.
    """

    language: Language
    translations: gettext.GNUTranslations

    def __call__(self, key: str, /, **values: object) -> Markup:
        """The message `key` with its placeholders filled in and everything escaped.

        Values that are Markup (a link made by a template) are put in as they are.

        Raises:
            UntranslatedError: this language has no such message.
        """
        message = self.translations.gettext(key)
        if message == key:
            raise UntranslatedError(f"no message {key} in {self.language}")
        return _filled(message, values)

    def count(self, key: str, number: int, /, **values: object) -> Markup:
        """The form of message `key` that fits `number`, which fills the placeholder {count}."""
        message = self.translations.ngettext(key, key, number)
        if message == key:
            raise UntranslatedError(f"no message {key} in {self.language}")
        return _filled(message, {"count": number, **values})

    def refusal(self, said: str) -> Markup | None:
        """A refusal as the code says it, in this language; None if it is of none of the known forms.

        Several refusals in one line, parted by "; ", are told one by one if each is known; else the line is one.
        """
        parts = [self._refusal(one) for one in said.split("; ")]
        known = [one for one in parts if one is not None]
        if len(known) < len(parts):
            return self._refusal(said)
        return escape("; " if self.language is Language.EN else "；").join(known)

    def _refusal(self, said: str) -> Markup | None:
        for key, form in _refusals():
            if found := form.fullmatch(said):
                return self(key, **found.groupdict())
        return None

    def has(self, key: str) -> bool:
        """Whether there is such a message, for names that come from data."""
        return self.translations.gettext(key) != key


def _filled(message: str, values: dict[str, object]) -> Markup:
    text = escape(message)
    return text.format(**values) if values else text


@cache
def words(language: Language) -> Words:
    """The messages of `language`, read once."""
    compiled = BytesIO()
    merged = None
    for source in catalogue_files(language):
        with source.open("rb") as stream:
            catalogue = read_po(stream, locale=language.locale)
        if merged is None:
            merged = catalogue
            continue
        for message in catalogue:
            if message.id:
                merged[message.id] = message
    if merged is None:
        raise UntranslatedError(f"no catalogue for {language}")
    write_mo(compiled, merged)
    compiled.seek(0)
    return Words(language=language, translations=gettext.GNUTranslations(compiled))


@cache
def _refusals() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Key and English form of every refusal, those that say most by themselves first."""
    found = []
    for source in catalogue_files(Language.EN):
        if source.name == "refusals.po":
            with source.open("rb") as stream:
                found = [(str(message.id), str(message.string)) for message in read_po(stream) if message.id]
    found.sort(key=lambda one: -len(PLACE.sub("", one[1])))
    return tuple((key, _pattern(form)) for key, form in found)


def _pattern(form: str) -> re.Pattern[str]:
    words_and_names = PLACE.split(form)
    parts = (f"(?P<{one}>.+?)" if odd % 2 else re.escape(one) for odd, one in enumerate(words_and_names))
    return re.compile("".join(parts), re.DOTALL)


def catalogue_files(language: Language) -> list[Traversable]:
    """The `.po` files of `language`, by name."""
    folder = files("consent_center.web").joinpath("locale", language.value.replace("-", "_"), "LC_MESSAGES")
    return sorted((f for f in folder.iterdir() if f.name.endswith(".po")), key=lambda f: f.name)
