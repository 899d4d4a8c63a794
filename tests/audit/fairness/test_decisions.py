"""Somebody else's decisions are counted like our own, or refused by line number, without repeating a value."""

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.fairness.counts import Layout, code_labels, code_scores, count
from audit.fairness.decisions import read_decisions
from audit.fairness.errors import DecisionsError, FairnessError, RepeatedMemberError
from audit.fairness.gaps import judge, release_verdict
from audit.fairness.verdict import Thresholds, Verdict


def read(text):
    return read_decisions(csv.DictReader(io.StringIO(text)))


def test_a_legacy_rule_passes_the_same_check():
    lines = [f"m{i},{int(i % 10 < (4 if i % 2 else 2))},{i % 3 == 0:d}" for i in range(4000)]
    found = read("member,decision,outcome\n" + "\n".join(lines) + "\n")
    layout = Layout("age", ("even", "odd"), (0.0, 0.5, 1.0), 0.5)
    groups = np.array([int(member[1:]) % 2 for member in found.members])
    table = count(layout, groups=groups, labels=code_labels(found.outcomes), bins=code_scores(found.scores, layout))
    (gap,) = judge(table, Thresholds())
    assert (gap.rate, gap.reference_rate) == (0.2, 0.4)
    assert release_verdict([gap]) is Verdict.FAIL


def test_an_outcome_that_is_not_known_yet_is_empty():
    assert np.isnan(read("member,score,outcome\na,0.3,\nb,1,1\n").outcomes[0])
    assert np.isnan(read("member,score\na,0.3\n").outcomes).all()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("member,score\n", 1),
        ("member\na\n", 1),
        ("member,score,decision\na,.1,1\n", 1),
        ("member,score,age\na,.1,44\n", 1),
        ("member,score\n,.1\n", 2),
        ("member,score\na,.1\nb,1.01\n", 3),
        ("member,score\na,nan\n", 2),
        ("member,score\na,high\n", 2),
        ("member,score\na,\n", 2),
        ("member,decision\na,0.5\n", 2),
        ("member,score,outcome\na,.5,2\n", 2),
        ("member,score\na,.5,9\n", 2),
        ("member,score,outcome\na,.5\n", 2),
    ],
)
def test_a_line_that_is_no_decision_is_refused_by_its_number(text, line):
    with pytest.raises(DecisionsError) as refused:
        read(text)
    assert refused.value.line == line


def test_a_refusal_does_not_repeat_what_it_read():
    for text in ("member,score\nwong-4711,secret\n", "wong-4711,secret\nwong-4712,.3\n"):
        with pytest.raises(DecisionsError) as refused:
            read(text)
        assert "wong" not in str(refused.value)
        assert "secret" not in str(refused.value)


def test_a_member_decided_about_twice_is_refused():
    with pytest.raises(RepeatedMemberError):
        read("member,score\na,.1\na,.2\n")


@given(st.text(max_size=200))
def test_no_file_gives_anything_but_decisions_or_a_refusal(text):
    try:
        found = read_decisions(csv.DictReader(io.StringIO("member,score,outcome\n" + text.replace("\0", ""))))
    except (FairnessError, csv.Error):
        return
    assert len(found.members) == len(found.scores) == len(found.outcomes) > 0
