"""Receipts: the signed copy of a choice, as a page to print and as files that anybody can check without us."""

import io
import json
import zipfile
from hashlib import sha256

import segno
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from markupsafe import Markup
from starlette.responses import Response

from consent_center.consent.propagation import TAKES_AWAY
from consent_center.consent.receipt import Controller, Receipt, sign_receipt
from consent_center.consent.scope import Item
from consent_center.portal.names import Names
from consent_center.portal.proofs import file, proof_files
from consent_center.portal.reader import MemberPage, Number, OwnPageDep
from consent_center.portal.standing import MARKS
from consent_center.portal.tellings import tellings
from consent_center.web.languages import Language, parse
from consent_center.workflows.show_history import show_history
from consent_center.workflows.show_receipt import show_receipt
from consent_center.workflows.show_statement import show_statement
from consent_center.workflows.show_tasks import show_member_tasks

router = APIRouter()
_STATE = {"given": "allowed", "renewed": "allowed", "resumed": "allowed", "paused": "paused"}


@router.get("/receipts/{entry:int}", response_class=HTMLResponse)
def show_paper(entry: Number, page: OwnPageDep) -> Response:
    """The receipt, readable and printable."""
    said = page.wiring.store.read(show_statement, page.member, entry).statement
    choices = page.choices()
    names = page.names(choices)
    notice = names.catalogue.notice(said.notice, said.notice_version)
    receipt = _receipt(page, entry)
    state = _STATE.get(said.act.value, "refused")
    mark, colour = MARKS[state]  # type: ignore[index]  # every state is in the table
    language = parse(said.language) or Language.EN
    return page.show(
        "portal/receipts/page.html",
        here="history",
        entry=entry,
        said=said,
        items=[_named(item, names) for item in said.items],
        state=page.words(f"state.{state}"),
        mark=mark,
        colour=colour,
        notice=notice,
        text=notice.text(page.language.value),
        language=language,
        countries=[names.country(code) for code in dict.fromkeys(item.country for item in said.items)],
        receipt=receipt,
        digest=_digest(receipt),
        told=tellings(page.wiring.store.read(show_member_tasks, page.member), said, names, page.formats, at=page.at)
        if said.act in TAKES_AWAY
        else [],
        code=Markup(segno.make(f"sha256:{_digest(receipt)}", error="m").svg_inline(omitsize=True)),  # noqa: S704
    )


@router.get("/receipts/{entry:int}.json")
def give_json(entry: Number, page: OwnPageDep) -> Response:
    """The receipt as JSON-LD."""
    return file(_json(_receipt(page, entry)), f"accord-receipt-{entry}.json", "application/ld+json")


@router.get("/receipts/{entry:int}.zip")
def give_zip(entry: Number, page: OwnPageDep) -> Response:
    """The receipt with our signature and its key, the proof that it stands in the log, and how to check both."""
    receipt, key = _receipt(page, entry), page.wiring.receipt_key
    found = page.wiring.store.read(show_history, page.member, before=entry + 1, limit=1)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as files:
        files.writestr("receipt.json", _json(receipt))
        files.writestr("receipt.jws", sign_receipt(receipt, key) + "\n")
        files.writestr("key.txt", _key_text(key) + "\n")
        files.writestr("read-me.txt", page.words("receipt.read_me").unescape() + "\n")
        for name, content in proof_files(page, found.lines[0]).items():
            files.writestr(name, content)
    return file(archive.getvalue(), f"accord-receipt-{entry}.zip", "application/zip")


def _receipt(page: MemberPage, entry: int) -> Receipt:
    house = page.house
    controller = Controller(house.code, house.company[page.language], house.email, house.country)
    return page.wiring.store.read(show_receipt, page.member, entry, controller=controller)


def _named(item: Item, names: Names) -> dict[str, Markup]:
    return {
        "scope": names.scope(item.scope),
        "recipient": names.recipient(item.recipient),
        "purpose": names.purpose(item.purpose, item.recipient),
    }


def _json(receipt: Receipt) -> bytes:
    return json.dumps(receipt.document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _digest(receipt: Receipt) -> str:
    return sha256(_json(receipt)).hexdigest()


def _key_text(key: Ed25519PrivateKey) -> str:
    return f"Ed25519 {key.public_key().public_bytes_raw().hex()}"
