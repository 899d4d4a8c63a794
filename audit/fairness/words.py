"""What a gap says, in one sentence, in the three languages of a report.

The strongest sentence is "no gap above X detectable at 80 % power among members who agreed to the audit". Chinese is
written in each script, never converted.
"""

from collections.abc import Mapping

from audit.fairness.chart import signed, unsigned
from audit.fairness.errors import LanguageError
from audit.fairness.verdict import Gap, Measure, Reason, Verdict

UNSIGNED = (Measure.IMPACT_RATIO, Measure.EQUALISED_ODDS, Measure.EXPOSURE)
_MEASURES: Mapping[Measure, tuple[str, str, str]] = {
    Measure.IMPACT_RATIO: ("ratio of selection rates", "選取率之比", "选取率之比"),
    Measure.SELECTION: ("difference in selection", "選取率之差", "选取率之差"),
    Measure.TRUE_POSITIVE_RATE: (
        "difference in being found, of those it came true for",
        "應驗者中被找出的比率之差",
        "应验者中被找出的比率之差",
    ),
    Measure.FALSE_POSITIVE_RATE: ("difference in being selected in error", "誤選率之差", "误选率之差"),
    Measure.PRECISION: (
        "difference in being right, of those selected",
        "被選者中應驗的比率之差",
        "被选者中应验的比率之差",
    ),
    Measure.EQUALISED_ODDS: (
        "larger of the differences in being found and in being selected in error",
        "找出率與誤選率之差的較大者",
        "找出率与误选率之差的较大者",
    ),
    Measure.EXPOSURE: (
        "largest difference in the share of a shelf",
        "單一貨架占比之差的最大值",
        "单一货架占比之差的最大值",
    ),
    Measure.MEAN: ("difference in means", "平均值之差", "平均值之差"),
    Measure.AUC: ("difference in the quality of ranking (AUC)", "排序品質（AUC）之差", "排序质量（AUC）之差"),
}

_REASONS: Mapping[Reason, tuple[str, str, str]] = {
    Reason.TOO_FEW_MEMBERS: (
        "too few members agreed to the audit to say anything",
        "同意稽核的會員太少，無法下結論",
        "同意审计的会员太少，无法得出结论",
    ),
    Reason.MOSTLY_NOISE: (
        "the noise is larger than what it hides; more members or a larger ε are needed",
        "雜訊蓋過了數字本身，需要更多會員或較大的ε",
        "噪声盖过了数字本身，需要更多会员或更大的ε",
    ),
    Reason.ONE_OUTCOME: (
        "the model selects hardly anybody or nearly everybody; there is nothing to compare",
        "模型幾乎不選任何人，或幾乎選了所有人，無從比較",
        "模型几乎不选任何人，或几乎选了所有人，无从比较",
    ),
    Reason.NO_OTHER_GROUP: (
        "no other group has enough members to compare with",
        "沒有其他會員夠多的群體可以比較",
        "没有其他会员足够多的群体可以比较",
    ),
}

_FRAMES: Mapping[str, tuple[str, str, str]] = {
    "alone": ("{attribute}, {group}: {why}", "{attribute}，{group}：{why}", "{attribute}，{group}：{why}"),
    "compared": (
        "{attribute}, {group} compared with {reference}: {measure} {value} ({low} to {high}); {rest}",
        "{attribute}，{group}與{reference}相比：{measure}{value}（{low}至{high}）；{rest}",
        "{attribute}，{group}与{reference}相比：{measure}{value}（{low}至{high}）；{rest}",
    ),
    "pass": (
        "within the limit; {seen} among members who agreed to the audit",
        "在限度之內；在同意稽核的會員中，{seen}",
        "在限度之内；在同意审计的会员中，{seen}",
    ),
    "shown": (
        "{seen} among members who agreed to the audit",
        "在同意稽核的會員中，{seen}",
        "在同意审计的会员中，{seen}",
    ),
    "fail": (
        "outside the limit, even at the end of the interval nearest to it",
        "即使取信賴區間最接近限度的一端，仍超出限度",
        "即使取置信区间最接近限度的一端，仍超出限度",
    ),
    "inconclusive": (
        "the data cannot tell on which side of the limit it is",
        "現有資料無法分辨它在限度的哪一邊",
        "现有数据无法分辨它在限度的哪一边",
    ),
    "none above, ratio": (
        "no gap above {gap} (a ratio of {ratio}) detectable at {power} % power",
        "以{power}%檢定力未測得大於{gap}的差距（比值{ratio}）",
        "以{power}%检验功效未测出大于{gap}的差距（比值{ratio}）",
    ),
    "none above": (
        "no gap above {gap} detectable at {power} % power",
        "以{power}%檢定力未測得大於{gap}的差距",
        "以{power}%检验功效未测出大于{gap}的差距",
    ),
    "smallest": (
        "smallest gap detectable at {power} % power: {gap}",
        "可測得的最小差距為{gap}（檢定力{power}%）",
        "可测出的最小差距为{gap}（检验功效{power}%）",
    ),
    "blind": (
        "no gap of any size would have been detected at {power} % power",
        "在{power}%檢定力下，任何大小的差距都測不出",
        "在{power}%检验功效下，任何大小的差距都测不出",
    ),
}

LANGUAGES = ("en", "zh-Hant", "zh-Hans")
_AFTER: Mapping[Verdict | None, str] = {
    Verdict.PASS: "pass",
    Verdict.FAIL: "fail",
    Verdict.INCONCLUSIVE: "inconclusive",
    None: "shown",
}


def sentence(gap: Gap, *, power: float = 0.8, language: str = "en") -> str:
    """What a gap says, in one sentence.

    Args:
        gap: of any verdict.
        power: the plan's, that "detectable" means.
        language: "en", "zh-Hant" or "zh-Hans".

    Raises:
        LanguageError: another language.
    """
    at = _index(language)
    if gap.value is None or gap.low is None or gap.high is None:
        why = _REASONS.get(gap.reason, _REASONS[Reason.TOO_FEW_MEMBERS])[at]
        return _FRAMES["alone"][at].format(attribute=gap.attribute, group=gap.group, why=why)
    number = unsigned if gap.measure in UNSIGNED else signed
    return _FRAMES["compared"][at].format(
        attribute=gap.attribute,
        group=gap.group,
        reference=gap.reference,
        measure=_MEASURES[gap.measure][at],
        value=number(gap.value),
        low=number(gap.low),
        high=number(gap.high),
        rest=_FRAMES[_AFTER[gap.verdict]][at].format(seen=_seen(gap, power, at)),
    )


def measure_name(measure: Measure, language: str) -> str:
    """The name of a measure, as a table's row shows it.

    Raises:
        LanguageError: another language.
    """
    return _MEASURES[measure][_index(language)]


def _seen(gap: Gap, power: float, at: int) -> str:
    said = {"power": f"{100 * power:.0f}"}
    if gap.detectable is None:
        return _FRAMES["blind"][at].format(**said)
    if gap.measure is Measure.IMPACT_RATIO:
        ratio = unsigned(gap.detectable)
        return _FRAMES["none above, ratio"][at].format(gap=unsigned(1 - gap.detectable), ratio=ratio, **said)
    covers_none = gap.low is not None and gap.high is not None and gap.low <= 0 <= gap.high
    return _FRAMES["none above" if covers_none else "smallest"][at].format(gap=unsigned(gap.detectable), **said)


def _index(language: str) -> int:
    if language not in LANGUAGES:
        raise LanguageError(f"reports are written in {', '.join(LANGUAGES)}, not in {language!r}")
    return LANGUAGES.index(language)
