"""Who spoke after a moment is never left out, however many spoke and whomever was let go."""

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from consent_center.consent import recent
from consent_center.consent.recent import KEPT_S, Recent
from tests.consent_center.world import cases

heard = st.lists(
    st.tuples(st.integers(1, 8), st.integers(0, 4) | st.integers(KEPT_S - 2, KEPT_S + 4)), min_size=1, max_size=40
)


@settings(max_examples=cases(60))
@given(heard, st.integers(0, 2 * KEPT_S), st.integers(1, 5))
def test_whoever_spoke_after_a_moment_is_named_or_the_moment_is_too_long_ago(spoken, second, full):
    kept, newest, clock = Recent(_full=full), {}, 0
    for member, step in spoken:
        clock += step % 5
        newest[member] = max(newest.get(member, 0), step, clock)
        kept.hear(member, newest[member])
    expected = {member for member, when in newest.items() if when > second}
    assert kept.after(datetime.fromtimestamp(second, UTC)) in (expected, None)
    assert kept.after(datetime.fromtimestamp(max(newest.values()), UTC)) == set()
    if second >= max(newest.values()) - KEPT_S:
        assert kept.after(datetime.fromtimestamp(second, UTC)) == expected, "the last minutes are always known"


def test_those_who_spoke_long_ago_are_let_go(monkeypatch):
    monkeypatch.setattr(recent, "MOST", 10)
    kept = Recent(_full=10)
    for second in range(10 * KEPT_S):
        kept.hear(second, second)
    assert len(kept.spoke) <= 2 * KEPT_S + 1


def test_from_many_at_once_the_newest_of_each_counts():
    kept = Recent.of([(1, 12), (1, 11), (2, 13)], since=10, newest=13)
    assert kept.after(datetime.fromtimestamp(11, UTC)) == {1, 2}
    assert kept.after(datetime.fromtimestamp(12, UTC)) == {2}
    assert kept.after(datetime.fromtimestamp(9, UTC)) is None
