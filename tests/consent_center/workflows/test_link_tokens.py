"""Law: a token list holds exactly the members who allow the linkage at both holders, now; nobody else enters, and what
the log shows of it is digests and a band."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from audit.log.entry import decode_leaf
from consent_center.consent.grant import Act
from consent_center.consent.notice import choices_digest
from consent_center.consent.purpose import Purpose
from consent_center.consent.recipient import Contract, Role
from consent_center.consent.scope import Item
from consent_center.consent.speech import Utterance
from consent_center.consent.verdict import Switch
from consent_center.errors import DefinitionError, NoticeError, SeparateConsentError, UnknownMemberError
from consent_center.storage import entries, links, member_keys, members
from consent_center.storage.member_keys import where
from consent_center.storage.transaction import Store
from consent_center.workflows import admit_round, show_lineage
from consent_center.workflows._link_tokens import FEWEST, issue, refused
from consent_center.workflows.ask_verdict import ask_verdict
from consent_center.workflows.define import define
from consent_center.workflows.enrol_member import enrol_members
from consent_center.workflows.erase_member import erase_member
from consent_center.workflows.make_statements import make_statements
from consent_center.workflows.publish_notice import publish_notice
from consent_center.workflows.register_member import register_members
from consent_center.workflows.set_switch import set_switch
from consent_center.workflows.show_tasks import show_member_tasks
from consent_center.workflows.unenrol_member import unenrol_member
from federated.errors import Refusal, RefusedError
from federated.gate import read_removals
from federated.linkage.pairing import Pairing, epoch_ends, epoch_of
from federated.linkage.tokens import check_tokens, pseudonyms_in
from federated.plan_exchange import Helper
from tests.consent_center.world import DAY, KEYS, NOW, RECIPIENTS, SCOPES, cases, notice

PURPOSE = Purpose("link-grocer", ("purchases",), trains_models=True, between=("sales", "grocer"))
OURS, THEIRS = (Item("purchases", "link-grocer", site, "TW") for site in ("sales", "grocer"))
CONTRACT = Contract(
    "grocer-link", "grocer", Role.JOINT, ("link-grocer",), ("TW",), NOW - DAY, NOW + 400 * DAY, transfer="standard"
)
NOTICE = replace(notice(items=(OURS, THEIRS)), code="link")
PAIR = Pairing("sales", "grocer", "link-grocer", "2026-q4")
HUB = Ed25519PrivateKey.generate()


class Still:
    """Noise of zero, so that a band is the one of the exact count."""

    def discrete_laplace(self, shape: tuple[int, ...], *, epsilon: float) -> np.ndarray:
        assert epsilon == 1.0
        return np.zeros(shape, dtype=np.int64)


def says(member: str, act: Act, item: Item) -> Utterance:
    return Utterance(member, act, (item,), "link", 1, "en", choices_digest(NOTICE, "en", [item]))


def settled(store: Store, *, members: int = FEWEST) -> list[str]:
    """Everybody is at both holders and allows the linkage at both."""
    store.run(define, (*SCOPES, *RECIPIENTS, PURPOSE, CONTRACT), at=NOW - DAY)
    store.run(publish_notice, NOTICE, at=NOW - DAY)
    joined = store.run(register_members, [None] * members, at=NOW - DAY)
    for site in ("sales", "grocer"):
        store.run(enrol_members, joined, site, at=NOW - DAY)
    store.run(make_statements, [says(one, Act.GIVEN, item) for one in joined for item in (OURS, THEIRS)], at=NOW)
    return joined


def issued(store: Store, *, run: str = "run-1", pair: Pairing = PAIR, at: datetime = NOW, **changes: object):
    given = {"minimum": 1, "expires_at": at + timedelta(minutes=30), "scopes": ["purchases"], **changes}
    return store.run(issue, pair, run=run, country="TW", noise=Still(), signer=HUB, at=at, **given)


def refusal(store: Store, **given: object) -> Refusal:
    with pytest.raises(RefusedError) as caught:
        issued(store, **given)
    return caught.value.code


def named(store: Store, joined: Sequence[str], site: str, body: bytes) -> set[int]:
    """Which of these members are on a list."""
    with store.snapshot() as tx:
        listed = members.by_pseudonym(tx, site, pseudonyms_in(body))
    return {place for place, one in enumerate(joined) if one in listed.values()}


ENDS = ("given", "never", "refused", "withdrawn", "paused", "deferred", "unlinked")
WHOLE = ("", "", "", "restricted", "erased")


@settings(max_examples=cases(8))
@given(st.lists(st.tuples(st.sampled_from(ENDS), st.sampled_from(ENDS), st.sampled_from(WHOLE)), max_size=8))
def test_a_list_holds_exactly_the_doubly_granted(sqlite_tables, others):
    with TemporaryDirectory() as folder:
        shutil.copyfile(sqlite_tables, Path(folder) / "accord.db")
        with Store.open(f"sqlite:///{folder}/accord.db", keys=KEYS) as store:
            joined = settled(store)
            drawn = store.run(register_members, [None] * len(others), at=NOW - DAY) if others else []
            for one, (ours, theirs, whole) in zip(drawn, others, strict=True):
                for site, item, end in (("sales", OURS, ours), ("grocer", THEIRS, theirs)):
                    behave(store, one, site, item, end)
                if whole == "restricted":
                    store.run(set_switch, one, Switch.RESTRICTED, on=True, at=NOW)
                if whole == "erased":
                    store.run(erase_member, one, even_untold=True, at=NOW)
            lists = issued(store, at=NOW + timedelta(seconds=5)).of_site
            expected = {
                place
                for place, (ours, theirs, whole) in enumerate(others, FEWEST)
                if (ours, theirs, whole) == ("given", "given", "")
            } | set(range(FEWEST))
            for site, (_, body) in lists.items():
                assert named(store, [*joined, *drawn], site, body) == expected
                assert len(pseudonyms_in(body)) == len(expected)


def behave(store: Store, member: str, site: str, item: Item, end: str) -> None:
    """What one of the drawn members did at one end."""
    store.run(enrol_members, [member], site, at=NOW - DAY)
    acts = {
        "never": (),
        "refused": (Act.REFUSED,),
        "withdrawn": (Act.GIVEN, Act.WITHDRAWN),
        "paused": (Act.GIVEN, Act.PAUSED),
        "deferred": (Act.DEFERRED,),
    }.get(end, (Act.GIVEN,))
    for second, act in enumerate(acts):
        store.run(make_statements, [says(member, act, item)], at=NOW + timedelta(seconds=second))
    if end == "unlinked":
        store.run(unenrol_member, member, site, at=NOW)


def test_both_sites_check_their_list_and_name_the_same_members(store):
    joined = settled(store)
    issues = issued(store).of_site
    names = {}
    for site, (header, body) in issues.items():
        with store.snapshot() as tx:
            enrolled = {name for name, _ in members.enrolled_at(tx, site)}
        names[site] = check_tokens(
            header, body, hub_key=HUB.public_key(), pairing=PAIR, site=site, run="run-1", enrolled=enrolled, at=NOW
        ).pseudonym_of
    assert set(names["sales"]) == set(names["grocer"])
    with store.snapshot() as tx:
        for one in joined:
            mine = {link.site: link.pseudonym for link in members.enrolments(tx, one)}
            tokens = {site: [t for t, name in names[site].items() if name == mine[site]] for site in mine}
            assert tokens["sales"] == tokens["grocer"]
            assert len(tokens["sales"]) == 1


def test_the_same_run_is_given_the_same_lists_and_another_run_the_state_of_now(store):
    joined = settled(store, members=FEWEST + 1)
    first = issued(store)
    store.run(make_statements, [says(joined[0], Act.WITHDRAWN, THEIRS)], at=NOW + timedelta(seconds=1))
    later = NOW + timedelta(seconds=2)
    assert issued(store, at=later) == first
    second = issued(store, run="run-2", at=later)
    assert named(store, joined, "sales", second.of_site["sales"][1]) == set(range(1, FEWEST + 1))


@pytest.mark.parametrize("what", ["withdrawn there", "withdrawn here", "paused", "unlinked", "erased", "restricted"])
def test_whoever_is_out_is_refused_at_both_sites_from_the_next_round_on(small_store, what):
    joined, store = settled(small_store), small_store
    issued(store)
    with store.snapshot() as tx:
        hers = {link.site: [link.pseudonym] for link in members.enrolments(tx, joined[3])}
    assert store.read(refused, PAIR, run="run-1", country="TW", at=NOW) == {"sales": [], "grocer": []}
    later = NOW + timedelta(seconds=1)
    match what:
        case "withdrawn there":
            store.run(make_statements, [says(joined[3], Act.WITHDRAWN, THEIRS)], at=later)
        case "withdrawn here":
            store.run(make_statements, [says(joined[3], Act.WITHDRAWN, OURS)], at=later)
        case "paused":
            store.run(make_statements, [says(joined[3], Act.PAUSED, OURS)], at=later)
        case "unlinked":
            store.run(unenrol_member, joined[3], "grocer", at=later)
        case "erased":
            store.run(erase_member, joined[3], even_untold=True, at=later)
        case "restricted":
            store.run(set_switch, joined[3], Switch.RESTRICTED, on=True, at=later)
    assert store.read(refused, PAIR, run="run-1", country="TW", at=later) == hers


def test_a_round_names_them_to_both_sites_beside_those_who_left_its_cohort(small_store, monkeypatch):
    """The run around it is a stand-in: only whom the statements name is looked at."""
    joined, later = settled(small_store), NOW + timedelta(seconds=1)
    issued(small_store)
    with small_store.snapshot() as tx:
        hers = {link.site: link.pseudonym.hex() for link in members.enrolments(tx, joined[3])}
    small_store.run(make_statements, [says(joined[3], Act.WITHDRAWN, THEIRS)], at=later)
    plan = SimpleNamespace(pairings=(PAIR,), country="TW", releases_of=lambda _: ())
    admitted, study = SimpleNamespace(study="s", permit=None, epoch=0), SimpleNamespace(plan_digest="")
    study.parsed = lambda: plan
    monkeypatch.setattr(admit_round, "runs", SimpleNamespace(get=lambda *_: admitted, outcome=lambda *_: None))
    monkeypatch.setattr(admit_round, "studies", SimpleNamespace(get=lambda *_: study))
    monkeypatch.setattr(admit_round, "check_permit", lambda *_, **__: None)
    approved = SimpleNamespace(standing=SimpleNamespace(approved=True))
    monkeypatch.setattr(admit_round, "known", lambda *_, at: approved)
    monkeypatch.setattr(admit_round.cohorts, "removed_since", lambda *_, **__: {"sales": {bytes(16)}})
    nonces = {"sales": "aa", "grocer": "bb"}
    said = small_store.read(admit_round.admit_round, "run-1", 1, nonces, signer=HUB, at=later)
    told = {
        site: read_removals(one, hub_key=HUB.public_key(), run="run-1", site=site, number=1)
        for site, one in said.items()
    }
    assert {site: {one.hex() for one in gone} for site, gone in told.items()} == {
        "sales": {hers["sales"], "00" * 16}, "grocer": {hers["grocer"]},
    }  # fmt: skip


def test_both_ends_are_told_of_a_withdrawal_once_a_list_named_her_and_not_before(store):
    joined = settled(store)
    first, second = joined[:2]
    later = NOW + timedelta(seconds=1)
    store.run(make_statements, [says(first, Act.WITHDRAWN, OURS)], at=later)
    assert told(store, first) == {"sales"}, "that she was asked there would tell the other where she is a member"
    store.run(make_statements, [says(first, Act.GIVEN, OURS)], at=later + timedelta(seconds=1))
    issued(store, at=later + timedelta(seconds=2))
    store.run(make_statements, [says(second, Act.WITHDRAWN, THEIRS)], at=later + timedelta(seconds=3))
    assert told(store, second) == {"sales", "grocer"}


def told(store: Store, member: str) -> set[str]:
    """Which recipients hear that this member took something away."""
    return {task.recipient for task, *_ in store.read(show_member_tasks, member)}


def test_everybody_is_refused_once_the_contract_has_ended(small_store):
    settled(small_store)
    issued(small_store)
    small_store.run(define, (replace(CONTRACT, ends=NOW + DAY),), at=NOW)
    found = small_store.read(refused, PAIR, run="run-1", country="TW", at=NOW + DAY)
    assert {site: len(names) for site, names in found.items()} == {"sales": FEWEST, "grocer": FEWEST}


def test_a_model_that_a_partner_helped_is_named_once_its_contract_has_ended(small_store):
    settled(small_store)
    helper = Helper("grocer", "link-grocer", ("purchases",), ())
    plan = SimpleNamespace(uses=(), sites=("sales",), helpers=(helper,), country="TW", concerned=("sales", "grocer"))
    with small_store.snapshot() as tx:
        assert show_lineage._ended(tx, plan, at=NOW) == ()
        assert show_lineage._ended(tx, plan, at=NOW + 401 * DAY) == ("grocer",)


def test_the_log_shows_digests_and_a_band_and_nothing_of_members(store):
    settled(store, members=FEWEST + 31)
    issues = issued(store).of_site
    with store.snapshot() as tx:
        leaves = [decode_leaf(entries.leaf(tx, number)) for number in range(1, entries.last_id(tx) + 1)]
    found = [leaf for leaf in leaves if leaf.get("kind") == "link.issued"]
    assert len(found) == 1
    leaf = found[0]
    assert set(leaf) == {
        "v", "kind", "at", "id", "commitment", "run", "holder", "helper", "purpose", "epoch", "lists", "members"
    }  # fmt: skip
    assert leaf["members"] == "from-50-below-100"
    assert set(leaf["lists"]) == {"sales", "grocer"}
    written = str(leaves).encode()
    for _, body in issues.values():
        for start in range(0, len(body), 48):
            assert body[start : start + 16].hex().encode() not in written
            assert body[start + 16 : start + 48].hex().encode() not in written


def test_tokens_of_two_quarters_and_of_two_directions_have_nothing_in_common(small_store):
    settled(small_store)
    winter = datetime(2027, 1, 2, tzinfo=UTC)
    back = replace(PAIR, holder="grocer", helper="sales")
    several = [
        issued(small_store),
        issued(small_store, run="run-2", pair=back),
        issued(small_store, run="run-3", pair=replace(PAIR, epoch="2027-q1"), at=winter),
    ]
    seen: list[bytes] = []
    for one in several:
        body = one.of_site["sales"][1]
        seen += [body[start + 16 : start + 48] for start in range(0, len(body), 48)]
    assert len(set(seen)) == len(seen) == 3 * FEWEST


def test_a_list_ends_with_its_quarter_and_is_refused_in_another(small_store):
    settled(small_store)
    assert refusal(small_store, pair=replace(PAIR, epoch="2026-q3")) is Refusal.LINK_EPOCH
    assert refusal(small_store, pair=replace(PAIR, epoch="2027-q1")) is Refusal.LINK_EPOCH
    last = datetime(2026, 12, 31, 23, 59, tzinfo=UTC)
    header, body = issued(small_store, at=last).of_site["sales"]
    ends = datetime(2027, 1, 1, tzinfo=UTC)
    with small_store.snapshot() as tx:
        enrolled = {name for name, _ in members.enrolled_at(tx, "sales")}
    known = {"hub_key": HUB.public_key(), "pairing": PAIR, "site": "sales", "run": "run-1", "enrolled": enrolled}
    check_tokens(header, body, **known, at=ends - timedelta(seconds=1))
    with pytest.raises(RefusedError) as caught:
        check_tokens(header, body, **known, at=ends)
    assert caught.value.code is Refusal.LINK_STALE


@given(st.integers(0, 20 * 366 * 86_400))
def test_a_moment_lies_in_its_quarter_until_that_ends(second):
    at = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    ends = epoch_ends(epoch_of(at))
    assert at < ends
    assert epoch_of(ends - timedelta(microseconds=1)) == epoch_of(at) != epoch_of(ends)


def test_too_few_another_pair_and_scopes_nobody_was_asked_for_are_refused_and_leave_nothing(small_store):
    settled(small_store)
    with small_store.snapshot() as tx:
        before = entries.last_id(tx)
    assert refusal(small_store, minimum=FEWEST + 1) is Refusal.LINK_TOO_FEW
    assert refusal(small_store, pair=replace(PAIR, holder="service")) is Refusal.POLICY
    assert refusal(small_store, pair=replace(PAIR, purpose="matching")) is Refusal.POLICY
    assert refusal(small_store, scopes=["browsing"]) is Refusal.POLICY
    with small_store.snapshot() as tx:
        assert entries.last_id(tx) == before
        assert links.find(tx, "run-1", PAIR) is None
        with pytest.raises(RefusedError) as caught:
            refused(tx, PAIR, run="run-1", country="TW", at=NOW)
    assert caught.value.code is Refusal.LINK_UNKNOWN


def test_fewer_than_the_house_minimum_are_refused_whatever_a_plan_says(small_store):
    settled(small_store, members=FEWEST - 1)
    assert refusal(small_store, minimum=1) is Refusal.LINK_TOO_FEW


def test_one_member_with_two_cards_is_refused(small_store):
    joined = settled(small_store)

    def second_card(tx):
        connection = tx.session.connection()
        connection.execute(text("DROP INDEX enrolment_current"))
        number = members.get(tx, joined[0]).no
        connection.execute(
            text("UPDATE enrolment SET ended = NULL, member_no = :no WHERE member_no <> :no AND site = 'sales'"
                 " AND pseudonym = (SELECT min(pseudonym) FROM enrolment WHERE member_no <> :no AND site = 'sales')"),
            {"no": number},
        )  # fmt: skip

    small_store.run(second_card)
    assert refusal(small_store) is Refusal.LINK_DUPLICATE


def test_two_members_with_one_token_are_refused(small_store):
    joined = settled(small_store)

    def same_secret(tx):
        first, second = (members.get(tx, one).no for one in joined[:2])
        secret = member_keys.read(tx, [first])[first].secret
        wrapped = tx.keys.wrap(secret, where=where(second))
        tx.session.connection().execute(
            text("UPDATE member_key SET wrapped = :wrapped WHERE member_no = :no"), {"wrapped": wrapped, "no": second}
        )

    small_store.run(same_secret)
    assert refusal(small_store) is Refusal.LINK_DUPLICATE


def test_erasure_destroys_the_link_key_and_takes_her_off_the_record_of_lists(small_store):
    joined = settled(small_store, members=FEWEST + 1)
    issued(small_store)
    with small_store.snapshot() as tx:
        number = members.get(tx, joined[0]).no
        assert [run for run, _, _ in links.of_member(tx, number)] == ["run-1"]
    small_store.run(erase_member, joined[0], even_untold=True, at=NOW)
    with small_store.snapshot() as tx:
        assert links.of_member(tx, number) == []
        with pytest.raises(UnknownMemberError):
            member_keys.read(tx, [number])


# The definitions: a linkage names its two ends once and for all, and is asked at both, each on its own.


def test_a_linkage_names_two_recipients_for_ever_and_trains(small_store):
    settled(small_store)
    for wrong in ({"between": ("sales",)}, {"between": ("sales", "sales")}, {"trains_models": False}):
        with pytest.raises(DefinitionError):
            replace(PURPOSE, **wrong)
    for other in (("sales", "service"), ()):
        with pytest.raises(DefinitionError):
            small_store.run(define, (replace(PURPOSE, between=other),), at=NOW)


@pytest.mark.parametrize(
    "items", [(OURS,), (THEIRS,), (OURS, THEIRS, OURS._replace(recipient="service"))], ids=["ours", "theirs", "a third"]
)
def test_a_notice_asks_at_both_ends_and_nowhere_else(small_store, items):
    settled(small_store)
    with pytest.raises(NoticeError, match="links two recipients"):
        small_store.run(publish_notice, replace(NOTICE, version=2, items=items), at=NOW)


def test_each_end_is_allowed_on_its_own(small_store):
    joined = settled(small_store)
    both = Utterance(
        joined[0], Act.GIVEN, (OURS, THEIRS), "link", 1, "en", choices_digest(NOTICE, "en", [OURS, THEIRS])
    )
    with pytest.raises(SeparateConsentError):
        small_store.run(make_statements, [both], at=NOW)


def test_neither_end_is_in_force_without_the_partners_contract(small_store):
    joined = settled(small_store)
    small_store.run(define, (replace(CONTRACT, ends=NOW + DAY),), at=NOW)
    now = small_store.read(ask_verdict, joined[0], (OURS, THEIRS), at=NOW)
    then = small_store.read(ask_verdict, joined[0], (OURS, THEIRS), at=NOW + DAY)
    assert [one.allowed for one in now] == [True, True]
    assert [one.reason for one in then] == ["contract-missing"] * 2
