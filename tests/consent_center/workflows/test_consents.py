"""What a member says decides, from the moment she says it, on every database."""

from dataclasses import replace
from datetime import timedelta

import pytest

from consent_center.consent.grant import Act, Actor, ActorKind
from consent_center.consent.verdict import Reason, Switch
from consent_center.errors import (
    ActorError,
    NoticeError,
    SeparateConsentError,
    StatementError,
    SupersededError,
    UnknownItemError,
    UnknownMemberError,
    UnknownNoticeError,
)
from consent_center.storage import entries, sequencer
from consent_center.studies.errors import StaffError
from consent_center.studies.person import Person
from consent_center.studies.roles import Role
from consent_center.workflows.ask_verdict import ask_verdict
from consent_center.workflows.give_consent import give_consent
from consent_center.workflows.make_statements import make_statements
from consent_center.workflows.pause_consent import pause_consent, resume_consent
from consent_center.workflows.publish_notice import publish_notice
from consent_center.workflows.refuse_consent import refuse_consent
from consent_center.workflows.revoke_consent import revoke_consent
from consent_center.workflows.set_switch import set_switch
from consent_center.workflows.show_history import show_history
from consent_center.workflows.show_tasks import show_tasks
from consent_center.workflows.staff_accounts import keep_person
from consent_center.workflows.withdraw_consent import withdraw_consent
from tests.consent_center.world import (
    ABROAD,
    AGE,
    ANSWERED,
    CHOICES,
    DAY,
    NOW,
    OFFER,
    SERVICE,
    TRAIN,
    found,
    notice,
    said,
)

SECOND = timedelta(seconds=1)
ADA = Person("ada", "Ada Admin", "programme", frozenset({Role.ADMINISTRATOR}))
CHEN = Person("chen", "Chen Wei-ting", "programme", frozenset({Role.COMPLIANCE}))
WU = Person("wu", "Wu Jia-hao", "programme", frozenset({Role.DATA_SCIENTIST}))


def reason(store, member, item, at=NOW):
    return store.read(ask_verdict, member, [item], at=at)[0].reason


def test_nothing_is_allowed_before_anything_was_said(store):
    mei, *_ = found(store)
    assert reason(store, mei, TRAIN) is Reason.NEVER_ASKED


def test_a_grant_allows_and_a_withdrawal_ends_it(store):
    mei, ann, _ = found(store)
    store.run(give_consent, mei, [TRAIN], **ANSWERED, at=NOW)
    assert reason(store, mei, TRAIN) is Reason.ALLOWED
    assert reason(store, ann, TRAIN) is Reason.NEVER_ASKED
    assert reason(store, mei, SERVICE) is Reason.NEVER_ASKED
    store.run(withdraw_consent, mei, [TRAIN], **ANSWERED, at=NOW + SECOND)
    assert reason(store, mei, TRAIN, NOW + SECOND) is Reason.WITHDRAWN
    assert reason(store, mei, TRAIN, NOW) is Reason.WITHDRAWN, "also by a clock that is behind"


def test_no_and_later_allow_nothing(small_store):
    mei, ann, _ = found(small_store)
    small_store.run(refuse_consent, mei, [TRAIN, AGE], **ANSWERED, at=NOW)
    assert reason(small_store, mei, TRAIN) is Reason.REFUSED
    small_store.run(make_statements, [said(ann, Act.DEFERRED, TRAIN)], at=NOW)
    assert reason(small_store, ann, TRAIN) is Reason.DEFERRED


def test_a_pause_rests_the_choice_and_a_resumption_brings_it_back(small_store):
    mei, *_ = found(small_store)
    small_store.run(give_consent, mei, [TRAIN], **ANSWERED, at=NOW)
    small_store.run(pause_consent, mei, [TRAIN], **ANSWERED, at=NOW + SECOND)
    assert reason(small_store, mei, TRAIN, NOW + SECOND) is Reason.PAUSED
    small_store.run(resume_consent, mei, [TRAIN], **ANSWERED, at=NOW + 2 * SECOND)
    assert reason(small_store, mei, TRAIN, NOW + 2 * SECOND) is Reason.ALLOWED


def test_two_opposite_statements_of_one_second_end_in_the_withdrawal(store):
    mei, *_ = found(store)
    store.run(give_consent, mei, [TRAIN], **ANSWERED, at=NOW)
    store.run(withdraw_consent, mei, [TRAIN], **ANSWERED, at=NOW)
    assert reason(store, mei, TRAIN) is Reason.WITHDRAWN
    with pytest.raises(SupersededError):
        store.run(give_consent, mei, [TRAIN], **ANSWERED, at=NOW + timedelta(milliseconds=900))
    store.run(give_consent, mei, [TRAIN], **ANSWERED, at=NOW + SECOND)
    assert reason(store, mei, TRAIN, NOW + SECOND) is Reason.ALLOWED


def test_items_that_need_separate_consent_never_share_one_yes(small_store):
    mei, *_ = found(small_store)
    for pair in ([TRAIN, AGE], [TRAIN, ABROAD], [AGE, ABROAD]):
        with pytest.raises(SeparateConsentError):
            small_store.run(give_consent, mei, pair, **ANSWERED, at=NOW)
    small_store.run(give_consent, mei, [TRAIN, OFFER, SERVICE], **ANSWERED, at=NOW)
    small_store.run(withdraw_consent, mei, [TRAIN, AGE, ABROAD], **ANSWERED, at=NOW)


def test_the_switch_overrides_a_yes_to_personalised_purposes_only(store):
    mei, *_ = found(store)
    store.run(give_consent, mei, [TRAIN, OFFER], **ANSWERED, at=NOW)
    store.run(set_switch, mei, Switch.NO_PERSONALISED, on=True, source="gpc", at=NOW + SECOND)
    assert reason(store, mei, OFFER, NOW + SECOND) is Reason.OBJECTED
    assert reason(store, mei, TRAIN, NOW + SECOND) is Reason.ALLOWED
    store.run(set_switch, mei, Switch.NO_PERSONALISED, on=False, at=NOW + 2 * SECOND)
    assert reason(store, mei, OFFER, NOW + 2 * SECOND) is Reason.ALLOWED


def test_a_material_change_of_the_notice_asks_again(store):
    mei, *_ = found(store)
    store.run(give_consent, mei, [TRAIN], **ANSWERED, at=NOW)
    store.run(publish_notice, notice(2, material=False, at=NOW + SECOND), at=NOW + SECOND)
    assert reason(store, mei, TRAIN, NOW + SECOND) is Reason.ALLOWED
    store.run(publish_notice, notice(3, at=NOW + 2 * SECOND), at=NOW + 2 * SECOND)
    assert reason(store, mei, TRAIN, NOW + 2 * SECOND) is Reason.NOTICE_CHANGED
    store.run(give_consent, mei, [TRAIN], **{**ANSWERED, "version": 3}, at=NOW + 3 * SECOND)
    assert reason(store, mei, TRAIN, NOW + 3 * SECOND) is Reason.ALLOWED


def test_a_yes_ends_at_the_midnight_that_was_shown(small_store):
    mei, *_ = found(small_store)
    made = small_store.run(give_consent, mei, [TRAIN], **ANSWERED, expires_at=NOW + 3 * DAY, at=NOW)
    ends = made.statement.expires_at
    assert (ends.hour, ends.minute, ends.second) == (0, 0, 0)
    assert reason(small_store, mei, TRAIN, ends - timedelta(microseconds=1)) is Reason.ALLOWED
    assert reason(small_store, mei, TRAIN, ends) is Reason.EXPIRED


def test_only_the_programme_revokes_and_it_says_why(small_store):
    mei, *_ = found(small_store)
    small_store.run(give_consent, mei, [TRAIN], **ANSWERED, at=NOW)
    small_store.run(give_consent, mei, [SERVICE], **ANSWERED, at=NOW)
    for one, by in ((ADA, ""), (CHEN, "ada"), (WU, "ada")):
        small_store.run(keep_person, one, by=by, at=NOW)
    ended = {"purpose": TRAIN.purpose, "recipient": "sales", "reason": "The counter at sales closed.", "staff": "chen"}
    refused = [
        ({"reason": " "}, "reason"),
        ({"reason": "x" * 2001}, "at most 2000"),
        ({"staff": "wu"}, "only compliance"),
        ({"purpose": "delivery"}, "nothing to end"),
        ({"recipient": "grocer"}, "nothing to end"),
        ({"staff": "chen", "at": NOW + 400 * DAY}, "nothing to end"),  # her yes has ended
        ({"staff": "chou"}, "only compliance"),  # and has left
    ]
    small_store.run(keep_person, replace(CHEN, id="chou", ends_at=NOW), by="ada", at=NOW)
    last = small_store.read(entries.last_id)
    for changed, words in refused:
        with pytest.raises((StatementError, StaffError), match=words):
            small_store.run(revoke_consent, mei, **{"at": NOW + SECOND, **ended, **changed})
    assert small_store.read(entries.last_id) == last
    [made] = small_store.run(revoke_consent, mei, **ended, at=NOW + SECOND)
    assert (made.statement.items, made.statement.notice) == ((TRAIN,), "core")
    assert reason(small_store, mei, TRAIN, NOW + SECOND) is Reason.REVOKED
    assert reason(small_store, mei, SERVICE, NOW + SECOND) is Reason.ALLOWED, "another recipient's use goes on"
    assert [task.change for task, _ in small_store.read(show_tasks)] == ["revoked"]
    reads = small_store.read(show_history, mei, kinds=frozenset({"member.read"})).lines
    assert [(one.said["staff"], one.said["fields"], one.said["reason"]) for one in reads] == [
        ("Chen Wei-ting", ["choices"], ended["reason"])
    ]
    with pytest.raises(StatementError, match="nothing to end"):
        small_store.run(revoke_consent, mei, **ended, at=NOW + 2 * SECOND)
    with pytest.raises(StatementError, match="never speak"):
        small_store.run(make_statements, [said(mei, Act.GIVEN, TRAIN, actor=Actor(ActorKind.HUB))], at=NOW)
    with pytest.raises(StatementError, match="only the programme"):
        small_store.run(make_statements, [said(mei, Act.REVOKED, TRAIN)], at=NOW)


def test_what_answers_nothing_is_refused_and_leaves_nothing(store):
    mei, *_ = found(store)
    before = store.read(entries.last_id)
    unknown = TRAIN._replace(country="KR")
    refused = [
        (UnknownMemberError, {"member": "nobody"}),
        (UnknownItemError, {"items": [unknown]}),
        (UnknownNoticeError, {"version": 9}),
        (StatementError, {"language": "tlh"}),
        (StatementError, {"choices": "x" * 64}),
        (StatementError, {"items": []}),
        (StatementError, {"items": [TRAIN, TRAIN]}),
        (ActorError, {"actor": Actor(ActorKind.GUARDIAN, "ab" * 16)}),
        (StatementError, {"expires_at": NOW - DAY}),
    ]
    for error, change in refused:
        call = {"member": mei, "items": [TRAIN], **ANSWERED, **change}
        with pytest.raises(error):
            store.run(give_consent, call.pop("member"), call.pop("items"), **call, at=NOW)
    assert store.read(entries.last_id) == before
    store.run(sequencer.advance, members=True, at=NOW)
    assert len(store.read(entries.leaves_since, 0)) == before


def test_a_notice_that_is_not_open_takes_no_yes_but_every_no(small_store):
    mei, *_ = found(small_store)
    early = NOW - 2 * DAY
    with pytest.raises(NoticeError):
        small_store.run(give_consent, mei, [TRAIN], **ANSWERED, at=early)
    small_store.run(withdraw_consent, mei, [TRAIN], **ANSWERED, at=early)


def test_a_yes_to_what_a_material_change_has_overtaken_is_refused_and_one_said_before_is_kept(small_store):
    mei, *_ = found(small_store)
    small_store.run(publish_notice, notice(2, items=(TRAIN,), at=NOW), at=NOW)
    before = small_store.read(entries.last_id)
    with pytest.raises(NoticeError, match="asks anew"):
        small_store.run(give_consent, mei, [TRAIN], **ANSWERED, at=NOW)
    assert small_store.read(entries.last_id) == before
    small_store.run(withdraw_consent, mei, [TRAIN], **ANSWERED, at=NOW)
    small_store.run(give_consent, mei, [SERVICE], **ANSWERED, at=NOW)
    small_store.run(make_statements, [said(mei, Act.GIVEN, TRAIN, said_at=NOW - SECOND)], at=NOW)
    assert reason(small_store, mei, SERVICE) is Reason.ALLOWED


def test_many_statements_are_one_transaction(store):
    mei, ann, _ = found(store)
    with pytest.raises(UnknownMemberError):
        store.run(make_statements, [said(mei, Act.GIVEN, TRAIN), said("nobody", Act.GIVEN, TRAIN)], at=NOW)
    assert reason(store, mei, TRAIN) is Reason.NEVER_ASKED
    made = store.run(make_statements, [said(mei, Act.GIVEN, TRAIN), said(ann, Act.REFUSED, TRAIN)], at=NOW)
    assert [one.statement.act for one in made] == [Act.GIVEN, Act.REFUSED]
    assert made[0].statement.choices == CHOICES


def test_3_a_statement_answers_only_what_its_own_notice_asks_for(small_store):
    mei, *_ = found(small_store)
    other = replace(notice(items=(SERVICE,), at=NOW - DAY), code="other")
    small_store.run(publish_notice, other, at=NOW - DAY)
    for workflow in (give_consent, withdraw_consent):
        with pytest.raises(UnknownItemError):
            small_store.run(workflow, mei, [TRAIN], **{**ANSWERED, "notice": "other"}, at=NOW)
    small_store.run(give_consent, mei, [SERVICE], **{**ANSWERED, "notice": "other"}, at=NOW)
