"""Law: what the console refuses is told in the reader's language; a sentence that nobody raises is not kept."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from consent_center.web.catalogue import catalogue_files, words
from consent_center.web.languages import Language

ROOT = Path("consent_center")
WORKFLOWS = (
    *("approve_study", "assess_study", "file_study", "plan_study", "suspend_study", "govern", "staff_accounts"),
    *("staff_sign_in", "register_reviewer", "read_member", "review_notice", "publish_notice", "try_study", "try_drops"),
    *("open_review", "answer_decision", "override_release"),
)
STUDIES = ("contract", "policy", "tool", "roles", "schema", "study_file", "study_plan", "yaml_mapping", "yaml_values")
PAGES = (
    *("audit_override", "audits", "contracts", "decisions", "definitions", "desk", "members", "models", "oversight"),
    *("people", "planning", "reviews", "rules", "signing", "studies"),
)
FILES = (
    *(ROOT / "workflows" / f"{name}.py" for name in WORKFLOWS),
    *(ROOT / "studies" / f"{name}.py" for name in STUDIES),
    *(ROOT / "console" / f"{name}.py" for name in PAGES),
)
COMPUTED = re.compile(r"^«»$|^«»: «»$|^«»«»: «»$|^nobody here is called «»«»$|^«» is missing$")
"""A sentence that is put together from others, or the bare text of another error."""


def raised() -> Iterator[str]:
    """What is said of refusals, a value standing as «»."""
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", "") or getattr(node.func, "attr", "")
                if name.endswith("Error") or name in ("add", "append"):
                    yield from (said for one in node.args[:1] for said in sentences(one))


def sentences(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Tuple):
        for one in node.elts:
            yield from sentences(one)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        said = "".join(one.value if isinstance(one, ast.Constant) else "«»" for one in node.values)
        yield from [said] if " " in said else []
    elif isinstance(node, ast.IfExp):
        yield from (*sentences(node.body), *sentences(node.orelse))


def advised() -> Iterator[str]:
    """What `_studying` says of each code for which it refuses a plan, a value standing as «»."""
    tree = ast.parse((ROOT / "workflows" / "_studying.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
            yield from sentences(node.value.elts[1])
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "setdefault":
            yield from sentences(node.args[1])
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            yield from sentences(node.value)


SAID = sorted({one for one in raised() if not COMPUTED.match(one)})


def test_the_code_refuses_in_many_sentences() -> None:
    assert len(SAID) > 100


@pytest.mark.parametrize("language", [Language.HANT, Language.HANS])
def test_what_refuses_a_plan_is_told_code_by_code(language: Language) -> None:
    some = [f"code:x: {one.replace('«»', 'x')}" for one in advised()]
    assert len(some) == 9
    told = words(language).refusal("; ".join(some))
    assert told is not None
    assert told.count("（code:x）") == 9


@pytest.mark.parametrize("language", [Language.HANT, Language.HANS])
def test_every_refusal_is_told_in_chinese(language: Language) -> None:
    assert [one for one in SAID if words(language).refusal(one.replace("«»", "x")) is None] == []


def test_no_sentence_is_kept_that_nobody_raises() -> None:
    """Forms with "did you mean", and those of `errors.py`, are put together elsewhere."""
    (file,) = (one for one in catalogue_files(Language.EN) if one.name == "refusals.po")
    with file.open("rb") as stream:
        kept = {str(one.string) for one in read_po(stream) if one.id}
    whole = "".join(
        path.read_text(encoding="utf-8") for top in (ROOT, Path("federated")) for path in sorted(top.rglob("*.py"))
    )
    for form in kept:
        longest = max(re.split(r"\{\w+\}|, did you mean | in line ", form), key=len).strip(" ?")
        assert any(one in whole for one in (longest, longest.split(": ")[-1])), form


def test_values_are_escaped_and_an_unknown_sentence_is_left_alone() -> None:
    told = words(Language.HANT).refusal("no tool is called <b>x</b>: check the name")
    assert told == "沒有名為&lt;b&gt;x&lt;/b&gt;的工具：請核對名稱"
    assert words(Language.HANT).refusal("something that nobody says") is None
    assert words(Language.HANS).refusal("closes is missing; unknown key x") == "缺少closes；不认识的键x"
    assert words(Language.HANS).refusal("closes is missing; something that nobody says") is None
    english = "unknown key epsillon, did you mean epsilon?"
    assert words(Language.EN).refusal(english) == english
