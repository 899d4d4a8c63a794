"""The federation's faults of `make faults` in a short version: one coordinator killed, on SQLite, and the control seen."""

import pytest

from faults import federation

pytestmark = pytest.mark.fault


def test_kill_nine_of_the_coordinator():
    outcome = federation.coordinator_killed(1, postgres=False)
    assert outcome.survived, outcome.line()
