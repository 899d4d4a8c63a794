"""Law: a machine's token does something named, ends within a year, and is taken back once, with an entry."""

from datetime import timedelta

import pytest

from consent_center.errors import DefinitionError, UnauthenticatedError, UnknownDefinitionError
from consent_center.storage import entries
from consent_center.workflows.machine_tokens import LONGEST, TokenScope, check_token, issue_token, revoke_token
from tests.consent_center.world import DAY, NOW, found

SECOND = timedelta(seconds=1)


def issue(store, *scopes, site="", ends=NOW + DAY):
    return store.run(issue_token, scopes, site=site, expires_at=ends, at=NOW)


def test_a_token_that_may_do_nothing_or_has_no_end_is_not_made(small_store):
    found(small_store)
    before = small_store.read(entries.last_id)
    for scopes, ends in (((), NOW + DAY), (TokenScope, NOW), (TokenScope, NOW + LONGEST + SECOND)):
        with pytest.raises(DefinitionError):
            issue(small_store, *scopes, ends=ends)
    with pytest.raises(UnknownDefinitionError):
        issue(small_store, *TokenScope, site="nobody")
    assert small_store.read(entries.last_id) == before
    issue(small_store, *TokenScope, ends=NOW + LONGEST)


def test_a_token_holds_until_just_before_its_end_or_until_it_is_taken_back_which_is_once(small_store):
    token, secret = issue(small_store, TokenScope.LOG_READ)
    assert small_store.read(check_token, secret, at=NOW + DAY - SECOND) == token
    for wrong, at in ((secret, NOW + DAY), (secret[:-1], NOW), (secret.upper(), NOW), ("", NOW), (token.id, NOW)):
        with pytest.raises(UnauthenticatedError):
            small_store.read(check_token, wrong, at=at)
    small_store.run(revoke_token, token.id, at=NOW)
    with pytest.raises(UnauthenticatedError):
        small_store.read(check_token, secret, at=NOW)
    before = small_store.read(entries.last_id)
    with pytest.raises(DefinitionError):
        small_store.run(revoke_token, token.id, at=NOW)
    assert small_store.read(entries.last_id) == before
