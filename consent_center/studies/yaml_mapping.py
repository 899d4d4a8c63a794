"""A YAML file that somebody wrote, as one mapping of text keys; whatever else it is, is told in a line."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from consent_center.studies.errors import StudyFileError

MOST_CHARACTERS = 64_000
MOST_OPEN_BRACKETS = 64
"""More lists and maps inside each other than anybody means; reading them takes time that others wait for."""


def read_mapping(text: str, *, what: str) -> dict[str, Any]:
    """The `key: value` lines of a file.

    Args:
        text: as it was written.
        what: what it should be, for the messages: "a study file".

    Raises:
        StudyFileError: too long, nested without end, not YAML, a key named twice, or not such lines.
    """
    if len(text) > MOST_CHARACTERS:
        raise StudyFileError((f"{what} has at most {MOST_CHARACTERS} characters",))
    if _open_brackets(text) > MOST_OPEN_BRACKETS:
        raise StudyFileError((f"{what} opens brackets that nothing closes: close them, or leave them out",))
    try:
        data = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader that also refuses a key named twice
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark is not None else ""
        told, advice = "not YAML", "check indents and colons"
        if isinstance(error, _ToldError):
            told, advice = str(error.problem), str(error.note)
        raise StudyFileError((f"{told}{where}: {advice}",)) from error
    except (ValueError, TypeError, RecursionError) as error:
        raise StudyFileError(("a value that cannot be, such as a 30 February: check dates and numbers",)) from error
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise StudyFileError((f"{what} is a list of `key: value` lines",))
    return data


def _open_brackets(text: str) -> int:
    """The most brackets that are open at once, wherever they stand."""
    most = now = 0
    for one in text:
        if one in "[{":
            now += 1
            most = max(most, now)
        elif one in "]}":
            now -= 1
    return most


def key_problems(data: Mapping[str, Any], *, required: set[str], known: set[str], where: str = "") -> list[str]:
    """What is wrong with the keys: those that nobody knows, with the one that was probably meant, and those missing."""
    found = [f"unknown key {where}{name[:60]}{did_you_mean(name, known)}" for name in sorted(set(data) - known)]
    return found + [f"{where}{name} is missing" for name in sorted(required - set(data))]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint at the nearest known word, or nothing."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f", did you mean {near[0]}?" if near else ""


class _ToldError(yaml.MarkedYAMLError):
    """What YAML would take, or fail at without saying where; its note is what to do."""


class _Loader(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        seen: set[object] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    twice = f"{str(key.value)[:60]} is named twice"
                    raise _ToldError(problem=twice, problem_mark=key.start_mark, note="remove one")
                seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002
        try:
            return super().construct_object(node, deep)
        except ValueError as error:
            wrong = "a value that cannot be, such as a 30 February,"
            note = "check dates and numbers"
            raise _ToldError(problem=wrong, problem_mark=node.start_mark, note=note) from error
