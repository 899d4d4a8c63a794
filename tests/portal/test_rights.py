"""Law: a right that is used starts a clock and never gets lost; what the hub holds is handed out at once; a refusal and
an extension have reasons; nobody sees another member's request; whatever the staff does is a line of her history."""

from datetime import timedelta

import pytest

from consent_center.cli.main import run
from consent_center.rights.request import NoSuchRequestError, ReasonMissingError, RequestClosedError, Right
from consent_center.storage.transaction import Store
from consent_center.studies.errors import StaffError
from consent_center.studies.person import Person
from consent_center.studies.roles import Role
from consent_center.workflows.answer_right import (
    answer_right,
    extend_right,
    finish_site_task,
    open_requests,
    read_request,
    refuse_right,
)
from consent_center.workflows.file_right import file_right, requests_of
from consent_center.workflows.staff_accounts import keep_person, show_staff
from tests.portal.test_answers import PURCHASES
from tests.portal.visitor import House, Visitor


def filed(visitor: Visitor, right: str = "erase", detail: str = "please") -> str:
    page = visitor.submit("/rights", "/rights", right=right, detail=detail)
    assert page.url.path.startswith("/rights/"), page.text
    return page.url.path.rpartition("/")[2]


def staffed(house: House) -> Store:
    """The store, with chen of compliance and lee who answers studies."""
    store, at = house.world.wiring.store, house.clock()
    if store.read(show_staff, at=at)[0]:
        return store
    store.run(keep_person, Person("ada", "Ada", "programme", frozenset({Role.ADMINISTRATOR})), at=at)
    for one in (
        Person("chen", "Chen Wei-ting", "programme", frozenset({Role.COMPLIANCE})),
        Person("lee", "Lee", "programme", frozenset({Role.LEGAL})),
        Person("gone", "Gone", "programme", frozenset({Role.COMPLIANCE}), ends_at=at - timedelta(seconds=1)),
    ):
        store.run(keep_person, one, by="ada", at=at)
    return store


@pytest.mark.parametrize("right", list(Right))
def test_every_right_can_be_used_and_has_a_clock(house: House, right: Right) -> None:
    member = house.member()
    name = filed(member, right.value)
    page = member.get(f"/rights/{name}").text
    assert "days left" in page
    assert "please" in page
    assert "days left" in member.get("/").text


def test_the_same_form_posted_twice_files_one_request(member: Visitor) -> None:
    page = member.get("/rights")
    for _ in range(2):
        member.submit(page, "/rights", right="erase")
    assert len(member.house.world.wiring.store.read(requests_of, member=member.member)) == 1


@pytest.mark.parametrize("right", ["correct", "object", "explain"])
def test_a_right_that_needs_words_asks_for_them_and_keeps_the_choice(member: Visitor, right: str) -> None:
    page = member.submit("/rights", "/rights", right=right, detail="   ")
    assert page.status_code == 422
    assert f'value="{right}" checked' in page.text
    assert "Write a reason" in page.text


def test_what_is_too_long_is_not_cut_but_asked_for_again(member: Visitor) -> None:
    page = member.submit("/rights", "/rights", right="erase", detail="字" * 2001)
    assert page.status_code == 422
    assert "You have 2001" in page.text
    assert "字" * 2001 in page.text


def test_the_copy_holds_what_she_said_and_no_secret(member: Visitor) -> None:
    member.answer(PURCHASES, "allow")
    filed(member, "access")
    copy = member.get("/rights/copy.json").json()
    assert copy["statements"][0]["items"] == ["purchases/preference/marketing/TW"]
    assert copy["requests"][0]["right"] == "access"
    assert [site["site"] for site in copy["sites"]] == ["marketing"]
    assert "cohort_key" not in str(copy)
    assert member.client.cookies[member.house.world.wiring.house.cookies.name("session")] not in str(copy)
    assert "You allowed the marketing department" in member.get("/rights/copy").text


def test_sites_get_a_task_and_what_they_did_is_a_line_of_her_history(house: House) -> None:
    member, store = house.member(), staffed(house)
    name = filed(member, "copy")
    assert "Due by" in member.get(f"/rights/{name}").text
    done = {"name": name, "site": "marketing", "staff": "chen", "at": house.clock()}
    assert "did its share" not in member.get("/history").text
    assert store.run(finish_site_task, **done)
    assert "Done on" in member.get(f"/rights/{name}").text
    assert member.get("/history").text.count("marketing department did its share of your request") == 1
    assert not store.run(finish_site_task, **done)
    assert member.get("/history").text.count("did its share of your request") == 1
    with pytest.raises(NoSuchRequestError):
        store.run(finish_site_task, **{**done, "site": "grocer"})


@pytest.mark.parametrize("staff", ["lee", "ada", "gone"])
def test_only_compliance_reads_and_answers_requests(house: House, staff: str) -> None:
    member, store = house.member(), staffed(house)
    name, at, zone = filed(member, "copy"), house.clock(), house.world.wiring.house.zone
    before = member.get("/history").text
    for workflow, more in (
        (read_request, {}),
        (answer_right, {"text": "It is done."}),
        (refuse_right, {"reason": "no"}),
        (extend_right, {"reason": "slow", "zone": zone}),
        (finish_site_task, {"site": "marketing"}),
    ):
        with pytest.raises(StaffError):
            store.run(workflow, name=name, staff=staff, at=at, **more)
    assert member.get("/history").text == before


def test_compliance_types_what_it_does_and_she_sees_each_step(house: House, capsys, monkeypatch) -> None:
    member, folder = house.member(), house.world.wiring.outbox.parent
    staffed(house)
    name = filed(member, "access", "what do you hold about my café visits?")
    settings = {"ENV": "test", "DATABASE": f"sqlite:///{folder}/accord.db", "ROOT_KEY": str(folder / "root.key")}
    for key, value in settings.items():
        monkeypatch.setenv(f"ACCORD_{key}", value)

    def types(*words: str) -> tuple[int, str]:
        code = run(["admin", "right", *words])
        said = capsys.readouterr()
        return code, said.out + said.err

    code, said = types("list")
    assert code == 0
    [line] = [line for line in said.splitlines() if line.startswith(name)]
    assert "access" in line
    assert "marketing WAITS" in line
    assert "café" not in said
    assert member.member not in said
    code, said = types("show", name, "--by", "lee")
    assert (code, "compliance" in said, "café" in said) == (2, True, False)
    code, said = types("show", name, "--by", "chen")
    assert (code, "what do you hold about my café visits?" in said, member.member in said) == (0, True, True)
    assert "Chen Wei-ting" in member.get("/history").text
    assert types("site-done", name, "marketing", "--by", "chen") == (0, "marketing has done its share.\n")
    assert "nothing is changed" in types("site-done", name, "marketing", "--by", "chen")[1]
    assert types("site-done", name, "grocer", "--by", "chen")[0] == 2
    assert "marketing done" in types("list")[1]
    assert types("extend", name, "--reason", "two sites are slow", "--by", "chen")[0] == 0
    assert types("answer", name, "--text", "It is in your copy.", "--by", "chen") == (0, "It is answered.\n")
    assert "It is in your copy." in member.get(f"/rights/{name}").text
    code, said = types("refuse", name, "--reason", "late", "--by", "chen")
    assert (code, "cannot change" in said, "Traceback" in said) == (2, True, False)
    assert name not in types("list")[1]


def test_an_answer_is_shown_and_closes_the_request(any_house: House) -> None:
    member, store = any_house.member(), staffed(any_house)
    name = filed(member)
    assert name in [one.id for one, _ in store.read(open_requests)]
    store.run(answer_right, name=name, text="It is erased.", staff="chen", at=any_house.clock())
    assert "It is erased." in member.get(f"/rights/{name}").text
    assert name not in [one.id for one, _ in store.read(open_requests)]
    with pytest.raises(RequestClosedError):
        store.run(refuse_right, name=name, reason="late", staff="chen", at=any_house.clock())


def test_a_refusal_and_an_extension_need_reasons_that_she_reads(house: House) -> None:
    member, store = house.member(), staffed(house)
    name, zone = filed(member), house.world.wiring.house.zone
    with pytest.raises(ReasonMissingError):
        store.run(refuse_right, name=name, reason=" ", staff="chen", at=house.clock())
    store.run(extend_right, name=name, reason="two sites are slow", zone=zone, staff="chen", at=house.clock())
    assert "two sites are slow" in member.get(f"/rights/{name}").text
    with pytest.raises(RequestClosedError):
        store.run(extend_right, name=name, reason="again", zone=zone, staff="chen", at=house.clock())
    store.run(refuse_right, name=name, reason="the law keeps invoices", staff="chen", at=house.clock())
    assert "the law keeps invoices" in member.get(f"/rights/{name}").text


def test_a_request_can_be_taken_back_once(member: Visitor) -> None:
    name = filed(member)
    page = member.get(f"/rights/{name}")
    assert "Taken back" in member.submit(page, f"/rights/{name}/take-back").text
    assert member.submit(page, f"/rights/{name}/take-back").status_code == 409


def test_another_members_request_does_not_exist(house: House) -> None:
    name = filed(house.member())
    other = house.member()
    assert other.get(f"/rights/{name}").status_code == 404


def test_a_late_answer_is_said_to_be_late(house: House) -> None:
    member = house.member()
    name = filed(member)
    house.clock.ahead += timedelta(days=32)
    again = house.visitor().sign_in(member.member)
    assert "we are late" in again.get(f"/rights/{name}").text


def test_the_twenty_first_open_request_is_refused_in_words(house: House) -> None:
    member = house.member()
    for number in range(20):
        house.world.wiring.store.run(
            file_right,
            member=member.member,
            right=Right.ERASE,
            about="",
            detail="",
            once=str(number),
            zone=house.world.wiring.house.zone,
            at=house.clock(),
        )
    page = member.submit("/rights", "/rights", right="erase")
    assert page.status_code == 409
    assert "20 requests are open" in page.text


def test_what_she_wrote_is_unreadable_once_her_key_is_gone(house: House) -> None:
    from consent_center.errors import UnknownMemberError
    from consent_center.storage import member_keys, members

    member, store = house.member(), house.world.wiring.store
    filed(member, detail="a very private sentence")

    def forget(tx, *, at):
        del at
        member_keys.destroy(tx, members.get(tx, member.member).no)

    store.run(forget, at=house.clock())
    with pytest.raises(UnknownMemberError):
        store.read(requests_of, member=member.member)
    database = house.world.wiring.outbox.parent / "accord.db"
    assert b"a very private sentence" not in database.read_bytes()
    assert b"a very private sentence" not in database.with_suffix(".db-wal").read_bytes()
