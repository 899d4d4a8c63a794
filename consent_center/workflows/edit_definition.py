"""Somebody of the staff edits a scope, purpose, recipient or notice as YAML, with what the lint finds beside it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import yaml
from pydantic import TypeAdapter, ValidationError

from consent_center.consent.lint import Finding, lint
from consent_center.consent.notice import Notice
from consent_center.consent.purpose import Purpose
from consent_center.consent.recipient import Recipient
from consent_center.consent.scope import Scope
from consent_center.errors import DefinitionError, UnknownDefinitionError
from consent_center.storage import definitions
from consent_center.storage.transaction import Transaction
from consent_center.studies.errors import StudyFileError
from consent_center.studies.yaml_mapping import read_mapping

EditKind = Literal["scope", "purpose", "recipient", "notice"]
_ADAPTERS: dict[str, TypeAdapter[Any]] = {
    "scope": TypeAdapter(Scope),
    "purpose": TypeAdapter(Purpose),
    "recipient": TypeAdapter(Recipient),
    "notice": TypeAdapter(Notice),
}


@dataclass(frozen=True)
class Draft:
    """A definition as it was written, and what the lint finds in it (notices only)."""

    definition: Scope | Purpose | Recipient | Notice
    findings: tuple[Finding, ...]


def written_definition(tx: Transaction, kind: EditKind, code: str) -> str:
    """The newest version of a definition as YAML; of a notice the next version, ready to be changed.

    Raises:
        UnknownDefinitionError: nobody defined it.
    """
    known = definitions.catalogue(tx)
    found: object
    if kind == "notice":
        latest = [version for name, version in known.notices if name == code]
        found = known.notices[code, max(latest)] if latest else None
    else:
        found = {"scope": known.scopes, "purpose": known.purposes, "recipient": known.recipients}[kind].get(code)
    if found is None:
        raise UnknownDefinitionError(code)
    data = _ADAPTERS[kind].dump_python(found, mode="json")
    if kind == "notice":
        data = {**data, "version": data["version"] + 1, "material": False}
        data.pop("published_at", None)
        data["texts"] = dict(data["texts"])
    elif "text" in data:
        data["text"] = dict(data["text"])
        if kind == "scope":
            data["categories"] = {code: dict(names) for code, names in data["categories"]}
    return yaml.safe_dump(data, allow_unicode=True, sort_keys=False, width=100)


def read_definition(tx: Transaction, kind: EditKind, text: str, *, at: datetime) -> Draft:
    """Read what was written and check it against what is defined; nothing is stored.

    Raises:
        DefinitionError: not YAML, or a field that is missing, unknown or of the wrong form; says which.
    """
    try:
        data = read_mapping(text, what="a definition")
    except StudyFileError as error:
        raise DefinitionError("; ".join(error.problems)) from error
    if isinstance(data.get("texts"), dict):
        data["texts"] = list(data["texts"].items())
    if isinstance(data.get("text"), dict):
        data["text"] = list(data["text"].items())
    if isinstance(data.get("categories"), dict):
        data["categories"] = [
            (code, list(names.items()) if isinstance(names, dict) else names)
            for code, names in data["categories"].items()
        ]
    if kind == "notice":
        data["published_at"] = at
        if isinstance(data.get("items"), list):
            data["items"] = [_item(one) for one in data["items"]]
    try:
        made = _ADAPTERS[kind].validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DefinitionError(f"{where or 'the definition'}: {first['msg'].lower()}") from error
    known = definitions.catalogue(tx)
    known.check(made)
    return Draft(made, lint(made, known) if isinstance(made, Notice) else ())


def _item(one: object) -> object:
    return tuple(one.split("/")) if isinstance(one, str) else tuple(one) if isinstance(one, list) else one
