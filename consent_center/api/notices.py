"""Notices: read, checked by the lint, published."""

from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path
from pydantic import Field
from starlette.responses import Response

from consent_center.api.definitions import Cursor, Limit, Match, PageOut, tagged
from consent_center.api.values import Closed, Code, ItemValue, Moment
from consent_center.api.world import NowDep, WorldDep, needs
from consent_center.consent.catalogue import Catalogue
from consent_center.consent.lint import lint
from consent_center.consent.notice import Notice, NoticeText
from consent_center.storage.machine_tokens import MachineToken
from consent_center.workflows.machine_tokens import TokenScope, require
from consent_center.workflows.publish_notice import publish_notice
from consent_center.workflows.show_definitions import show_catalogue

router = APIRouter(prefix="/notices", tags=["notices"])
ReaderDep = Annotated[MachineToken, Depends(needs(TokenScope.DEFINITIONS_READ))]
WriterDep = Annotated[MachineToken, Depends(needs(TokenScope.DEFINITIONS_WRITE))]
Line = Annotated[str, Field(max_length=400, pattern=r"^[^\x00-\x1f]*$")]
Text = Annotated[str, Field(max_length=20_000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f]*$")]
Languages = Literal["en", "zh-Hant", "zh-Hans"]
Version = Annotated[int, Field(ge=1, le=1_000_000)]


class NoticeTextValue(Closed):
    """What members read, in one language."""

    title: Line
    body: Text
    who: Text
    contact: Text
    purpose: Text
    method: Text
    data_types: Text
    retention: Text
    rights: Text
    consequences: Text
    necessity: Text = ""
    impact: Text = ""
    accept: Line = "Allow"
    refuse: Line = "Do not allow"
    example: Text = ""


class NoticeValue(Closed):
    """One version of a notice."""

    code: Code
    version: Version
    items: Annotated[list[ItemValue], Field(min_length=1, max_length=500)]
    texts: dict[Languages, NoticeTextValue]
    material: bool = True
    published_at: Moment | None = None
    ends: Moment | None = None

    def notice(self, *, at: Moment) -> Notice:
        """As the domain knows it."""
        return Notice(
            self.code,
            self.version,
            tuple(one.item() for one in self.items),
            tuple((language, NoticeText(**text.model_dump())) for language, text in sorted(self.texts.items())),
            self.published_at or at,
            material=self.material,
            ends=self.ends,
        )

    @classmethod
    def of(cls, notice: Notice) -> "NoticeValue":
        """From the domain."""
        return cls.model_validate(
            {
                "code": notice.code,
                "version": notice.version,
                "items": [ItemValue.of(item) for item in notice.items],
                "texts": {
                    language: {name: getattr(text, name) for name in NoticeTextValue.model_fields}
                    for language, text in notice.texts
                },
                "material": notice.material,
                "published_at": notice.published_at,
                "ends": notice.ends,
            }
        )


class FindingOut(Closed):
    """One thing that is wrong with a notice."""

    rule: str
    where: str
    blocks: bool
    quoted: str


class LintOut(Closed):
    """What the lint finds; with a blocking finding the notice is held back for review."""

    findings: list[FindingOut]
    held_back: bool


def _name(notice: Notice) -> str:
    return f"{notice.code}.{notice.version:07d}"


@router.get("", response_model=PageOut[NoticeValue], responses={304: {"description": "Unchanged since the ETag sent."}})
def read_notices(
    world: WorldDep,
    token: ReaderDep,  # noqa: ARG001 - asked for its scope
    after: Cursor = "",
    limit: Limit = 100,
    match: Match = None,
) -> Response:
    """Every version of every notice, by code and version."""
    known: Catalogue = world.store.read(show_catalogue)
    rows = {_name(notice): notice for notice in known.notices.values()}
    names = sorted(name for name in rows if name > after)
    listed = [NoticeValue.of(rows[name]) for name in names[:limit]]
    return tagged(PageOut[NoticeValue](items=listed, next=names[limit - 1] if len(names) > limit else None), match)


@router.get("/{code}/versions/{version}")
def read_notice(
    code: Code,
    version: Annotated[int, Path(ge=1, le=1_000_000)],
    world: WorldDep,
    token: ReaderDep,  # noqa: ARG001 - asked for its scope
) -> NoticeValue:
    """One version of a notice, exactly as published."""
    return NoticeValue.of(world.store.read(show_catalogue).notice(code, version))


@router.post("/lint")
def lint_notice(
    body: NoticeValue,
    world: WorldDep,
    token: ReaderDep,  # noqa: ARG001 - asked for its scope
    now: NowDep,
) -> LintOut:
    """What the lint finds in a draft. Writes nothing."""
    found = lint(body.notice(at=now), world.store.read(show_catalogue))
    listed = [FindingOut(rule=one.rule, where=one.where, blocks=one.blocks, quoted=one.quoted) for one in found]
    return LintOut(findings=listed, held_back=any(one.blocks for one in found))


@router.post("", status_code=HTTPStatus.CREATED)
def create_notice(body: NoticeValue, world: WorldDep, token: WriterDep, now: NowDep) -> NoticeValue:
    """Publish one version. A material change sends the items it asks for back to "requested"."""
    require(token, TokenScope.DEFINITIONS_WRITE, site="")
    return NoticeValue.of(world.store.run(publish_notice, body.notice(at=now), at=now))
