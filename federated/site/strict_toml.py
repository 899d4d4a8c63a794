"""Tables of `site.toml`, read strictly: a key that is missing, unknown or of another type is told by name."""

from typing import Any

from federated.errors import MalformedError


def table_of(where: str, data: Any, **kinds: type) -> dict[str, Any]:
    """A table with exactly these keys, each of its type; a whole number may stand for a float.

    Raises:
        MalformedError: which key is missing, unknown or of the wrong form.
    """
    if not isinstance(data, dict):
        raise MalformedError(f"{where} is a table")
    unknown, missing = sorted({*data} - {*kinds}), sorted({*kinds} - {*data})
    if unknown or missing:
        raise MalformedError(f"{where} has unknown keys {unknown} and lacks {missing}; correct site.toml")
    table = {name: _number(value) if kinds[name] is float else value for name, value in data.items()}
    wrong = [name for name, kind in kinds.items() if type(table[name]) is not kind]
    if wrong:
        raise MalformedError(f"{where}.{wrong[0]} must be a {kinds[wrong[0]].__name__}")
    return table


def _number(value: Any) -> Any:
    return float(value) if type(value) is int else value


def texts_of(where: str, values: list[Any]) -> tuple[str, ...]:
    """A list of texts, none of them empty.

    Raises:
        MalformedError: it is none.
    """
    if not all(isinstance(value, str) and value for value in values):
        raise MalformedError(f"{where} is a list of texts")
    return tuple(values)
