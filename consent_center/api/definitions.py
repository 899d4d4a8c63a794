"""Scopes, purposes, recipients, contracts and assessments: read, and defined as data."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import fields
from http import HTTPStatus
from typing import Annotated, Any, Generic, TypeVar

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import Field, TypeAdapter, ValidationError

from consent_center.api.values import Closed, Code, Country, Digest, Moment
from consent_center.api.world import NowDep, WorldDep, needs
from consent_center.consent.catalogue import Catalogue, Definition
from consent_center.consent.purpose import MAX_LIFETIME_DAYS, Purpose
from consent_center.consent.recipient import Assessment, Contract, Recipient, RecipientKind, Role
from consent_center.consent.scope import Provenance, Scope, ScopeClass
from consent_center.errors import MalformedError
from consent_center.storage.machine_tokens import MachineToken
from consent_center.workflows.define import define
from consent_center.workflows.machine_tokens import TokenScope, require
from consent_center.workflows.show_definitions import show_catalogue

router = APIRouter(tags=["definitions"])
ReaderDep = Annotated[MachineToken, Depends(needs(TokenScope.DEFINITIONS_READ))]
WriterDep = Annotated[MachineToken, Depends(needs(TokenScope.DEFINITIONS_WRITE))]
Words = Annotated[str, Field(max_length=400, pattern=r"^[^\x00-\x1f]*$")]
Texts = Annotated[tuple[tuple[str, Words], ...], Field(max_length=8)]
Codes = Annotated[list[Code], Field(min_length=1, max_length=200)]


class ScopeValue(Closed):
    """A named set of data fields."""

    code: Code
    fields: Annotated[list[Words], Field(min_length=1, max_length=500)]
    scope_class: ScopeClass
    provenance: Provenance
    kinds: Annotated[tuple[Code, ...], Field(max_length=20)] = ()
    text: Texts = ()
    categories: Annotated[tuple[tuple[Words, Texts], ...], Field(max_length=2000)] = ()


class PurposeValue(Closed):
    """Why data is used."""

    code: Code
    scopes: Codes
    trains_models: bool = False
    personalised: bool = False
    automated: bool = False
    needs_assessment: bool = False
    lifetime_days: Annotated[int, Field(ge=1, le=MAX_LIFETIME_DAYS)] = 365
    dpv: Annotated[str, Field(max_length=200, pattern=r"^https://w3id\.org/dpv[\x21-\x7e]*$")] = (
        "https://w3id.org/dpv#ServicePersonalisation"
    )
    text: Texts = ()
    between: Annotated[tuple[Code, ...], Field(max_length=2)] = ()


class RecipientValue(Closed):
    """A department or partner brand."""

    code: Code
    name: Annotated[Words, Field(min_length=1)]
    kind: RecipientKind
    country: Country
    contact: Words = ""


class ContractValue(Closed):
    """What a partner may do, until when."""

    code: Code
    recipient: Code
    role: Role
    purposes: Codes
    countries: Annotated[list[Country], Field(min_length=1, max_length=200)]
    begins: Moment
    ends: Moment
    transfer: Words = ""
    sub_processing: bool = False


class AssessmentValue(Closed):
    """An impact assessment of a purpose."""

    code: Code
    purpose: Code
    recipients: Codes
    begins: Moment
    ends: Moment
    digest: Digest


T = TypeVar("T", bound=Closed)


class PageOut(Closed, Generic[T]):
    """One page of a list; `next` is the cursor of the following one, null at the end."""

    items: list[T]
    next: str | None


class DefinedOut(Closed):
    """What was defined."""

    code: Code


Limit = Annotated[int, Query(ge=1, le=1000)]
Cursor = Annotated[str, Query(max_length=200, pattern=r"^[\x21-\x7e]*$", description="`next` of the page before.")]
Match = Annotated[str | None, Header(alias="If-None-Match", max_length=400)]


def page_of(rows: Mapping[str, object], value: type[T], *, after: str, limit: int) -> PageOut[T]:
    """One page of definitions, by code."""
    adapter = TypeAdapter(value)
    codes = sorted(code for code in rows if code > after)
    listed = [adapter.validate_python(_plain(rows[code])) for code in codes[:limit]]
    return PageOut[value](items=listed, next=codes[limit - 1] if len(codes) > limit else None)  # type: ignore[valid-type] # a model made at run time


def tagged(page: Closed, match: str | None) -> Response:
    """A page with its ETag, or 304 if the caller has it."""
    body = page.model_dump_json()
    tag = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
    if match is not None and tag in {one.strip().removeprefix("W/") for one in match.split(",")}:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": tag})
    return Response(body, media_type="application/json", headers={"ETag": tag})


def domain_of(value: Closed, kind: type[Definition]) -> Definition:
    """A payload as the domain knows it."""
    try:
        made: Definition = TypeAdapter(kind).validate_python(value.model_dump(mode="python"))
    except ValidationError as error:
        raise MalformedError("the definition cannot be read: compare it with the description") from error
    return made


def _plain(definition: Any) -> dict[str, object]:
    plain: dict[str, object] = {one.name: getattr(definition, one.name) for one in fields(definition)}
    return {name: list(held) if isinstance(held, tuple) else held for name, held in plain.items()}


def _add(
    path: str, value: type[Closed], kind: type[Definition], rows: Callable[[Catalogue], Mapping[str, object]]
) -> None:
    """The two routes of one kind of definition."""

    def read(
        world: WorldDep,
        token: ReaderDep,  # noqa: ARG001 - asked for its scope
        after: Cursor = "",
        limit: Limit = 100,
        match: Match = None,
    ) -> Response:
        return tagged(page_of(rows(world.store.read(show_catalogue)), value, after=after, limit=limit), match)

    def write(body: Any, world: WorldDep, token: WriterDep, now: NowDep) -> DefinedOut:
        require(token, TokenScope.DEFINITIONS_WRITE, site="")
        world.store.run(define, [domain_of(body, kind)], at=now)
        return DefinedOut(code=body.code)

    write.__annotations__["body"] = value
    name = kind.__name__.lower()
    router.add_api_route(
        path,
        read,
        methods=["GET"],
        operation_id=f"read_{name}s",
        summary=f"Every {name}, by code",
        response_model=PageOut[value],  # type: ignore[valid-type] # a model made at run time
        responses={304: {"description": "Unchanged since the ETag that was sent."}},
    )
    router.add_api_route(
        path,
        write,
        methods=["POST"],
        operation_id=f"define_{name}",
        summary=f"Define a {name}; a code that exists gets a new version",
        status_code=HTTPStatus.CREATED,
        response_model=DefinedOut,
    )


_add("/scopes", ScopeValue, Scope, lambda known: known.scopes)
_add("/purposes", PurposeValue, Purpose, lambda known: known.purposes)
_add("/recipients", RecipientValue, Recipient, lambda known: known.recipients)
_add("/contracts", ContractValue, Contract, lambda known: known.contracts)
_add("/assessments", AssessmentValue, Assessment, lambda known: known.assessments)
