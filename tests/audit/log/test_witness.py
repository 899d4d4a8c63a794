"""A witness cosigns only what extends what it cosigned before, whatever is sent to it, in whatever order, at once."""

import http.client
import http.server
import itertools
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.errors import (
    BusyError,
    ClockError,
    ConflictError,
    ConsistencyError,
    FormatError,
    LogError,
    SignatureError,
    UnknownLogError,
    UnreadableError,
    WitnessRefusalError,
)
from audit.log import witness_server
from audit.log.checkpoint import Checkpoint, sign
from audit.log.cosignature import Algorithm, Cosigner
from audit.log.note import Signature, SignerKey, parse_note, parse_signature_lines, signed_by
from audit.log.proofs import consistency_proof
from audit.log.witness import AddCheckpoint, Witness, judge
from audit.log.witness_client import cosign
from audit.log.witness_server import WitnessServer
from tests.audit.log import merkle

LOG = SignerKey.from_seed("example.com/log", bytes(32))
STRANGER = SignerKey.from_seed("example.com/stranger", b"\1" * 32)
COSIGNER = Cosigner.from_seed("witness.example/w1", b"\2" * 32, Algorithm.ML_DSA_44)
LOGS = {LOG.name: [LOG.verifier]}
MAIN = [b"leaf %d" % i for i in range(40)]
FORK = [*MAIN[:20], b"forked", *MAIN[21:]]
NOW = 1_700_000_000


def head(leaves, size):
    return Checkpoint(LOG.name, size, merkle.mth(leaves[:size]))


def request(old, new, leaves=MAIN, *, signer=LOG):
    proof = consistency_proof(old, new, merkle.Subtrees(leaves))
    return AddCheckpoint(old, proof, sign(head(leaves, new), signer))


@pytest.fixture
def witness(tmp_path):
    witness = Witness(tmp_path / "witness", COSIGNER, LOGS)
    yield witness
    witness.close()


def test_a_growing_log_is_cosigned_at_every_step(witness):
    sizes = [0, 0, 1, 5, 5, 32, 33, 40]
    for old, new in itertools.pairwise(sizes):
        body = request(old, new).body()
        (line,) = parse_signature_lines(witness.add_checkpoint(body, at=NOW))
        COSIGNER.verifier.verify(head(MAIN, new).text(), line.signature)


@given(st.integers(0, 40), st.integers(0, 40))
def test_a_request_is_read_back_as_it_was_written(one, other):
    old, new = sorted((one, other))
    asked = request(old, new)
    assert AddCheckpoint.parse(asked.body()) == asked


STEPS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 40), st.sampled_from([MAIN, FORK]), st.booleans()), max_size=25
)


@settings(max_examples=60)
@given(STEPS)
def test_no_two_checkpoints_that_cannot_both_be_true_are_ever_cosigned(steps):
    latest: dict[str, Checkpoint] = {}
    cosigned: list[Checkpoint] = []
    for one, other, leaves, knows_old_size in steps:
        old, new = sorted((one, other))
        if knows_old_size and latest:
            old, new = sorted((latest[LOG.name].size, new))
        try:
            accepted = judge(request(old, new, leaves), logs=LOGS, latest=latest)
        except LogError:
            continue
        latest[LOG.name] = accepted
        cosigned.append(accepted)
    histories = [{size: merkle.mth(leaves[:size]) for size in range(41)} for leaves in (MAIN, FORK)]
    assert any(all(history[head.size] == head.root for head in cosigned) for history in histories)
    assert [head.size for head in cosigned] == sorted(head.size for head in cosigned)


def test_each_refusal_is_the_one_the_specification_names(witness):
    witness.add_checkpoint(request(0, 25).body(), at=NOW)
    refusals = [
        (UnknownLogError, AddCheckpoint(0, (), sign(Checkpoint("example.com/other", 1, bytes(32)), LOG))),
        (SignatureError, AddCheckpoint(25, (), sign(head(MAIN, 25), STRANGER))),
        (FormatError, AddCheckpoint(26, (), sign(head(MAIN, 25), LOG))),
        (ConflictError, request(0, 30)),
        (ConflictError, request(24, 30)),
        (ConflictError, request(26, 30)),
        (ConflictError, request(25, 25, FORK)),
        (ConsistencyError, request(25, 30, FORK)),
        (ConsistencyError, AddCheckpoint(25, (bytes(32),), sign(head(MAIN, 25), LOG))),
        (ConsistencyError, AddCheckpoint(25, (), sign(head(MAIN, 30), LOG))),
    ]
    for error, asked in refusals:
        with pytest.raises(error):
            witness.add_checkpoint(asked.body(), at=NOW)
    assert witness.add_checkpoint(request(25, 30).body(), at=NOW), "and none of them changed its memory"


def test_a_witness_that_saw_nothing_takes_no_word_for_an_older_size(witness):
    for asked in (request(5, 5), AddCheckpoint(5, (), sign(head(MAIN, 9), LOG))):
        with pytest.raises(ConflictError) as unseen:
            witness.add_checkpoint(asked.body(), at=NOW)
        assert unseen.value.size == 0


def test_a_conflict_says_where_the_witness_is_and_whether_the_log_lied(witness):
    witness.add_checkpoint(request(0, 25).body(), at=NOW)
    with pytest.raises(ConflictError) as stale:
        witness.add_checkpoint(request(0, 30).body(), at=NOW)
    assert (stale.value.size, stale.value.fork) == (25, False)
    with pytest.raises(ConflictError) as lied:
        witness.add_checkpoint(request(25, 25, FORK).body(), at=NOW)
    assert (lied.value.size, lied.value.fork) == (25, True)


def test_the_proof_that_a_log_lied_is_kept(witness, tmp_path):
    witness.add_checkpoint(request(0, 25).body(), at=NOW)
    with pytest.raises(ConflictError):
        witness.add_checkpoint(request(25, 25, FORK).body(), at=NOW)
    (evidence,) = (tmp_path / "witness").glob("*.fork")
    (remembered,) = (tmp_path / "witness").glob("*.checkpoint")
    for file, leaves in ((evidence, FORK), (remembered, MAIN)):
        note = parse_note(file.read_bytes())
        assert signed_by(note, [LOG.verifier])
        assert note.text == head(leaves, 25).text()


def test_an_empty_tree_with_another_root_is_a_lie(witness):
    with pytest.raises(ConflictError):
        witness.add_checkpoint(AddCheckpoint(0, (), sign(Checkpoint(LOG.name, 0, bytes(32)), LOG)).body(), at=NOW)


def test_memory_survives_a_restart_and_serves_one_process(tmp_path):
    first = Witness(tmp_path, COSIGNER, LOGS)
    first.add_checkpoint(request(0, 25).body(), at=NOW)
    with pytest.raises(BusyError):
        Witness(tmp_path, COSIGNER, LOGS)
    first.close()
    again = Witness(tmp_path, COSIGNER, LOGS)
    with pytest.raises(ConflictError):
        again.add_checkpoint(request(0, 25, FORK).body(), at=NOW)
    again.close()


def test_a_clock_that_went_back_is_noticed_even_after_a_restart(tmp_path):
    witness = Witness(tmp_path, COSIGNER, LOGS)
    witness.add_checkpoint(request(0, 25).body(), at=NOW)
    for _ in range(2):
        with pytest.raises(ClockError) as late:
            witness.add_checkpoint(request(25, 30).body(), at=NOW - 1)
        assert (late.value.at, late.value.last) == (NOW - 1, NOW)
        witness.close()
        witness = Witness(tmp_path, COSIGNER, LOGS)
    assert witness.add_checkpoint(request(25, 30).body(), at=NOW)
    witness.close()


def test_nobody_else_can_fill_the_memory(tmp_path):
    far = COSIGNER.cosignature_line(head(MAIN, 25).text(), at=2**63 - 1)
    forged = Signature(COSIGNER.name, COSIGNER.verifier.key_id, bytes(2428)).line()
    body = request(0, 25).body() + far + forged + STRANGER.signature_line(b"x\n")
    witness = Witness(tmp_path, COSIGNER, LOGS)
    witness.add_checkpoint(body, at=NOW)
    witness.close()
    witness = Witness(tmp_path, COSIGNER, LOGS)
    assert witness.add_checkpoint(request(25, 30).body(), at=NOW + 1)
    witness.close()


def test_a_witness_with_a_new_key_keeps_its_memory(tmp_path):
    witness = Witness(tmp_path, COSIGNER, LOGS)
    witness.add_checkpoint(request(0, 25).body(), at=NOW)
    witness.close()
    renewed = Witness(tmp_path, Cosigner.from_seed(COSIGNER.name, b"\7" * 32, Algorithm.ML_DSA_44), LOGS)
    with pytest.raises(ConflictError):
        renewed.add_checkpoint(request(0, 25, FORK).body(), at=NOW)
    renewed.close()


def test_a_damaged_memory_is_not_started_over(tmp_path):
    witness = Witness(tmp_path, COSIGNER, LOGS)
    witness.add_checkpoint(request(0, 25).body(), at=NOW)
    witness.close()
    (memory,) = tmp_path.glob("*.checkpoint")
    memory.write_bytes(memory.read_bytes().replace(b"25", b"24"))
    with pytest.raises(LogError):
        Witness(tmp_path, COSIGNER, LOGS)
    memory.write_bytes(b"")
    with pytest.raises(FormatError):
        Witness(tmp_path, COSIGNER, LOGS)


def test_nothing_is_cosigned_that_could_not_be_remembered(witness, monkeypatch):
    witness.add_checkpoint(request(0, 25).body(), at=NOW)

    def full(*arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            witness.add_checkpoint(request(25, 30).body(), at=NOW)
    assert witness.add_checkpoint(request(25, 30).body(), at=NOW)


def test_of_two_histories_sent_at_once_one_is_cosigned(tmp_path):
    for attempt in range(10):
        witness = Witness(tmp_path / str(attempt), COSIGNER, LOGS)
        start = threading.Barrier(8)

        def send(leaves, witness=witness, start=start):
            start.wait()
            try:
                witness.add_checkpoint(request(0, 30, leaves).body(), at=NOW)
            except ConflictError:
                return None
            return leaves[20]

        with ThreadPoolExecutor(8) as threads:
            cosigned = {leaf for leaf in threads.map(send, [MAIN, FORK] * 4) if leaf}
        assert len(cosigned) == 1
        witness.close()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0\n",
        b"old 0\n\n",
        b"old 00\n\n" + sign(head(MAIN, 1), LOG),
        b"old -1\n\n" + sign(head(MAIN, 1), LOG),
        b"old  0\n\n" + sign(head(MAIN, 1), LOG),
        b"Old 0\n\n" + sign(head(MAIN, 1), LOG),
        b"old 0\r\n\r\n" + sign(head(MAIN, 1), LOG),
        b"old 0\nAAAA\n\n" + sign(head(MAIN, 1), LOG),
        b"old 0\n\xff\n\n" + sign(head(MAIN, 1), LOG),
        b"old 0\n" + sign(head(MAIN, 1), LOG),
        b"old 0\n" + b"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n" * 64 + b"\n" + sign(head(MAIN, 1), LOG),
        b"old 0\n\n" + LOG.sign(b"no checkpoint\n"),
    ],
)
def test_every_other_form_of_a_request_is_refused(body):
    with pytest.raises(FormatError):
        AddCheckpoint.parse(body)


@pytest.fixture
def server(witness):
    server = WitnessServer(witness, ("127.0.0.1", 0), lambda: NOW)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def post(server, body, path="/add-checkpoint", method="POST", headers=None):
    connection = http.client.HTTPConnection(*server.server_address, timeout=10)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type"), answer.read()
    finally:
        connection.close()


def test_the_server_answers_with_the_statuses_of_the_specification(server):
    status, kind, body = post(server, request(0, 25).body())
    assert (status, kind) == (200, "text/plain; charset=utf-8")
    assert parse_signature_lines(body)[0].name == COSIGNER.name
    assert post(server, b"nonsense")[0] == 400
    assert post(server, AddCheckpoint(26, (), sign(head(MAIN, 25), LOG)).body())[0] == 400
    assert post(server, AddCheckpoint(25, (), sign(head(MAIN, 25), STRANGER)).body())[0] == 403
    assert post(server, AddCheckpoint(0, (), sign(Checkpoint("x", 1, bytes(32)), LOG)).body())[0] == 404
    assert post(server, request(0, 30).body()) == (409, "text/x.tlog.size", b"25\n")
    assert post(server, request(25, 25, FORK).body())[0] == 409
    assert post(server, request(25, 30, FORK).body())[0] == 422
    assert post(server, request(25, 30).body(), path="/")[0] == 404
    assert post(server, None, method="GET")[0] == 501
    assert post(server, request(25, 30).body())[0] == 200


@pytest.mark.parametrize("length", ["", "-1", "x", "99999999", "1e3", "9" * 400])
def test_a_body_without_a_sensible_length_is_refused(server, length):
    connection = http.client.HTTPConnection(*server.server_address, timeout=10)
    connection.putrequest("POST", "/add-checkpoint")
    connection.putheader("Content-Length", length)
    connection.endheaders()
    assert connection.getresponse().status == 400
    connection.close()


@pytest.mark.parametrize(
    "headers", [[("Content-Length", "5"), ("Content-Length", "6")], [("Transfer-Encoding", "chunked")]]
)
def test_a_body_that_a_proxy_may_read_otherwise_is_refused(server, headers):
    connection = http.client.HTTPConnection(*server.server_address, timeout=10)
    connection.putrequest("POST", "/add-checkpoint")
    for name, value in headers:
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Connection") or "close") == (400, "close")
    answer.read()
    connection.close()


def test_callers_who_hold_a_connection_hold_neither_all_of_them_nor_for_ever(server, monkeypatch, capfd):
    monkeypatch.setattr(witness_server, "MAX_CONNECTIONS", 3)
    held = [socket.create_connection(server.server_address[:2], timeout=10) for _ in range(3)]
    for caller in held:
        caller.sendall(b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 1000\r\n\r\nold")
    while len(server._open) < 3:
        time.sleep(0.001)
    with socket.create_connection(server.server_address[:2], timeout=10) as refused:
        assert refused.recv(1) == b""
    monkeypatch.setattr(witness_server, "LONGEST_S", 0)
    for caller in held:
        assert caller.recv(4096).partition(b" ")[2][:3] in (b"", b"400")
        caller.close()
    while server._open:
        time.sleep(0.001)
    monkeypatch.setattr(witness_server, "LONGEST_S", 120)
    assert post(server, request(0, 25).body())[0] == 200
    assert capfd.readouterr().err == ""


def test_a_caller_that_hangs_up_leaves_no_trace(server, capfd):
    for _ in range(3):
        caller = socket.create_connection(server.server_address[:2], timeout=10)
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        caller.sendall(b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 1000\r\n\r\nold 0")
        caller.close()
    assert post(server, request(0, 25).body())[0] == 200
    time.sleep(0.1)
    assert capfd.readouterr().err == ""


def test_a_fault_of_ours_is_shown(server, capfd, monkeypatch):
    monkeypatch.setattr(server, "now", lambda: 1 // 0)
    with pytest.raises(http.client.RemoteDisconnected):
        post(server, request(0, 25).body())
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_a_clock_that_went_back_is_an_answer(server, monkeypatch):
    assert post(server, request(0, 25).body())[0] == 200
    monkeypatch.setattr(server, "now", lambda: NOW - 1)
    assert post(server, request(25, 30).body())[0] == 503


def test_one_connection_serves_many_requests(server):
    connection = http.client.HTTPConnection(*server.server_address, timeout=10)
    for old, new in [(0, 5), (5, 10), (10, 40)]:
        connection.request("POST", "/add-checkpoint", request(old, new).body())
        answer = connection.getresponse()
        assert answer.status == 200
        answer.read()
    connection.close()


def test_a_full_disk_at_the_witness_is_an_answer_not_a_silence(server, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert post(server, request(0, 25).body())[0] == 503


def address(server):
    return f"http://127.0.0.1:{server.server_address[1]}/"


def ask(server, size, leaves=MAIN, **options):
    note = sign(head(leaves, size), LOG)
    return note, cosign(address(server), COSIGNER.verifier, note, merkle.Subtrees(leaves), **options)


def test_the_client_gets_a_cosignature_whatever_it_knows_of_the_witness(server):
    for size, old_size in [(5, 0), (10, 5), (12, 0), (12, 12), (40, 7)]:
        note, line = ask(server, size, old_size=old_size)
        assert signed_by(parse_note(note + line), [LOG.verifier, COSIGNER.verifier]) == (
            LOG.verifier,
            COSIGNER.verifier,
        )


def test_the_client_says_when_the_log_is_behind_its_witness(server):
    ask(server, 30)
    with pytest.raises(ConflictError) as behind:
        ask(server, 10)
    assert (behind.value.size, behind.value.fork) == (30, False)


def test_the_client_says_when_the_log_is_a_fork(server):
    ask(server, 30)
    with pytest.raises(ConflictError) as fork:
        ask(server, 30, FORK)
    assert fork.value.fork
    with pytest.raises(WitnessRefusalError) as refused:
        ask(server, 40, FORK)
    assert refused.value.status == 422


def test_the_client_believes_no_other_key(server):
    note = sign(head(MAIN, 5), LOG)
    other = Cosigner.from_seed(COSIGNER.name, b"\3" * 32, Algorithm.ML_DSA_44)
    with pytest.raises(WitnessRefusalError, match="no line by its key"):
        cosign(address(server), other.verifier, note, merkle.Subtrees(MAIN))


def test_the_client_believes_no_other_address(tmp_path):
    note = sign(head(MAIN, 5), LOG)
    for place in ("http://127.0.0.1:9/", "ftp://127.0.0.1/", "/etc/passwd"):
        with pytest.raises(UnreadableError):
            cosign(place, COSIGNER.verifier, note, merkle.Subtrees(MAIN))


class Canned(http.server.BaseHTTPRequestHandler):
    """A server that gives one answer, whatever is asked."""

    answer = (200, b"")

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        status, body = self.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def canned():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Canned)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((200, b""), WitnessRefusalError),
        ((200, b"nonsense\n"), WitnessRefusalError),
        ((200, STRANGER.signature_line(b"text\n")), WitnessRefusalError),
        ((200, COSIGNER.cosignature_line(head(MAIN, 4).text(), at=NOW)), SignatureError),
        ((409, b"x\n"), WitnessRefusalError),
        ((409, b"05\n"), WitnessRefusalError),
        ((409, b"0\n"), ConflictError),
        ((409, b"6\n"), ConflictError),
        ((409, b"3\n"), ConflictError),
        ((404, b"\x1b[2J unknown"), WitnessRefusalError),
        ((500, b"x" * 1_000_000), WitnessRefusalError),
    ],
)
def test_the_client_survives_every_answer(canned, monkeypatch, answer, error):
    monkeypatch.setattr(Canned, "answer", answer)
    note = sign(head(MAIN, 5), LOG)
    with pytest.raises(error) as refused:
        cosign(address(canned), COSIGNER.verifier, note, merkle.Subtrees(MAIN))
    assert "\x1b" not in str(refused.value)
    assert len(str(refused.value)) < 1000


def test_a_witness_that_answers_422_to_the_same_size_has_seen_a_fork(canned, monkeypatch):
    monkeypatch.setattr(Canned, "answer", (422, b"different root"))
    with pytest.raises(ConflictError) as fork:
        cosign(address(canned), COSIGNER.verifier, sign(head(MAIN, 5), LOG), merkle.Subtrees(MAIN), old_size=5)
    assert fork.value.fork
