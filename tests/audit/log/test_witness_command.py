"""A partner with nothing but Python and `cryptography` can be a witness."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from audit.__main__ import main
from audit.log.cosignature import Algorithm, Cosigner, CosignerKey
from audit.log.note import SignerKey, parse_note, signed_by
from audit.log.publish import publish, write_checkpoint
from audit.log.source import DirectorySource
from audit.log.tiles import TileSubtrees
from audit.log.witness_client import cosign

KEY = SignerKey.from_seed("example.com/log", bytes(32))
ROOT = Path(__file__).parents[3]


def test_a_new_key_is_readable_by_its_owner_only_and_never_overwritten(tmp_path, capsys):
    file = tmp_path / "w.key"
    assert main(["new-witness-key", "w.example", str(file)]) == 0
    public = CosignerKey.parse(capsys.readouterr().out.strip())
    assert (public.name, public.algorithm) == ("w.example", Algorithm.ML_DSA_44)
    assert file.stat().st_mode & 0o777 == 0o600
    before = file.read_bytes()
    assert main(["new-witness-key", "w.example", str(file)]) == 2
    assert file.read_bytes() == before


def test_a_witness_runs_from_the_command_line_and_cosigns(tmp_path, capsys):
    main(["new-witness-key", "w.example", str(tmp_path / "w.key")])
    witness_key = CosignerKey.parse(capsys.readouterr().out.strip())
    command = [sys.executable, "-m", "audit", "witness", str(tmp_path / "memory"), "--port", "0"]
    command += ["--key-file", str(tmp_path / "w.key"), "--log", KEY.verifier.text()]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        address = re.search(r"http://[\d.:]+/", process.stdout.readline())[0]
        for end in (10, 300):
            published = publish(tmp_path / "log", [b"%d" % i for i in range(end)], KEY, KEY.name, with_bundles=False)
            subtrees = TileSubtrees(end, DirectorySource(tmp_path / "log").read)
            line = cosign(address, witness_key, published.note, subtrees)
            write_checkpoint(tmp_path / "log", published.note + line)
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
        process.stdout.close()
    note = parse_note((tmp_path / "log/checkpoint").read_bytes())
    assert signed_by(note, [KEY.verifier, witness_key]) == (KEY.verifier, witness_key)
    (tmp_path / "policy").write_text(
        f"log {KEY.verifier.text()}\nwitness airline {witness_key.text()}\nquorum airline\n"
    )
    assert main(["verify", str(tmp_path / "log"), "--policy", str(tmp_path / "policy")]) == 0
    assert "cosigned by airline" in capsys.readouterr().out


@pytest.mark.parametrize("broken", ["key", "log"])
def test_a_witness_does_not_start_with_broken_keys(tmp_path, broken, capsys):
    main(["new-witness-key", "w.example", str(tmp_path / "w.key")])
    log = KEY.verifier.text()
    if broken == "key":
        (tmp_path / "w.key").write_text("PRIVATE+KEY+nonsense")
    else:
        log = log[:-4]
    arguments = ["witness", str(tmp_path / "m"), "--key-file", str(tmp_path / "w.key"), "--log", log, "--port", "0"]
    assert main(arguments) == 2
    assert "the key" in capsys.readouterr().err


def test_a_witness_that_cannot_start_says_why(tmp_path, capsys):
    main(["new-witness-key", "w.example", str(tmp_path / "w.key")])
    arguments = ["witness", str(tmp_path / "m"), "--key-file", str(tmp_path / "w.key"), "--log", KEY.verifier.text()]
    for more in (["--port", "99999"], ["--host", "192.0.2.1", "--port", "0"]):
        assert main(arguments + more) == 2
        assert "address" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    arguments[1] = str(tmp_path / "file")
    assert main([*arguments, "--port", "0"]) == 2


def test_a_log_that_signs_with_ml_dsa_can_be_watched(tmp_path, capsys):
    log = Cosigner.from_seed("example.com/log", b"\1" * 32, Algorithm.ML_DSA_44).verifier.text()
    main(["new-witness-key", "w.example", str(tmp_path / "w.key")])
    arguments = ["witness", str(tmp_path / "m"), "--key-file", str(tmp_path / "w.key"), "--log", log]
    assert main([*arguments, "--port", "99999"]) == 2
    assert "the key" not in capsys.readouterr().err
