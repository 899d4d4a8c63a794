"""Requests that share transactions are each answered once, with their own result; nobody waits for ever."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from consent_center.errors import ConsentCenterError, RuleError
from consent_center.storage.gathering import Gathering
from tests.consent_center.world import NOW


class Counting:
    """Stands for a store: runs each workflow at once, and counts how many run together."""

    def __init__(self) -> None:
        self.groups: list[int] = []
        self.together = self.most = 0
        self.lock = threading.Lock()

    def run(self, workflow, requests, *, at):
        with self.lock:
            self.groups.append(len(requests))
            self.together += 1
            self.most = max(self.most, self.together)
        try:
            return workflow(None, requests, at=at)
        finally:
            with self.lock:
                self.together -= 1


def answers(tx, requests, at):
    del tx, at
    if any(one == "all" for one in requests):
        raise RuleError("the transaction failed")
    return [RuleError(one) if one.startswith("no") else one.upper() for one in requests]


def test_each_of_many_is_answered_with_its_own_result_and_somebody_always_serves():
    store = Counting()
    desk = Gathering(store, answers)

    def ask(number):
        name = f"no-{number}" if number % 5 == 0 else f"yes-{number}"
        try:
            return desk.ask(name, at=NOW + timedelta(seconds=number))
        except ConsentCenterError as error:
            return str(error)

    for _ in range(3):
        with ThreadPoolExecutor(24) as pool:
            told = list(pool.map(ask, range(600), timeout=60))
        assert told == [f"no-{n}" if n % 5 == 0 else f"YES-{n}" for n in range(600)]
        assert not desk._busy
        assert not desk._waiting
    assert sum(store.groups) == 1800
    assert store.most == 1


def test_those_who_come_meanwhile_share_the_next_transaction():
    store, entered, go_on = Counting(), threading.Event(), threading.Event()

    def slow(tx, requests, at):
        if requests == ["first"]:
            entered.set()
            assert go_on.wait(30)
        return answers(tx, requests, at)

    desk = Gathering(store, slow)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(desk.ask, "first", at=NOW)
        assert entered.wait(30)
        others = [pool.submit(desk.ask, f"other-{n}", at=NOW) for n in range(5)]
        while len(desk._waiting) < 5:
            pass
        go_on.set()
        assert first.result(30) == "FIRST"
        assert [one.result(30) for one in others] == [f"OTHER-{n}" for n in range(5)]
    assert store.groups == [1, 5]


def test_a_transaction_that_fails_fails_for_all_who_shared_it_and_for_nobody_else():
    desk = Gathering(Counting(), answers)
    with pytest.raises(RuleError, match="the transaction failed"):
        desk.ask("all", at=NOW)
    assert desk.ask("after", at=NOW) == "AFTER"
