"""What an operator types, `accord log` and `accord admin erase | rotate | rewrap`: what it does and what it refuses."""

import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from audit.log.cosignature import CosignerKey
from audit.log.note import VerifierKey
from consent_center.cli.main import run
from consent_center.storage import entries, sequencer
from consent_center.storage.transaction import Store
from consent_center.workflows.give_consent import give_consent
from consent_center.workflows.show_history import show_history
from privacy.keys import create_root_key, read_root_key
from tests.consent_center.world import ANSWERED, NOW, TRAIN, found

ROOT = Path(__file__).parents[3]


class Operator:
    """A hub with three members, and what its operator types."""

    def __init__(self, folder, capsys):
        self.folder, self._capsys = folder, capsys
        self.url, self.log, self.root = f"sqlite:///{folder / 'accord.db'}", folder / "log", folder / "root.key"
        create_root_key(self.root)
        with self.open() as store:
            self.members = found(store)
        self.key = self.types("log", "new-key", "test.example/log", folder / "log.key")[1].strip()

    def open(self):
        return Store.open(self.url, keys=read_root_key(self.root))

    def types(self, *words):
        """Exit code, and what was said."""
        code = run([str(word) for word in words])
        said = self._capsys.readouterr()
        return code, said.out + said.err

    def publishes(self):
        return self.types("log", "publish", self.log, "--key-file", self.folder / "log.key", "--once")


@pytest.fixture
def operator(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("ACCORD_ENV", "test")
    monkeypatch.setenv("ACCORD_DATABASE", f"sqlite:///{tmp_path / 'accord.db'}")
    monkeypatch.setenv("ACCORD_ROOT_KEY", str(tmp_path / "root.key"))
    monkeypatch.chdir(tmp_path)
    return Operator(tmp_path, capsys)


def test_a_log_is_published_verified_shown_and_proven(operator):
    assert VerifierKey.parse(operator.key).name == "test.example/log"
    assert (operator.folder / "log.key").stat().st_mode & 0o777 == 0o600
    code, said = operator.publishes()
    with operator.open() as store:
        size = store.read(entries.last_id)
        leaf = store.read(entries.leaves_since, size - 1)[0]
    assert (code, said) == (0, f"{size} entries published\n")
    code, said = operator.types("log", "verify", operator.log, "--key", operator.key)
    assert code == 0
    assert str(size) in said
    code, said = operator.types("log", "show", "--from", size - 1)
    assert (code, said) == (0, f"{size - 1} {leaf.decode()}\n")
    assert operator.types("log", "show", "--limit", 2)[1].count("\n") == 2
    code, said = operator.types("log", "prove", size - 1, operator.log, "--key", operator.key)
    assert code == 0
    proof = operator.folder / f"{size - 1}.tlog-proof"
    command = [sys.executable, "-m", "audit", "proof", str(proof), "--key", operator.key]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 0
    proof.write_text(proof.read_text().replace("index ", "index 1", 1))
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 1
    tile = next((operator.log / "tile/0").rglob("*.p/*"))
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])
    assert operator.types("log", "verify", operator.log, "--key", operator.key)[0] == 1


def test_what_is_not_published_cannot_be_proven(operator):
    operator.publishes()
    code, said = operator.types("log", "prove", 10**6, operator.log, "--key", operator.key)
    assert (code, "not published" in said) == (1, True)
    assert operator.types("log", "prove", 0, operator.folder / "nowhere", "--key", operator.key)[0] == 1


@pytest.mark.parametrize(
    "words",
    [
        ("new-key", "test.example/log", "log.key"),
        ("new-key", "two words", "other.key"),
        ("new-key", "test.example/log", "no/such/folder/key"),
        ("publish", "log", "--key-file", "no.key", "--once"),
        ("publish", "log", "--key-file", "root.key", "--once"),
        ("publish", "log", "--key-file", "log.key", "--once", "--witness", "airline"),
        ("publish", "log", "--key-file", "log.key", "--once", "--witness", "https://w.example=nonsense"),
        ("publish", "log", "--key-file", "log.key", "--once", "--window", "-1"),
        ("prove", "0", "log", "--key", "nonsense"),
        ("prove", "-1", "log", "--key", "nonsense"),
        ("verify", "nowhere", "--key", "nonsense"),
        ("recover", "log", "--key", "nonsense"),
        ("show", "--limit", "0"),
        ("witness", "memory", "--key-file", "no.key", "--log", "nonsense"),
        ("no-such-command",),
    ],
)
def test_bad_input_is_refused_in_a_line_without_a_traceback(operator, words):
    code, said = operator.types("log", *words)
    assert code == 2, said
    assert said.strip()
    assert "Traceback" not in said
    assert not (operator.folder / "log").exists()


def test_a_key_file_that_others_can_read_signs_nothing(operator):
    (operator.folder / "log.key").chmod(0o644)
    code, said = operator.publishes()
    assert (code, "chmod 600" in said, operator.log.exists()) == (2, True, False)


def test_a_witness_runs_from_the_command_and_the_published_checkpoint_carries_its_cosignature(operator):
    made = subprocess.run(
        [sys.executable, "-m", "audit", "new-witness-key", "w.example/w1", str(operator.folder / "w.key")],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    public = CosignerKey.parse(made.stdout.strip())
    program = "from consent_center.cli.main import main; main()"
    command = [sys.executable, "-c", program, "log", "witness", str(operator.folder / "memory"), "--port", "0"]
    command += ["--key-file", str(operator.folder / "w.key"), "--log", operator.key]
    witness = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        said = witness.stdout.readline()
        address = next(word for word in said.split() if word.startswith("http://")).removesuffix("/add-checkpoint")
        code, said = operator.types(
            "log", "publish", operator.log, "--key-file", operator.folder / "log.key", "--once",
            "--witness", f"{address}={public.text()}",
        )  # fmt: skip
        assert code == 0, said
    finally:
        witness.terminate()
        witness.wait(timeout=20)
        witness.stdout.close()
    policy = operator.folder / "policy"
    policy.write_text(f"log {operator.key}\nwitness airline {public.text()}\nquorum airline\n")
    code, said = operator.types("log", "verify", operator.log, "--policy", policy)
    assert code == 0, said
    assert "cosigned by airline" in said


def test_a_restored_backup_is_refused_until_published_entries_are_brought_back(operator):
    operator.publishes()
    shutil.copy(operator.folder / "accord.db", operator.folder / "backup.db")
    with operator.open() as store:
        store.run(give_consent, operator.members[0], [TRAIN], **ANSWERED, at=NOW)
    operator.publishes()
    for left in operator.folder.glob("accord.db*"):
        left.unlink()
    shutil.copy(operator.folder / "backup.db", operator.folder / "accord.db")
    code, said = operator.publishes()
    assert (code, "accord log recover" in said) == (2, True)
    assert operator.types("log", "recover", operator.folder / "nowhere", "--key", operator.key)[0] == 2
    code, said = operator.types("log", "recover", operator.log, "--key", operator.key)
    assert (code, said.startswith("1 entries brought back")) == (0, True), said
    assert operator.publishes()[0] == 0
    assert operator.types("log", "verify", operator.log, "--key", operator.key, "--entries")[0] == 0


def test_resuming_elsewhere_is_an_entry_and_the_log_goes_on(operator):
    operator.publishes()
    with operator.open() as store:
        before = store.read(entries.last_id)
        store.run(lambda tx, at: _moved(tx), at=NOW)
    assert operator.types("log", "resume")[0] == 0
    code, said = operator.publishes()
    assert (code, said) == (0, f"{before + 1} entries published\n")
    assert '"action":"log.resumed"' in operator.types("log", "show", "--from", before)[1]
    assert operator.types("log", "verify", operator.log, "--key", operator.key)[0] == 0


@pytest.mark.postgres
def test_a_database_that_moved_is_signed_for_only_after_resume(operator, postgres_url, monkeypatch):
    monkeypatch.setenv("ACCORD_DATABASE", postgres_url)
    operator.url = postgres_url
    with operator.open() as store:
        found(store)
        operator.publishes()
        store.run(lambda tx, at: _moved(tx), at=NOW)
        code, said = operator.publishes()
        assert (code, "accord log resume" in said) == (2, True)
        assert operator.types("log", "resume")[0] == 0
        code, said = operator.publishes()
        assert (code, said) == (0, f"{store.read(entries.last_id)} entries published\n")
    assert operator.types("log", "verify", operator.log, "--key", operator.key, "--entries")[0] == 0


def _moved(tx):
    """As after a dump and a restore into another cluster."""
    sequencer.locked_head(tx).cluster = 12345
    tx.session.flush()


def test_an_erased_member_is_gone_and_the_log_verifies(operator):
    mei, ann, _ = operator.members
    with operator.open() as store:
        store.run(give_consent, mei, [TRAIN], **ANSWERED, at=NOW)
    operator.publishes()
    assert operator.types("admin", "erase", "nobody", "--yes")[0] == 2
    assert operator.types("admin", "erase", mei, "--yes")[0] == 0
    assert operator.types("admin", "erase", mei, "--yes")[0] == 2
    with operator.open() as store:
        assert not store.read(lambda tx: _mentions(tx, mei))
        assert store.read(show_history, ann).lines
    assert operator.publishes()[0] == 0
    assert operator.types("log", "verify", operator.log, "--key", operator.key, "--entries")[0] == 0


def _mentions(tx, member):
    return tx.session.connection().exec_driver_sql("SELECT 1 FROM member WHERE member = ?", (member,)).all()


def test_erasing_asks_first(operator, monkeypatch):
    monkeypatch.setattr("typer.confirm", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    assert operator.types("admin", "erase", operator.members[0])[0] == 130
    with operator.open() as store:
        assert store.read(show_history, operator.members[0]).lines


def test_keys_rotate_and_an_old_backup_cannot_be_read_once_they_are_destroyed(operator):
    mei = operator.members[0]
    first = read_root_key(operator.root)
    with sqlite3.connect(operator.folder / "accord.db") as source, sqlite3.connect(operator.folder / "old.db") as copy:
        source.backup(copy)
    assert operator.types("admin", "rotate")[0] == 0
    assert len(read_root_key(operator.root).generations) == 2
    code, said = operator.types("admin", "rewrap", "--keep-days", 30)
    assert (code, "0 older keys destroyed, 2 held" in said) == (0, True), "the promised days are not over"
    code, said = operator.types("admin", "rewrap", "--keep-days", 0)
    assert (code, "1 older keys destroyed, 1 held" in said) == (0, True), said
    ring = read_root_key(operator.root)
    assert first.current.id not in {key.id for key in ring.generations}
    with operator.open() as store:
        assert store.read(show_history, mei).lines
    with Store.open(f"sqlite:///{operator.folder / 'old.db'}", keys=ring) as old, pytest.raises(Exception, match="key"):
        old.read(show_history, mei)
    assert operator.types("admin", "rewrap", "--keep-days", -1)[0] == 2


def test_a_rotation_that_stopped_half_way_is_finished_not_repeated(operator):
    operator.types("admin", "rotate")
    ring = read_root_key(operator.root).rotated()
    from privacy.keys import replace_root_key

    replace_root_key(operator.root, ring)  # as if the process had ended here
    assert operator.types("admin", "rotate")[0] == 0
    assert read_root_key(operator.root).generations == ring.generations


def test_publish_goes_on_until_it_is_stopped_and_says_how_it_goes(operator):
    program = "from consent_center.cli.main import main; main()"
    command = [sys.executable, "-c", program, "log", "publish", str(operator.log)]
    command += ["--key-file", str(operator.folder / "log.key"), "--window", "0"]
    publisher = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    ended = threading.Timer(120, publisher.kill)
    ended.start()
    try:
        while not (operator.log / "checkpoint").exists() and publisher.poll() is None:
            time.sleep(0.05)
        with operator.open() as store:
            store.run(give_consent, operator.members[0], [TRAIN], **ANSWERED, at=NOW)
            size = store.read(entries.last_id)
        while f"\n{size}\n" not in (operator.log / "checkpoint").read_text() and publisher.poll() is None:
            time.sleep(0.05)
        assert "leading" in publisher.stdout.readline()
        publisher.terminate()
        assert publisher.wait() == 0
    finally:
        ended.cancel()
        publisher.kill()
        publisher.stdout.close()
    assert operator.types("log", "verify", operator.log, "--key", operator.key, "--entries")[0] == 0
