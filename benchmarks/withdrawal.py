"""A member takes her yes back in the portal while a run goes on: how long until no site uses her?

Real processes over TLS on PostgreSQL (`make up`). Members sign in with real requests; one at a time confirms, at a
moment that the run does not know. Measured from the click to the end of the first round that is settled without her,
so it holds the click itself, what was left of the round that was on, and one whole round.
"""

import sys
import threading
import time
from collections.abc import Iterator
from statistics import median, quantiles
from typing import Any

import numpy as np

from benchmarks._installation import STUDY, Portal, installation, opened
from consent_center.coordinator.operator import read_operator
from consent_center.storage import runs, studies
from federated.plan import part_of

MEMBERS = 40
ROUNDS = 200
WAIT_S = 60.0


class Told:
    """The rounds of a run, each with the moment at which its settling was heard of."""

    def __init__(self) -> None:
        self.rounds: list[tuple[float, dict[str, Any]]] = []
        self.ended: dict[str, Any] | None = None
        self._changed = threading.Condition()

    def follow(self, events: Iterator[dict[str, Any]]) -> None:
        """Hear everything, in a thread of its own."""
        for event in events:
            with self._changed:
                if "round" in event:
                    self.rounds.append((time.monotonic(), event))
                else:
                    self.ended = event
                self._changed.notify_all()

    def first_without(self, number: int) -> tuple[float, dict[str, Any]]:
        """The first round in which so many members were removed; waits for it."""

        def found() -> tuple[float, dict[str, Any]] | None:
            return next((one for one in self.rounds if sum(one[1]["removed"].values()) >= number), None)

        with self._changed:
            self._changed.wait_for(lambda: found() is not None or self.ended is not None, WAIT_S)
            one = found()
        if one is None:
            raise RuntimeError(f"no round was settled without her: {self.ended}")
        return one

    def wait_for_rounds(self, number: int) -> None:
        """Wait until so many rounds are settled."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.rounds) >= number or self.ended is not None, 2 * WAIT_S):
                raise RuntimeError("the run does not start")


def run() -> dict[str, Any]:
    """Measure, and return figures and goals."""
    with installation("benchmark-withdrawal", data="journey", runs=1, ports_from=19400, rounds=ROUNDS) as made:
        operator, told = read_operator(made.folder / "operator.toml"), Told()
        token, sites = operator.start(STUDY)
        threading.Thread(target=told.follow, args=(operator.drive(STUDY, sites, token),), daemon=True).start()
        told.wait_for_rounds(2)
        with opened(made) as store:
            name = store.read(runs.listed, study=STUDY)[0][1].run
            used, plan = store.read(runs.members, name), store.read(studies.get, STUDY).parsed()
        training = [one for one in used if part_of(plan, name, one.pseudonym) == "train"]
        chosen = np.random.default_rng(7).choice(len(training), size=MEMBERS, replace=False)
        latencies, beyond, took, most = [], [], [], 0
        for number, index in enumerate(chosen, 1):
            one = training[int(index)]
            portal, item = Portal(made, one.member), f"/uses/churn-model/{one.site}/purchases/TW"
            check = portal.prepare_withdrawal(item)
            clicked = time.monotonic()
            portal.confirm(check, item)
            answered = time.monotonic()
            portal.close()
            heard, without = told.first_without(number)
            with_her = [at for at, _ in told.rounds if answered < at < heard]
            latencies.append(heard - clicked)
            beyond.append(heard - clicked - without["seconds"])
            took.append(without["seconds"])
            most = max(most, len(with_her))
            print(
                f"{number:>3}: {latencies[-1]:.3f} s from the click, a round {took[-1]:.3f} s, "
                f"{len(with_her)} rounds settled with her meanwhile",
                file=sys.stderr,
            )
    figures = {
        "members": MEMBERS,
        "median_round_s": round(median(took), 3),
        "p50_s_from_click": round(median(latencies), 3),
        "p99_s_from_click": round(quantiles(latencies, n=100)[-1], 3),
        "p99_s_beyond_one_round": round(quantiles(beyond, n=100)[-1], 3),
        "most_rounds_settled_with_her_after_the_answer": most,
    }
    goals = {"p99_s_beyond_one_round": ["<=", 2.0], "most_rounds_settled_with_her_after_the_answer": ["<=", 1]}
    return {"figures": figures, "goals": goals}
