"""The steps of migration give exactly the tables that the storage modules define, on both databases."""

import pytest
from alembic import command
from sqlalchemy import create_engine, text

from audit.log.entry import decode_leaf
from consent_center.errors import StorageError
from consent_center.storage import entries, ledger, migrate, sequencer
from consent_center.storage.transaction import Store
from consent_center.workflows.ask_verdict import ask_verdict
from consent_center.workflows.give_consent import give_consent
from privacy.quantities import Cost
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


def test_accounts_opened_before_they_had_entries_get_theirs(store_url):
    before = create_engine(store_url.replace("postgresql:", "postgresql+psycopg:"))
    with before.connect() as connection:
        command.upgrade(migrate._config(connection), "0003")
        connection.execute(
            text("INSERT INTO account VALUES ('site/sales/purpose/churn', 2.0, 0.00001, 0.5, 5000, 700, 300, 20, 10)")
        )
        connection.commit()
    before.dispose()
    migrate.upgrade(store_url)
    assert migrate.differences(store_url) == []
    with Store.open(store_url, keys=KEYS, create=False) as store:
        store.run(sequencer.advance, members=True, at=NOW)
        (leaf,) = store.read(entries.leaves_since, 0)
        shown = {"kind": "account.opened", "account": "site/sales/purpose/churn", "budget_gaussian": 700}
        assert shown.items() <= decode_leaf(leaf).items()
        assert store.read(ledger.balance, "site/sales/purpose/churn").spent == Cost(20, 10)


def test_entries_cannot_be_changed_once_every_step_was_taken(tmp_path):
    url = f"sqlite:///{tmp_path / 'a.db'}"
    migrate.upgrade(url)
    with Store.open(url, keys=KEYS, create=False) as store:
        found(store)
        for change in (
            "DELETE FROM entry",
            "UPDATE entry SET at = 1",
            "DELETE FROM leaf",
            "UPDATE leaf SET entry_id = 1",
        ):
            with pytest.raises(StorageError):
                store.run(lambda tx, at, change=change: tx.session.connection().exec_driver_sql(change), at=NOW)


@pytest.mark.postgres
def test_a_new_entry_knows_its_transaction_once_every_step_was_taken(postgres_url):
    migrate.upgrade(postgres_url)
    with Store.open(postgres_url, keys=KEYS, create=False) as store:
        found(store)
        query = text("SELECT count(*), count(txid), min(txid) FROM entry")
        every, numbered, lowest = store.read(lambda tx: tx.session.connection().execute(query).one())
        assert every == numbered > 0
        assert lowest > 2


def test_no_entry_is_lost_when_its_table_is_written_anew(tmp_path):
    url = f"sqlite:///{tmp_path / 'a.db'}"
    before = create_engine(url)
    with before.connect() as connection:
        command.upgrade(migrate._config(connection), "0007")
        for number in (1, 2, 3):
            connection.execute(text(f"INSERT INTO entry VALUES ({number}, x'0{number}', {number}, 1, NULL)"))
            connection.execute(text(f"INSERT INTO payload VALUES ({number}, 5, x'aa')"))
        connection.execute(text("INSERT INTO leaf VALUES (0, 3)"))
        connection.commit()
    before.dispose()
    migrate.upgrade(url)
    with Store.open(url, keys=KEYS, create=False) as store:
        query = "SELECT e.id, e.leaf, p.member_no, l.leaf_index FROM entry e JOIN payload p ON p.entry_id = e.id"
        rows = store.read(
            lambda tx: tx.session.connection().exec_driver_sql(f"{query} LEFT JOIN leaf l ON l.entry_id = e.id").all()
        )
        assert [tuple(row) for row in rows] == [(1, b"\x01", 5, None), (2, b"\x02", 5, None), (3, b"\x03", 5, 0)]
        plan = "EXPLAIN QUERY PLAN SELECT leaf FROM entry WHERE id = 2"
        (step,) = store.read(lambda tx: tx.session.connection().exec_driver_sql(plan).all())
        assert "USING INTEGER PRIMARY KEY" in step[3]
        found(store)
        with pytest.raises(StorageError):
            store.run(lambda tx, at: tx.session.connection().exec_driver_sql("DELETE FROM entry"), at=NOW)
