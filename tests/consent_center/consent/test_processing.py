"""The record of processing is complete and no more: it follows what notices ask for, and says what stopped."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_center.consent.catalogue import fold
from consent_center.consent.processing import record
from consent_center.consent.verdict import Facts, Reason, verdict
from tests.consent_center.world import (
    ABROAD,
    ABROAD_MATCH,
    ASSESSMENT,
    CONTRACT,
    DAY,
    ITEMS,
    NOW,
    PURPOSES,
    RECIPIENTS,
    SCOPES,
    notice,
)

DEFINED = (*SCOPES, *PURPOSES, *RECIPIENTS, CONTRACT, ASSESSMENT)


def catalogue(*items, more=()):
    published = (notice(items=tuple(items)),) if items else ()
    listed = list(enumerate((*DEFINED, *published, *more), 1))
    return fold(listed, {item: number for number, item in enumerate(items, 1)})


@given(st.sets(st.sampled_from(ITEMS)), st.sampled_from([NOW, NOW + 29 * DAY, NOW + 30 * DAY, NOW + 60 * DAY]))
def test_it_holds_each_item_that_is_asked_for_once_and_says_of_each_what_a_verdict_would(items, at):
    known = catalogue(*sorted(items))
    found = record(known, at=at)
    held = [(scope.code, one.purpose.code, one.recipient.code, one.country) for one in found for scope in one.scopes]
    assert sorted(held) == sorted(items)
    assert [one.name for one in found] == sorted({one.name for one in found})
    stopped = dict(pair for one in found for pair in one.stopped)
    for item in items:
        reason = verdict(item, Facts(known.terms(item)), at=at).reason
        assert stopped.get(item, Reason.NEVER_ASKED) == reason
    assert all(one.in_force == any(item not in stopped for item in _items(one)) for one in found)


def _items(one):
    return [(scope.code, one.purpose.code, one.recipient.code, one.country) for scope in one.scopes]


def test_what_a_partner_abroad_does_names_contract_border_and_assessment():
    activity = {one.name: one for one in record(catalogue(*ITEMS), at=NOW)}["matching/grocer/TW"]
    assert (activity.law, activity.abroad, activity.in_force) == ("PDPA-TW", True, True)
    assert (activity.contracts, activity.assessments) == ((CONTRACT,), (ASSESSMENT,))
    ended = {one.name: one for one in record(catalogue(*ITEMS), at=CONTRACT.ends)}["matching/grocer/TW"]
    assert ended.contracts == (CONTRACT,), "it stays in the record"
    assert (ended.in_force, ended.stopped) == (False, ((ABROAD_MATCH, Reason.NO_CONTRACT),))


@pytest.mark.parametrize("later", [timedelta(0), DAY])
def test_the_newest_open_notice_is_named(later):
    second = replace(notice(2, items=(ABROAD,)), published_at=NOW + DAY)
    [activity] = record(catalogue(ABROAD, more=(second,)), at=NOW + later)
    assert [one.version for one in activity.notices] == [1 if later < DAY else 2]
