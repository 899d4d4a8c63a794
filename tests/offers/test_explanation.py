"""Law: every reason is said in each language, at most three, in words and never in codes that a person cannot read."""

import pytest

from consent_center.demo import journey, synthetic, telco
from consent_center.offers.explanation import say_change, say_decision, say_reason, say_reasons
from federated.models.explain import level_name
from federated.plan import Feature

LANGUAGES = ("en", "zh-Hant", "zh-Hans")
CODES = {"continuous": (0, 1, 2), "binary": (0, 1)}


def levels_of(feature: Feature) -> list[str]:
    codes = CODES.get(feature.kind, range(len(feature.categories)))
    return [level_name(feature, code) for code in codes]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("feature", [*journey.FEATURES, *telco.FEATURES, *synthetic.FEATURES], ids=lambda one: one.name)
def test_every_level_of_every_feature_of_the_demos_can_be_said(feature: Feature, language) -> None:
    for level in levels_of(feature):
        said = say_reasons([{"feature": feature.name, "level": level}], language=language)
        assert "_" not in said
        assert "{" not in said
        assert 4 < len(said) < 160


def test_reasons_are_joined_as_people_speak() -> None:
    reasons = [
        {"feature": "trend_4w", "level": "under half"},
        {"feature": "offers_used", "level": "low"},
        {"feature": "visits_8w", "level": "low"},
    ]
    assert say_reasons(reasons, language="en") == (
        "The reason: you have come much less often lately, you used few offers, and you come rarely."
    )
    assert say_reasons(reasons[:1], language="zh-Hant") == "原因：您最近光顧的次數明顯減少。"
    assert say_reasons(reasons[:1], language="zh-Hans") == "原因：您最近光顾的次数明显减少。"


def test_never_more_than_three_and_never_the_same_twice() -> None:
    many = [{"feature": f"visits_{weeks}w", "level": "low"} for weeks in (4, 8, 16)] + [
        {"feature": "spend_4w", "level": "high"}
    ]
    assert say_reasons(many, language="en") == "The reason: you come rarely."


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_answer_of_a_helper_is_said_with_who_gave_it_and_that_it_may_be_wrong(language: str) -> None:
    reasons = [{"feature": "bin:airline", "level": "3"}]
    said = say_reasons(reasons, language=language)
    assert "airline" in said
    assert "bin" not in said
    assert "3" not in said
    assert {"en": "at random", "zh-Hant": "隨機", "zh-Hans": "随机"}[language] in said
    named = say_reason(reasons[0], language=language, named={"airline": "Tern"}.get)
    assert "Tern" in named
    assert "Tern" in say_change(
        {"feature": "bin:airline", "value": "2"}, language=language, named={"airline": "Tern"}.get
    )


def test_no_reason_is_said_to_be_none() -> None:
    assert say_reasons([], language="en") == "No single reason stands out."


def test_a_brands_own_phrase_goes_first() -> None:
    own = {("visits_4w", "low"): {"en": "we miss you"}}
    reasons = [{"feature": "visits_4w", "level": "low"}]
    assert say_reasons(reasons, language="en", own=own) == "The reason: we miss you."
    assert say_reasons(reasons, language="zh-Hant", own=own) == "原因：您較少光顧。"


def test_a_value_is_called_what_the_programme_calls_it() -> None:
    named = {"coffee": "咖啡"}.get
    assert say_reason({"feature": "categories", "level": "coffee"}, language="zh-Hant", named=named) == "您常買咖啡。"
    assert say_reason({"feature": "categories", "level": "tea"}, language="zh-Hant", named=named) == "您常買tea。"
    change = {"feature": "categories", "value": "coffee"}
    assert "咖啡" in say_change(change, language="zh-Hant", named=named)


def test_an_unknown_feature_is_named_readably() -> None:
    assert say_reasons([{"feature": "late_fees", "level": "high"}], language="en") == "The reason: late fees: high."


def test_a_change_would_change_the_estimate_and_is_not_said_to_cause_anything() -> None:
    said = say_change({"feature": "offers_used", "value": 6.0, "score": 0.1}, language="en")
    assert said == "With the offers you used at 6 instead, the estimate would be below the line."
    assert "because" not in said


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ["offer", "recommendation", "coupon-refused"])
def test_a_whole_decision_reads_as_sentences(kind: str, language) -> None:
    document = {
        "kind": kind,
        "horizon_days": 30,
        "reasons": [{"feature": "coupon", "level": "expired"}],
        "change": {"feature": "has_app", "value": "yes", "score": 0.1},
    }
    said = say_decision(document, language=language)
    assert "{" not in said
    assert said.endswith("." if language == "en" else "。")
