"""A publisher for the store of a test, and its verification from outside."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from audit.log.fsck import verify_log
from audit.log.note import SignerKey
from audit.log.source import DirectorySource
from audit.log.tlog_policy import policy_for
from consent_center.publisher import Publisher
from consent_center.storage.transaction import Store
from tests.consent_center.world import NOW

ORIGIN = "test.example/log"
SIGNER = SignerKey.from_seed(ORIGIN, bytes(range(32)))


@pytest.fixture
def new_publisher(tmp_path: Path) -> Iterator[Callable[..., Publisher]]:
    """Makes publishers that write to one directory; they are stopped at the end."""
    made: list[Publisher] = []

    def make(store: Store, **more: object) -> Publisher:
        given = {"window_s": 3600.0, "now": lambda: NOW, **more}
        made.append(Publisher(store, tmp_path / "log", SIGNER, ORIGIN, **given))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.stop()


def verified(directory: Path) -> int:
    """The number of entries of a published log, every byte of it verified."""
    report = verify_log(
        DirectorySource(directory), policy=policy_for(SIGNER.verifier), origin=ORIGIN, need_entries=True
    )
    assert report.verified, report.findings
    assert report.entries is not None
    return report.entries
