"""Law: no round without a fresh statement for this round; no output twice, none unpriced, none with a removed member.

Whoever deletes the check of nonce, age or epoch in `gate.check_removals` sees a test fail here.
"""

import hashlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from federated.cohort import members_digest
from federated.errors import MalformedError, Refusal, RefusedError
from federated.exchange import Opened, parse_refused, parse_reply
from federated.gate import REMOVALS_KIND, Admission
from federated.plan import part_of
from federated.signed import sign
from federated.site.source import Rows
from tests.federated.world import AUDIT, TRAIN, NoNoise, World, build_world, request_for


def go_on(world: World, admission: Admission, opened: Opened, **changes: object) -> Opened:
    """Run the round that comes next, and say what comes after it."""
    reply = parse_reply(world.agent().round(request_for(world, admission, opened, **changes)))
    return Opened(run=admission.run, nonce=reply.nonce, number=opened.number + 1)


def refusal(world: World, request: bytes) -> Refusal:
    with pytest.raises(RefusedError) as refused:
        world.agent().round(request)
    return refused.value.code


def in_train(world: World, run: str = "run-1") -> list[bytes]:
    return [one for one in world.gate.allowed["north"] if part_of(world.plan, run, one) == "train"]


def test_a_round_uses_the_cohorts_train_part_and_says_so(lone: World) -> None:
    admission, opened = lone.opened()
    reply = parse_reply(lone.agent().round(request_for(lone, admission, opened)))
    assert reply.used_digest == members_digest(in_train(lone))
    assert (reply.used, reply.removed) == (len(in_train(lone)), 0)
    assert list(reply.outputs) == ["gradient"]
    assert reply.nonce != opened.nonce


def test_a_member_is_used_only_for_what_she_allows(lone: World) -> None:
    """Some allow the audit only, some the training and evaluation only; each round uses exactly its own."""
    everybody = list(lone.gate.allowed["north"])
    lone.gate.allowed["north"] = {one: (TRAIN, AUDIT, TRAIN | AUDIT)[n % 3] for n, one in enumerate(everybody)}
    admission, opened = lone.opened()
    used = []
    for _ in range(5):
        reply = parse_reply(lone.agent().round(request_for(lone, admission, opened)))
        opened = Opened(admission.run, reply.nonce, opened.number + 1)
        used.append(reply.used_digest)

    def who(part: str, use: int) -> str:
        allowed = lone.gate.allowed["north"].items()
        return members_digest(p for p, bits in allowed if bits & use and part_of(lone.plan, "run-1", p) == part)

    assert used == [who("train", TRAIN)] * 3 + [who("held-out", TRAIN), who("held-out", AUDIT)]
    assert len(set(used)) == 3


def test_a_statement_that_is_withheld_stops_the_round(lone: World) -> None:
    admission, opened = lone.opened()
    assert refusal(lone, request_for(lone, admission, opened, statement=None)) is Refusal.STATEMENT_MISSING


def test_a_coordinator_that_replays_an_old_statement_cannot_keep_a_member_in(lone: World) -> None:
    """The member withdrew after round 1; the statement of round 1 does not name her."""
    admission, opened = lone.opened()
    old = lone.gate.statement(admission.run, "north", 1, opened.nonce)
    second = go_on(lone, admission, opened, statement=old)
    lone.gate.withdraw("north", in_train(lone)[0])
    assert refusal(lone, request_for(lone, admission, second, statement=old)) is Refusal.STATEMENT_REPLAYED


def test_a_statement_for_this_round_with_the_nonce_of_another_is_refused(lone: World) -> None:
    admission, opened = lone.opened()
    second = go_on(lone, admission, opened)
    old_nonce = lone.gate.statement(admission.run, "north", 2, opened.nonce)
    assert refusal(lone, request_for(lone, admission, second, statement=old_nonce)) is Refusal.STATEMENT_REPLAYED


@pytest.mark.parametrize(("seconds", "accepted"), [(60, True), (60.001, False), (-60, True), (-60.001, False)])
def test_a_statement_is_fresh_for_sixty_seconds(lone: World, seconds: float, *, accepted: bool) -> None:
    admission, opened = lone.opened()
    issued = lone.clock() - timedelta(seconds=seconds)
    statement = lone.gate.statement(admission.run, "north", 1, opened.nonce, issued_at=issued)
    request = request_for(lone, admission, opened, statement=statement)
    if accepted:
        parse_reply(lone.agent().round(request))
    else:
        assert refusal(lone, request) is Refusal.STATEMENT_STALE


def test_a_statement_of_an_older_consent_state_is_refused(lone: World) -> None:
    admission, opened = lone.opened()
    older = lone.gate.statement(admission.run, "north", 1, opened.nonce, epoch=lone.gate.epoch - 1)
    assert refusal(lone, request_for(lone, admission, opened, statement=older)) is Refusal.STATEMENT_STALE


def test_the_newest_consent_state_seen_in_a_run_is_remembered(lone: World) -> None:
    admission, opened = lone.opened()
    lone.gate.withdraw("north", in_train(lone)[0])
    second = go_on(lone, admission, opened)
    older = lone.gate.statement(admission.run, "north", 2, second.nonce, epoch=lone.gate.epoch - 1)
    assert refusal(lone, request_for(lone, admission, second, statement=older)) is Refusal.STATEMENT_STALE


@pytest.mark.parametrize("changes", [{"run": "run-2"}, {"site": "south"}, {"round": 2}])
def test_a_statement_about_something_else_is_refused(lone: World, changes: dict[str, object]) -> None:
    admission, opened = lone.opened()
    other = lone.gate.statement(admission.run, "north", 1, opened.nonce, **changes)
    assert refusal(lone, request_for(lone, admission, opened, statement=other)) is Refusal.STATEMENT_REPLAYED


def test_a_statement_signed_by_somebody_else_is_refused(lone: World) -> None:
    admission, opened = lone.opened()
    good = lone.gate.statement(admission.run, "north", 1, opened.nonce)
    forged = sign(Ed25519PrivateKey.generate(), kind=REMOVALS_KIND, payload=good.payload)
    assert refusal(lone, request_for(lone, admission, opened, statement=forged)) is Refusal.STATEMENT_FORGED


def test_a_withdrawn_member_is_not_in_the_sum_of_the_next_round(tmp_path: Path) -> None:
    world = build_world(tmp_path, sites=("north",), members=60, minimum_cohort=10, noise=NoNoise())
    admission, opened = world.opened()
    before = parse_reply(world.agent().round(request_for(world, admission, opened)))
    leaving = in_train(world)[:5]
    world.gate.withdraw("north", *leaving)
    second = Opened(admission.run, before.nonce, 2)
    after = parse_reply(world.agent().round(request_for(world, admission, second)))
    assert after.used_digest == members_digest(set(in_train(world)) - set(leaving))
    assert (after.used, after.removed) == (before.used - 5, 5)
    others = build_world(tmp_path / "others", sites=("north",), members=60, minimum_cohort=10, noise=NoNoise())
    others.gate.allowed["north"] = {p: bits for p, bits in others.gate.allowed["north"].items() if p not in leaving}
    alone = parse_reply(others.agent().round(request_for(others, *others.opened())))
    assert np.allclose(after.outputs["gradient"], alone.outputs["gradient"], rtol=1e-12)
    assert not np.allclose(after.outputs["gradient"], before.outputs["gradient"])


def test_a_removed_member_stays_removed_even_if_a_later_statement_forgets_her(lone: World) -> None:
    admission, opened = lone.opened()
    lone.gate.withdraw("north", in_train(lone)[0])
    second = go_on(lone, admission, opened)
    lone.gate.removed.clear()
    reply = parse_reply(lone.agent().round(request_for(lone, admission, second)))
    assert reply.removed == 1


def test_a_member_without_a_row_contributes_exactly_nothing(tmp_path: Path) -> None:
    """Enrolled, consenting, in the cohort, counted as used; her site just has no row of hers."""
    world = build_world(tmp_path, sites=("north",), members=60, minimum_cohort=10, noise=NoNoise())
    agent, kept = world.agent(), world.agent()._ground.source
    gone = in_train(world)[0]
    agent._ground.source = Without(kept, gone)  # type: ignore[assignment]
    admission, opened = world.opened()
    reply = parse_reply(agent.round(request_for(world, admission, opened)))
    assert reply.used == len(in_train(world))
    others = build_world(tmp_path / "others", sites=("north",), members=60, minimum_cohort=10, noise=NoNoise())
    del others.gate.allowed["north"][gone]
    alone = parse_reply(others.agent().round(request_for(others, *others.opened())))
    assert np.allclose(reply.outputs["gradient"], alone.outputs["gradient"], rtol=1e-12)


class Without:
    """A source that lost one member's row."""

    def __init__(self, source: object, gone: bytes) -> None:
        self.source, self.gone = source, gone

    def read(self, pseudonyms: list[bytes], columns: list[str]) -> Rows:
        return self.source.read([one for one in pseudonyms if one != self.gone], columns)  # type: ignore[attr-defined]


def test_removals_that_leave_too_few_members_stop_training(lone: World) -> None:
    admission, opened = lone.opened()
    lone.gate.withdraw("north", *in_train(lone)[9:])
    assert refusal(lone, request_for(lone, admission, opened)) is Refusal.COHORT_TOO_SMALL


@pytest.mark.parametrize("number", [0, 2, 5, 6, -1])
def test_rounds_run_in_their_order(lone: World, number: int) -> None:
    admission, opened = lone.opened()
    asked = replace(opened, number=number)
    assert refusal(lone, request_for(lone, admission, asked)) is Refusal.ROUND_OUT_OF_ORDER


def test_there_is_no_round_after_the_last(lone: World) -> None:
    admission, opened = lone.opened()
    for _ in range(5):
        opened = go_on(lone, admission, opened)
    assert refusal(lone, request_for(lone, admission, opened)) is Refusal.ROUND_OUT_OF_ORDER


def test_a_run_that_was_never_opened_is_refused(lone: World) -> None:
    admission = lone.gate.admit_run("study-1")
    request = request_for(lone, admission, Opened(admission.run, "0" * 32, 1))
    assert refusal(lone, request) is Refusal.ROUND_OUT_OF_ORDER


def test_a_permit_that_expires_between_rounds_ends_them(lone: World) -> None:
    admission, opened = lone.opened()
    second = go_on(lone, admission, opened)
    lone.clock.at = admission.permit.expires_at
    assert refusal(lone, request_for(lone, admission, second)) is Refusal.PERMIT_EXPIRED


def test_the_same_request_again_gets_the_identical_bytes(lone: World) -> None:
    admission, opened = lone.opened()
    request = request_for(lone, admission, opened)
    first = lone.agent().round(request)
    assert lone.agent().round(request) == first


def test_a_resend_with_a_fresher_statement_gets_the_identical_bytes(lone: World) -> None:
    admission, opened = lone.opened()
    first = lone.agent().round(request_for(lone, admission, opened))
    lone.clock.forward(seconds=100)
    assert lone.agent().round(request_for(lone, admission, opened)) == first


def test_other_weights_for_a_round_that_was_answered_are_refused(lone: World) -> None:
    admission, opened = lone.opened()
    lone.agent().round(request_for(lone, admission, opened))
    other = request_for(lone, admission, opened, weights=np.full(5, 0.1))
    assert refusal(lone, other) is Refusal.ROUND_OUT_OF_ORDER


def test_after_a_restart_the_identical_bytes_are_sent_again(lone: World) -> None:
    admission, opened = lone.opened()
    request = request_for(lone, admission, opened)
    first = lone.agent().round(request)
    assert lone.reopened().round(request) == first


def test_of_a_round_that_is_over_only_the_digest_of_what_left_is_kept(lone: World) -> None:
    """The last answer can be sent again until the next round begins; a run does not fill the disk with its models."""
    admission, opened = lone.opened()
    first = request_for(lone, admission, opened)
    sent = lone.agent().round(first)
    second = go_on(lone, admission, Opened(opened.run, parse_reply(sent).nonce, 2))
    assert second.number == 3
    with lone.agent()._ground.store.reading() as database:
        kept = dict(database.execute("SELECT number, digest FROM outbox WHERE reply = x''"))
    assert kept == {1: hashlib.sha256(sent).hexdigest()}
    assert refusal(lone, first) is Refusal.ROUND_OUT_OF_ORDER


def test_after_a_restart_the_run_goes_on_where_it_stood(lone: World) -> None:
    admission, opened = lone.opened()
    second = go_on(lone, admission, opened)
    lone.gate.withdraw("north", in_train(lone)[0])
    third = go_on(lone, admission, second)
    lone.gate.removed.clear()
    lone.reopened()
    reply = parse_reply(lone.agent().round(request_for(lone, admission, third)))
    assert (reply.number, reply.removed) == (3, 1)


def crash_before_the_outbox(world: World, request: bytes) -> None:
    """The site dies when data was touched and noise drawn, before the output is on its disk."""

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    world.agent()._ground.journal.finish = die  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        world.agent().round(request)


def test_a_crash_before_the_outbox_uses_up_an_attempt(lone: World) -> None:
    admission, opened = lone.opened()
    request = request_for(lone, admission, opened)
    crash_before_the_outbox(lone, request)
    lone.reopened()
    assert refusal(lone, request) is Refusal.OVER_BUDGET


def test_a_retry_that_was_priced_draws_fresh_noise(tmp_path: Path) -> None:
    world = build_world(
        tmp_path, sites=("north",), members=60, minimum_cohort=10, max_attempts=2, run=(9, 5), year=(9, 5)
    )
    admission, opened = world.opened()
    request = request_for(world, admission, opened)
    seen: list[bytes] = []
    world.agent()._ground.journal.finish = lambda *_, reply, **__: (seen.append(reply), (_ for _ in ()).throw(OSError))  # type: ignore[method-assign]
    with pytest.raises(OSError):  # noqa: PT011
        world.agent().round(request)
    second = parse_reply(world.reopened().round(request))
    assert not np.array_equal(second.outputs["gradient"], parse_reply(seen[0]).outputs["gradient"])
    world.agent().round(request)
    with world.agent()._ground.store.reading() as database:
        assert database.execute("SELECT count(*) FROM attempts").fetchone() == (2,)


def test_a_damaged_outbox_is_not_sent(lone: World) -> None:
    admission, opened = lone.opened()
    request = request_for(lone, admission, opened)
    lone.agent().round(request)
    with lone.agent()._ground.store.transaction() as database:
        database.execute("UPDATE outbox SET reply = x'00'")
    assert refusal(lone, request) is Refusal.INTERNAL


@pytest.mark.parametrize("weights", [np.zeros(4), np.zeros(6), np.full(5, 1e7), np.zeros(0)])
def test_weights_that_no_model_has_are_refused_before_a_row_is_read(lone: World, weights: np.ndarray) -> None:
    lone.agent()._ground.source = None  # type: ignore[assignment]
    admission, opened = lone.opened()
    with pytest.raises(MalformedError):
        lone.agent().round(request_for(lone, admission, opened, weights=weights))


def test_no_row_is_read_before_the_attempt_is_on_disk(lone: World) -> None:
    class Watching:
        def read(self, pseudonyms: object, columns: object) -> Rows:
            with lone.agent()._ground.store.reading() as database:
                seen.append(database.execute("SELECT count(*) FROM attempts").fetchone()[0])
                assert not database.in_transaction
            raise RefusedError(Refusal.DATA_UNREADABLE, "away")

    seen: list[int] = []
    lone.agent()._ground.source = Watching()
    admission, opened = lone.opened()
    assert seen == []
    assert refusal(lone, request_for(lone, admission, opened)) is Refusal.DATA_UNREADABLE
    assert seen == [1]


def test_rows_of_members_outside_the_part_are_never_asked_for(lone: World) -> None:
    asked: list[tuple[set[bytes], set[str]]] = []
    source = lone.agent()._ground.source

    class Watching:
        def read(self, pseudonyms: list[bytes], columns: list[str]) -> Rows:
            asked.append((set(pseudonyms), set(columns)))
            return source.read(pseudonyms, columns)

    lone.agent()._ground.source = Watching()
    admission, opened = lone.opened()
    for _ in range(5):
        opened = go_on(lone, admission, opened)
    held_out = {p for p in lone.gate.allowed["north"] if part_of(lone.plan, "run-1", p) == "held-out"}
    features = {"visits", "online", "tier", "label"}
    assert asked == [(set(in_train(lone)), features), (held_out, features), (held_out, features | {"age"})]


def test_the_text_of_an_exception_neither_leaves_nor_is_logged(lone: World, caplog: pytest.LogCaptureFixture) -> None:
    class Leaking:
        def read(self, pseudonyms: object, columns: object) -> Rows:
            raise ValueError("member 4711 has visits 3 and churned")

    lone.agent()._ground.source = Leaking()
    admission, opened = lone.opened()
    answer = lone.agent().answer(request_for(lone, admission, opened))
    assert parse_refused(answer).code is Refusal.INTERNAL
    assert b"4711" not in answer
    assert "ValueError at read" in caplog.text
    assert "4711" not in caplog.text


@pytest.mark.parametrize(
    "message", [b"", b"{}", b"\xff\n", b'{"kind":"order","blobs":[]}\n', b'{"kind":"score","blobs":[]}\n']
)
def test_a_message_that_is_none_is_answered_with_a_code(lone: World, message: bytes) -> None:
    assert parse_refused(lone.agent().answer(message)).code is Refusal.MALFORMED
