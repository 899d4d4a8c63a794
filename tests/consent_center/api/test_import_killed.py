"""An import that is killed at any moment goes on where it stopped: no row is lost, none is there twice.

Here on SQLite; on both databases, with a million rows, by `make million`.
"""

import pytest

from tests.consent_center.api.killing import killed_and_resumed


@pytest.mark.fault
def test_an_import_killed_on_the_way_resumes_without_loss_or_doubles(tmp_path):
    killed_and_resumed(
        f"sqlite:///{tmp_path / 'accord.db'}", tmp_path, members=300, rows=1500, batch=50, kills=2, pause_s=0.02
    )
