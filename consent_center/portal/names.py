"""What scopes, purposes and recipients are called on the pages: by their definition, else by our vocabulary."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from consent_center.consent.catalogue import Catalogue
from consent_center.consent.scope import Item
from consent_center.web.catalogue import Words
from consent_center.web.languages import Language


@dataclass(frozen=True)
class Names:
    """Names in one language.

    Attributes:
        words: the messages of the language.
        catalogue: what the programme defined.
        brands: code of a recipient -> its name per language, where that differs from the definition's.
    """

    words: Words
    catalogue: Catalogue
    brands: Mapping[str, Mapping[Language, str]] = field(default_factory=dict)

    def scope(self, code: str) -> Markup:
        """A scope: "Purchases"."""
        scope = self.catalogue.scopes.get(code)
        return self._defined(scope.text if scope else (), f"scope.{code}", code)

    def scope_said(self, code: str) -> Markup:
        """A scope inside a sentence: "your purchases"."""
        key = f"scope.{code}.said"
        if self.words.has(key):
            return self.words(key)
        name = self.scope(code)
        return name[:1].lower() + name[1:] if self.words.language is Language.EN else name

    def scope_is(self, code: str) -> Markup:
        """What a scope holds, in a sentence; empty if nobody wrote one."""
        return self.words(f"scope.{code}.is") if self.words.has(f"scope.{code}.is") else Markup()

    def category_said(self, code: str) -> str | None:
        """A value of a column inside a sentence, as a scope's definition names it: "coffee"; None if none does."""
        language = self.words.language.value
        for scope in self.catalogue.scopes.values():
            if (named := dict(scope.categories).get(code)) is not None:
                name = dict(named)[language]
                return name[:1].lower() + name[1:] if self.words.language is Language.EN else name
        return None

    def value_said(self, code: str) -> str | None:
        """A value of a reason inside a sentence: a category, or whoever gave an answer; None if nobody named it."""
        known = self.catalogue.recipients.get(code)
        return self.category_said(code) or (None if known is None else str(self.recipient_said(code)))

    def recipient(self, code: str) -> Markup:
        """A recipient as a name: "Marketing department"."""
        if (brand := self.brands.get(code)) is not None:
            return escape(brand[self.words.language])
        if self.words.has(f"recipient.{code}"):
            return self.words(f"recipient.{code}")
        known = self.catalogue.recipients.get(code)
        return escape(known.name if known else code)

    def recipient_said(self, code: str) -> Markup:
        """A recipient inside a sentence: "the marketing department"."""
        key = f"recipient.{code}.said"
        return self.words(key) if self.words.has(key) else self.recipient(code)

    def purpose(self, code: str, recipient: str = "") -> Markup:
        """A purpose: "Learn which products members like"."""
        purpose = self.catalogue.purposes.get(code)
        brand = self.recipient(recipient) if recipient else Markup()
        if purpose is not None and (text := dict(purpose.text).get(self.words.language.value)):
            return escape(text.replace("{brand}", brand))
        if purpose is not None and purpose.between:
            first, second = purpose.between
            return self.words("purpose.link", first=self.recipient_said(first), second=self.recipient_said(second))
        key = f"purpose.{code}"
        return self.words(key, brand=brand) if self.words.has(key) else escape(code)

    def other(self, item: Item) -> str:
        """Who is at the other end of an item that links; empty if it links nobody."""
        purpose = self.catalogue.purposes.get(item.purpose)
        return purpose.other(item.recipient) if purpose else ""

    def country(self, code: str) -> str:
        """A country by its name in this language."""
        known: Mapping[str, str] = self.words.language.locale.territories
        return known.get(code, code)

    def _defined(self, text: tuple[tuple[str, str], ...], key: str, code: str) -> Markup:
        if (written := dict(text).get(self.words.language.value)) is not None:
            return escape(written)
        return self.words(key) if self.words.has(key) else escape(code)
