"""Law: a run with a randomised exchange ends with a model that reads its helpers' answers, or with a code.

Whatever is wrong with it ends in a refusal that says why, with nothing half done; whatever is cut begins anew with the
same answers; and what crosses about others is, byte for byte in size, the same whoever did not consent.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest

from federated.coordinator import run_study
from federated.errors import Refusal
from federated.exchange import Refused, kind_of, order_bytes, parse_order, refused_bytes
from federated.flower.embedded import run_embedded
from federated.gate import RunReport
from federated.local_round import Patience
from federated.models.package import parse_package
from federated.plan_exchange import BIN_FEATURE
from federated.site import linking
from federated.site.exchanged import Exchanged, about_labels, about_received
from federated.site.helping import ABSENT
from federated.site.store import SiteStore
from federated.sum_exchange import parse_step, step_bytes
from tests.federated.linked_world import EPOCH, HELPERS, HOLDER, LINKED, build_linked_world, linked_plan
from tests.federated.world import World

Answer = Callable[[bytes], bytes]


def run(world: World, **changed: Answer) -> RunReport:
    sites = {**{site: agent.answer for site, agent in world.agents.items()}, **changed}
    return run_embedded(world.gate, "study-1", sites)


def watched(world: World) -> tuple[dict[str, Answer], list[tuple[str, str, bytes, bytes]]]:
    """Sites that note everything that passes the hub: site, kind, what it was asked, what it answered."""
    seen: list[tuple[str, str, bytes, bytes]] = []

    def note(site: str, answer: Answer) -> Answer:
        def answered(message: bytes) -> bytes:
            said = answer(message)
            seen.append((site, kind_of(message), message, said))
            return said

        return answered

    return {site: note(site, agent.answer) for site, agent in world.agents.items()}, seen


def kept(world: World, site: str, about: str, members: list[bytes]) -> dict[bytes, int]:
    store = SiteStore(world.folders[site].database)
    try:
        return Exchanged(store).answers(about, members)
    finally:
        store.close()


def test_a_run_with_an_exchange_ends_with_a_model_that_reads_the_answers(tmp_path) -> None:
    world = build_linked_world(tmp_path)
    earlier = {b"t" * 32: 1}
    store = SiteStore(world.folders[HOLDER].database)
    Exchanged(store).keep("earlier", "2025-q4", earlier)
    store.close()
    report = run(world)
    assert kept(world, HOLDER, "earlier", [*earlier]) == {}, "what is of an earlier quarter is deleted"
    assert (report.outcome, report.rounds) == ("completed", 3)
    first = world.gate.rounds[0]
    assert (first.round, first.kind) == (1, "exchange")
    assert {site: done.used for site, done in first.sites.items()} == dict.fromkeys((HOLDER, *HELPERS), LINKED)
    package = parse_package(report.model)
    assert [one.name for one in package.parsed_plan().features[-2:]] == [BIN_FEATURE + site for site in HELPERS]
    assert np.abs(package.weights[1:9]).min() > 0
    assert len(_bins(world)) == LINKED


def test_the_hub_sees_no_label_no_bin_and_no_token(tmp_path) -> None:
    """What crosses is sealed: the bytes of labels and bins do not occur in anything that passes the hub."""
    world = build_linked_world(tmp_path)
    sites, seen = watched(world)
    assert run_embedded(world.gate, "study-1", sites).outcome == "completed"
    passed = b"".join(part for _, kind, *parts in seen if kind.startswith("link-") for part in parts)
    tokens, bins = _tokens(world), _bins(world)
    labels = kept(world, HOLDER, about_labels("label", 1.0, EPOCH), [own for _, own in tokens])
    for secret in (bytes(labels.get(own, 255) for _, own in tokens), bytes(bins[token] for token, _ in tokens)):
        assert len(secret) == LINKED
        assert not any(secret[start : start + 24] in passed for start in range(0, LINKED - 24, 24))
    assert not any(token in passed or own in passed for token, own in tokens)


def test_a_second_run_in_the_quarter_gives_the_same_answers(tmp_path) -> None:
    world = build_linked_world(tmp_path)
    assert run(world).outcome == "completed"
    members = [one.at_holder for one in world.gate.linked[HELPERS[0]]]
    before = kept(world, HOLDER, about_labels("label", 1.0, EPOCH), members)
    bins = _bins(world)
    assert run(world).outcome == "completed"
    after = kept(world, HOLDER, about_labels("label", 1.0, EPOCH), members)
    assert {own: after[own] for own in before} == before
    assert len(after) > len(before)  # another run trains on other buckets
    assert _bins(world) == bins
    third = run(world)
    assert third.outcome == Refusal.LINK_LIMIT.value


def test_whoever_does_not_consent_changes_no_transcript(tmp_path) -> None:
    """The same linked members, with and without others at every site who did not consent: byte for byte in size."""

    def transcript(others: int) -> list[tuple[str, str, int, int]]:
        world = build_linked_world(tmp_path / str(others), enrolled=LINKED + others)
        sites, seen = watched(world)
        assert run_embedded(world.gate, "study-1", sites).outcome == "completed"
        return [(site, kind, len(asked), len(said)) for site, kind, asked, said in seen if kind.startswith("link-")]

    assert transcript(1) == transcript(0) == transcript(100)


def test_a_key_of_an_earlier_run_is_stale(tmp_path) -> None:
    """A coordinator that hands on what a helper said in an earlier run gets no label for it."""
    world, kept = build_linked_world(tmp_path), {}
    alive = world.agents[HELPERS[0]].answer

    def again(message: bytes) -> bytes:
        said = alive(message)
        return kept.setdefault("key", said) if kind_of(said) == "link-keys" else said

    def of_this_run(message: bytes) -> bytes:
        said = again(message)
        if kind_of(said) != "link-keys":
            return said
        return step_bytes(replace(parse_step(said, kind="link-keys"), run=parse_step(message, kind="link-open").run))

    assert run(world, **{HELPERS[0]: again}).outcome == "completed"
    assert run(world, **{HELPERS[0]: of_this_run}).outcome == Refusal.LINK_STALE.value


def test_a_member_who_took_the_linkage_back_has_no_bin_and_her_label_does_not_cross(tmp_path) -> None:
    world = build_linked_world(tmp_path)
    gone = world.gate.linked[HELPERS[0]][0]
    world.gate.withdraw(HOLDER, gone.at_holder)
    for helper in HELPERS:
        world.gate.withdraw(helper, world.gate.linked[helper][0].at_helper)
    assert run(world).outcome == "completed"
    assert {one.used for one in world.gate.rounds[0].sites.values()} == {LINKED - 1}
    assert not kept(world, HOLDER, about_labels("label", 1.0, EPOCH), [gone.at_holder])
    assert len(_bins(world)) == LINKED - 1
    for helper in HELPERS:
        store = SiteStore(world.folders[helper].database)
        with store.reading() as database:
            assert database.execute("SELECT count(*) FROM exchanged").fetchone() == (LINKED - 1,), "none was drawn"
        store.close()


@pytest.mark.parametrize(("site", "step"), [(HELPERS[0], "link-help"), (HOLDER, "link-bins")])
def test_a_site_that_was_killed_in_an_exchange_ends_it_and_the_next_begins_anew(tmp_path, site: str, step: str) -> None:
    """Nothing half matched: the run ends under a code, no round of training ran, and another run completes."""
    world = build_linked_world(tmp_path)
    alive = world.agents[site].answer

    def dies(message: bytes) -> bytes:
        if kind_of(message) != step:
            return alive(message)
        alive(message)  # it did its part, and the answer is lost with it
        return refused_bytes(Refused(Refusal.INTERNAL))

    first = run(world, **{site: dies})
    assert first.outcome == "internal"
    assert [one.kind for one in world.gate.rounds] == ["exchange"]
    assert not first.model
    bins = _bins(world)
    world.agents[site].close()
    world.reopened(site)
    assert run(world).outcome == "completed"
    again = _bins(world)
    assert {token: again[token] for token in bins} == bins


def test_sites_that_die_in_an_exchange_and_come_back_late_end_it_whole_and_are_charged_once(tmp_path) -> None:
    """A helper dies with its answer, the holder before it has any; both are still away when the next try begins."""
    world = build_linked_world(tmp_path)
    dies, away, seen = {HELPERS[1]: "link-help", HOLDER: "link-bins"}, dict[str, int](), list[dict[bytes, int]]()

    def ask(_kind: object, _number: int, messages: Mapping[str, bytes]) -> dict[str, bytes]:
        answers = {}
        for site, message in messages.items():
            if away.get(site):
                away[site] -= 1
                continue
            said = kind_of(message)
            if site != HOLDER or said != dies.get(site):
                answers[site] = world.agents[site].answer(message)
            if said == dies.get(site):
                del dies[site]
                answers.pop(site, None)
                seen.append(kept(world, HOLDER, about_labels("label", 1.0, EPOCH), [one for _, one in _tokens(world)]))
                world.agents[site].close()
                world.reopened(site)
                away[site] = 2
        return answers

    report = run_study(world.gate, "study-1", ask=ask, patience=Patience(60.0, wait=lambda _: None))
    assert (report.outcome, dies, {*away.values()}) == ("completed", {}, {0})
    assert seen[0] == seen[1] == kept(world, HOLDER, about_labels("label", 1.0, EPOCH), [*seen[0]])
    assert len(_bins(world)) == LINKED
    for site in (HOLDER, *HELPERS):
        store = SiteStore(world.folders[site].database)
        with store.reading() as database:
            counted = database.execute("SELECT account, count(*) FROM charges GROUP BY account").fetchall()
        store.close()
        assert counted, site
        assert {times for _, times in counted} == {1}, site


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("nobody at both", Refusal.LINK_TOO_FEW),
        ("two members with one token", Refusal.LINK_DUPLICATE),
        ("one member with two cards", Refusal.LINK_DUPLICATE),
        ("a list of another site", Refusal.LINK_TAMPERED),
        ("a thousand more at one side", Refusal.LINK_TAMPERED),
    ],
)
def test_lists_that_are_wrong_are_refused_before_anything_is_sent(tmp_path, what: str, code: Refusal) -> None:
    world = build_linked_world(tmp_path)
    admit, helper = world.gate.admit_run, HELPERS[0]
    linked = world.gate.linked[helper]
    wrong = {
        "nobody at both": linked[:1],
        "two members with one token": (*linked, replace(linked[0], at_holder=b"x" * 16, at_helper=b"y" * 16)),
        "one member with two cards": (*linked, replace(linked[0], link_key=b"k" * 32)),
    }
    if what in wrong:
        world.gate.linked = {**world.gate.linked, helper: wrong[what]}

    def admitted(study: str):
        made = admit(study)
        order = made.orders[HOLDER]
        tokens = list(order.tokens)
        if what == "a list of another site":
            tokens[0] = tokens[1]
        if what == "a thousand more at one side":
            tokens[0] = (tokens[0][0], tokens[0][1] * 1000)
        made.orders[HOLDER] = replace(order, tokens=tuple(tokens))  # type: ignore[index]
        return made

    world.gate.admit_run = admitted  # type: ignore[method-assign]
    try:
        outcome = run(world).outcome
    except Exception as error:  # noqa: BLE001  lists that name somebody twice are not even issued
        outcome = str(getattr(error, "code", error))
    assert outcome == code.value
    assert not any(one.checkpoint for one in world.gate.rounds)


def test_keys_and_answers_that_were_changed_on_their_way_are_refused(tmp_path) -> None:
    world = build_linked_world(tmp_path)
    alive = world.agents[HELPERS[0]].answer

    def changed(kind: str) -> Answer:
        def answered(message: bytes) -> bytes:
            said = alive(message)
            if kind_of(said) != kind:
                return said
            step = parse_step(said, kind=kind)  # type: ignore[arg-type]
            first = step.blobs[0][:-1] + bytes([step.blobs[0][-1] ^ 1])
            return step_bytes(replace(step, blobs=(first, *step.blobs[1:])))

        return answered

    assert run(world, **{HELPERS[0]: changed("link-answers")}).outcome == Refusal.LINK_TAMPERED.value
    assert run(world, **{HELPERS[0]: changed("link-keys")}).outcome in ("link-tampered", "malformed")


@pytest.mark.parametrize(
    ("site", "asked", "code"),
    [
        (HOLDER, "link-labels", Refusal.LINK_TAMPERED),
        (HOLDER, "link-bins", Refusal.LINK_TAMPERED),
        (HELPERS[0], "link-help", Refusal.POLICY),
        (HELPERS[0], "order", Refusal.LINK_TAMPERED),
    ],
)
def test_a_coordinator_that_leaves_a_partner_out_or_asks_the_wrong_site_is_refused(
    tmp_path, site: str, asked: str, code: Refusal
) -> None:
    world = build_linked_world(tmp_path)
    honest = world.agents[site].answer

    def answered(message: bytes) -> bytes:
        if kind_of(message) != asked:
            return honest(message)
        if asked == "order":  # another one for the same run came first, as valid as this one
            order = parse_order(message)
            assert kind_of(honest(order_bytes(replace(order, approvals=order.approvals[::-1])))) == "opened"
            return honest(message)
        step = parse_step(message, kind=asked)  # type: ignore[arg-type]
        if asked == "link-help":
            return honest(step_bytes(replace(step, kind="link-labels")))
        return honest(step_bytes(replace(step, names=step.names[:1], blobs=step.blobs[:1])))

    assert run(world, **{site: answered}).outcome == code.value


@pytest.mark.parametrize("answer", [ABSENT, 4])
def test_a_helper_that_withholds_an_answer_or_invents_one_is_refused(
    tmp_path, monkeypatch: pytest.MonkeyPatch, answer: int
) -> None:
    world, honest = build_linked_world(tmp_path), linking.helped

    def dishonest(*args, **named):
        bins = honest(*args, **named)
        bins[7] = answer
        return bins

    monkeypatch.setattr(linking, "helped", dishonest)
    assert run(world).outcome == Refusal.LINK_TAMPERED.value
    assert not _bins(world)


def test_a_plan_of_another_quarter_is_refused(tmp_path) -> None:
    world = build_linked_world(tmp_path, plan=linked_plan(epoch="2026-q2"))
    assert run(world).outcome == Refusal.LINK_EPOCH.value


def test_a_site_takes_part_with_nobody_it_does_not_name_and_no_further_than_it_says(tmp_path) -> None:
    strangers = build_linked_world(tmp_path / "strangers", strangers=True)
    assert run(strangers).outcome == Refusal.POLICY.value
    greedy = build_linked_world(tmp_path / "greedy", plan=linked_plan(epsilon_bin=5.0))
    assert run(greedy).outcome == Refusal.POLICY.value


def _tokens(world: World) -> list[tuple[bytes, bytes]]:
    """Token and holder's pseudonym, in the order of the first pair's list."""
    order = world.gate.admit_run("study-1").orders[HOLDER]
    body = order.tokens[0][1]
    return [(body[start + 16 : start + 48], body[start : start + 16]) for start in range(0, len(body), 48)]


def _bins(world: World) -> dict[bytes, int]:
    plan_digest = world.gate.admit_run("study-1").permit.plan_digest
    about = about_received(world.plan.pairings[0], plan_digest)
    return kept(world, HOLDER, about, [token for token, _ in _tokens(world)])
