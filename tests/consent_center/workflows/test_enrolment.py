"""Invariants 8 and 11: a site has pseudonyms of its own, and a cohort saw every withdrawal before it."""

from datetime import timedelta

import pytest

from consent_center.errors import EnrolmentError
from consent_center.storage import cohorts, members, references
from consent_center.workflows.enrol_member import enrol_member
from consent_center.workflows.give_consent import give_consent
from consent_center.workflows.unenrol_member import unenrol_member
from consent_center.workflows.withdraw_consent import withdraw_consent
from tests.consent_center.world import ANSWERED, DAY, NOW, SERVICE, TRAIN, found

SECOND = timedelta(seconds=1)


class ChurnPlan:
    """As much of a plan as a cohort is cut from."""

    country = TRAIN.country
    uses = (type("Use", (), {"purpose": TRAIN.purpose, "scopes": (TRAIN.scope,)}),)


def test_11_linking_again_gives_a_new_pseudonym_and_a_new_key(store):
    mei, *_ = found(store)
    [before] = store.read(members.enrolments, mei)
    with pytest.raises(EnrolmentError):
        store.run(enrol_member, mei, "sales", at=NOW)
    store.run(unenrol_member, mei, "sales", at=NOW)
    assert store.read(members.by_pseudonym, "sales", [before.pseudonym]) == {}
    after = store.run(enrol_member, mei, "sales", at=NOW)
    elsewhere = store.run(enrol_member, mei, "service", at=NOW)
    assert len({before.pseudonym, after.pseudonym, elsewhere.pseudonym}) == 3
    assert len({before.cohort_key, after.cohort_key, elsewhere.cohort_key}) == 3
    assert store.read(members.by_pseudonym, "sales", [before.pseudonym, after.pseudonym]) == {after.pseudonym: mei}
    asked = [one.pseudonym.hex() for one in (elsewhere, after, before, after)]
    number = store.read(references.numbers, [mei])[0]
    assert store.read(references.numbers, asked, site="sales") == [None, number, None, number]
    assert store.read(references.numbers, ["0" * 32, mei, after.pseudonym.hex(), mei]) == [None, number, None, number]


def test_11_a_sites_cohort_lists_its_own_pseudonyms_of_those_linked_there_now(store):
    mei, ann, eve = found(store)
    links = {one: store.run(enrol_member, one, "service", at=NOW) for one in (mei, ann)}
    store.run(unenrol_member, ann, "service", at=NOW)
    for one in (mei, ann, eve):
        store.run(give_consent, one, [TRAIN, SERVICE], **ANSWERED, at=NOW)
    listed = store.read(cohorts.cohort_members, "service", ChurnPlan, at=NOW)
    assert [(one.member, one.pseudonym, one.cohort_key) for one in listed] == [
        (mei, links[mei].pseudonym, links[mei].cohort_key)
    ]
    at_sales = store.read(cohorts.cohort_members, "sales", ChurnPlan, at=NOW)
    assert {one.member for one in at_sales} == {mei, ann, eve}
    assert links[mei].pseudonym not in {one.pseudonym for one in at_sales}


def test_8_an_epoch_is_later_than_every_withdrawal_that_its_cohort_saw(store):
    mei, ann, _ = found(store)
    store.run(give_consent, mei, [TRAIN], **ANSWERED, at=NOW)
    for number, member in enumerate((mei, ann)):
        said = store.run(withdraw_consent, member, [TRAIN], **ANSWERED, at=NOW + (1 + number) * SECOND)
        assert store.read(cohorts.current_epoch) > said.entry
        cohort = store.read(cohorts.cohort_members, "sales", ChurnPlan, at=NOW + DAY)
        assert member not in {one.member for one in cohort}
