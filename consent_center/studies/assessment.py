"""The impact assessment that a study needs before anybody may approve it (PIPL 55-56, GDPR 35).

The risk index is a weighted share between 0 and 1 of six parts, each between 0 and 1; the weights are data
(`policy.py`) and the parts are shown, so that a reviewer can argue with each of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from consent_center.studies.policy import DEFAULT, StudyPolicy
from federated.plan import Plan
from federated.signed import encode

QUESTIONS = ("need", "harm", "limits", "others", "rights")
"""What an assessor answers in words; the console asks them in her language."""


@dataclass(frozen=True)
class Circumstances:
    """What the plan alone does not say about its risk.

    Attributes:
        sensitive_scopes: scopes of the plan whose class is sensitive.
        partner_sites: sites of the plan that are another company's.
        crosses_border: does a number leave the country of the rows?
        minors: may members under 14 be in the cohort?
        automated: does a decision about a member follow without a person?
        budget_share: part of the programme's budget that one run takes, between 0 and 1.
        first_of_its_kind: no study with this model and purpose was ever approved.
    """

    sensitive_scopes: frozenset[str]
    partner_sites: frozenset[str]
    crosses_border: bool
    minors: bool
    automated: bool
    budget_share: Fraction
    first_of_its_kind: bool


@dataclass(frozen=True)
class Assessment:
    """An assessment of one plan, and until when it counts.

    Attributes:
        parts: name -> value between 0 and 1, before weighting.
        index: the weighted sum of the parts, between 0 and 1.
        answers: question -> answer in plain words, as the assessor wrote them.
        ethics_threshold: at or above this index an ethics review is added; as it was when this was made.
    """

    study: str
    plan_digest: str
    assessor: str
    parts: Mapping[str, Fraction]
    index: Fraction
    answers: Mapping[str, str]
    made_at: datetime
    expires_at: datetime
    ethics_threshold: Fraction = DEFAULT.ethics_threshold

    @property
    def needs_ethics(self) -> bool:
        """Is the index so high that an ethics review is added?"""
        return self.index >= self.ethics_threshold

    def is_current(self, plan_digest: str, *, at: datetime) -> bool:
        """Does it still speak for exactly this plan at this moment?"""
        return self.plan_digest == plan_digest and self.made_at <= at < self.expires_at


def risk_parts(plan: Plan, circumstances: Circumstances) -> dict[str, Fraction]:
    """The parts of the risk index, each between 0 and 1."""
    scopes = plan.scopes
    crossed = Fraction(len(circumstances.partner_sites & set(plan.concerned)), len(plan.concerned))
    return {
        "sensitive scopes": Fraction(len(scopes & circumstances.sensitive_scopes), len(scopes)),
        "sites and borders crossed": Fraction(1) if circumstances.crosses_border else crossed,
        "minors": Fraction(int(circumstances.minors)),
        "automated consequences": Fraction(int(circumstances.automated)),
        "share of the budget": min(max(circumstances.budget_share, Fraction(0)), Fraction(1)),
        "novelty": Fraction(int(circumstances.first_of_its_kind)),
    }


def risk_index(parts: Mapping[str, Fraction], *, policy: StudyPolicy = DEFAULT) -> Fraction:
    """The weighted sum of the parts, exact."""
    return sum((policy.weights[name] * value for name, value in parts.items()), Fraction(0))


def risen(assessed: Mapping[str, Fraction], now: Mapping[str, Fraction]) -> tuple[str, ...]:
    """The parts that are riskier now than when they were assessed.

    The share of the budget and novelty belong to the day of the assessment: both change with every run of the study
    itself, so they are not compared.
    """
    compared = set(now) - {"share of the budget", "novelty"}
    return tuple(sorted(name for name in compared if now[name] > assessed.get(name, Fraction(0))))


def assessment_bytes(assessment: Assessment) -> bytes:
    """The bytes whose digest stands in the log."""
    return encode(
        {
            "study": assessment.study,
            "plan": assessment.plan_digest,
            "assessor": assessment.assessor,
            "parts": {name: str(value) for name, value in assessment.parts.items()},
            "answers": dict(assessment.answers),
            "made_at": assessment.made_at.isoformat(),
            "expires_at": assessment.expires_at.isoformat(),
        }
    )
