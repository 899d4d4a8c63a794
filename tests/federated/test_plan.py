"""Laws: parse(format(plan)) == plan; what cannot mean anything is refused; parts are disjoint, nobody chooses hers."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federated.errors import MalformedError
from federated.plan import BUCKETS, Feature, Plan, Release, Use, bucket, digest, parse_plan, part_of, plan_bytes
from privacy.mechanism import DiscreteLaplace
from tests.federated.world import make_plan

KNOWN_BUCKETS = [26, 62, 46, 9, 81, 89, 3, 19]
PLAN = make_plan(("north", "south"), members=600, minimum_cohort=50)


@given(
    study=st.text(min_size=1),
    low=st.floats(-1e6, 0, allow_nan=False),
    cut=st.integers(1, 99),
    threshold=st.floats(0.01, 0.99),
)
def test_a_plan_survives_its_bytes(study: str, low: float, cut: int, threshold: float) -> None:
    plan = replace(
        PLAN,
        study=study,
        features=(replace(PLAN.features[0], lo=low), *PLAN.features[1:]),
        split={"train": ((0, cut),), "held-out": ((cut, BUCKETS),), "judge": ()},
        settings={**PLAN.settings, "threshold": threshold},
    )
    assert parse_plan(plan_bytes(plan)) == plan
    assert plan_bytes(parse_plan(plan_bytes(plan))) == plan_bytes(plan)


def changed(**changes: Any) -> bytes:
    return json.dumps({**json.loads(plan_bytes(PLAN)), **changes}).encode()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"null",
        b"[" * 100_000,
        changed(version=2),
        changed(extra=1),
        changed(sites=[]),
        changed(sites=["north", "north"]),
        changed(sites=7),
        changed(unit_sites=False),
        changed(max_attempts=0),
        changed(minimum_cohort=0),
        changed(releases=[]),
        changed(split={"train": [[0, 80]], "held-out": [[79, 100]]}),
        changed(split={"train": [[0, 101]]}),
        changed(split={"train": [[0, 10**15]]}),
        changed(split={"test": [[0, 80]]}),
        changed(uses=[]),
        changed(features=[{"name": "x", "kind": "continuous", "lo": 1, "hi": 1, "categories": [], "edges": []}]),
        plan_bytes(PLAN).replace(b'"rounds":3', b'"rounds":3,"rounds":4'),
        plan_bytes(PLAN).replace(b'"rounds":3', b'"rounds":Infinity'),
        plan_bytes(PLAN).replace(b'"gaussian"', b'"none"'),
    ],
)
def test_what_is_not_a_plan_is_refused(payload: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_plan(payload)


def test_a_kind_of_release_without_a_use_is_refused() -> None:
    """Also when some of its other kinds have one and further uses are declared."""
    with pytest.raises(MalformedError, match="rests on"):
        replace(PLAN, uses=(Use(("train", "evaluate", "score"), "churn-model", ("purchases",)),))


def test_a_plan_makes_a_model_or_names_a_finished_one_never_both_and_scores_with_a_finished_one_only() -> None:
    plan = make_plan(("north",), members=1000)
    with pytest.raises(MalformedError, match="one of these"):
        replace(plan, package="ab" * 32)
    scored = Release("scores", "score", "judge", DiscreteLaplace(1, 0.1))
    uses = (Use(("score",), "offers", ("purchases",)),)
    split = {"train": (), "held-out": (), "judge": ((0, 100),)}
    alone = {"uses": uses, "split": split, "attributes": ()}
    assert replace(plan, releases=(scored,), package="ab" * 32, **alone).counted_part == "judge"
    with pytest.raises(MalformedError, match="one of these"):
        replace(plan, releases=(scored,), **alone)


def test_a_kind_of_release_with_two_uses_is_refused() -> None:
    with pytest.raises(MalformedError, match="one use"):
        replace(PLAN, uses=(*PLAN.uses, Use(("train",), "other", ())))


def test_a_feature_named_twice_is_refused() -> None:
    with pytest.raises(MalformedError, match="each feature once"):
        replace(PLAN, features=(Feature("x", "binary"), Feature("x", "binary")))


@given(cut=st.integers(1, 99), run=st.text(max_size=10), pseudonym=st.binary(min_size=16, max_size=16))
def test_the_parts_cover_the_buckets_and_nothing_twice(cut: int, run: str, pseudonym: bytes) -> None:
    plan = replace(PLAN, split={"train": ((0, cut),), "held-out": ((cut, BUCKETS),), "judge": ()})
    assert part_of(plan, run, pseudonym) == ("train" if bucket(run, pseudonym) < cut else "held-out")


def test_a_bucket_that_no_part_owns_is_not_used() -> None:
    plan = replace(PLAN, split={"train": ((0, 1),), "held-out": ((1, 2),)})
    unused = next(n.to_bytes(16, "big") for n in range(1000) if bucket("run", n.to_bytes(16, "big")) == 2)
    assert part_of(plan, "run", unused) is None


def test_the_split_is_a_known_function_of_run_and_pseudonym() -> None:
    """Fixed for ever: a change would move members between parts of runs that were admitted before."""
    assert [bucket(f"run-{n}", bytes([n] * 16)) for n in range(8)] == KNOWN_BUCKETS


def test_the_split_is_even() -> None:
    counts = [0] * BUCKETS
    for n in range(20_000):
        counts[bucket("run", n.to_bytes(16, "big"))] += 1
    assert min(counts) > 130
    assert max(counts) < 270


def test_the_digest_is_of_the_bytes_as_filed() -> None:
    assert digest(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_settings_that_count_are_whole_numbers() -> None:
    assert PLAN.whole("rounds") == 3
    for wrong in (0, -1, 2.5, True, float("inf")):
        broken: Plan = replace(PLAN, settings={"rounds": wrong})
        with pytest.raises(MalformedError, match="whole number"):
            broken.whole("rounds")
