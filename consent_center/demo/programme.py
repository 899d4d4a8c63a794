"""The loyalty programme of the demo: its scopes, purposes, recipients, contract, and two notices in three languages."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from consent_center.consent.catalogue import Definition
from consent_center.consent.notice import Notice, NoticeText
from consent_center.consent.purpose import Purpose
from consent_center.consent.recipient import Assessment, Contract, Recipient, RecipientKind, Role
from consent_center.consent.scope import Item, Provenance, Scope, ScopeClass

COUNTRY = "TW"
PURCHASES, DEMOGRAPHICS = "purchases", "demographics"
CHURN, FAIRNESS = "churn-model", "fairness-audit"
SCOPE_OF = {CHURN: PURCHASES, FAIRNESS: DEMOGRAPHICS}


def definitions(
    sites: Sequence[tuple[str, bool]], *, fields: Sequence[str], attributes: Sequence[str], at: datetime
) -> list[Definition]:
    """What the programme defines before anybody is asked anything.

    Args:
        sites: name and whether it is a partner brand.
        fields: the columns of purchases.
        attributes: the columns that members may have given about themselves.
        at: when contracts and assessments begin.
    """
    ends = at + timedelta(days=3 * 365)
    recipients = [name for name, _ in sites]
    partners = [name for name, partner in sites if partner]
    return [
        Scope(
            PURCHASES,
            tuple(fields),
            ScopeClass.ORDINARY,
            Provenance.OBSERVED,
            text=(("en", "Purchases"), ("zh-Hant", "購買紀錄"), ("zh-Hans", "购买记录")),
        ),
        Scope(
            DEMOGRAPHICS,
            tuple(attributes),
            ScopeClass.SENSITIVE,
            Provenance.GIVEN,
            kinds=("demographics",),
            text=(("en", "About you"), ("zh-Hant", "個人基本資料"), ("zh-Hans", "个人基本信息")),
        ),
        Purpose(
            CHURN,
            (PURCHASES,),
            trains_models=True,
            needs_assessment=True,
            text=(
                ("en", "Predict which members may leave"),
                ("zh-Hant", "預測哪些會員可能不再光顧"),
                ("zh-Hans", "预测哪些会员可能不再光顾"),
            ),
        ),
        Purpose(
            FAIRNESS,
            (DEMOGRAPHICS,),
            needs_assessment=True,
            text=(
                ("en", "Check that our models treat people equally"),
                ("zh-Hant", "檢查模型是否一視同仁"),
                ("zh-Hans", "检查模型是否一视同仁"),
            ),
        ),
        *(
            Recipient(name, name, RecipientKind.PARTNER if partner else RecipientKind.DEPARTMENT, COUNTRY)
            for name, partner in sites
        ),
        *(Contract(f"contract-{name}", name, Role.JOINT, (CHURN, FAIRNESS), (COUNTRY,), at, ends) for name in partners),
        Assessment("assessment-churn", CHURN, tuple(recipients), at, ends),
        Assessment("assessment-fairness", FAIRNESS, tuple(recipients), at, ends),
    ]


def notices(sites: Sequence[str], *, at: datetime) -> list[Notice]:
    """The two notices: one asks for purchases to train with, one for what members told us to audit with."""
    return [
        Notice(
            purpose,
            1,
            tuple(Item(SCOPE_OF[purpose], purpose, site, COUNTRY) for site in sites),
            tuple(texts.items()),
            published_at=at,
        )
        for purpose, texts in ((CHURN, _CHURN), (FAIRNESS, _FAIRNESS))
    ]


_CHURN = {
    "en": NoticeText(
        title="May we learn from your purchases who is about to leave?",
        body="A model learns from many members at once how shopping changes before people stop coming. "
        "Your rows stay where they are; only sums with noise leave.",
        who="The loyalty programme, and the department or partner brand named on the choice.",
        contact="privacy@programme.example, or any counter",
        purpose="To train a model that estimates how likely a member is to come less often.",
        method="Federated training: each site computes on its own rows, clips and adds noise.",
        data_types="What you bought, where, when and what you paid.",
        retention="Your answer lasts one year. A model is replaced after at most one year.",
        rights="Withdraw at any time on the same page; it holds from the next round. See, copy, correct, erase.",
        consequences="Your points, tier and prices stay the same, whatever you answer.",
        accept="Allow",
        refuse="Don’t allow",
        example="Hypothetical: a model could show that members who buy less coffee in autumn often leave by winter.",
    ),
    "zh-Hant": NoticeText(
        title="可以用您的購買紀錄，學習哪些會員可能不再光顧嗎？",
        body="模型從許多會員的紀錄中，學習人們離開之前購物有什麼變化。您的資料留在原處，只有加了雜訊的總和會離開。",
        who="本會員計畫，以及選項上列出的部門或品牌夥伴。",
        contact="privacy@programme.example，或任一服務櫃檯",
        purpose="訓練模型，估計會員減少光顧的可能性。",
        method="聯合訓練：各站點只在自己的資料上計算，先限制每位會員的影響，再加雜訊。",
        data_types="您買了什麼、在哪裡買、何時買、付了多少。",
        retention="您的選擇有效一年。模型最多使用一年即更換。",
        rights="隨時可在同一頁撤回，下一輪起生效。您也可以查詢、複製、更正、刪除。",
        consequences="無論您怎麼選，點數、等級和價格都不變。",
        accept="同意",
        refuse="不同意",
        example="假設的例子：模型可能顯示，秋天少買咖啡的會員，到冬天往往不再光顧。",
    ),
    "zh-Hans": NoticeText(
        title="可以用您的购买记录，学习哪些会员可能不再光顾吗？",
        body="模型从许多会员的记录中，学习人们离开之前购物有什么变化。您的数据留在原处，只有加了噪声的总和会离开。",
        who="本会员计划，以及选项上列出的部门或合作品牌。",
        contact="privacy@programme.example，或任一服务台",
        purpose="训练模型，估计会员减少光顾的可能性。",
        method="联邦训练：各站点只在自己的数据上计算，先限制每位会员的影响，再加噪声。",
        data_types="您买了什么、在哪里买、什么时候买、付了多少。",
        retention="您的选择有效一年。模型最多使用一年即更换。",
        rights="随时可在同一页撤回，下一轮起生效。您也可以查询、复制、更正、删除。",
        consequences="无论您怎么选，积分、等级和价格都不变。",
        accept="同意",
        refuse="不同意",
        example="假设的例子：模型可能显示，秋天少买咖啡的会员，到冬天往往不再光顾。",
    ),
}

_FAIRNESS = {
    "en": NoticeText(
        title="May we use what you told us about yourself to check our models?",
        body="Before a model is used we check whether it treats groups of people differently. "
        "Your site counts for itself; only counts with noise leave it.",
        who="The loyalty programme, and the department or partner brand named on the choice.",
        contact="privacy@programme.example, or any counter",
        purpose="To check whether a model warns about some groups of members more often than about others.",
        method="Each site counts its own members by group and adds noise before a count leaves it.",
        data_types="Age band and gender, if you told us.",
        retention="Your answer lasts one year. Raw counts are never kept.",
        rights="Withdraw at any time on the same page; it holds from the next round. See, copy, correct, erase.",
        consequences="Your points, tier and prices stay the same, whatever you answer.",
        necessity="Without these data nobody can see whether a model treats a group worse.",
        impact="Noise hides a single answer; a count over many members still shows how groups differ.",
        accept="Allow",
        refuse="Don’t allow",
    ),
    "zh-Hant": NoticeText(
        title="可以用您填寫的個人資料，檢查我們的模型嗎？",
        body="模型使用之前，我們檢查它是否對不同的人有不同待遇。各站點自行計數，只有加了雜訊的數字會離開。",
        who="本會員計畫，以及選項上列出的部門或品牌夥伴。",
        contact="privacy@programme.example，或任一服務櫃檯",
        purpose="檢查模型是否對某些會員群體發出較多警示。",
        method="各站點按群體計數自己的會員，加雜訊後數字才離開。",
        data_types="您填寫過的年齡層與性別。",
        retention="您的選擇有效一年。原始計數從不保存。",
        rights="隨時可在同一頁撤回，下一輪起生效。您也可以查詢、複製、更正、刪除。",
        consequences="無論您怎麼選，點數、等級和價格都不變。",
        necessity="沒有這些資料，就無從得知模型是否虧待某個群體。",
        impact="雜訊會掩蓋單一會員的答案；但許多會員的計數仍會顯示群體之間的差異。",
        accept="同意",
        refuse="不同意",
    ),
    "zh-Hans": NoticeText(
        title="可以用您填写的个人信息，检查我们的模型吗？",
        body="模型使用之前，我们检查它是否对不同的人有不同待遇。各站点自行计数，只有加了噪声的数字会离开。",
        who="本会员计划，以及选项上列出的部门或合作品牌。",
        contact="privacy@programme.example，或任一服务台",
        purpose="检查模型是否对某些会员群体发出较多警示。",
        method="各站点按群体计数自己的会员，加噪声后数字才离开。",
        data_types="您填写过的年龄段与性别。",
        retention="您的选择有效一年。原始计数从不保存。",
        rights="随时可在同一页撤回，下一轮起生效。您也可以查询、复制、更正、删除。",
        consequences="无论您怎么选，积分、等级和价格都不变。",
        necessity="没有这些数据，就无从得知模型是否亏待某个群体。",
        impact="噪声会掩盖单个会员的答案；但许多会员的计数仍会显示群体之间的差异。",
        accept="同意",
        refuse="不同意",
    ),
}
