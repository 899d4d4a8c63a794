"""Facts, aimed at the boundaries: times fall on, just before and just after each other."""

from datetime import timedelta

import numpy as np
from hypothesis import strategies as st

from consent_center.consent.grant import YES, Act, Said, midnight
from consent_center.consent.verdict import Facts, Switch, Switched, Terms, Window
from tests.consent_center.world import DAY, NOW

SECOND = timedelta(seconds=1)
MIDNIGHT = midnight(NOW)
MOMENTS = sorted(
    {
        anchor + days * timedelta(days=1) + step
        for anchor in (NOW, MIDNIGHT)
        for days in (-2, -1, 0, 1, 2)
        for step in (-SECOND, timedelta(0), SECOND)
    }
)
moments = st.sampled_from(MOMENTS)
midnights = st.sampled_from([MIDNIGHT + days * timedelta(days=1) for days in range(-2, 4)])
windows = st.tuples(moments, moments).map(lambda pair: Window(min(pair), max(pair)))


@st.composite
def saids(draw: st.DrawFn) -> Said:
    """One thing said about an item."""
    act = draw(st.sampled_from(list(Act)))
    return Said(
        act=act,
        at=draw(moments),
        expires_at=draw(midnights) if act in YES else None,
        notice=draw(st.integers(1, 4)),
        guardian=draw(st.booleans()),
        entry=draw(st.integers(1, 10**6)),
    )


terms = st.builds(
    Terms,
    prohibited=st.sampled_from([False] * 9 + [True]),
    necessary=st.sampled_from([True] * 9 + [False]),
    personalised=st.booleans(),
    trains_models=st.booleans(),
    contracts=st.none() | st.lists(windows, max_size=2).map(tuple),
    assessments=st.none() | st.lists(windows, max_size=2).map(tuple),
    material=st.lists(st.tuples(moments, st.integers(1, 4)), max_size=2).map(tuple),
)
switches = st.lists(st.builds(Switched, st.sampled_from(list(Switch)), st.booleans(), moments), max_size=3)
facts = st.builds(
    Facts,
    terms=st.none() | terms | terms | terms,
    said=st.lists(saids(), max_size=5, unique_by=lambda one: one.entry),  # an entry is one statement's alone
    switches=switches,
    guarded_until=st.none() | moments,
    guardians=st.lists(windows, max_size=2).map(tuple),
)

ACTS = [act for act, times in zip(Act, [55, 15, 3, 3, 3, 3, 6, 6, 6], strict=True) for _ in range(times)]
"""Mostly a yes, so that a yes in all its states is what is tried most."""


def random_facts(draw: np.random.Generator) -> Facts:
    """Facts drawn in microseconds, for thousands of cases; `facts` shrinks what it finds."""

    def moment():
        return MOMENTS[draw.integers(len(MOMENTS))]

    def some_windows(most):
        return tuple(Window(*sorted((moment(), moment()))) for _ in range(draw.integers(most + 1)))

    def said():
        act = ACTS[draw.integers(len(ACTS))]
        ends = MIDNIGHT + int(draw.integers(0, 4)) * DAY if act in YES else None
        return Said(act, moment(), ends, int(draw.integers(1, 4)), bool(draw.random() < 0.1), int(draw.integers(1000)))

    flip = draw.random
    terms = Terms(
        prohibited=flip() < 0.05,
        necessary=flip() > 0.05,
        personalised=flip() < 0.5,
        trains_models=flip() < 0.5,
        contracts=some_windows(3) if flip() < 0.3 else None,
        assessments=some_windows(3) if flip() < 0.3 else None,
        material=tuple((moment(), int(draw.integers(1, 4))) for _ in range(draw.integers(2))),
    )
    return Facts(
        terms if flip() > 0.03 else None,
        tuple(said() for _ in range(draw.integers(0, 4))),
        tuple(Switched(list(Switch)[draw.integers(2)], bool(flip() < 0.5), moment()) for _ in range(draw.integers(3))),
        moment() if flip() < 0.15 else None,
        some_windows(2) if flip() < 0.5 else (),
    )
