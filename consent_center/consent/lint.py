"""What is wrong with a notice before anybody reads it: holes, pressure, asymmetry, difficult words.

Law: a notice with a blocking finding is not published until a named reviewer, another person than its author, says
why it may be. The lint never proves that a notice is good; it refuses what is known to be bad.

Source: PIPL articles 14 to 17, GDPR articles 7 and 12; EDPB Guidelines 03/2022 on deceptive design patterns (the
families "overloading", "stirring" and "obstructing"). Reading grade: Kincaid et al. 1975, the formula for English.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from consent_center.consent.catalogue import Catalogue
from consent_center.consent.notice import Notice, NoticeText, missing_fields
from consent_center.consent.scope import ScopeClass

HIGHEST_GRADE = 12.0
"""English text above this school grade is a finding; above `BLOCKING_GRADE` it blocks."""

BLOCKING_GRADE = 18.0
LONGEST_CHINESE_SENTENCE = 60
WIDEST_BUTTON_RATIO = 4.0


class Rule(StrEnum):
    """What a finding is about."""

    LEGAL_FIELD_EMPTY = "legal-field-empty"
    REFUSE_MISSING = "refuse-missing"
    CHOICES_UNEQUAL = "choices-unequal"
    GUILT = "guilt-wording"
    PRESSURE = "pressure-wording"
    HARD_TO_READ = "hard-to-read"
    EXAMPLE_MISSING = "example-missing"
    POINTS_PENALTY = "points-penalty"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        rule: what it is about.
        where: language and field, such as "en.refuse".
        blocks: must a reviewer decide before the notice is published?
        quoted: the words found, from the notice itself.
    """

    rule: Rule
    where: str
    blocks: bool
    quoted: str = ""


_GUILT: Mapping[str, str] = {
    "en": r"\b(don't care|selfish|let (us|others|the community) down|no,? i (don't|do not) (want|care|like)\b.*"
    r"|disappoint|shame|regret (it|this)|hate (saving|offers|discounts)|are you sure you want to lose)\b",
    "zh-Hant": r"(自私|不在乎|辜負|忍心|令人失望|讓.{0,6}失望|後悔|放棄優惠|我不想省錢|可恥)",
    "zh-Hans": r"(自私|不在乎|辜负|忍心|令人失望|让.{0,6}失望|后悔|放弃优惠|我不想省钱|可耻)",
}
_PRESSURE: Mapping[str, str] = {
    "en": r"\b(act now|last chance|only today|hurry|limited time|required to continue|you must (accept|agree|allow))\b",
    "zh-Hant": r"(立即同意|最後機會|僅限今日|趕快|限時|必須同意|不同意.{0,6}無法)",
    "zh-Hans": r"(立即同意|最后机会|仅限今日|赶快|限时|必须同意|不同意.{0,6}无法)",
}
_PENALTY: Mapping[str, str] = {
    "en": r"\b(lose|losing|forfeit)\b[^.]{0,40}\bpoints\b",
    "zh-Hant": r"(失去|扣除|取消|沒收).{0,8}(點數|積分)",
    "zh-Hans": r"(失去|扣除|取消|没收).{0,8}(点数|积分)",
}
_COMPILED = {
    (rule, language): re.compile(pattern, re.IGNORECASE)
    for rule, patterns in ((Rule.GUILT, _GUILT), (Rule.PRESSURE, _PRESSURE), (Rule.POINTS_PENALTY, _PENALTY))
    for language, pattern in patterns.items()
}


def lint(notice: Notice, catalogue: Catalogue) -> tuple[Finding, ...]:
    """Everything that the lint finds in a notice."""
    scopes = [catalogue.scopes[item.scope] for item in notice.items if item.scope in catalogue.scopes]
    purposes = [catalogue.purposes[item.purpose] for item in notice.items if item.purpose in catalogue.purposes]
    sensitive = any(scope.scope_class is ScopeClass.SENSITIVE for scope in scopes)
    found = [
        Finding(Rule.LEGAL_FIELD_EMPTY, where, blocks=True) for where in missing_fields(notice, sensitive=sensitive)
    ]
    for language, text in notice.texts:
        found.extend(_of_choices(language, text))
        found.extend(_of_words(language, text))
        found.extend(_of_reading(language, text))
        if any(purpose.trains_models for purpose in purposes) and not text.example.strip():
            found.append(Finding(Rule.EXAMPLE_MISSING, f"{language}.example", blocks=False))
    return tuple(found)


def reading_grade(english: str) -> float:
    """The school grade needed to read an English text; 0 for no words."""
    words = re.findall(r"[A-Za-z']+", english)
    if not words:
        return 0.0
    sentences = max(1, len(re.findall(r"[.!?]+(?:\s|$)", english)))
    syllables = sum(max(1, len(re.findall(r"[aeiouy]+", word.lower().removesuffix("e")))) for word in words)
    return 0.39 * len(words) / sentences + 11.8 * syllables / len(words) - 15.59


def _of_choices(language: str, text: NoticeText) -> Iterator[Finding]:
    accept, refuse = text.accept.strip(), text.refuse.strip()
    if not refuse or not accept:
        yield Finding(Rule.REFUSE_MISSING, f"{language}.refuse", blocks=True)
        return
    if accept.casefold() == refuse.casefold() or max(len(accept), len(refuse)) > WIDEST_BUTTON_RATIO * min(
        len(accept), len(refuse)
    ):
        yield Finding(Rule.CHOICES_UNEQUAL, f"{language}.refuse", blocks=True, quoted=f"{accept} / {refuse}")


def _of_words(language: str, text: NoticeText) -> Iterator[Finding]:
    fields = {"title": text.title, "body": text.body, "consequences": text.consequences}
    fields |= {"accept": text.accept, "refuse": text.refuse}
    for (rule, of_language), pattern in _COMPILED.items():
        if of_language != language:
            continue
        for name, words in fields.items():
            if (match := pattern.search(words)) is not None:
                yield Finding(rule, f"{language}.{name}", blocks=True, quoted=match.group(0))


def _of_reading(language: str, text: NoticeText) -> Iterator[Finding]:
    if language == "en":
        grade = reading_grade(text.body)
        if grade > HIGHEST_GRADE:
            yield Finding(Rule.HARD_TO_READ, "en.body", blocks=grade > BLOCKING_GRADE, quoted=f"grade {grade:.0f}")
        return
    longest = max((len(part) for part in re.split(r"[。！？；\n]", text.body)), default=0)
    if longest > LONGEST_CHINESE_SENTENCE:
        blocks = longest > 2 * LONGEST_CHINESE_SENTENCE
        yield Finding(Rule.HARD_TO_READ, f"{language}.body", blocks=blocks, quoted=f"{longest} characters")
