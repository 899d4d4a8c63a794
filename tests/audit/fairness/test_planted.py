"""A planted gap is blocked through noise, its absence passes with an honest bound; a site that drops out is no trick.

Simulated: 14,000 held-out members who agreed, four sites, epsilon .8 with full noise at each, seeds fixed.
"""

import numpy as np
import pytest

from audit.fairness.counts import Layout, count, discrete_laplace_variance, sum_tables
from audit.fairness.gaps import comparisons, judge, release_verdict
from audit.fairness.report import audit_report
from audit.fairness.verdict import Thresholds, Verdict

LIMITS = Thresholds()
AGE = Layout("age_band", ("18-34", "35-54", "55+"), (0.0, 0.5, 1.0), 0.5)
GENDER = Layout("gender", ("female", "male"), (0.0, 0.5, 1.0), 0.5)
SITES, EPSILON = 4, 0.8


def members(rng, copies_age):
    """Scores of a plain model, or of one whose input copies the age band."""
    rows = 14_000
    age = rng.choice(4, rows, p=(0.26, 0.38, 0.22, 0.14))
    gender = rng.choice(3, rows, p=(0.45, 0.41, 0.14))
    need = rng.normal(0, 1, rows) + (0.5 * (age == 2) if copies_age else 0.0)
    return {"age_band": age, "gender": gender, "bins": (need > 0.6).astype(int), "site": rng.integers(0, SITES, rows)}


def released(rng, data, layout, sites=range(SITES)):
    tables = []
    q = 1 - np.exp(-EPSILON)
    for site in sites:
        here = data["site"] == site
        labels = np.zeros(int(here.sum()), dtype=int)
        raw = count(layout, groups=data[layout.attribute][here], labels=labels, bins=data["bins"][here])
        noise = rng.geometric(q, layout.shape) - rng.geometric(q, layout.shape)
        tables.append(raw.noised(noise, variance=discrete_laplace_variance(EPSILON)))
    return sum_tables(tables)


def audited(seed, *, copies_age, sites=range(SITES)):
    rng = np.random.default_rng(seed)
    data = members(rng, copies_age)
    tables = [released(rng, data, layout, sites) for layout in (AGE, GENDER)]
    tests = sum(map(comparisons, tables))
    return tables, [gap for table in tables for gap in judge(table, LIMITS, tests=tests)]


@pytest.mark.parametrize("seed", range(20))
def test_a_model_that_copies_age_is_blocked(seed):
    _, gaps = audited(seed, copies_age=True)
    assert release_verdict(gaps) is Verdict.FAIL
    assert {gap.attribute for gap in gaps if gap.verdict is Verdict.FAIL} == {"age_band"}


@pytest.mark.parametrize("seed", range(20))
def test_a_model_that_does_not_passes_and_says_what_it_could_have_seen(seed):
    tables, gaps = audited(seed, copies_age=False)
    assert release_verdict(gaps) is Verdict.PASS
    assert all(0.6 < gap.detectable < 0.8 for gap in gaps)
    report = audit_report(tables, gaps, thresholds=LIMITS)
    assert all("no gap above" in gap["sentence"] for gap in report["judged"])


def test_a_site_that_drops_out_takes_its_members_and_its_noise_with_it():
    tables, gaps = audited(3, copies_age=False, sites=range(SITES - 1))
    assert tables[0].noise_variance == pytest.approx(3 * discrete_laplace_variance(EPSILON))
    assert sum(gap.members for gap in gaps if gap.attribute == "gender") < 14_000 * 0.75
    assert release_verdict(gaps) in (Verdict.PASS, Verdict.INCONCLUSIVE)
