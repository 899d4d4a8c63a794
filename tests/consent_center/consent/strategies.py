"""Facts, aimed at the boundaries: times fall on, just before and just after each other."""

from datetime import timedelta

from hypothesis import strategies as st

from consent_center.consent.grant import YES, Act, Said, midnight
from consent_center.consent.verdict import Facts, Switch, Switched, Terms, Window
from tests.consent_center.world import NOW

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
    said=st.lists(saids(), max_size=5),
    switches=switches,
    guarded_until=st.none() | moments,
    guardians=st.lists(windows, max_size=2).map(tuple),
)
