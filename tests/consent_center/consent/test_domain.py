"""Statements, notices, receipts, delegations, definitions and jurisdictions: what they refuse, one rule at a time."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from consent_center.consent.catalogue import Catalogue, fold
from consent_center.consent.cohort import EDGES, band, preview_key
from consent_center.consent.delegation import Delegation, DelegationKind, check_actor
from consent_center.consent.grant import BY_HUB, HUB, YES, Act, Actor, ActorKind, Recorded, ending, midnight
from consent_center.consent.jurisdiction import ALL, GDPR, PDPA_TW, PIPL, guarded_until, jurisdiction, of_country
from consent_center.consent.lint import Rule, lint, reading_grade
from consent_center.consent.notice import LANGUAGES, LEGAL_FIELDS, missing_fields
from consent_center.consent.purpose import Purpose
from consent_center.consent.receipt import Controller, read_receipt, receipt_of, sign_receipt
from consent_center.consent.recipient import Recipient, RecipientKind
from consent_center.consent.scope import PROHIBITED_KINDS, Item, Provenance, Scope, ScopeClass
from consent_center.consent.speech import statement_of
from consent_center.errors import (
    ActorError,
    ConsentCenterError,
    DefinitionError,
    NoticeError,
    ReceiptError,
    SeparateConsentError,
    StatementError,
    UnknownDefinitionError,
)
from tests.consent_center.world import (
    ABROAD,
    AGE,
    ASSESSMENT,
    CHINESE,
    CONTRACT,
    DAY,
    ITEMS,
    NOW,
    OFFER,
    PURPOSES,
    RECIPIENTS,
    SCOPES,
    SERVICE,
    TEXT,
    TRAIN,
    notice,
    said,
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
CONTROLLER = Controller("hub", "The programme", "privacy@example.org", "TW")
KNOWN: Catalogue = fold(
    enumerate((*SCOPES, *PURPOSES, *RECIPIENTS, CONTRACT, ASSESSMENT, notice()), 1),
    {item: number for number, item in enumerate(ITEMS, 1)},
)


# Invariant 3: a grant names the notice version, the language and the choices as shown.


def test_3_a_statement_keeps_what_was_read():
    made = statement_of(said("m" * 32, Act.GIVEN, TRAIN), KNOWN, at=NOW)
    assert (made.notice, made.notice_version, made.language) == ("core", 1, "en")
    for wrong in (
        {"choices": ""},
        {"choices": "0" * 63},
        {"choices": "G" * 64},
        {"language": "de"},
        {"notice_version": 2},
    ):
        with pytest.raises(ConsentCenterError):
            statement_of(replace(said("m" * 32, Act.GIVEN, TRAIN), **wrong), KNOWN, at=NOW)


def test_a_category_is_named_once_and_in_every_language():
    named = (("en", "Coffee"), ("zh-Hant", "咖啡"), ("zh-Hans", "咖啡"))
    fold((), {}).check(replace(SCOPES[0], categories=(("coffee", named),)))
    for missing in (named[:2], (*named[:2], ("zh-Hans", " "))):
        with pytest.raises(DefinitionError, match="zh-Hans"):
            fold((), {}).check(replace(SCOPES[0], categories=(("coffee", missing),)))
    with pytest.raises(DefinitionError, match="once"):
        replace(SCOPES[0], categories=(("coffee", named), ("coffee", named)))


# Invariant 4: items that need separate consent never share one action.


def test_4_a_border_a_partner_and_a_sensitive_scope_need_a_consent_of_their_own():
    lab = Recipient("lab", "A department of ours in Japan", RecipientKind.DEPARTMENT, "JP")
    known = fold(enumerate((*SCOPES, *PURPOSES, *RECIPIENTS, lab), 1), {})
    plain, *separate = (TRAIN, TRAIN._replace(recipient="lab"), ABROAD, AGE)
    assert known.separation_key(plain) == ("", "", "")
    keys = {known.separation_key(item) for item in separate}
    assert len(keys) == 3
    assert known.separation_key(plain) not in keys


@given(st.lists(st.sampled_from(ITEMS), min_size=1, max_size=4, unique=True), st.sampled_from(sorted(YES)))
def test_4_a_yes_joins_only_items_that_may_be_asked_together(items, act):
    keys = {
        (
            item.recipient if item.recipient == "grocer" else "",
            item.scope if item.scope == "demographics" else "",
            item.country if item.recipient == "grocer" else "",
        )
        for item in items
    }
    spoken = said("m" * 32, act, *items)
    if len(keys) == 1:
        assert statement_of(spoken, KNOWN, at=NOW).items == tuple(items)
    else:
        with pytest.raises(SeparateConsentError):
            statement_of(spoken, KNOWN, at=NOW)


@given(st.lists(st.sampled_from(ITEMS), min_size=1, max_size=9, unique=True))
def test_4_a_no_may_join_everything(items):
    for act in (Act.REFUSED, Act.WITHDRAWN, Act.DEFERRED, Act.PAUSED):
        assert statement_of(said("m" * 32, act, *items), KNOWN, at=NOW).items == tuple(items)


# Invariant 5: withdrawn is said by the member or her delegate; anybody else revokes.


@given(st.sampled_from(list(Act)), st.sampled_from(list(ActorKind)))
def test_5_only_the_programme_revokes_and_it_says_nothing_else(act, kind):
    delegation = "ab" * 16 if kind in (ActorKind.DELEGATE, ActorKind.GUARDIAN) else None
    spoken = replace(said("m" * 32, act, TRAIN), actor=Actor(kind, delegation))
    hub_acts = {Act.REVOKED, Act.INVALIDATED}
    if (kind is ActorKind.HUB) == (act in hub_acts):
        assert statement_of(spoken, KNOWN, at=NOW).act is act
    else:
        with pytest.raises(StatementError):
            statement_of(spoken, KNOWN, at=NOW)


def test_5_a_delegate_needs_a_delegation_of_this_member_that_holds_now():
    given_ = Delegation("d", "mei", DelegationKind.DELEGATE, "ann", "ab" * 32, NOW, NOW + DAY)
    speaks = Actor(ActorKind.DELEGATE, "d")
    check_actor(speaks, given_, member="mei", guarded_until=None, at=NOW)
    refused = [
        (speaks, None, "mei", None, NOW),
        (speaks, given_, "eve", None, NOW),
        (speaks, given_, "mei", None, NOW + DAY),
        (speaks, given_, "mei", None, NOW - timedelta(seconds=1)),
        (speaks, replace(given_, ended_at=NOW), "mei", None, NOW),
        (Actor(ActorKind.GUARDIAN, "d"), given_, "mei", NOW + DAY, NOW),
        (Actor(ActorKind.GUARDIAN, "d"), replace(given_, kind=DelegationKind.GUARDIAN), "mei", NOW, NOW),
    ]
    for actor, delegation, member, until, at in refused:
        with pytest.raises(ActorError):
            check_actor(actor, delegation, member=member, guarded_until=until, at=at)


@pytest.mark.parametrize(
    "change",
    [
        {"evidence": ""},
        {"evidence": "x" * 64},
        {"delegate": ""},
        {"delegate": "mei"},
        {"ends": NOW},
        {"ends": NOW + 7000 * DAY},
    ],
)
def test_5_no_delegation_without_evidence_person_and_end(change):
    good = {"evidence": "ab" * 32, "delegate": "ann", "ends": NOW + DAY}
    with pytest.raises(ActorError):
        Delegation("d", "mei", DelegationKind.GUARDIAN, begins=NOW, **{**good, **change})


# Invariant 7: nothing is given without an act, and nothing is selected beforehand.


def test_7_a_notice_with_a_preselection_does_not_exist():
    with pytest.raises(NoticeError, match="pre-selection"):
        replace(notice(), preselected=(TRAIN,))


# Invariant 13: scope classes and provenance.


@pytest.mark.parametrize("kind", sorted(PROHIBITED_KINDS))
def test_13_prohibited_data_cannot_be_called_anything_else(kind):
    for lesser in (ScopeClass.ORDINARY, ScopeClass.SENSITIVE):
        with pytest.raises(DefinitionError):
            Scope("x", ("a",), lesser, Provenance.GIVEN, kinds=(kind,))


def test_13_inferred_values_and_beliefs_are_sensitive():
    with pytest.raises(DefinitionError):
        Scope("x", ("a",), ScopeClass.ORDINARY, Provenance.INFERRED)
    with pytest.raises(DefinitionError):
        Scope("x", ("a",), ScopeClass.ORDINARY, Provenance.GIVEN, kinds=("belief",))


def test_13_a_scope_never_becomes_less_protected():
    with pytest.raises(DefinitionError, match="less protected"):
        KNOWN.check(Scope("demographics", ("a",), ScopeClass.ORDINARY, Provenance.GIVEN))
    KNOWN.check(Scope("purchases", ("a",), ScopeClass.SENSITIVE, Provenance.GIVEN))


# Invariant 14: minimum necessary.


def test_14_a_notice_cannot_ask_for_a_scope_that_its_purpose_may_never_use():
    with pytest.raises(NoticeError, match="not necessary"):
        KNOWN.check(replace(notice(2), items=(Item("demographics", "churn-model", "sales", "TW"),)))


def test_14_terms_of_an_item_follow_a_purpose_that_was_narrowed_later():
    narrowed = fold(
        enumerate((*SCOPES, *PURPOSES, *RECIPIENTS, notice(), Purpose("churn-model", ("browsing",))), 1), KNOWN.items
    )
    assert KNOWN.terms(TRAIN).necessary
    assert not narrowed.terms(TRAIN).necessary


# Invariant 15: sizes in bands.


@given(st.integers(-100, 3_000_000))
def test_15_a_band_holds_its_number_and_is_one_of_few(number):
    lower, upper = band(number)
    assert lower in EDGES
    assert lower <= max(number, 0)
    assert upper is None or max(number, 0) < upper


@pytest.mark.parametrize("edge", EDGES)
def test_15_a_band_begins_at_its_edge(edge):
    assert band(edge)[0] == edge
    assert band(edge - 1)[1] == (edge or EDGES[1])


def test_15_the_noise_of_a_preview_depends_on_site_items_and_day_alone():
    same = preview_key("sales", [TRAIN, AGE], NOW)
    assert same == preview_key("sales", [AGE, TRAIN], NOW + timedelta(hours=1))
    assert (
        len(
            {
                same,
                preview_key("sales", [TRAIN], NOW),
                preview_key("service", [TRAIN, AGE], NOW),
                preview_key("sales", [TRAIN, AGE], NOW + DAY),
            }
        )
        == 4
    )


# Notices.


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("field", [*LEGAL_FIELDS, "necessity", "impact", "title", "body"])
def test_a_notice_with_a_hole_is_not_publishable(language, field):
    texts = tuple((name, replace(text, **{field: "  "}) if name == language else text) for name, text in notice().texts)
    holed = replace(notice(2), texts=texts)
    assert missing_fields(holed, sensitive=True) == (f"{language}.{field}",)
    with pytest.raises(NoticeError):
        KNOWN.check(holed)


def test_versions_of_a_notice_follow_one_another():
    KNOWN.check(notice(2))
    for version in (1, 3):
        with pytest.raises(NoticeError, match="next version"):
            KNOWN.check(notice(version))


def test_definitions_name_only_what_is_defined():
    for wrong in (
        Purpose("x", ("nowhere",)),
        replace(CONTRACT, recipient="nobody"),
        replace(CONTRACT, purposes=("nothing",)),
        replace(ASSESSMENT, purpose="nothing"),
        replace(notice(2), items=(TRAIN._replace(recipient="nobody"),)),
    ):
        with pytest.raises(UnknownDefinitionError):
            KNOWN.check(wrong)


def test_a_partner_abroad_needs_a_contract_with_a_transfer_mechanism():
    assert KNOWN.terms(TRAIN).contracts is None
    assert len(KNOWN.terms(ABROAD).contracts) == 1
    without = fold(
        enumerate((*SCOPES, *PURPOSES, *RECIPIENTS, replace(CONTRACT, transfer=""), notice()), 1), KNOWN.items
    )
    assert without.terms(ABROAD).contracts == ()


@pytest.mark.parametrize(
    ("rule", "language", "change"),
    [
        (Rule.GUILT, "en", {"refuse": "No, I don't care about others"}),
        (Rule.GUILT, "zh-Hant", {"refuse": "我不想省錢"}),
        (Rule.GUILT, "zh-Hans", {"body": "您忍心让我们失望吗"}),
        (Rule.PRESSURE, "en", {"body": "Act now, last chance!"}),
        (Rule.PRESSURE, "zh-Hant", {"accept": "立即同意"}),
        (Rule.POINTS_PENALTY, "en", {"consequences": "If you refuse you lose all your points."}),
        (Rule.POINTS_PENALTY, "zh-Hans", {"consequences": "拒绝将扣除全部积分"}),
        (Rule.CHOICES_UNEQUAL, "en", {"refuse": "No, I would rather go on without any of these useful offers"}),
        (Rule.CHOICES_UNEQUAL, "en", {"accept": "OK", "refuse": "ok"}),
        (Rule.REFUSE_MISSING, "zh-Hant", {"refuse": " "}),
        (Rule.HARD_TO_READ, "zh-Hant", {"body": "資料" * 80}),
        (Rule.HARD_TO_READ, "en", {"body": "Notwithstanding " + "institutional interoperability considerations " * 20}),
        (Rule.LEGAL_FIELD_EMPTY, "en", {"rights": ""}),
    ],
)
def test_the_lint_blocks_pressure_guilt_asymmetry_and_fog(rule, language, change):
    texts = tuple((name, replace(text, **change) if name == language else text) for name, text in notice().texts)
    found = [one for one in lint(replace(notice(), texts=texts), KNOWN) if one.rule is rule]
    assert found
    assert all(one.blocks and one.where.startswith(language) for one in found)


def test_the_lint_lets_a_plain_notice_pass():
    assert not [one for one in lint(notice(), KNOWN) if one.blocks]
    assert {one.rule for one in lint(notice(), KNOWN)} == {Rule.EXAMPLE_MISSING}
    assert reading_grade("The cat sat on the mat. It was a nice day.") < 3
    assert reading_grade("Institutional interoperability considerations necessitate reconfiguration.") > 12
    assert reading_grade("") == 0
    assert CHINESE.accept != TEXT.accept


# Receipts.


def receipt(act=Act.GIVEN, *items, language="en", **more):
    made = statement_of(replace(said("m" * 32, act, *(items or (TRAIN,))), language=language, **more), KNOWN, at=NOW)
    return receipt_of(Recorded(5, made), KNOWN, CONTROLLER, leaf_hash="ab" * 32)


@given(st.sampled_from([act for act in Act if act not in (Act.REVOKED, Act.INVALIDATED)]), st.sampled_from(LANGUAGES))
def test_a_signed_receipt_reads_back_and_a_changed_one_does_not(act, language):
    kept = receipt(act, TRAIN, SERVICE, language=language)
    signed = sign_receipt(kept, KEY)
    assert json.dumps(read_receipt(signed, KEY.public_key()).document) == json.dumps(
        json.loads(json.dumps(kept.document, sort_keys=True))
    )
    head, body, signature = signed.split(".")
    swapped = ("B" if body[40] != "B" else "C").join((body[:40], body[41:]))
    for changed in (
        f"{head}.{swapped}.{signature}",
        f"{head}.{body}.{signature[:-4]}AAAA",
        "x",
        "",
        "a.b.c",
        f"..{signature}",
    ):
        with pytest.raises(ReceiptError):
            read_receipt(changed, KEY.public_key())
    with pytest.raises(ReceiptError):
        read_receipt(signed, Ed25519PrivateKey.generate().public_key())


def test_a_receipt_signed_as_another_kind_of_thing_is_refused():
    from joserfc import jws
    from joserfc.jwk import OKPKey

    key = OKPKey.import_key(KEY)
    body = json.dumps(receipt().document)
    for header, algorithms in (
        ({"alg": "Ed25519", "typ": "other"}, ["Ed25519"]),
        ({"alg": "Ed25519"}, ["Ed25519"]),
    ):
        with pytest.raises(ReceiptError):
            read_receipt(jws.serialize_compact(header, body, key, algorithms=algorithms), KEY.public_key())


def test_a_receipt_says_what_the_standard_asks_for():
    document = receipt(Act.GIVEN, TRAIN, OFFER).document
    assert document["@type"] == "dpv:ConsentRecord"
    assert document["event"]["type"] == "dpv:ConsentGiven"
    assert document["event"]["time"] == "2026-11-21T09:30:15Z"
    assert document["privacy_notice"]["choices_sha256"] == said("x", Act.GIVEN).choices
    assert [one["purpose"] for one in document["purposes"]] == ["churn-model", "personalised-offers"]
    assert document["purposes"][0]["dpv-ai:hasData"] == "dpv-ai:TrainingData"
    assert document["recipient_third_parties"][0]["id"] == "sales"
    assert document["event"]["validity_duration"] == f"PT{_lasts(document['event'])}S"
    assert document["event"]["entity_id"] == document["pii_principal_id"]
    assert receipt(Act.WITHDRAWN).document["event"]["type"] == "dpv:ConsentWithdrawn"


def _lasts(event) -> int:
    return int(
        (datetime.fromisoformat(event["validity_until"]) - datetime.fromisoformat(event["time"])).total_seconds()
    )


@pytest.mark.parametrize("act", [act for act in Act if act not in YES])
def test_only_the_receipt_of_a_yes_can_be_read_as_one(act):
    more = {"actor": HUB, "reason": "contract-ended"} if act in BY_HUB else {}
    assert receipt(act, **more).document["event"]["state"] not in ("dpv:ConsentGiven", "dpv:RenewedConsentGiven")


def test_nothing_of_a_receipt_is_lost_when_it_is_read_as_linked_data():
    """A word that the context does not define is dropped by every JSON-LD reader."""
    context = receipt(Act.GIVEN).document["@context"]
    assert context["@vocab"].startswith("urn:accord:")
    for meaning in context.values():
        written = meaning if isinstance(meaning, str) else meaning.get("@id", "dpv:")
        assert written.partition(":")[0] in ("dpv", "https", "urn"), written


# Times, places, laws.


@given(st.integers(0, 40 * 366 * 86_400), st.integers(1, 1000))
def test_a_yes_ends_at_a_midnight_after_it_and_never_later_than_its_purpose_allows(later, days):
    at = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=later)
    ends = ending(at, lifetime_days=days)
    assert ends == midnight(ends)
    assert at < ends <= at + timedelta(days=days)


def test_jurisdictions_are_data():
    assert {one.code for one in ALL} == {"PIPL", "GDPR", "PDPA-TW"}
    assert (of_country("TW"), of_country("DE"), of_country("CN"), of_country("BR")) == (PDPA_TW, GDPR, PIPL, PIPL)
    assert jurisdiction("GDPR") is GDPR
    with pytest.raises(DefinitionError):
        jurisdiction("none")
    assert guarded_until(date(2012, 2, 29), PIPL) == date(2026, 3, 1)
    assert guarded_until(date(2012, 2, 29), GDPR) == date(2028, 2, 29)
    assert PIPL.incident == timedelta(0) < GDPR.incident


@given(st.sampled_from(ITEMS))
def test_an_item_reads_back(item):
    assert Item.parse(str(item)) == item


@pytest.mark.parametrize(
    "text", ["", "a/b/c", "a/b/c/TW/x", "A/b/c/TW", "a/b/c/tw", "a b/b/c/TW", "購買/b/c/TW", "a/b/c/TW\n"]
)
def test_what_is_no_item_is_refused(text):
    with pytest.raises(DefinitionError):
        Item.parse(text)


@pytest.mark.parametrize("code", ["", "-a", "a-", "A", "a_b", "a" * 65, "ä", "a\n"])
def test_what_is_no_code_names_nothing(code):
    with pytest.raises(DefinitionError):
        Recipient(code, "x", RecipientKind.PARTNER, "TW")
