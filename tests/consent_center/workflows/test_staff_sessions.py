"""Law: a staff link works once, for ten minutes, for who is here; a session ends when she was away for 15 minutes,
after 8 hours, and at once when her account ends or may less; only another administrator changes accounts."""

from dataclasses import replace
from datetime import timedelta

import pytest

from consent_center.storage import staff
from consent_center.storage.transaction import Store
from consent_center.studies.errors import StaffError
from consent_center.studies.person import Person
from consent_center.studies.roles import Role
from consent_center.workflows import staff_sign_in
from consent_center.workflows.staff_accounts import end_stand_in, keep_person, stand_in
from consent_center.workflows.staff_sign_in import (
    ABSOLUTE,
    IDLE,
    LINK_LIVES,
    StaffLinkError,
    begin_staff_identity,
    hand_out_staff_link,
    know_identity,
    sign_in_by_staff_identity,
    sign_in_by_staff_link,
    staff_in_force,
    touch_staff,
)
from tests.consent_center.world import DAY, NOW

SECOND = timedelta(seconds=1)
LINK, SESSION, HOLDER = b"l" * 32, b"s" * 32, b"h" * 32
ADA = Person("ada", "Ada", "programme", frozenset({Role.ADMINISTRATOR}))
LI = Person("li", "Li", "programme", frozenset({Role.LEGAL, Role.COMPLIANCE}))
OP = Person("op", "Op", "programme", frozenset({Role.OPERATOR}), site="sales")
WU = Person("wu", "Wu", "programme", frozenset({Role.TECHNOLOGY}))


@pytest.fixture
def staffed(small_store: Store) -> Store:
    for one, by in ((ADA, ""), (LI, "ada"), (OP, "ada"), (WU, "ada")):
        small_store.run(keep_person, one, by=by, at=NOW)
    small_store.run(know_identity, issuer="idp", subject="li", person="li", at=NOW)
    return small_store


def signed_in(store: Store, person: str, *, at=NOW) -> None:
    store.run(hand_out_staff_link, link=LINK, person=person, at=at)
    store.run(sign_in_by_staff_link, link=LINK, session=SESSION, at=at)


def in_force(store: Store, at) -> bool:
    return store.read(staff_in_force, fingerprint=SESSION, at=at) is not None


def test_a_link_works_once_for_ten_minutes(staffed, monkeypatch):
    staffed.run(hand_out_staff_link, link=LINK, person="li", at=NOW)
    for at in (NOW - SECOND, NOW + LINK_LIVES):
        with pytest.raises(StaffLinkError):
            staffed.run(sign_in_by_staff_link, link=LINK, session=SESSION, at=at)
    staffed.run(sign_in_by_staff_link, link=LINK, session=SESSION, at=NOW + LINK_LIVES - SECOND)
    with pytest.raises(StaffLinkError, match="does not work"):
        staffed.run(sign_in_by_staff_link, link=LINK, session=b"t" * 32, at=NOW + SECOND)
    monkeypatch.setattr(staff_sign_in.staff, "link", lambda *_: ("li", NOW, False))  # two came at once, both looked
    with pytest.raises(StaffLinkError, match="used already"):
        staffed.run(sign_in_by_staff_link, link=LINK, session=b"t" * 32, at=NOW + SECOND)


def test_who_has_left_signs_in_by_no_way(staffed):
    staffed.run(hand_out_staff_link, link=LINK, person="li", at=NOW)
    staffed.run(begin_staff_identity, holder=HOLDER, payload="begun", at=NOW)
    staffed.run(keep_person, replace(LI, ends_at=NOW + SECOND), by="ada", at=NOW)
    with pytest.raises(StaffLinkError, match="ended"):
        staffed.run(sign_in_by_staff_link, link=LINK, session=SESSION, at=NOW + SECOND)
    with pytest.raises(StaffLinkError, match="ended"):
        staffed.run(hand_out_staff_link, link=b"m" * 32, person="li", at=NOW + SECOND)
    with pytest.raises(StaffLinkError, match="nobody here"):
        staffed.run(sign_in_by_staff_identity, **identified(), at=NOW + SECOND)
    assert not in_force(staffed, NOW + SECOND)


def identified() -> dict[str, object]:
    return {"identify": lambda _: ("idp", "li"), "holder": HOLDER, "session": SESSION}


def test_what_was_begun_at_the_provider_is_brought_back_once_within_ten_minutes(staffed):
    for back, fits in ((LINK_LIVES, False), (LINK_LIVES - SECOND, True)):
        staffed.run(begin_staff_identity, holder=HOLDER, payload="begun", at=NOW)
        if fits:
            assert staffed.run(sign_in_by_staff_identity, **identified(), at=NOW + back) == LI
        with pytest.raises(StaffLinkError, match="too long"):
            staffed.run(sign_in_by_staff_identity, **identified(), at=NOW + back)


def test_a_session_ends_when_she_is_away_and_after_a_working_day(staffed):
    signed_in(staffed, "li")
    assert in_force(staffed, NOW + IDLE - SECOND)
    assert not in_force(staffed, NOW + IDLE)
    staffed.run(touch_staff, fingerprint=SESSION, at=NOW + ABSOLUTE - SECOND)
    assert in_force(staffed, NOW + ABSOLUTE - SECOND)
    assert not in_force(staffed, NOW + ABSOLUTE)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (LI, replace(LI, roles=LI.roles - {Role.COMPLIANCE})),
        (LI, replace(LI, ends_at=NOW)),
        (OP, replace(OP, site="service")),
    ],
)
def test_whoever_may_less_or_is_of_another_site_is_signed_out(staffed, before, after):
    signed_in(staffed, before.id)
    staffed.run(keep_person, replace(before, name="Another Name"), by="ada", at=NOW)
    assert in_force(staffed, NOW), "a new name takes nothing away"
    staffed.run(keep_person, after, by="ada", at=NOW)
    assert staffed.read(staff.session, SESSION) is None


def test_a_session_ends_with_the_last_day_of_its_account(staffed):
    staffed.run(keep_person, replace(LI, ends_at=NOW + SECOND), by="ada", at=NOW)
    signed_in(staffed, "li")
    assert in_force(staffed, NOW)
    assert not in_force(staffed, NOW + SECOND)


def test_accounts_are_changed_by_another_administrator_only(staffed):
    gone = Person("eve", "Eve", "programme", ADA.roles, ends_at=NOW + SECOND)
    staffed.run(keep_person, gone, by="ada", at=NOW)
    for person, by in ((ADA, "ada"), (WU, "li"), (WU, ""), (WU, "eve")):
        with pytest.raises(StaffError, match=r"only an administrator|her own account"):
            staffed.run(keep_person, replace(person, name="Another"), by=by, at=NOW + SECOND)


def test_a_role_is_lent_for_a_time_and_taken_back_by_those_it_concerns(staffed):
    with pytest.raises(StaffError, match="at most 60 days"):
        staffed.run(stand_in, reviewer="li", stand_in="wu", ends=NOW + 60 * DAY + SECOND, at=NOW)
    given = staffed.run(stand_in, reviewer="li", stand_in="wu", ends=NOW + DAY, at=NOW)
    assert staffed.read(staff.stand_ins, at=NOW + DAY - SECOND)[0].role == given.role
    assert staffed.read(staff.stand_ins, at=NOW + DAY) == []
    (number,) = (one.number for one in staffed.read(staff.stand_ins, at=NOW))
    with pytest.raises(StaffError, match="only she"):
        staffed.run(end_stand_in, number, by="op", at=NOW)
    staffed.run(end_stand_in, number, by="wu", at=NOW + SECOND)
    assert staffed.read(staff.stand_ins, at=NOW + SECOND) == []
