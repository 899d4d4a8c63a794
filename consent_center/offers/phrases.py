"""The words: what is said about each measure and level, in the languages of the programme."""

from collections.abc import Mapping

Texts = Mapping[str, str]


def _three(en: str, hant: str, hans: str) -> Texts:
    return {"en": en, "zh-Hant": hant, "zh-Hans": hans}


DECIDED: Mapping[str, Texts] = {
    "offer": _three(
        "This offer rests on an estimate of how likely you are to come less often in the next {days} days.",
        "這項優惠是依據一項估計選出的：未來{days}天內您減少光顧的可能性。",
        "这项优惠是根据一项估计选出的：未来{days}天内您减少光顾的可能性。",
    ),
    "rule": _three(
        "A fixed rule chose you for this offer; nobody's data went into making the rule.",
        "這項優惠是依固定規則選出的；規則本身沒有用到任何人的資料。",
        "这项优惠是按固定规则选出的；规则本身没有用到任何人的数据。",
    ),
    "recommendation": _three(
        "These were chosen for you from what you bought before.",
        "這些是依據您過去購買的商品為您挑選的。",
        "这些是根据您过去购买的商品为您挑选的。",
    ),
    "coupon-refused": _three(
        "This coupon was refused by a rule, not by an estimate about you.",
        "這張優惠券是因規則而無法使用，並非依據對您的估計。",
        "这张优惠券是因规则而无法使用，并非根据对您的估计。",
    ),
}
SAY = _three("The reason: {reasons}.", "原因：{reasons}。", "原因：{reasons}。")
NO_REASON = _three("No single reason stands out.", "沒有特別突出的單一原因。", "没有特别突出的单一原因。")
JOIN: Mapping[str, tuple[str, str]] = {"en": (", ", ", and "), "zh-Hant": ("、", "，以及"), "zh-Hans": ("、", "，以及")}
COULD = _three(
    "With {feature} at {value} instead, the estimate would be below the line.",
    "如果{feature}是{value}，估計值就會低於門檻。",
    "如果{feature}是{value}，估计值就会低于门槛。",
)
COULD_RULE = _three(
    "With {feature} at {value} instead, the rule would not have chosen you.",
    "如果{feature}是{value}，這項規則就不會選中您。",
    "如果{feature}是{value}，这项规则就不会选中您。",
)
ANSWER = _three(
    "what {partner} knows of you, told as one of a few groups and changed at random, so it may be wrong",
    "{partner}所知的您：只告知屬於哪一組，且經隨機更動，可能有誤",
    "{partner}所知的您：只告知属于哪一组，且经随机更改，可能有误",
)
ANSWER_UNKNOWN = _three(
    "{partner} told nothing about you", "{partner}沒有提供關於您的資訊", "{partner}没有提供关于您的信息"
)
COULD_ANSWER = _three(
    "With another answer from {partner}, the estimate would be below the line.",
    "如果{partner}的答案不同，估計值就會低於門檻。",
    "如果{partner}的答案不同，估计值就会低于门槛。",
)
NAMED = _three("{feature}: {value}", "{feature}：{value}", "{feature}：{value}")

BETWEEN: Mapping[str, Texts] = {
    "below": _three("below {low}", "低於 {low}", "低于 {low}"),
    "above": _three("{low} or more", "{low} 以上（含）", "{low} 以上（含）"),
    "within": _three("{low} to below {high}", "{low} 至未滿 {high}", "{low} 至不满 {high}"),
}
"""Where a bin begins and ends (`models.explain.level_name`)."""
LEVELS: Mapping[str, Texts] = {
    "low": _three("low", "偏低", "偏低"),
    "middle": _three("in the middle", "中等", "中等"),
    "high": _three("high", "偏高", "偏高"),
    "yes": _three("yes", "是", "是"),
    "no": _three("no", "否", "否"),
    "unknown": _three("not known", "未知", "未知"),
}

NAMES: Mapping[str, Texts] = {
    "visits": _three("the number of your visits", "光顧次數", "光顾次数"),
    "spend": _three("what you spend", "消費金額", "消费金额"),
    "recency": _three("the weeks since your last visit", "距上次光顧的週數", "距上次光顾的周数"),
    "active": _three("the weeks in which you came", "有光顧的週數", "有光顾的周数"),
    "points_balance": _three("your points", "點數餘額", "积分余额"),
    "offers_used": _three("the offers you used", "已使用的優惠", "已使用的优惠"),
    "tenure": _three("how long you have been a member", "會員年資", "会员年限"),
    "has_app": _three("using the app", "使用應用程式", "使用应用程序"),
    "complained": _three("a complaint", "投訴", "投诉"),
    "channel": _three("where you shop", "購物管道", "购物渠道"),
    "contract": _three("your contract", "合約", "合约"),
    "monthly_charges": _three("your monthly bill", "每月帳單", "每月账单"),
    "total_charges": _three("your bills so far", "累計帳單", "累计账单"),
    "payment_method": _three("how you pay", "付款方式", "付款方式"),
    "internet_service": _three("your internet service", "上網服務", "上网服务"),
    "tech_support": _three("technical support", "技術支援", "技术支持"),
    "online_security": _three("online security", "網路安全服務", "网络安全服务"),
    "paperless_billing": _three("paperless bills", "電子帳單", "电子账单"),
}

PHRASES: Mapping[tuple[str, str], Texts] = {
    ("visits", "low"): _three("you come rarely", "您較少光顧", "您较少光顾"),
    ("visits", "middle"): _three("you come now and then", "您偶爾光顧", "您偶尔光顾"),
    ("visits", "high"): _three("you come often", "您經常光顧", "您经常光顾"),
    ("spend", "low"): _three("you spend little here", "您在這裡消費較少", "您在这里消费较少"),
    ("spend", "middle"): _three("you spend a middling amount here", "您在這裡的消費中等", "您在这里的消费中等"),
    ("spend", "high"): _three("you spend a lot here", "您在這裡消費較多", "您在这里消费较多"),
    ("recency", "low"): _three("you came recently", "您最近來過", "您最近来过"),
    ("recency", "middle"): _three("you have not come for some weeks", "您已有幾週沒來", "您已有几周没来"),
    ("recency", "high"): _three("you have not come for a long time", "您已有很久沒來", "您已有很久没来"),
    ("active", "low"): _three(
        "you came in few weeks of the year", "一年中您只有少數幾週光顧", "一年中您只有少数几周光顾"
    ),
    ("active", "middle"): _three("you came in some weeks of the year", "一年中您有部分週光顧", "一年中您有部分周光顾"),
    ("active", "high"): _three(
        "you came in most weeks of the year", "一年中您大多數週都光顧", "一年中您大多数周都光顾"
    ),
    ("trend", "under a quarter"): _three(
        "you have come far less often lately", "您最近光顧的次數大幅減少", "您最近光顾的次数大幅减少"
    ),
    ("trend", "under half"): _three(
        "you have come much less often lately", "您最近光顧的次數明顯減少", "您最近光顾的次数明显减少"
    ),
    ("trend", "under three quarters"): _three("you have come less often lately", "您最近較少光顧", "您最近较少光顾"),
    ("trend", "under usual"): _three(
        "you have come a little less often lately", "您最近光顧的次數略少", "您最近光顾的次数略少"
    ),
    ("trend", "usual or more"): _three(
        "you have come as often as usual lately", "您最近光顧的次數與平常相同或更多", "您最近光顾的次数与平常相同或更多"
    ),
    ("points_balance", "low"): _three("you have few points", "您的點數不多", "您的积分不多"),
    ("points_balance", "high"): _three("you have many unused points", "您有許多未使用的點數", "您有许多未使用的积分"),
    ("offers_used", "low"): _three("you used few offers", "您很少使用優惠", "您很少使用优惠"),
    ("offers_used", "high"): _three("you used many offers", "您常使用優惠", "您常使用优惠"),
    ("tenure", "low"): _three("you joined not long ago", "您加入不久", "您加入不久"),
    ("tenure", "high"): _three("you have been a member for long", "您是老會員", "您是老会员"),
    ("has_app", "no"): _three("you do not use the app", "您沒有使用應用程式", "您没有使用应用程序"),
    ("has_app", "yes"): _three("you use the app", "您使用應用程式", "您使用应用程序"),
    ("complained", "yes"): _three("you complained", "您曾提出投訴", "您曾提出投诉"),
    ("complained", "no"): _three("you never complained", "您從未投訴", "您从未投诉"),
    ("channel", "store"): _three("you shop in stores", "您在門市購物", "您在门店购物"),
    ("channel", "online"): _three("you shop online", "您在網上購物", "您在网上购物"),
    ("channel", "both"): _three("you shop in stores and online", "您在門市和網上購物", "您在门店和网上购物"),
    ("contract", "*"): _three("your contract is “{value}”", "您的合約是「{value}」", "您的合约是“{value}”"),
    ("categories", "*"): _three("you often buy {value}", "您常買{value}", "您常买{value}"),
    ("products", "*"): _three("you often buy {value}", "您常買{value}", "您常买{value}"),
    ("coupon", "expired"): _three("the coupon has expired", "優惠券已過期", "优惠券已过期"),
    ("coupon", "already-used"): _three("the coupon was used already", "優惠券已使用過", "优惠券已使用过"),
    ("coupon", "minimum-not-reached"): _three(
        "your basket is below the coupon’s minimum", "消費金額未達優惠券的最低限額", "消费金额未达优惠券的最低限额"
    ),
    ("coupon", "not-this-product"): _three(
        "the coupon is not for these products", "優惠券不適用於這些商品", "优惠券不适用于这些商品"
    ),
}
