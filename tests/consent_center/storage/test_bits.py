"""Packed bits, single verdicts and a replay of the log give the same answer, whatever happened in whatever order."""

import json
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent_center.consent.delegation import DelegationKind
from consent_center.consent.grant import YES, Act, Actor, ActorKind, Said
from consent_center.consent.notice import LANGUAGES
from consent_center.consent.scope import Item
from consent_center.consent.verdict import Facts, Switch, Switched, Window, verdict
from consent_center.errors import ConsentCenterError
from consent_center.storage import bits, definitions, entries, members
from consent_center.storage.transaction import Store
from consent_center.workflows.ask_verdict import ask_verdict
from consent_center.workflows.ask_verdicts import Questions, ask_verdicts
from consent_center.workflows.delegate import delegate, end_delegation
from consent_center.workflows.make_statements import make_statements
from consent_center.workflows.publish_notice import publish_notice
from consent_center.workflows.set_switch import set_switch
from tests.consent_center.world import (
    ABROAD,
    AGE,
    AUDIT,
    CHOICES,
    DAY,
    ITEMS,
    KEYS,
    MATCH,
    NOW,
    OFFER,
    TRAIN,
    cases,
    found,
    notice,
    said,
)

SECOND = timedelta(seconds=1)
EVIDENCE = "ab" * 32
WATCHED = (TRAIN, OFFER, AGE, MATCH, ABROAD)


@dataclass(frozen=True)
class Step:
    """One thing that happens: who (index), what, about which item, how many seconds after the step before."""

    who: int
    what: str
    item: int
    later: int


steps = st.lists(
    st.builds(
        Step,
        st.integers(0, 2),
        st.sampled_from(
            [
                *(act.value for act in Act if act not in (Act.REVOKED, Act.INVALIDATED)),
                *("guardian", "short", "switch-on", "switch-off", "restrict", "free", "delegate"),
                *("end", "material", "next-day", "given"),
            ]
        ),
        st.integers(0, len(WATCHED) - 1),
        st.sampled_from([0, 0, 1, 2]),
    ),
    max_size=14,
)


class History:
    """Plays steps into a store, as far as the rules let it."""

    def __init__(self, store: Store, people: list[str]) -> None:
        self.store, self.people, self.at, self.version = store, people, NOW, 1
        self.given: list[str] = []

    def play(self, step: Step) -> None:
        self.at += step.later * SECOND
        who, item = self.people[step.who], WATCHED[step.item]
        try:
            self._do(step, who, item)
        except ConsentCenterError:
            return  # refused, and so nothing happened

    def _do(self, step: Step, who: str, item: Item) -> None:
        run, at = self.store.run, self.at
        match step.what:
            case "switch-on" | "switch-off":
                run(set_switch, who, Switch.NO_PERSONALISED, on=step.what == "switch-on", at=at)
            case "restrict" | "free":
                run(set_switch, who, Switch.RESTRICTED, on=step.what == "restrict", at=at)
            case "delegate":
                made = run(
                    delegate, who, kind=DelegationKind.GUARDIAN, to="parent", evidence=EVIDENCE, ends=at + DAY, at=at
                )
                self.given.append(made.id)
            case "end" if self.given:
                run(end_delegation, self.given.pop(), at=at)
            case "material":
                self.version += 1
                run(publish_notice, notice(self.version, items=ITEMS[:5], at=at), at=at)
            case "next-day":
                self.at += DAY
            case "guardian" if self.given:
                actor = Actor(ActorKind.GUARDIAN, self.given[-1])
                run(make_statements, [said(who, Act.GIVEN, item, actor=actor)], at=at)
            case "short":
                run(make_statements, [said(who, Act.GIVEN, item, expires_at=at + 2 * DAY)], at=at)
            case "end" | "guardian":
                pass
            case act:
                run(make_statements, [said(who, Act(act), item)], at=at)


def _grown(tx, *, at):
    from consent_center.workflows.register_member import register_members

    return register_members(tx, [None], at=at)


def _children(tx, *, at):
    from consent_center.workflows.register_member import register_members

    return register_members(tx, [NOW + 2 * DAY], at=at)


@pytest.fixture(scope="module")
def founded(sqlite_tables: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A programme in a file, to be copied, with a grown-up and two who need a guardian."""
    path = tmp_path_factory.mktemp("founded") / "accord.db"
    shutil.copyfile(sqlite_tables, path)
    with Store.open(f"sqlite:///{path}", keys=KEYS) as store:
        people = found(store, guarded_until=NOW + 2 * DAY)
        people[0:1] = store.run(_grown, at=NOW - DAY)
    return path, people


@settings(max_examples=cases(15), deadline=None, suppress_health_check=list(HealthCheck))
@given(steps)
def test_bits_single_verdicts_and_a_replay_of_the_log_agree(founded, played):
    path, people = founded
    with tempfile.TemporaryDirectory() as folder:
        agree(shutil.copyfile(path, Path(folder) / "a.db"), people, played)


def agree(path: Path, people: list[str], played: list[Step]) -> None:
    """Play these steps; the three ways give the same answers in between and at the end."""
    with Store.open(f"sqlite:///{path}", keys=KEYS) as store:
        history = History(store, people)
        check(store, history)
        for step in played:
            history.play(step)
            if step.later:
                check(store, history)
        check(store, history)
        replayed = store.read(replay, history.people, at=history.at)
        for person in history.people:
            single = store.read(ask_verdict, person, WATCHED, at=history.at)
            assert [one.reason for one in single] == [replayed[person, item] for item in WATCHED]


def check(store: Store, history: History) -> None:
    """Warm bits, bits read anew, and single verdicts, for everybody and every item."""
    questions = [(person, item) for person in history.people for item in WATCHED]
    warm = store.read(ask_verdicts, Questions.of(questions), at=history.at)
    single = [
        one.reason for person in history.people for one in store.read(ask_verdict, person, WATCHED, at=history.at)
    ]
    assert warm == single
    with store.snapshot() as tx:
        tx.warm = {}
        cold = bits.fresh(tx, WATCHED, at=history.at)
        kept = store._warm.get("bits")
        numbers = {person: members.get(tx, person).no for person in history.people}
        for item in WATCHED:
            allowed = cold.bits.allowed(item, at=history.at)
            assert {person for person in history.people if numbers[person] in allowed} == {
                person
                for (person, about), reason in zip(questions, single, strict=True)
                if about == item and reason.value == "allowed"
            }
            assert kept is None or item not in kept.bits.items or kept.bits.allowed(item, at=history.at) == allowed


def replay(tx, people, *, at: datetime):
    """The reasons as an auditor finds them: from the entries' own payloads, opened with the members' keys."""
    catalogue = definitions.catalogue_at(tx, at)
    known = {members.get(tx, person).no: members.get(tx, person) for person in people}
    said_of: dict[tuple[int, str], list[Said]] = {}
    switched: dict[int, list[Switched]] = {}
    given: dict[str, tuple[int, dict]] = {}
    ended: dict[str, datetime] = {}
    from sqlmodel import select

    from consent_center.storage.entries import PayloadRow

    for row in tx.session.exec(select(PayloadRow).order_by(PayloadRow.entry_id)).all():
        if row.member_no not in known:
            continue
        _, payload = entries.opened(tx, row.member_no, row.entry_id)
        told = json.loads(payload)
        match told["kind"]:
            case "statement.made":
                number = catalogue.notice_numbers[told["notice"], told["notice_version"]]
                ends = datetime.fromisoformat(told["expires_at"]) if told["expires_at"] else None
                guardian = told["actor"] == "guardian"
                one = Said(
                    Act(told["act"]), datetime.fromisoformat(told["said_at"]), ends, number, guardian, row.entry_id
                )
                for item in told["items"]:
                    said_of.setdefault((row.member_no, item), []).append(one)
            case "switch.set":
                when = datetime.fromisoformat(told["set_at"])
                switched.setdefault(row.member_no, []).append(Switched(Switch(told["switch"]), told["on"], when))
            case "delegation.given":
                given[told["id"]] = row.member_no, told
            case "delegation.ended":
                ended[told["delegation"]] = datetime.strptime(told["at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    guardians: dict[int, list[Window]] = {}
    for name, (number, told) in given.items():
        begins, ends = datetime.fromisoformat(told["begins"]), datetime.fromisoformat(told["ends"])
        guardians.setdefault(number, []).append(Window(begins, min(ends, ended.get(name, ends))))
    return {
        (person.member, item): verdict(
            item,
            Facts(
                catalogue.terms(item),
                said_of.get((number, str(item)), ()),
                switched.get(number, ()),
                person.guarded_until,
                guardians.get(number, ()),
            ),
            at=at,
        ).reason
        for number, person in known.items()
        for item in WATCHED
    }


def test_bits_are_fresh_for_the_very_next_question(store):
    mei, ann, _ = found(store)
    question = Questions.of([(mei, TRAIN), (ann, TRAIN)])
    assert [one.value for one in store.read(ask_verdicts, question, at=NOW)] == ["never-asked"] * 2
    store.run(make_statements, [said(mei, Act.GIVEN, TRAIN), said(ann, Act.GIVEN, TRAIN)], at=NOW)
    assert [one.value for one in store.read(ask_verdicts, question, at=NOW)] == ["allowed"] * 2
    store.run(make_statements, [said(ann, Act.WITHDRAWN, TRAIN)], at=NOW + SECOND)
    assert [one.value for one in store.read(ask_verdicts, question, at=NOW + SECOND)] == ["allowed", "withdrawn"]
    slow = [one.value for one in store.read(ask_verdicts, question, at=NOW)]
    assert slow == ["allowed", "withdrawn"], "even by a clock that has not reached the withdrawal"


def test_warm_bits_forget_yeses_under_a_notice_that_a_material_change_overtook(store):
    mei, *_ = found(store)
    store.run(make_statements, [said(mei, Act.GIVEN, TRAIN)], at=NOW)
    assert store.read(ask_verdicts, Questions.of([(mei, TRAIN)]), at=NOW)[0].value == "allowed"
    store.run(publish_notice, notice(2, at=NOW + SECOND), at=NOW + SECOND)
    assert store.read(ask_verdicts, Questions.of([(mei, TRAIN)]), at=NOW + SECOND)[0].value == "notice-changed"


def test_warm_bits_hear_of_each_kind_of_change_alone(store):
    """One change at a time, so that one kind that is not listened to is found."""
    mei, ann = found(store, members=1) + store.run(_children, at=NOW - DAY)
    guardian = {"kind": DelegationKind.GUARDIAN, "to": mei, "evidence": EVIDENCE, "ends": NOW + DAY}

    def told(member, item, at):
        answer = store.read(ask_verdicts, Questions.of([(member, item)]), at=at)[0]
        assert answer is store.read(ask_verdict, member, [item], at=at)[0].reason
        return answer.value

    store.run(make_statements, [said(mei, Act.GIVEN, OFFER)], at=NOW)
    assert told(mei, OFFER, NOW) == "allowed"
    for number, (switch, on, reason) in enumerate(
        [
            (Switch.NO_PERSONALISED, True, "objected"),
            (Switch.NO_PERSONALISED, False, "allowed"),
            (Switch.RESTRICTED, True, "restricted"),
        ],
        1,
    ):
        store.run(set_switch, mei, switch, on=on, at=NOW + number * SECOND)
        assert told(mei, OFFER, NOW + number * SECOND) == reason
    given = store.run(delegate, ann, **guardian, at=NOW)
    actor = Actor(ActorKind.GUARDIAN, given.id)
    store.run(make_statements, [said(ann, Act.GIVEN, AUDIT, actor=actor)], at=NOW + 5 * SECOND)
    assert told(ann, AUDIT, NOW + 5 * SECOND) == "allowed"
    store.run(end_delegation, given.id, at=NOW + 6 * SECOND)
    assert told(ann, AUDIT, NOW + 6 * SECOND) == "guardian-missing"
    store.run(delegate, ann, **guardian, at=NOW + 7 * SECOND)
    assert told(ann, AUDIT, NOW + 7 * SECOND) == "allowed"


def test_cold_columns_fold_as_the_domain_does(store):
    """Many statements of the same second, of every act: the column fold takes the same one as `latest_choice`."""
    people = found(store, members=60)
    acts = [act for act in Act if act not in (Act.REVOKED, Act.INVALIDATED)]
    spoken = []
    for place, person in enumerate(people):
        for number in range(1 + place % 5):
            act = acts[(place + 3 * number) % len(acts)]
            ends = {"expires_at": NOW + (1 + number) * DAY} if act in YES else {}
            spoken.append(said(person, act, TRAIN, said_at=NOW - (number % 3) * SECOND, **ends))
    store.run(make_statements, spoken, at=NOW)
    for at in (NOW, NOW + DAY, NOW + 2 * DAY, NOW + 3 * DAY):
        single = [store.read(ask_verdict, person, [TRAIN], at=at)[0].reason for person in people]
        assert store.read(ask_verdicts, Questions.of([(person, TRAIN) for person in people]), at=at) == single
    assert len(set(single)) > 3


def test_a_write_sees_its_own_statements_and_nobody_else_sees_them_before_the_commit(small_store):
    from consent_center.storage import cohorts

    mei, *_ = found(small_store)

    class Plan:
        country = "TW"
        uses = (type("Use", (), {"purpose": "churn-model", "scopes": ("purchases",)}),)

    def give_and_look(tx, *, at, fail):
        make_statements(tx, [said(mei, Act.GIVEN, TRAIN)], at=at)
        seen = [one.member for one in cohorts.cohort_members(tx, "sales", Plan, at=at)]
        if fail:
            raise ConsentCenterError("and nothing happened")
        return seen

    with pytest.raises(ConsentCenterError):
        small_store.run(give_and_look, at=NOW, fail=True)
    assert small_store.read(cohorts.cohort_members, "sales", Plan, at=NOW) == []
    assert small_store.run(give_and_look, at=NOW, fail=False) == [mei]
    assert [one.member for one in small_store.read(cohorts.cohort_members, "sales", Plan, at=NOW)] == [mei]


def test_the_choices_digest_depends_on_everything_that_was_shown():
    from dataclasses import replace

    from consent_center.consent.notice import choices_digest

    shown = notice()
    others = [
        choices_digest(shown, "zh-Hant", ITEMS),
        choices_digest(shown, "en", ITEMS[::-1]),
        choices_digest(replace(shown, version=2), "en", ITEMS),
        choices_digest(replace(shown, code="other"), "en", ITEMS),
        choices_digest(
            replace(shown, texts=tuple((name, replace(text, refuse="No")) for name, text in shown.texts)), "en", ITEMS
        ),
    ]
    assert len({CHOICES, *others}) == 6
    assert set(LANGUAGES) == {"en", "zh-Hant", "zh-Hans"}
