"""What is published verifies from outside, once and for all; where it could become a second history, nothing is signed.

The clock of a window is the process's own; a test closes it with `flush`.
"""

import shutil
import threading
import time
from contextlib import contextmanager

import pytest

from audit.log import checkpoint
from audit.log.cosignature import Cosigner
from audit.log.witness import Witness
from audit.log.witness_server import WitnessServer
from consent_center.errors import LogRestoredError, StorageError
from consent_center.events import Event
from consent_center.log_status import LAG_ALERT_S, Status
from consent_center.publisher import Publisher, WitnessAddress
from consent_center.storage import entries, sequencer
from consent_center.storage.transaction import Store
from tests.consent_center.log.conftest import ORIGIN, SIGNER, verified
from tests.consent_center.world import KEYS, NOW, found


def act(tx, number, *, at):
    return tx.append(
        Event.of("staff.acted", public={"action": f"act-{number}", "role": "clerk", "subject": "x"}), at=at
    )


@contextmanager
def witnessing(folder):
    """A witness of the test's log at an address."""
    cosigner = Cosigner.generate("witness.example/w1")
    witness = Witness(folder, cosigner, {ORIGIN: [SIGNER.verifier]})
    server = WitnessServer(witness, ("127.0.0.1", 0), lambda: int(time.time()))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield WitnessAddress(f"http://127.0.0.1:{server.server_address[1]}", cosigner.verifier)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        witness.close()


def test_the_published_log_grows_and_verifies_with_the_entries(store, tmp_path, new_publisher):
    found(store)
    publisher = new_publisher(store)
    first = publisher.publish()
    assert verified(tmp_path / "log") == first < store.read(entries.last_id), "members' leaves wait"
    assert publisher.flush() == verified(tmp_path / "log") == store.read(entries.last_id)
    for number in range(300):
        store.run(act, number, at=NOW)
    assert publisher.publish() == verified(tmp_path / "log") == store.read(entries.last_id)
    note = (tmp_path / "log" / "checkpoint").read_bytes()
    publisher.publish()
    assert (tmp_path / "log" / "checkpoint").read_bytes() == note, "nothing new, nothing signed"


def test_a_publisher_that_died_before_the_checkpoint_goes_on(store, tmp_path, new_publisher):
    found(store)
    first = new_publisher(store)
    first.publish()
    first.stop()
    store.run(act, 1, at=NOW)
    store.run(sequencer.advance, members=True, at=NOW)  # placed and folded, and then it died
    assert verified(tmp_path / "log") < store.read(sequencer.head).size
    assert new_publisher(store).publish() == store.read(entries.last_id)
    assert verified(tmp_path / "log") == store.read(entries.last_id)


def test_one_publisher_works_and_another_stands_by(store, tmp_path, new_publisher):
    found(store)
    first, second = new_publisher(store), new_publisher(store)
    first.flush()
    second.publish()
    assert first.status.leading
    assert second.status.leading == (store.url_kind == "sqlite"), "on SQLite the writer and the directory take turns"
    first.stop()
    store.run(act, 1, at=NOW)
    assert second.flush() == verified(tmp_path / "log") == store.read(entries.last_id)


def test_a_restored_backup_signs_nothing(tmp_path, new_publisher):
    path = tmp_path / "a.db"
    with Store.open(f"sqlite:///{path}", keys=KEYS) as store:
        found(store)
        new_publisher(store).flush()
    shutil.copy(path, tmp_path / "backup.db")
    with Store.open(f"sqlite:///{path}", keys=KEYS) as store:
        for number in range(5):
            store.run(act, number, at=NOW)
        size = new_publisher(store).publish()
    before = (tmp_path / "log" / "checkpoint").read_bytes()
    for more in (0, 3, 5, 8):
        restored = tmp_path / f"restored{more}.db"
        shutil.copy(tmp_path / "backup.db", restored)
        with Store.open(f"sqlite:///{restored}", keys=KEYS) as store:
            for number in range(more):
                store.run(act, 100 + number, at=NOW)
            with pytest.raises(LogRestoredError, match=r"restore|fork|beginning"):
                new_publisher(store).publish()
    assert (tmp_path / "log" / "checkpoint").read_bytes() == before
    assert verified(tmp_path / "log") == size
    with Store.open(f"sqlite:///{path}", keys=KEYS) as store:  # the newer database is back
        store.run(act, 9, at=NOW)
        assert new_publisher(store).publish() == size + 1


def test_a_witness_that_knows_more_stops_the_log_even_if_the_directory_was_restored_too(tmp_path, new_publisher):
    path, log = tmp_path / "a.db", tmp_path / "log"
    with witnessing(tmp_path / "memory") as witness:
        with Store.open(f"sqlite:///{path}", keys=KEYS) as store:
            found(store)
            first = new_publisher(store, witnesses=[witness])
            size = first.flush()
            assert first.status.unwitnessed_s == 0.0
            note = (log / "checkpoint").read_bytes()
            assert len(note.split(b"\n\n")[1].splitlines()) == 2, "the log's signature and the witness's"
            first.stop()
        shutil.copy(path, tmp_path / "backup.db")
        shutil.copytree(log, tmp_path / "backup")
        with Store.open(f"sqlite:///{path}", keys=KEYS) as store:
            store.run(act, 1, at=NOW)
            second = new_publisher(store, witnesses=[witness])
            assert second.publish() == size + 1
            second.stop()
        shutil.rmtree(log)
        shutil.copytree(tmp_path / "backup", log)
        shutil.copy(tmp_path / "backup.db", path)
        with Store.open(f"sqlite:///{path}", keys=KEYS) as store:
            store.run(act, 2, at=NOW)
            with pytest.raises(LogRestoredError, match="witness"):
                new_publisher(store, witnesses=[witness]).publish()
            assert checkpoint.parse((log / "checkpoint").read_bytes()).size == size
            assert new_publisher(store).publish() == size + 1, "without the witness nobody would know: the control"


def test_a_witness_that_never_answered_is_waited_for_before_anything_is_signed(small_store, tmp_path, new_publisher):
    found(small_store)
    nobody = WitnessAddress("http://127.0.0.1:9", Cosigner.generate("witness.example/w1").verifier)
    with pytest.raises(StorageError, match="no witness answers"):
        new_publisher(small_store, witnesses=[nobody]).publish()
    assert not (tmp_path / "log" / "checkpoint").exists()


def test_the_thread_publishes_stops_when_halted_and_says_why(small_store, tmp_path, new_publisher):
    found(small_store)
    publisher = new_publisher(small_store, window_s=0.0, interval_s=0.01)
    publisher.start()
    entry = small_store.run(act, 1, at=NOW)
    for _ in range(500):
        if publisher.status.size == entry:
            break
        time.sleep(0.01)
    assert publisher.status.size == entry
    publisher.stop()
    assert Status(lag_s=LAG_ALERT_S, clock_behind_s=7, unwitnessed_s=900.0, halted="why").alerts() == [
        "halted: why",
        f"lag: a transaction has been open for {LAG_ALERT_S:.0f} s and holds the log back; end it",
        "clock: it is 7 s behind the latest entry; set it right",
        "unwitnessed: a witness last cosigned 900 s ago; reach it",
    ]
    shutil.copytree(tmp_path / "log", tmp_path / "kept")
    with Store.open(f"sqlite:///{tmp_path / 'other.db'}", keys=KEYS) as other:
        found(other)
        halted = Publisher(other, tmp_path / "log", SIGNER, ORIGIN, interval_s=0.01)
        halted._thread = threading.Thread(target=halted._work)
        halted._thread.start()
        halted._thread.join(20)
        assert "restore the newer database" in halted.status.halted
    assert (tmp_path / "log" / "checkpoint").read_bytes() == (tmp_path / "kept" / "checkpoint").read_bytes()


def test_an_operator_brings_published_entries_back_and_the_log_goes_on(tmp_path, new_publisher):
    from audit.log.checkpoint import parse
    from consent_center.workflows.mend_log import recover_entries

    path, log = tmp_path / "a.db", tmp_path / "log"
    with Store.open(f"sqlite:///{path}", keys=KEYS) as store:
        found(store, members=5)
        new_publisher(store).publish()  # members' leaves wait in the backup
    shutil.copy(path, tmp_path / "backup.db")
    with Store.open(f"sqlite:///{path}", keys=KEYS) as store:
        for number in range(300):
            store.run(act, number, at=NOW)
        size = new_publisher(store).flush()
        kept = store.read(entries.leaves_since, 0)
    with Store.open(f"sqlite:///{tmp_path / 'backup.db'}", keys=KEYS) as store:
        for number in range(3):
            store.run(act, 900 + number, at=NOW)
        with pytest.raises(LogRestoredError):
            new_publisher(store).publish()
        assert recover_entries(store, log, parse((log / "checkpoint").read_bytes()), at=NOW) == 300
        assert store.read(entries.leaves_since, 0)[:size] == kept
        assert new_publisher(store).flush() == size + 4 == verified(log), "three written meanwhile, and the decision"
        assert store.read(entries.last_id) == size + 4
