"""Law: every line of a history has a proof that verifies here, with public formats and the log's key; "proof
checked" is shown only for a proof that was verified just now; nobody sees another member's line."""

import io
import json
import re
import zipfile
from base64 import b64decode
from datetime import timedelta

import pytest

from audit.log.entry import verify_commitment
from audit.log.tlog_policy import policy_for
from audit.log.tlog_proof import TlogProof
from consent_center.consent.grant import HUB, Act
from consent_center.consent.scope import Item
from consent_center.consent.speech import Utterance
from consent_center.web.catalogue import words
from consent_center.web.languages import Language
from consent_center.workflows.make_statements import make_statements
from consent_center.workflows.open_review import FIELDS
from tests.portal.test_answers import PURCHASES
from tests.portal.visitor import House, Visitor


def published(visitor: Visitor) -> str:
    """The history, once the last line is published."""
    visitor.house.world.publisher.publish()
    return visitor.get("/history").text


def indices(text: str) -> list[int]:
    return [int(found) for found in re.findall(r'id="entry-(\d+)"', text)]


def test_each_line_has_a_proof_that_verifies_offline(house: House) -> None:
    member = house.member()
    member.answer(PURCHASES, "allow")
    text = published(member)
    log = house.world.wiring.log
    assert log is not None
    assert text.count("Proof checked") == len(indices(text)) == 3
    for index in indices(text):
        data = member.get(f"/history/{index}.json").json()
        proof = TlogProof.parse(member.get(f"/history/{index}.tlog-proof").content)
        leaf = b64decode(data["leaf"])
        assert proof.verify(leaf, policy_for(log.key, origin=log.origin), origin=log.origin).checkpoint.size > index
        committed = bytes.fromhex(json.loads(leaf)["commitment"])
        verify_commitment(committed, b64decode(data["salt"]), b64decode(data["payload"]))


def test_the_leaf_itself_says_nothing_about_her(house: House) -> None:
    member = house.member()
    member.answer(PURCHASES, "allow")
    index = indices(published(member))[0]
    data = member.get(f"/history/{index}.json").json()
    leaf = b64decode(data["leaf"]).decode()
    assert "purchases" not in leaf
    assert member.member not in leaf
    assert "purchases" in b64decode(data["payload"]).decode()


def test_a_line_that_is_not_published_yet_is_said_to_be_pending(house: House) -> None:
    """Nothing publishes in the background here: a test says when."""
    text = house.member().get("/history").text
    assert "Proof follows within a second" in text
    assert "Proof checked" not in text


def test_a_log_signed_by_another_key_is_never_called_checked(house: House) -> None:
    from dataclasses import replace

    from audit.log.note import SignerKey
    from consent_center.app import create_app
    from tests.portal.visitor import Visitor as Browser

    member = house.member()
    house.world.publisher.publish()  # after her first lines: what is not published yet is pending, not forged
    wiring = house.world.wiring
    assert wiring.log is not None
    forged = replace(wiring, log=replace(wiring.log, key=SignerKey.generate(wiring.log.origin).verifier))
    before = house.app
    house.app = create_app(house.world.settings, wiring=forged)
    try:
        text = Browser(house).sign_in(member.member).get("/history").text
    finally:
        house.app = before
    assert "The proof does not match" in text
    assert "Proof checked" not in text


def test_another_members_line_has_no_proof_for_her(house: House) -> None:
    mine, other = house.member(), house.member()
    index = indices(published(mine))[0]
    assert mine.get(f"/history/{index}.tlog-proof").status_code == 200
    for ending in ("tlog-proof", "json"):
        assert other.get(f"/history/{index}.{ending}").status_code == 404
    assert other.get(f"/history?entry={index}").status_code == 404


def test_everything_can_be_taken_along_with_its_proofs(house: House) -> None:
    member = house.member()
    member.answer(PURCHASES, "refuse")
    published(member)
    files = zipfile.ZipFile(io.BytesIO(member.get("/history/proofs.zip").content))
    names = files.namelist()
    assert json.loads(files.read("about.json"))["entries"] == 3
    assert sum(name.endswith(".tlog-proof") for name in names) == 3


def test_filters_show_their_kind_only(house: House) -> None:
    member = house.member()
    member.answer(PURCHASES, "refuse")
    member.submit("/rights", "/rights", right="erase")
    assert "You did not allow" in member.get("/history?what=answers").text
    rights = member.get("/history?what=rights").text
    assert "You used a right: Erase my data" in rights
    assert "You did not allow" not in rights


def test_a_read_by_staff_is_shown_with_who_what_and_why(house: House) -> None:
    from consent_center.events import Event
    from consent_center.storage import members

    member = house.member()
    read = {"staff": "Chen Wei-ting", "fields": ["choices", "times", "no-such-code"], "reason": "call about points"}

    def look(tx, *, at):
        tx.append(Event.of("member.read", private=read, member=members.get(tx, member.member).no), at=at)

    assert "Nobody has opened your data" in member.get("/seen").text
    house.world.wiring.store.run(look, at=house.clock())
    text = member.get("/seen").text
    assert all(word in text for word in ("Chen Wei-ting", "your choices, when you chose", "call about points"))
    assert "no-such-code" not in text


@pytest.mark.parametrize("language", list(Language))
def test_what_the_programme_ended_is_told_with_its_reason_and_what_she_can_do(house: House, language: Language) -> None:
    why = "Marketing's contract <ended>; ask us."
    member = house.member()
    member.answer(PURCHASES, "allow")
    item = Item("purchases", "preference", "marketing", "TW")
    ended = Utterance(member.member, Act.REVOKED, (item,), "preference", 2, "en", "0" * 64, actor=HUB, reason=why)
    house.clock.ahead += timedelta(seconds=2)
    house.world.wiring.store.run(make_statements, [ended], at=house.clock())
    t = words(language)
    for path in ("/history", PURCHASES, "/uses/preference"):
        page = member.get(f"{path}?lang={language.value}").text
        assert t("choice.ended", reason=why) in page, path
        assert ('href="/rights"' in page.split("<main")[1].split("</main")[0]) == (path != "/history")


def test_on_postgresql_the_history_is_the_same(any_house: House) -> None:
    member = any_house.member()
    member.answer(PURCHASES, "allow")
    text = member.get("/history").text
    assert "You allowed the marketing department to use your purchases." in text
    assert "You joined the programme" in text


@pytest.mark.parametrize("field", [*FIELDS, "choices", "identifier", "times", "export", "request"])
def test_every_part_that_staff_can_look_at_has_a_name_that_she_reads(field: str) -> None:
    assert all(words(language).has(f"seen.field.{field}") for language in Language)
