"""Laws: a key file is its owner's alone and never overwritten; a public key is 64 hexadecimal digits."""

from pathlib import Path

import pytest

from federated.errors import MalformedError
from federated.keyfile import create_key, public_text, read_key, read_public


def test_a_key_survives_its_file_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "approval.key"
    key = create_key(path)
    assert read_key(path).private_bytes_raw() == key.private_bytes_raw()
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_public(public_text(key)).public_bytes_raw() == key.public_key().public_bytes_raw()


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    create_key(tmp_path / "a.key")
    with pytest.raises(FileExistsError):
        create_key(tmp_path / "a.key")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    create_key(tmp_path / "a.key")
    (tmp_path / "a.key").chmod(mode)
    with pytest.raises(MalformedError, match="chmod 600"):
        read_key(tmp_path / "a.key")


def test_what_is_no_key_is_malformed(tmp_path: Path) -> None:
    with pytest.raises(MalformedError, match="cannot read"):
        read_key(tmp_path / "missing.key")
    (tmp_path / "a.key").touch(mode=0o600)
    with pytest.raises(MalformedError, match="no private key"):
        read_key(tmp_path / "a.key")
    for text in ("", "xy", "00" * 31, "00" * 33):
        with pytest.raises(MalformedError):
            read_public(text)
