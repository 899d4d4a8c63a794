"""Law: every string that a page uses exists in all three languages with the same placeholders; no string is left that
no page uses; Chinese is written in its own script, with full-width punctuation and without typed spaces."""

import re
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po
from jinja2 import nodes

from consent_center.web.catalogue import UntranslatedError, catalogue_files, words
from consent_center.web.languages import Language
from consent_center.web.pages import environment
from federated.errors import Refusal

PACKAGES = ("web", "portal", "console", "cli")
ROOT = Path("consent_center")
CALLS = {"t", "tn", "words", "count", "Failure", "FieldError"}
NAMED_BY_DATA = ("scope.", "recipient.", "purpose.", "refusal.")
"""Names that a programme's own definitions may use, kept whether or not the example does; and refusals, which are found
by what the code says (`test_refusals.py`)."""

PLACEHOLDER = re.compile(r"\{(\w+)\}")
HAN = re.compile(r"[\u3400-\u9fff]")


def catalogue(language: Language) -> dict[str, Message]:
    found: dict[str, Message] = {}
    for file in catalogue_files(language):
        with file.open("rb") as stream:
            for message in read_po(stream, locale=language.locale):
                if message.id:
                    found[message.id if isinstance(message.id, str) else message.id[0]] = message
    return found


CATALOGUES = {language: catalogue(language) for language in Language}
KEYS = sorted(CATALOGUES[Language.EN])


def forms(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string)


@cache
def used() -> tuple[set[str], set[str]]:
    """Keys that templates and code name in full, and beginnings of those that they put together."""
    whole: set[str] = set()
    begun: set[str] = set()
    for part in PACKAGES:
        for template in sorted((ROOT / part / "templates").rglob("*.html")):
            name = f"{part}/{template.relative_to(ROOT / part / 'templates')}"
            source = environment().loader.get_source(environment(), name)[0]
            for call in environment().parse(source).find_all(nodes.Call):
                if getattr(call.node, "name", "") in ("t", "tn"):
                    _note(call.args[0], whole, begun)
            whole |= set(re.findall(r"""['"]([a-z][a-z_]*(?:\.[a-z_]+)+)['"]""", source))
        for module in sorted((ROOT / part).rglob("*.py")):
            source = module.read_text()
            whole |= set(re.findall(r'"([a-z][a-z_-]*(?:\.[a-z_]+)+)"', source))
            begun |= set(re.findall(r'f"([a-z][a-z_]*\.(?:[a-z_]+\.?)*)\{', source))
    return whole, begun


def _note(argument: nodes.Node, whole: set[str], begun: set[str]) -> None:
    if isinstance(argument, nodes.Const):
        whole.add(argument.value)
    elif isinstance(argument, nodes.Concat) and isinstance(argument.nodes[0], nodes.Const):
        begun.add(argument.nodes[0].value)
    elif isinstance(argument, nodes.CondExpr):
        _note(argument.expr1, whole, begun)
        if argument.expr2 is not None:
            _note(argument.expr2, whole, begun)


def test_the_catalogues_hold_the_same_keys() -> None:
    assert len(KEYS) > 400
    for language in Language:
        assert sorted(CATALOGUES[language]) == KEYS


def test_no_part_of_the_product_takes_the_key_of_another() -> None:
    taken: dict[str, str] = {}
    twice = []
    for file in catalogue_files(Language.EN):
        with file.open("rb") as stream:
            for message in read_po(stream):
                key = message.id if isinstance(message.id, str) else message.id[0]
                if key and taken.setdefault(key, file.name) != file.name:
                    twice.append(f"{key}: {taken[key]} and {file.name}")
    assert twice == []


def test_every_key_that_a_template_names_exists() -> None:
    from_templates: set[str] = set()
    for part in PACKAGES:
        for template in sorted((ROOT / part / "templates").rglob("*.html")):
            tree = environment().parse(template.read_text())
            for call in tree.find_all(nodes.Call):
                if getattr(call.node, "name", "") in ("t", "tn"):
                    _note(call.args[0], from_templates, set())
    assert len(from_templates) > 200
    assert sorted(from_templates - set(KEYS)) == []


def test_keys_that_are_put_together_exist() -> None:
    firsts = {key.split(".", maxsplit=1)[0] for key in KEYS} - {"sign_in", "portal"}
    begun = {one for one in used()[1] if one.split(".", maxsplit=1)[0] in firsts}  # others are paths, or other names
    assert len(begun) > 20
    assert sorted(one for one in begun if not any(key.startswith(one) for key in KEYS)) == []


def test_no_string_is_left_that_nothing_uses() -> None:
    whole, begun = used()

    def is_used(key: str) -> bool:
        if key in whole or key.startswith(NAMED_BY_DATA) or key.removesuffix("_title") in whole:
            return True
        return any(key.startswith(begin) for begin in begun if len(begin) > 2)

    assert [key for key in KEYS if not is_used(key)] == []


def test_every_code_that_ends_a_run_has_words() -> None:
    assert {f"console.outcome.{code.replace('-', '_')}" for code in Refusal} <= set(KEYS)


@pytest.mark.parametrize("language", list(Language))
def test_nothing_is_empty_or_marked_as_unsure(language: Language) -> None:
    for key, message in CATALOGUES[language].items():
        assert not message.fuzzy, key
        assert all(form.strip() for form in forms(message)), key


@pytest.mark.parametrize("language", list(Language))
def test_placeholders_are_the_same_in_every_language(language: Language) -> None:
    for key in KEYS:
        english = set(PLACEHOLDER.findall(forms(CATALOGUES[Language.EN][key])[-1]))
        for form in forms(CATALOGUES[language][key]):
            assert set(PLACEHOLDER.findall(form)) == english, key


@pytest.mark.parametrize(("language", "encoding"), [(Language.HANT, "big5"), (Language.HANS, "gb2312")])
def test_chinese_is_written_in_its_own_script(language: Language, encoding: str) -> None:
    """Characters of the other script do not exist in these national encodings."""
    for key, message in CATALOGUES[language].items():
        for letter in "".join(forms(message)):
            if HAN.match(letter):
                letter.encode(encoding)
        assert key


@pytest.mark.parametrize("language", [Language.HANT, Language.HANS])
def test_chinese_has_no_typed_spaces_beside_it_and_no_half_width_punctuation(language: Language) -> None:
    for key, message in CATALOGUES[language].items():
        for form in forms(message):
            assert not re.search(r"[\u3400-\u9fff，。：；] +\S|\S +[\u3400-\u9fff]", form), (key, form)
            assert not re.search(r"[\u3400-\u9fff][,.:;?!()]", form), (key, form)
            quotes = "“”" if language is Language.HANT else "「」"
            assert not set(quotes) & set(form), (key, form)


@pytest.mark.parametrize("language", [Language.HANT, Language.HANS])
def test_chinese_is_translated_and_not_left_in_english(language: Language) -> None:
    same = {key for key in KEYS if forms(CATALOGUES[language][key]) == forms(CATALOGUES[Language.EN][key])}
    assert same == set()


def test_the_two_chinese_catalogues_are_not_one_converted_into_the_other() -> None:
    hant, hans = (CATALOGUES[one]["nav.data"].string for one in (Language.HANT, Language.HANS))
    assert (hant, hans) == ("您的資料", "您的数据")


FORBIDDEN = re.compile(
    r"!|！|\bsorry\b|\bsimply\b|\boops\b|\bplease note\b|抱歉|對不起|对不起|\banonymous\b|匿名|unlearn", re.IGNORECASE
)


@pytest.mark.parametrize("language", list(Language))
def test_the_tone_is_calm_and_the_claims_are_honest(language: Language) -> None:
    for key, message in CATALOGUES[language].items():
        assert not FORBIDDEN.search(" ".join(forms(message))), key


def test_an_unknown_key_is_an_error_and_not_an_empty_space() -> None:
    with pytest.raises(UntranslatedError):
        words(Language.EN)("no.such.key")


def test_values_are_escaped_and_messages_keep_their_plural() -> None:
    t = words(Language.EN)
    assert "<b>" not in t("history.other", kind="<b>")
    assert "1 day left" in t.count("right.clock", 1, asked="x", due="y", days=1)
    assert "2 days left" in t.count("right.clock", 2, asked="x", due="y", days=2)
