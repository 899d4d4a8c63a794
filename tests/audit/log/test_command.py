"""`python -m audit` needs only Python and `cryptography`, says what it checked, and answers by its exit code."""

import subprocess
import sys
from pathlib import Path

import pytest

from audit.__main__ import main
from audit.log.checkpoint import Checkpoint, sign
from audit.log.cosignature import Algorithm, Cosigner
from audit.log.hashing import leaf_hash
from audit.log.note import SignerKey, parse_note
from audit.log.publish import publish, write_checkpoint
from audit.log.tree import root_of

KEY = SignerKey.from_seed("example.com/log", bytes(32))
VKEY = KEY.verifier.text()
LEAVES = [b"leaf %d" % i for i in range(300)]
ROOT = Path(__file__).parents[3]

BLOCKER = """
import sys
ALLOWED = {"audit", "cryptography"} | sys.stdlib_module_names
class Blocker:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in ALLOWED and not top.startswith("_"):
            raise ImportError(f"blocked: {name}")
sys.meta_path.insert(0, Blocker())
from audit.__main__ import main
code = main(sys.argv[1:])
assert not [name for name in sys.modules if name.startswith("audit.fairness")]
outside = {name.split(".")[0] for name in sys.modules} - ALLOWED - {"__main__"}
assert all(name.startswith("_") or name == "cffi" for name in outside), outside
sys.exit(code)
"""


@pytest.fixture
def log(tmp_path):
    publish(tmp_path / "log", LEAVES, KEY, KEY.name, with_bundles=True)
    return tmp_path / "log"


def test_it_runs_with_nothing_but_the_standard_library_and_cryptography(log, tmp_path):
    copy = tmp_path / "audit"
    copy.mkdir()
    for name in ("__init__.py", "__main__.py", "errors.py"):
        (copy / name).write_bytes((ROOT / "audit" / name).read_bytes())
    (copy / "log").mkdir()
    for module in (ROOT / "audit/log").glob("*.py"):
        (copy / "log" / module.name).write_bytes(module.read_bytes())
    command = [sys.executable, "-c", BLOCKER, "verify", str(log), "--key", VKEY]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("VERIFIED\n")


def test_a_verified_log_exits_with_0_and_a_changed_one_with_1(log, capsys):
    assert main(["verify", str(log), "--key", VKEY]) == 0
    assert capsys.readouterr().out.endswith("\nVERIFIED\n")
    (log / "tile/0/000").write_bytes(bytes(8192))
    assert main(["verify", str(log), "--key", VKEY]) == 1
    assert capsys.readouterr().out.endswith("\nNOT VERIFIED\n")


def test_the_key_may_be_in_a_file(log, tmp_path):
    (tmp_path / "log.vkey").write_text(VKEY + "\n")
    assert main(["verify", str(log), "--key", str(tmp_path / "log.vkey")]) == 0


def test_an_older_checkpoint_may_be_given(log, tmp_path, capsys):
    kept = tmp_path / "kept"
    kept.write_bytes((log / "checkpoint").read_bytes())
    publish(log, [b"more"], KEY, KEY.name, with_bundles=True, start=300)
    assert main(["verify", str(log), "--key", VKEY, "--since", str(kept)]) == 0
    assert "older checkpoint of 300 entries" in capsys.readouterr().out
    kept.write_bytes(sign(Checkpoint(KEY.name, 300, bytes(32)), KEY))
    assert main(["verify", str(log), "--key", VKEY, "--since", str(kept)]) == 1


def test_a_forged_older_checkpoint_is_not_believed(log, tmp_path, capsys):
    kept = tmp_path / "kept"
    kept.write_bytes(sign(Checkpoint(KEY.name, 300, bytes(32)), SignerKey.from_seed(KEY.name, b"\1" * 32)))
    assert main(["verify", str(log), "--key", VKEY, "--since", str(kept)]) == 1
    assert "NOT VERIFIED" in capsys.readouterr().err


def test_a_log_under_another_name_needs_its_origin(tmp_path):
    publish(tmp_path / "log", LEAVES, KEY, "example.com/renamed", with_bundles=False)
    assert main(["verify", str(tmp_path / "log"), "--key", VKEY]) == 1
    assert main(["verify", str(tmp_path / "log"), "--key", VKEY, "--origin", "example.com/renamed"]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["verify", "nowhere", "--key", VKEY], "nowhere"),
        (["verify", ".", "--key", VKEY], "checkpoint"),
        (["verify", ".", "--key", "missing.vkey"], "missing.vkey"),
        (["verify", ".", "--key", VKEY[:-4]], "the key"),
        (["verify", ".", "--key", VKEY, "--since", "missing"], "missing"),
        (["verify", "ftp://example.com", "--key", VKEY], "https"),
    ],
)
def test_what_cannot_be_read_exits_with_2_and_says_so(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert "NOTHING IS KNOWN" in error
    assert said in error


@pytest.mark.parametrize("arguments", [[], ["verify"], ["erase", "x"], ["verify", "x", "--key"]])
def test_a_wrong_usage_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_the_exit_codes_are_in_the_help(capsys):
    with pytest.raises(SystemExit):
        main(["verify", "--help"])
    assert "Exit codes: 0 verified" in " ".join(capsys.readouterr().out.split())


@pytest.fixture
def partners(log, tmp_path):
    """The log cosigned by one of two witnesses, and the policy that asks for one of them."""
    witnesses = [Cosigner.from_seed(f"w{i}.example", bytes([i]) * 32, Algorithm.ML_DSA_44) for i in (1, 2)]
    note = (log / "checkpoint").read_bytes()
    write_checkpoint(log, note + witnesses[0].cosignature_line(parse_note(note).text, at=1_700_000_000))
    lines = [f"witness {name} {w.verifier.text()}" for name, w in zip(("airline", "grocer"), witnesses, strict=True)]
    (tmp_path / "policy").write_text(
        "\n".join([f"log {VKEY}", *lines, "group any any airline grocer", "quorum any", ""])
    )
    return tmp_path / "policy"


def test_a_policy_stands_for_the_key_and_asks_for_its_quorum(log, partners, capsys):
    assert main(["verify", str(log), "--policy", str(partners)]) == 0
    said = capsys.readouterr().out
    assert "cosigned by airline, which makes the quorum 'any'" in said
    assert "Not checked" not in said
    partners.write_text(partners.read_text().replace("any any", "both all").replace("quorum any", "quorum both"))
    assert main(["verify", str(log), "--policy", str(partners), "--key", VKEY]) == 1
    assert "cosigned by airline" in capsys.readouterr().out


def test_an_older_checkpoint_needs_no_witnesses(log, partners, tmp_path):
    (tmp_path / "kept").write_bytes(sign(Checkpoint(KEY.name, 300, root_of(map(leaf_hash, LEAVES))), KEY))
    assert main(["verify", str(log), "--policy", str(partners), "--since", str(tmp_path / "kept")]) == 0


def test_a_key_and_a_policy_must_speak_of_the_same_log(log, partners, capsys):
    other = SignerKey.from_seed("example.com/other", b"\5" * 32).verifier.text()
    assert main(["verify", str(log), "--policy", str(partners), "--key", other]) == 2
    assert "does not list the key" in capsys.readouterr().err
    partners.write_text(f"log {other}\n" + partners.read_text())
    assert main(["verify", str(log), "--policy", str(partners)]) == 2
    assert "--origin" in capsys.readouterr().err
    assert main(["verify", str(log), "--policy", str(partners), "--origin", KEY.name]) == 0
    assert main(["verify", str(log), "--policy", str(partners), "--key", VKEY]) == 0


def test_without_a_key_and_a_policy_nothing_is_known(log, partners, capsys):
    assert main(["verify", str(log)]) == 2
    assert "--key" in capsys.readouterr().err
    partners.write_text("quorum none")
    assert main(["verify", str(log), "--policy", str(partners)]) == 2
    assert "newline" in capsys.readouterr().err


def test_a_policy_without_logs_takes_the_key_that_is_given(log, partners):
    partners.write_text(partners.read_text().replace(f"log {VKEY}\n", ""))
    assert main(["verify", str(log), "--policy", str(partners), "--key", VKEY]) == 0
    assert main(["verify", str(log), "--policy", str(partners)]) == 2
