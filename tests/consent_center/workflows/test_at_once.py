"""Two opposite statements of one member at once end in the withdrawal, whichever is written first."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from consent_center.consent.verdict import Reason
from consent_center.errors import SupersededError
from consent_center.workflows.ask_verdict import ask_verdict
from consent_center.workflows.ask_verdicts import Question, ask_verdicts
from consent_center.workflows.give_consent import give_consent
from consent_center.workflows.withdraw_consent import withdraw_consent
from tests.consent_center.world import ANSWERED, NOW, TRAIN, found

PAIRS = 12


def test_a_yes_and_a_withdrawal_at_once_end_in_the_withdrawal(store):
    people = found(store, members=PAIRS)

    def say(workflow, member, together):
        together.wait(30)
        try:
            store.run(workflow, member, [TRAIN], **ANSWERED, at=NOW)
        except SupersededError:
            return workflow is give_consent
        return True

    with ThreadPoolExecutor(2 * PAIRS) as pool:
        told = []
        for member in people:
            together = Barrier(2)
            told += [pool.submit(say, workflow, member, together) for workflow in (give_consent, withdraw_consent)]
        assert all(one.result(60) for one in told), "only a yes may be told that it came too late"
    single = [store.read(ask_verdict, member, [TRAIN], at=NOW)[0].reason for member in people]
    assert set(single) == {Reason.WITHDRAWN}
    assert store.read(ask_verdicts, [Question(member, TRAIN) for member in people], at=NOW) == single
