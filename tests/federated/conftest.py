"""Fixtures of the tests of `federated`."""

from pathlib import Path

import pytest

from tests.federated.world import World, build_world


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Four sites, an approved plan of three training rounds, one evaluation and one audit."""
    return build_world(tmp_path)


@pytest.fixture
def lone(tmp_path: Path) -> World:
    """One site with 60 members: what the tests of a site's own decisions need."""
    return build_world(tmp_path, sites=("north",), members=60, minimum_cohort=10, minimum_cohort_of_plan=20)
