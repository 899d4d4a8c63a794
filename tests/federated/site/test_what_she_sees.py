"""Laws: a member sees what is really held about her; a deleted tag is gone from the next scoring; a refused coupon is
told with the reason it was refused for."""

import csv
from pathlib import Path

import pytest

from consent_center.offers.explanation import say_decision
from federated.clearance import commitment_of
from federated.errors import MalformedError, Refusal, RefusedError
from federated.models.rule_plan import rule_plan
from federated.models.rules import DECAY
from federated.plan import Use
from federated.site import holdout, warned
from federated.site.coupons import refuse_coupon
from federated.site.decided import write_decided
from federated.site.decisions import RULED, Decisions
from federated.site.member_desk import MemberDesk
from federated.site.offers import Brand
from federated.site.tags import AT_RISK
from federated.site.taken import take_decisions
from federated.site.warned import effect_of_warnings
from tests.federated.site.test_scoring import MEMBERS, Shop
from tests.federated.world import FEATURES


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_a_flagged_member_sees_the_tag_with_its_model_and_others_see_none(shop: Shop) -> None:
    shop.score()
    relay = MemberDesk(shop.desk.store)
    seen = {one: relay.tags_of(one) for one in shop.keys}
    flagged = {one for one, score in shop.scores().items() if score >= 0.4}
    assert {one for one, tags in seen.items() if tags} == flagged != set()
    (tag,) = seen[min(flagged)]
    assert (tag.name, tag.horizon_days, tag.deleted) == (AT_RISK, shop.plan.horizon_days, False)


def test_a_deleted_tag_is_shown_as_deleted_and_left_out_of_the_next_scoring(shop: Shop) -> None:
    shop.score()
    relay = MemberDesk(shop.desk.store)
    hers = next(one for one in shop.keys if relay.tags_of(one))
    relay.delete_tag(hers, AT_RISK, at=shop.clock())
    assert [one.deleted for one in relay.tags_of(hers)] == [True]
    assert shop.score().members == MEMBERS - 1
    (left,) = relay.tags_of(hers)
    assert (left.deleted, left.since) == (True, None)
    relay.restore_tag(hers, AT_RISK)
    assert relay.tags_of(hers) == []
    assert shop.score().members == MEMBERS


def test_what_a_site_relays_opens_its_commitment(shop: Shop) -> None:
    shop.score()
    assert shop.tell().told
    relay = MemberDesk(shop.desk.store)
    hers = next(one for one in shop.keys if relay.decisions_of(one))
    ((commitment, salt, document),) = relay.decisions_of(hers)
    assert commitment_of(salt, document) == commitment
    relay.answer_decision(hers, commitment, "unfair", words="I was ill", at=shop.clock())
    (kept,) = Decisions(shop.desk.store).of_member(hers)
    assert kept.answers[0][:2] == ("unfair", "I was ill")


def test_the_sites_own_decisions_become_a_file_that_an_audit_takes_in(shop: Shop, tmp_path: Path) -> None:
    first, second, third = sorted(shop.keys)[:3]
    register = Decisions(shop.desk.store)
    for one in (first, second):
        refuse_coupon(shop.desk, shop.hub, one, coupon="spring-10", reason="expired")
    (decision,) = register.of_member(first)
    for answer in ("right", "unfair"):  # her last word counts
        register.answer(first, decision.commitment, answer, words="", at=shop.clock())
    file = tmp_path / "decided.csv"
    assert write_decided(shop.desk.store, file, kind="coupon-refused") == 2
    rows = {row["member"]: (row["decision"], row["outcome"]) for row in csv.DictReader(file.read_text().splitlines())}
    assert len(rows) == len(shop.keys)
    assert [rows[one.hex()] for one in (first, second, third)] == [("1", "0"), ("1", ""), ("0", "")]
    assert file.stat().st_mode & 0o077 == 0
    taken = take_decisions(shop.folder.data, file, name="coupons_2026")
    assert taken.decisions == len(shop.keys)
    assert write_decided(shop.desk.store, file, kind="offer") == 0
    with pytest.raises(MalformedError, match="of a kind"):
        write_decided(shop.desk.store, file, kind="price")


def test_what_a_rule_decided_says_so_and_what_would_have_changed_it(tmp_path: Path) -> None:
    plan = rule_plan(
        study="study-0",
        country="HK",
        sites=("north",),
        uses=(Use(("evaluate",), "churn-model", ("purchases",)),),
        features=FEATURES[:1],
        cuts={"visits": (14,)},
        label="label",
        horizon_days=30,
        attributes=(),
        model=DECAY.name,
    )
    shop = Shop(tmp_path, made=plan, weights=DECAY.rule_weights(plan.features))
    shop.score()
    assert shop.tell().told
    rows = shop.desk.source.read(sorted(shop.keys), ["visits"])
    silent = {one for one, visits in zip(rows.pseudonyms, rows.columns["visits"], strict=True) if visits >= 14}
    told = {one: MemberDesk(shop.desk.store).decisions_of(one) for one in shop.keys}
    assert {one for one, decisions in told.items() if decisions} == silent != set()
    ((_, _, document),) = told[min(silent)]
    assert document["label"] == RULED
    assert say_decision(document, language="en") == (
        "A fixed rule chose you for this offer; nobody's data went into making the rule. The reason: the number of "
        "your visits: 14 or more. "
        "With the number of your visits at below 14 instead, the rule would not have chosen you."
    )
    for language in ("zh-Hant", "zh-Hans"):
        said = say_decision(document, language=language)
        assert "14 以上" in said
        assert "規則" in said or "规则" in said


def test_a_refused_coupon_is_told_with_its_true_reason(shop: Shop) -> None:
    hers = next(iter(shop.keys))
    made = refuse_coupon(shop.desk, shop.hub, hers, coupon="SPRING-10", reason="expired")
    ((commitment, salt, document),) = MemberDesk(shop.desk.store).decisions_of(hers)
    assert (commitment, commitment_of(salt, document)) == (made, made)
    assert (document["kind"], document["action"], document["score"]) == ("coupon-refused", ["SPRING-10"], 0.0)
    assert [(one["feature"], one["level"]) for one in document["reasons"]] == [("coupon", "expired")]


@pytest.mark.parametrize("wrong", [{"reason": "we did not like her"}, {"coupon": ""}, {"coupon": "a" * 81}])
def test_a_refusal_without_a_true_reason_is_not_recorded(shop: Shop, wrong: dict[str, str]) -> None:
    hers = next(iter(shop.keys))
    with pytest.raises(MalformedError):
        refuse_coupon(shop.desk, shop.hub, hers, **{"coupon": "SPRING-10", "reason": "expired", **wrong})
    assert shop.hub.asked == []
    assert MemberDesk(shop.desk.store).decisions_of(hers) == []


def test_about_somebody_who_is_not_linked_nothing_is_kept(shop: Shop) -> None:
    hers = next(iter(shop.keys))
    shop.hub.withdrawn = {hers.hex()}
    with pytest.raises(RefusedError) as refused:
        refuse_coupon(shop.desk, shop.hub, hers, coupon="SPRING-10", reason="already-used")
    assert refused.value.code is Refusal.POLICY
    assert MemberDesk(shop.desk.store).decisions_of(hers) == []


def test_what_warnings_did_is_read_when_the_horizon_has_passed_and_stays_insufficient_with_few(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    brand = Brand(holdout=0.5)
    asked = {"study": "study-1", "outcome": "label", "brand": brand}
    with pytest.raises(RefusedError, match="no finished scoring"):
        effect_of_warnings(shop.desk, **asked)
    shop.score()
    with pytest.raises(RefusedError, match="known from"):
        effect_of_warnings(shop.desk, **asked)
    shop.clock.forward(days=shop.plan.horizon_days)
    assert effect_of_warnings(shop.desk, **asked).verdict == "INSUFFICIENT"
    monkeypatch.setattr(holdout, "LEAST_PER_ARM", 1)
    seen: list[tuple[tuple[int, int], tuple[int, int]]] = []
    monkeypatch.setattr(warned, "effect", lambda *, warned, holdout: seen.append((warned, holdout)))
    effect_of_warnings(shop.desk, **asked)
    flagged = [one for one, score in shop.scores().items() if score >= 0.4]
    rows = shop.desk.source.read(flagged, ["label"])
    left = dict(zip(rows.pseudonyms, rows.columns["label"].tolist(), strict=True))
    for arm, is_out in zip(seen[0], (False, True), strict=True):
        hers = [left[one] for one in flagged if holdout.held_out("study-1", one, share=0.5) == is_out]
        assert arm == (len(hers), sum(hers))
    assert sum(arm[0] for arm in seen[0]) == len(flagged)
