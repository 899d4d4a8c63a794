"""The loyalty programme of the demo: its scopes, purposes, recipients, contract; its notices are in `notice_texts`."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from consent_center.consent.catalogue import Definition
from consent_center.consent.notice import Notice
from consent_center.consent.purpose import Purpose
from consent_center.consent.recipient import Assessment, Contract, Recipient, RecipientKind, Role
from consent_center.consent.scope import Item, Provenance, Scope, ScopeClass
from consent_center.demo.link_notice import LINKAGE
from consent_center.demo.notice_texts import NOTICES

COUNTRY = "TW"
PURCHASES, DEMOGRAPHICS = "purchases", "demographics"
CHURN, PREFERENCE, FAIRNESS, OFFERS = "churn-model", "preference-model", "fairness-audit", "offers"
SERVICES = "services"
SCOPE_OF = {CHURN: PURCHASES, PREFERENCE: PURCHASES, FAIRNESS: DEMOGRAPHICS, OFFERS: PURCHASES}


def definitions(
    sites: Sequence[tuple[str, bool]],
    *,
    fields: Sequence[str],
    attributes: Sequence[str],
    helping: Mapping[str, Sequence[str]] | None = None,
    at: datetime,
) -> list[Definition]:
    """What the programme defines before anybody is asked anything.

    Args:
        sites: name and whether it is a partner brand.
        fields: the columns of purchases.
        attributes: the columns that members may have given about themselves.
        helping: site -> columns with which it helps the first one, each under a linkage purpose of its own.
        at: when contracts and assessments begin.
    """
    linked = {link_purpose(site): (sites[0][0], site) for site in helping or {}}
    helps = [column for columns in (helping or {}).values() for column in columns]
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
        Purpose(
            PREFERENCE,
            (PURCHASES,),
            trains_models=True,
            needs_assessment=True,
            text=(
                ("en", "Learn what goes well together"),
                ("zh-Hant", "學習哪些商品常一起購買"),
                ("zh-Hans", "学习哪些商品常一起购买"),
            ),
        ),
        Purpose(
            OFFERS,
            (PURCHASES,),
            personalised=True,
            automated=True,
            needs_assessment=True,
            text=(("en", "Offers chosen for you"), ("zh-Hant", "為您挑選的優惠"), ("zh-Hans", "为您挑选的优惠")),
        ),
        *([_services(helps)] if helps else []),
        *(
            Recipient(name, name, RecipientKind.PARTNER if partner else RecipientKind.DEPARTMENT, COUNTRY)
            for name, partner in sites
        ),
        *(_link(purpose, between) for purpose, between in linked.items()),
        *(
            Contract(f"contract-{name}", name, Role.JOINT, (*SCOPE_OF, *linked), (COUNTRY,), at, ends)
            for name in partners
        ),
        *(Assessment(f"assessment-{one}", one, tuple(recipients), at, ends) for one in SCOPE_OF),
        *(Assessment(f"assessment-{one}", one, between, at, ends) for one, between in linked.items()),
    ]


def link_purpose(site: str) -> str:
    """The purpose under which a site and the first one of the programme help each other's models."""
    return f"link-{site}"


def _services(fields: Sequence[str]) -> Scope:
    return Scope(
        SERVICES,
        tuple(fields),
        ScopeClass.ORDINARY,
        Provenance.OBSERVED,
        text=(("en", "What you use"), ("zh-Hant", "使用的服務"), ("zh-Hans", "使用的服务")),
    )


def _link(purpose: str, between: tuple[str, str]) -> Purpose:
    return Purpose(
        purpose,
        (PURCHASES, SERVICES),
        trains_models=True,
        needs_assessment=True,
        between=between,
        text=(("en", "Helping each other’s models"), ("zh-Hant", "互相幫助模型"), ("zh-Hans", "互相帮助模型")),
    )


def notices(
    sites: Sequence[str],
    *,
    purposes: Sequence[str] = (CHURN, FAIRNESS),
    helped_by: Sequence[str] = (),
    at: datetime,
) -> list[Notice]:
    """One notice for each purpose that members are asked about.

    Args:
        sites: where members are asked for these purposes.
        helped_by: sites that help the first one; each has a notice of its own, which asks at both ends.
        purposes: what members are asked about; offers are made at the first site only.
        at: when they are published.
    """
    return [
        Notice(
            purpose,
            1,
            tuple(
                Item(SCOPE_OF[purpose], purpose, site, COUNTRY) for site in (sites[:1] if purpose == OFFERS else sites)
            ),
            tuple(NOTICES[purpose].items()),
            published_at=at,
        )
        for purpose in purposes
    ] + [
        Notice(
            link_purpose(site),
            1,
            (
                Item(PURCHASES, link_purpose(site), sites[0], COUNTRY),
                Item(SERVICES, link_purpose(site), site, COUNTRY),
            ),
            tuple(LINKAGE.items()),
            published_at=at,
        )
        for site in helped_by
    ]
