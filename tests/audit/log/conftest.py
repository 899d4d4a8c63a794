"""Hypothesis on a busy machine: no deadline, and slow generation is not a finding. And no waiting for the disk."""

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("log", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("log")


@pytest.fixture(autouse=True, scope="module")
def disk_that_does_not_flush():
    """Flushing takes most of the time here and shows nothing: what is flushed when is what the tests look at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda handle: None)
        yield
