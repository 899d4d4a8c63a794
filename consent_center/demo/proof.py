"""The log as files, and its verification by a process of its own that knows nothing but the files and the key."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from audit.log.note import SignerKey
from audit.log.publish import Published, publish
from consent_center.publisher import Publisher
from consent_center.storage.transaction import Store

ORIGIN = "accord.example/demo"


@dataclass(frozen=True)
class Checked:
    """What `python -m audit verify` said: its exit code and its words."""

    code: int
    words: str

    @property
    def verified(self) -> bool:
        """Did it confirm the log?"""
        return self.code == 0


def publish_log(store: Store, folder: Path) -> Published:
    """Write tiles, entry bundles and a signed checkpoint, and the verifier key beside them."""
    key_file = folder / "hub" / "log.key"
    signer = SignerKey.generate(ORIGIN)
    key_file.touch(mode=0o600)
    key_file.write_text(signer.secret_text() + "\n", encoding="ascii")
    (folder / "log.vkey").write_text(signer.verifier.text() + "\n", encoding="ascii")
    publisher = Publisher(store, folder / "log", signer, ORIGIN, window_s=0)
    size = publisher.publish()
    publisher.stop()
    return publish(folder / "log", (), signer, ORIGIN, with_bundles=True, start=size)


def verify(log: Path, key: Path) -> Checked:
    """Run the verifier in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "audit", "verify", str(log), "--key", str(key)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return Checked(done.returncode, (done.stdout + done.stderr).strip())


def verify_tampered(log: Path, key: Path) -> Checked:
    """Flip one bit of one published tile in a copy, and run the verifier on the copy."""
    copy = log.with_name("log.tampered")
    shutil.copytree(log, copy)
    try:
        tile = max((path for path in (copy / "tile" / "0").rglob("*") if path.is_file()), key=str)
        data = bytearray(tile.read_bytes())
        data[len(data) // 2] ^= 1
        tile.write_bytes(data)
        return verify(copy, key)
    finally:
        shutil.rmtree(copy)
