"""The steps of migration give exactly the tables that the storage modules define, on both databases."""

import pytest

from consent_center.errors import StorageError
from consent_center.storage import migrate
from consent_center.storage.transaction import Store
from consent_center.workflows.ask_verdict import ask_verdict
from consent_center.workflows.give_consent import give_consent
from tests.consent_center.world import ANSWERED, KEYS, NOW, TRAIN, found


def test_all_steps_together_give_what_the_modules_define(store_url):
    with pytest.raises(StorageError):
        Store.open(store_url, keys=KEYS, create=False)
    migrate.upgrade(store_url)
    migrate.upgrade(store_url)
    assert migrate.differences(store_url) == [], (
        "tables changed: python -m consent_center.storage.migrate sqlite:////tmp/new.db --new 'what changes'"
    )
    assert migrate.is_current(store_url)
    with Store.open(store_url, keys=KEYS, create=False) as store:
        mei, *_ = found(store)
        store.run(give_consent, mei, [TRAIN], **ANSWERED, at=NOW)
        assert store.read(ask_verdict, mei, [TRAIN], at=NOW)[0].allowed


def test_a_database_that_cannot_be_reached_is_an_error_of_ours(tmp_path):
    with pytest.raises(StorageError):
        migrate.upgrade(f"sqlite:///{tmp_path / 'no' / 'folder.db'}")
    assert migrate.main([]) == 2
