"""The same policy, written in Cedar by the rules of the reference and not from our code, agrees on 10,000 cases.

Cedar has no fold: the latest choice is found here by sorting, independently of `grant.latest_choice`.
"""

import numpy as np
import pytest

from consent_center.consent.grant import YES, Act
from consent_center.consent.verdict import Facts, Switch, Terms, verdict
from tests.consent_center.consent.strategies import MOMENTS, random_facts
from tests.consent_center.world import TRAIN

cedarpy = pytest.importorskip("cedarpy")

POLICY = """
permit (principal, action == Action::"use", resource) when {
  context.defined && context.necessary && context.choice == "yes" &&
  context.now < context.ends && context.notice >= context.notice_from &&
  (!context.needs_contract || context.contract) && (!context.needs_assessment || context.assessment)
};
forbid (principal, action, resource) when { context.prohibited };
forbid (principal, action, resource) when { context.paused || context.restricted };
forbid (principal, action, resource) when { context.objected && context.personalised };
forbid (principal, action, resource) when { context.guarded && context.trains };
forbid (principal, action, resource) when { context.guarded && !(context.by_guardian && context.guardian_stands) };
forbid (principal, action, resource) when { !context.guarded && context.by_guardian };
"""
CASES = 10_000
ORDER = ["given", "renewed", "deferred", "refused", "invalidated", "revoked", "withdrawn"]


def context(known: Facts, at) -> dict:
    terms = known.terms or Terms()
    heard = [one for one in known.said if one.at <= at or one.act.value not in ("given", "renewed", "resumed")]
    choices = [one for one in heard if one.act.value in ORDER]
    choices.sort(
        key=lambda one: (-one.at.timestamp(), -ORDER.index(one.act.value), one.expires_at or at, one.notice, one.entry)
    )
    last = choices[0] if choices else None
    pauses = sorted((one.at, one.act is Act.PAUSED) for one in heard if one.act in (Act.PAUSED, Act.RESUMED))

    def on(switch):
        heard = [one for one in known.switches if one.on or one.at <= at]
        settings = sorted((one.at, one.on) for one in heard if one.switch is switch)
        return bool(settings and settings[-1][1])

    def inside(windows):
        return any(one.begins <= at < one.ends for one in windows or ())

    return {
        "now": int(at.timestamp()),
        "defined": known.terms is not None,
        "prohibited": terms.prohibited,
        "necessary": terms.necessary,
        "personalised": terms.personalised,
        "trains": terms.trains_models,
        "needs_contract": terms.contracts is not None,
        "contract": inside(terms.contracts),
        "needs_assessment": terms.assessments is not None,
        "assessment": inside(terms.assessments),
        "notice_from": max([number for published, number in terms.material if published <= at], default=0),
        "choice": "none" if last is None else "yes" if last.act in YES else "no",
        "ends": int(last.expires_at.timestamp()) if last and last.expires_at else 0,
        "notice": last.notice if last else 0,
        "by_guardian": bool(last and last.guardian),
        "paused": bool(pauses and pauses[-1][1]),
        "restricted": on(Switch.RESTRICTED),
        "objected": on(Switch.NO_PERSONALISED),
        "guarded": known.guarded_until is not None and at < known.guarded_until,
        "guardian_stands": inside(known.guardians),
    }


def test_cedar_agrees_on_ten_thousand_random_cases():
    draw = np.random.default_rng(20261121)
    cases = [(random_facts(draw), MOMENTS[draw.integers(len(MOMENTS))]) for _ in range(CASES)]
    requests = [
        {"principal": 'Member::"m"', "action": 'Action::"use"', "resource": 'Item::"i"', "context": context(known, at)}
        for known, at in cases
    ]
    answers = cedarpy.is_authorized_batch(requests, cedarpy.PolicySet.from_str(POLICY), "[]")
    ours = [verdict(TRAIN, known, at=at).allowed for known, at in cases]
    theirs = [answer.decision is cedarpy.Decision.Allow for answer in answers]
    assert not any(answer.diagnostics.errors for answer in answers)
    assert 500 < sum(ours) < CASES - 500, "the cases must exercise both answers"
    assert ours == theirs
