"""The federation's faults of `make faults` in a short version: one coordinator is killed in a round and goes on.

The control, and the other three that die, are part of `make faults`: they take minutes.
"""

import pytest

from faults import federation

pytestmark = pytest.mark.fault


def test_kill_nine_of_the_coordinator():
    outcome = federation.coordinator_killed(1, postgres=False, controlled=False)
    assert not outcome.failures, outcome.line()
