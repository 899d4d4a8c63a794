"""A log is verified from an address as from a directory; what does not answer is not a verdict."""

import functools
import gzip
import http.server
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from audit.__main__ import main
from audit.errors import MissingFileError, UnreadableError
from audit.log import source as module
from audit.log.checkpoint import Checkpoint, sign
from audit.log.hashing import EMPTY_ROOT
from audit.log.note import SignerKey
from audit.log.publish import publish
from audit.log.source import DirectorySource, UrlSource

KEY = SignerKey.from_seed("example.com/log", bytes(32))
VKEY = KEY.verifier.text()
TOKEN = "Bearer auditor-1"


class Handler(http.server.SimpleHTTPRequestHandler):
    """A plain file server that shows entries to auditors only."""

    broken = 0
    zipped = None

    def do_GET(self):
        if self.broken:
            self.send_error(self.broken)
        elif self.zipped:
            self.send_response(200)
            self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self.wfile.write(self.zipped(Path(self.translate_path(self.path)).read_bytes()))
        elif "/entries/" in self.path and self.headers.get("Authorization") != TOKEN:
            self.send_error(401)
        else:
            super().do_GET()

    def log_message(self, *arguments):
        pass


@pytest.fixture
def log(tmp_path):
    publish(tmp_path / "log", [b"leaf %d" % i for i in range(600)], KEY, KEY.name, with_bundles=True)
    return tmp_path / "log"


@pytest.fixture
def address(log):
    handler = functools.partial(Handler, directory=str(log))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_address_is_verified_by_its_hashes_without_a_token(address, capsys):
    assert main(["verify", address, "--key", VKEY]) == 0
    assert "Entries were not there to be read" in capsys.readouterr().out
    assert main(["verify", address, "--key", VKEY, "--entries"]) == 1


def test_an_address_is_verified_by_its_entries_with_a_token(address, tmp_path, capsys):
    (tmp_path / "token").write_text("auditor-1\n")
    assert main(["verify", address, "--key", VKEY, "--token-file", str(tmp_path / "token")]) == 0
    assert "Read 600 entries" in capsys.readouterr().out


def test_a_changed_byte_behind_an_address_is_found(address, log):
    tile = log / "tile/0/001"
    tile.write_bytes(tile.read_bytes()[:-1] + b"\0")
    assert main(["verify", address, "--key", VKEY]) == 1


def test_a_first_bundle_that_is_nonsense_does_not_make_entries_optional(address, log, tmp_path):
    (log / "tile/entries/000").write_bytes(b"nonsense")
    (tmp_path / "token").write_text("auditor-1\n")
    assert main(["verify", address, "--key", VKEY, "--token-file", str(tmp_path / "token")]) == 1


def test_an_empty_log_behind_an_address_verifies(address, log):
    shutil.rmtree(log / "tile")
    (log / "checkpoint").write_bytes(sign(Checkpoint(KEY.name, 0, EMPTY_ROOT), KEY))
    assert main(["verify", address, "--key", VKEY]) == 0


def test_a_partial_tile_that_became_full_is_read_from_the_full_one(address, log):
    note = (log / "checkpoint").read_bytes()
    publish(log, [b"more"] * 300, KEY, KEY.name, with_bundles=True, start=600)
    (log / "checkpoint").write_bytes(note)
    assert not (log / "tile/0/002.p/88").exists()
    assert main(["verify", address, "--key", VKEY]) == 0


def test_a_broken_server_is_not_a_verdict(address, monkeypatch, capsys):
    monkeypatch.setattr(Handler, "broken", 500)
    assert main(["verify", address, "--key", VKEY]) == 2
    assert "the server answered 500" in capsys.readouterr().err
    monkeypatch.setattr(Handler, "broken", 404)
    assert main(["verify", address, "--key", VKEY]) == 2


def test_a_server_may_compress_what_it_sends(address, monkeypatch, capsys):
    monkeypatch.setattr(Handler, "zipped", staticmethod(gzip.compress))
    assert main(["verify", address, "--key", VKEY]) == 0
    assert "Read 600 entries" in capsys.readouterr().out
    monkeypatch.setattr(Handler, "zipped", staticmethod(lambda data: data))
    assert main(["verify", address, "--key", VKEY]) == 2
    monkeypatch.setattr(Handler, "zipped", staticmethod(lambda data: gzip.compress(bytes(module.MAX_FILE_SIZE + 1))))
    assert main(["verify", address, "--key", VKEY]) == 2
    assert "longer than" in capsys.readouterr().err


def test_a_pipe_in_place_of_a_file_does_not_hang_the_verifier(log, capsys):
    (log / "tile/0/000").unlink()
    os.mkfifo(log / "tile/0/000")
    assert main(["verify", str(log), "--key", VKEY]) == 2
    assert "it is not a file" in capsys.readouterr().err


def test_folders_without_end_and_links_that_lead_round_are_named_and_not_followed(log, monkeypatch, capsys):
    monkeypatch.chdir(log / "tile")
    for _ in range(1100):
        os.mkdir("a")  # noqa: PTH102 - the whole path is longer than the system takes
        os.chdir("a")
    monkeypatch.chdir(log)
    (log / "tile/round").symlink_to(log / "tile")
    assert main(["verify", str(log), "--key", VKEY, "--entries"]) == 0
    assert "2 files below tile/ are not tiles" in capsys.readouterr().out
    subprocess.run(["rm", "-rf", log / "tile/a"], check=True)  # Python's own would recurse too deep


def test_entries_behind_a_link_are_entries(log, tmp_path, capsys):
    (log / "tile/entries").rename(tmp_path / "elsewhere")
    (log / "tile/entries").symlink_to(tmp_path / "elsewhere")
    assert main(["verify", str(log), "--key", VKEY]) == 0
    assert "Read 600 entries" in capsys.readouterr().out


def test_a_token_is_shown_to_its_own_server_only_and_never_in_clear(address, log, tmp_path):
    seen = []

    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.headers.get("Authorization"))
            self.send_response(200)
            self.end_headers()
            self.wfile.write((log / "checkpoint").read_bytes())

        def log_message(self, *arguments):
            pass

    other = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)

    class Sends(Elsewhere):
        def do_GET(self):
            seen.append(self.headers.get("Authorization"))
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{other.server_port}{self.path}")
            self.end_headers()

    first = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sends)
    servers = [(one, threading.Thread(target=one.serve_forever, args=(0.01,))) for one in (other, first)]
    for _, thread in servers:
        thread.start()
    try:
        UrlSource(f"http://127.0.0.1:{first.server_port}", token="auditor-1").read("checkpoint")
    finally:
        for one, thread in servers:
            one.shutdown()
            thread.join()
            one.server_close()
    assert seen == [TOKEN, None]
    with pytest.raises(UnreadableError):
        UrlSource("http://log.example", token="auditor-1")


def test_a_server_that_is_not_there_is_not_a_verdict(capsys):
    assert main(["verify", "http://127.0.0.1:9/", "--key", VKEY]) == 2
    assert "no answer" in capsys.readouterr().err


def test_a_file_longer_than_any_of_a_log_is_not_read_to_its_end(address, log, monkeypatch):
    size = (log / "tile/0/000").stat().st_size
    for source in (DirectorySource(log), UrlSource(address)):
        monkeypatch.setattr(module, "MAX_FILE_SIZE", size)
        assert len(source.read("tile/0/000")) == size
        monkeypatch.setattr(module, "MAX_FILE_SIZE", size - 1)
        with pytest.raises(UnreadableError, match="longer than 8191"):
            source.read("tile/0/000")


def test_a_missing_file_says_which(address, log):
    for source in (DirectorySource(log), UrlSource(address)):
        with pytest.raises(MissingFileError) as missing:
            source.read("tile/0/777")
        assert missing.value.place == "tile/0/777"


def test_only_a_directory_can_be_listed(address, log):
    assert "tile/0/000" in DirectorySource(log).paths()
    assert UrlSource(address).paths() == []


@pytest.mark.parametrize("call", ["open", "read"])
def test_a_failing_disk_is_not_a_verdict(log, monkeypatch, call, capsys):
    real = getattr(os, call)

    def failing(*arguments):
        if call != "open" or str(arguments[0]).endswith("/tile/0/001"):
            raise OSError(5, "Input/output error")
        return real(*arguments)

    monkeypatch.setattr(os, call, failing)
    assert main(["verify", str(log), "--key", VKEY]) == 2
    assert "Input/output error" in capsys.readouterr().err


def test_a_file_that_is_read_in_pieces_is_read_whole(log, monkeypatch):
    whole = DirectorySource(log).read("tile/0/000")
    real = os.read
    monkeypatch.setattr(os, "read", lambda handle, size: real(handle, min(size, 1000)))
    assert DirectorySource(log).read("tile/0/000") == whole
