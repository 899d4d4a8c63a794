"""Fixtures of the tests of `federated`."""

from pathlib import Path

import pytest

from tests.federated.world import World, build_world


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Four sites, an approved plan of three training rounds, one evaluation and one audit."""
    return build_world(tmp_path)
