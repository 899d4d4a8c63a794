"""Every fault of `make faults`, in a short version: nothing lost, no gap, no second signature, and the control fails.

Each control plants what must be seen (a writer that acknowledges too early, a disk without fsync, an acknowledgement
without an entry), so that a harness that sees nothing fails here.
"""

import pytest

from faults import disks, kills, lies

pytestmark = pytest.mark.fault


def survived(outcome):
    if outcome is None:
        pytest.skip("needs root, mkfs.ext4 or strace")
    assert outcome.survived, outcome.line()


def test_kill_nine_of_the_sqlite_writer():
    survived(kills.sqlite_kill(4))


@pytest.mark.postgres
@pytest.mark.filterwarnings("ignore:XDG_RUNTIME_DIR")
def test_a_long_open_transaction_and_a_clock_set_back():
    pytest.importorskip("pgserver")
    survived(lies.long_open_transaction())


def test_a_full_disk():
    survived(disks.disk_full())


@pytest.mark.parametrize("fault", [lies.restored_backup, lies.forgeries, lies.witnessed_fork])
def test_lies(fault):
    survived(fault())
