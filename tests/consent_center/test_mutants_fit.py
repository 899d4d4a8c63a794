"""Every planted bug of `make mutants` can still be planted, and every invariant has one."""

import pytest

from tests.consent_center.mutants import MUTANTS, ROOT


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: one.name)
def test_what_a_mutant_replaces_stands_there_once(mutant):
    assert (ROOT / mutant.file).read_text(encoding="utf-8").count(mutant.was) == 1
    assert all((ROOT / test).exists() for test in mutant.tests)


def test_every_invariant_has_a_mutant():
    assert {one.invariant for one in MUTANTS} >= set(range(1, 16))
