"""Law: who can sign in as a member, and which sites may connect, changes only with an entry."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_center.errors import UnknownDefinitionError, UnknownMemberError
from consent_center.storage import begun, entries, members, sessions, staff, studies
from consent_center.storage.sessions import Passkey
from consent_center.studies.errors import StaffError
from consent_center.studies.person import Person
from consent_center.studies.roles import Role
from consent_center.workflows.admit_site import approve_site, hand_out_enrolments, invite_site, revoke_site
from consent_center.workflows.keep_session import revoke_passkey, sign_in_ways
from consent_center.workflows.show_history import show_history
from consent_center.workflows.sign_in import (
    Answered,
    PasskeyRefusedError,
    add_passkey,
    begin,
    receive_links_at,
    sign_in_by_passkey,
)
from consent_center.workflows.staff_accounts import keep_person
from consent_center.workflows.staff_sign_in import (
    hand_out_staff_link,
    sign_in_by_staff_link,
    sign_staff_out,
    staff_in_force,
    touch_staff,
)
from federated.site.joining import SiteRequest
from tests.consent_center.world import NOW, found

HOLDER, CREDENTIAL = b"h" * 32, b"credential"


def ways(store, member):
    """What her history says about ways to sign in, oldest first."""
    lines = store.read(show_history, member, kinds=frozenset({"sign_in.changed"})).lines
    return [(one.said["way"], one.said["act"]) for one in reversed(lines)]


def adds(store, member, *, credential=CREDENTIAL):
    """Add a passkey, as her browser does."""
    store.run(begin, holder=HOLDER, kind="passkey-add", payload="challenge", at=NOW)
    made = Passkey(credential, member, b"key", 0, "my telephone", NOW, None, None)
    return store.run(add_passkey, make=lambda _: made, holder=HOLDER, at=NOW)


def signs_in(store):
    """Sign in with the passkey."""
    store.run(begin, holder=HOLDER, kind="passkey-get", payload="challenge", at=NOW)
    given = {"credential": CREDENTIAL, "check": lambda *_: Answered(7), "holder": HOLDER, "session": b"s" * 32}
    return store.run(sign_in_by_passkey, **given, at=NOW)


def test_a_passkey_that_comes_or_goes_is_a_line_of_her_history(store):
    mei, ann, _ = found(store)
    adds(store, mei)
    assert ways(store, mei) == [("passkey", "added")]
    with pytest.raises(PasskeyRefusedError):
        adds(store, ann)
    assert signs_in(store) == mei
    assert store.read(sessions.passkey, CREDENTIAL).sign_count == 7
    assert not store.run(revoke_passkey, credential=CREDENTIAL, member=ann, at=NOW)
    assert store.run(revoke_passkey, credential=CREDENTIAL, member=mei, at=NOW)
    assert not store.run(revoke_passkey, credential=CREDENTIAL, member=mei, at=NOW)
    assert ways(store, mei) == [("passkey", "added"), ("passkey", "removed")]
    assert ways(store, ann) == []
    assert store.read(sign_in_ways, member=mei)[0] == []
    with pytest.raises(PasskeyRefusedError):
        signs_in(store)


def test_what_a_browser_began_is_brought_back_by_it_under_its_kind_and_once(small_store):
    for kind in ("passkey-add", "passkey-get"):
        small_store.run(begin, holder=HOLDER, kind=kind, payload=f"challenge of {kind}", at=NOW)
    assert small_store.run(begun.take, b"x" * 32, "passkey-get") is None
    assert small_store.run(begun.take, HOLDER, "passkey-get") == ("challenge of passkey-get", NOW)
    assert small_store.run(begun.take, HOLDER, "passkey-get") is None
    assert small_store.run(begun.take, HOLDER, "passkey-add") == ("challenge of passkey-add", NOW)


def test_an_address_that_goes_to_somebody_else_is_a_line_of_both_histories(store):
    mei, ann, _ = found(store)
    for who in (mei, mei, ann):
        store.run(receive_links_at, member=who, tag=b"t" * 16, at=NOW)
    assert ways(store, mei) == [("address", "added"), ("address", "removed")]
    assert ways(store, ann) == [("address", "added")]
    with pytest.raises(UnknownMemberError):
        store.run(receive_links_at, member="0" * 32, tag=b"t" * 16, at=NOW)
    assert store.read(sessions.member_at_address, b"t" * 16) == ann


def test_a_site_is_invited_approved_given_its_list_and_revoked_each_with_an_entry(store):
    mei, *_ = found(store)
    before = store.read(entries.last_id)
    document = SimpleNamespace(payload=b"document")
    keys = [Ed25519PrivateKey.generate().public_key() for _ in range(2)]
    request = SiteRequest("sales", "Harbour", "node", *keys)
    with pytest.raises(UnknownDefinitionError):
        store.run(invite_site, "nobody", document, at=NOW)
    store.run(invite_site, "sales", document, at=NOW)
    for _ in range(2):
        store.run(approve_site, request, document, at=NOW)
    [link] = [one for one in store.read(members.enrolments, mei) if one.site == "sales"]
    assert (link.pseudonym, link.cohort_key) in store.run(hand_out_enrolments, "sales", at=NOW)
    store.run(revoke_site, "sales", at=NOW)
    numbers = range(before + 1, store.read(entries.last_id) + 1)
    leaves = b"".join(store.read(entries.leaf, number) for number in numbers)
    kinds = ("site.invited", "site.approved", "reviewer.registered", "export.made", "site.revoked")
    assert [leaves.count(f'"kind":"{kind}"'.encode()) for kind in kinds] == [1, 2, 1, 1, 1]
    assert store.read(studies.find_reviewer, "site:sales")[0].key == request.approval
    store.run(keep_person, Person("ada", "Ada", "programme", frozenset({Role.ADMINISTRATOR})), at=NOW)
    with pytest.raises(StaffError):
        store.run(keep_person, Person("site:service", "Eve", "programme", frozenset({Role.LEGAL})), by="ada", at=NOW)


def test_staff_is_seen_and_leaves(store):
    found(store)
    store.run(keep_person, Person("ada", "Ada", "programme", frozenset({Role.ADMINISTRATOR})), at=NOW)
    store.run(hand_out_staff_link, link=b"l" * 32, person="ada", at=NOW)
    store.run(sign_in_by_staff_link, link=b"l" * 32, session=b"s" * 32, at=NOW)
    later = NOW + timedelta(minutes=10)
    store.run(touch_staff, fingerprint=b"s" * 32, at=later)
    assert store.read(staff_in_force, fingerprint=b"s" * 32, at=later + timedelta(minutes=10)) is not None
    store.run(sign_staff_out, fingerprint=b"s" * 32)
    assert store.read(staff_in_force, fingerprint=b"s" * 32, at=later) is None
    assert store.read(staff.session, b"s" * 32) is None
