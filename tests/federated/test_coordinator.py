"""Laws: every site answers every round or the run ends under a code; what ended is settled.

A statement that is replayed, withheld or swapped on the way is refused by the site, whoever relays it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from federated.coordinator import run_study
from federated.errors import Refusal, RefusedError
from federated.exchange import (
    Refused,
    parse_reply,
    parse_request,
    refused_bytes,
    reply_bytes,
    request_bytes,
)
from federated.gate import Admission
from federated.gate_memory import MemoryGate
from federated.plan import Kind
from federated.signed import Signed
from tests.federated.world import World, build_world

Change = Callable[[str, int, bytes], bytes | None]


def asking(
    world: World, *, on_the_way: Change | None = None, on_return: Change | None = None
) -> Callable[..., dict[str, bytes]]:
    """A way to the sites, with somebody on it."""

    def ask(kind: Kind | None, number: int, messages: Mapping[str, bytes]) -> dict[str, bytes]:
        answers = {}
        for site, message in messages.items():
            sent = on_the_way(site, number, message) if on_the_way else message
            answer = None if sent is None else world.agents[site].answer(sent)
            if answer is not None and on_return:
                answer = on_return(site, number, answer)
            if answer is not None:
                answers[site] = answer
        return answers

    return ask


@pytest.fixture
def pair(tmp_path: Path) -> World:
    return build_world(tmp_path, sites=("north", "south"), members=60, minimum_cohort=10)


def outcome(world: World, **somebody: Change) -> str:
    report = run_study(world.gate, "study-1", ask=asking(world, **somebody))
    assert world.gate.reports == [report]
    return report.outcome


def test_a_run_without_anybody_on_the_way_completes(pair: World) -> None:
    assert outcome(pair) == "completed"


def test_a_coordinator_that_replays_the_first_statement_is_refused_in_the_second_round(pair: World) -> None:
    """25 members withdraw after round 1; whoever relays keeps sending what was signed before."""
    kept: dict[str, Signed | None] = {}

    def replay(site: str, number: int, message: bytes) -> bytes:
        if number == 0:
            return message
        request = parse_request(message)
        return request_bytes(replace(request, statement=kept.setdefault(site, request.statement)))

    leaving = list(pair.gate.allowed["north"])[:25]
    report = run_study(
        pair.gate,
        "study-1",
        ask=asking(pair, on_the_way=replay),
        watch=lambda _: pair.gate.withdraw("north", *leaving),
    )
    assert report.outcome == Refusal.STATEMENT_REPLAYED
    assert [len([s for s in r.sites.values() if s.refusal]) for r in pair.gate.rounds] == [0, 2]


def test_a_coordinator_that_withholds_the_statement_is_refused(pair: World) -> None:
    def withhold(site: str, number: int, message: bytes) -> bytes:
        return message if number == 0 else request_bytes(replace(parse_request(message), statement=None))

    assert outcome(pair, on_the_way=withhold) == Refusal.STATEMENT_MISSING


def test_a_coordinator_that_swaps_the_sites_statements_is_refused(pair: World) -> None:
    seen: list[Signed | None] = []

    def swap(site: str, number: int, message: bytes) -> bytes:
        if number == 0:
            return message
        request = parse_request(message)
        seen.append(request.statement)
        return request_bytes(replace(request, statement=seen[0]))

    assert outcome(pair, on_the_way=swap) == Refusal.STATEMENT_REPLAYED


def test_a_site_that_never_answers_makes_no_quorum(pair: World) -> None:
    assert (
        outcome(pair, on_return=lambda site, number, answer: None if site == "south" else answer) == Refusal.NO_QUORUM
    )


def test_an_answer_that_is_lost_ends_a_run_that_priced_one_attempt(pair: World) -> None:
    lost: list[str] = []

    def lose(site: str, number: int, answer: bytes) -> bytes | None:
        if (site, number) == ("south", 2) and not lost:
            lost.append(site)
            return None
        return answer

    assert outcome(pair, on_return=lose) == Refusal.NO_QUORUM


def test_an_answer_that_is_lost_is_asked_for_again_if_attempts_were_priced(tmp_path: Path) -> None:
    """The site sends the identical bytes, so the second asking draws no noise and uses up no attempt."""
    world = build_world(
        tmp_path, sites=("north", "south"), members=60, minimum_cohort=10, max_attempts=2, run=(9, 5), year=(9, 5)
    )
    answers: list[bytes] = []

    def lose(site: str, number: int, answer: bytes) -> bytes | None:
        if (site, number) == ("south", 2):
            answers.append(answer)
            return None if len(answers) == 1 else answer
        return answer

    assert outcome(world, on_return=lose) == "completed"
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    "change",
    [
        {"number": 3},
        {"run": "run-9"},
        {"outputs": {}},
        {"outputs": {"gradient": np.zeros(3)}},
        {"outputs": {"gradient": np.zeros(5), "extra": np.zeros(1)}},
    ],
)
def test_an_answer_to_something_else_is_never_used(pair: World, change: dict[str, object]) -> None:
    def answer_else(site: str, number: int, answer: bytes) -> bytes:
        if (site, number) != ("south", 2):
            return answer
        return reply_bytes(replace(parse_reply(answer), **change))  # type: ignore[arg-type]

    assert outcome(pair, on_return=answer_else) in (Refusal.ROUND_OUT_OF_ORDER, Refusal.MALFORMED)
    assert pair.gate.reports[0].model == b""


@pytest.mark.parametrize("rubbish", [b"", b"{}", b"\x00" * 100])
def test_rubbish_is_malformed_in_the_opening_and_in_a_round(pair: World, rubbish: bytes) -> None:
    for when in (0, 2):
        pair.gate.reports.clear()
        assert (
            outcome(pair, on_return=lambda _, number, answer, at=when: rubbish if number == at else answer)
            == "malformed"
        )


def test_counts_that_are_not_whole_are_malformed(pair: World) -> None:
    def fractions(site: str, number: int, answer: bytes) -> bytes:
        if number != 4:
            return answer
        reply = parse_reply(answer)
        outputs = {name: output.astype(np.float64) for name, output in reply.outputs.items()}
        return reply_bytes(replace(reply, outputs=outputs))

    assert outcome(pair, on_return=fractions) == Refusal.MALFORMED


def test_the_code_of_a_site_is_the_code_of_the_run(pair: World) -> None:
    def no(site: str, number: int, answer: bytes) -> bytes:
        return refused_bytes(Refused(Refusal.DATA_UNREADABLE)) if (site, number) == ("south", 2) else answer

    assert outcome(pair, on_return=no) == Refusal.DATA_UNREADABLE
    assert pair.gate.reports[0].results == {"refusals": {"south": "data-unreadable"}}
    assert pair.gate.rounds[-1].sites["south"].refusal is Refusal.DATA_UNREADABLE


def test_a_gate_that_says_no_in_the_middle_ends_the_run_under_its_code(pair: World) -> None:
    class Stopping(MemoryGate):
        def admit_round(self, run: str, number: int, nonces: Mapping[str, str]) -> Mapping[str, Signed]:
            if number == 3:
                raise RefusedError(Refusal.PERMIT_EXPIRED, "the study was closed")
            return super().admit_round(run, number, nonces)

    pair.gate.__class__ = Stopping
    assert outcome(pair) == Refusal.PERMIT_EXPIRED
    assert pair.gate.reports[0].rounds == 2


def test_too_few_members_over_all_sites_end_before_a_site_is_asked(tmp_path: Path) -> None:
    world = build_world(tmp_path, sites=("north", "south"), members=60, minimum_cohort=10, minimum_cohort_of_plan=200)

    def nobody(*_: object) -> dict[str, bytes]:
        raise AssertionError("a site was asked")

    report = run_study(world.gate, "study-1", ask=nobody)
    assert report.outcome == Refusal.COHORT_TOO_SMALL


def test_an_admission_that_lacks_a_site_is_no_quorum(pair: World) -> None:
    class Forgetful(MemoryGate):
        def admit_run(self, study: str) -> Admission:
            admission = super().admit_run(study)
            return replace(admission, orders={"north": admission.orders["north"]})

    pair.gate.__class__ = Forgetful
    assert outcome(pair) in (Refusal.NO_QUORUM, Refusal.COHORT_TOO_SMALL)


def test_the_denominator_is_the_signed_cohorts_and_stays_for_the_run(pair: World) -> None:
    """Members who withdraw lower the sum, never the denominator: it would tell who left."""
    admission = pair.gate.admit_run("study-1")
    from federated.cohort import parse_header
    from federated.coordinator import _members

    sizes = [parse_header(order.cohort.payload).sizes["train"] for order in admission.orders.values()]
    assert _members(admission) == sum(sizes)
