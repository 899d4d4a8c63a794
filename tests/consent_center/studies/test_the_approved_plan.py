"""Law: the plan that a site runs is, byte for byte, the plan that people approved; any other byte is refused there.

The site believes neither coordinator nor hub: it counts signatures over the digest, by reviewers it pinned itself.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from consent_center.storage import members, studies
from consent_center.storage.transaction import Store
from consent_center.studies.errors import ApprovalError
from consent_center.workflows.admit_run import admit_run
from consent_center.workflows.show_studies import show_study
from federated.approvals import Pinned
from federated.errors import FederatedError, RefusedError
from federated.gate import PERMIT_KIND, Order, Permit, permit_bytes
from federated.plan import digest, plan_bytes
from federated.signed import sign
from federated.site.order import check_order
from federated.site.policy import Allowed, Policy
from privacy.ledger import Budget
from tests.consent_center.studies.studying import Programme, programme, study_text
from tests.consent_center.world import KEYS, NOW

HUB = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
REVIEWERS = ("huang", "lai", "lin", "sales-op")
BUDGET = Budget.create(epsilon=50.0, delta=1e-5, epsilon_pure=20.0, members=1000)


class Approved:
    """An approved study, its admitted order for one site, and what that site knows."""

    def __init__(self, store: Store) -> None:
        self.here: Programme = programme(store)
        self.study = self.here.file(study_text())
        self.here.assess(self.study.id)
        for name in REVIEWERS:
            self.here.answer(self.study, name)
        admission = store.run(admit_run, self.study.id, run="r1", signer=HUB, at=NOW)
        self.order: Order = admission.orders["sales"]
        self.permit: Permit = admission.permit
        self.keys = dict(store.read(_keys_of_site, self.here.members))
        people = {name: self.here.person(name) for name in REVIEWERS}
        pinned = {
            name: Pinned(name, str(one.answers_as), one.organisation, self.here.keys[name].public_key())
            for name, one in people.items()
        }
        allowed = Allowed(
            models=frozenset({"churn-linear"}),
            purposes=frozenset({"churn-model"}),
            scopes=frozenset({"purchases"}),
            columns=frozenset({"basket", "spend", "left"}),
            countries=frozenset({"TW"}),
        )
        required = ("legal", "technology", "members-representative", "site:sales")
        self.policy = Policy("sales", HUB.public_key(), allowed, 50, BUDGET, BUDGET, required, pinned)

    def check(self, order: Order):
        return check_order(order, policy=self.policy, cohort_keys=self.keys, at=NOW)


def _keys_of_site(tx, everybody):
    for member in everybody:
        for one in members.enrolments(tx, member):
            if one.site == "sales":
                yield one.pseudonym, one.cohort_key


@pytest.fixture(scope="module")
def approved(tmp_path_factory) -> Approved:
    store = Store.open(f"sqlite:///{tmp_path_factory.mktemp('plan') / 'accord.db'}", keys=KEYS)
    yield Approved(store)
    store.close()


def test_the_bytes_that_were_signed_are_the_bytes_that_the_site_runs(approved: Approved) -> None:
    assert approved.order.plan == approved.study.plan
    assert digest(approved.order.plan) == approved.study.plan_digest
    work = approved.check(approved.order)
    assert plan_bytes(work.plan) == approved.study.plan


@settings(max_examples=150)
@given(data=st.data())
def test_any_other_byte_is_refused_by_the_site(approved: Approved, data) -> None:
    plan = bytearray(approved.order.plan)
    place = data.draw(st.integers(0, len(plan) - 1))
    plan[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises((RefusedError, FederatedError)):
        approved.check(replace(approved.order, plan=bytes(plan)))


def test_a_hub_that_signs_a_permit_for_another_plan_has_no_approvals_for_it(approved: Approved) -> None:
    other = approved.study.plan.replace(b'"minimum_cohort":50', b'"minimum_cohort":51')
    assert other != approved.study.plan
    payload = permit_bytes(replace(approved.permit, plan_digest=digest(other)))
    permit = sign(HUB, kind=PERMIT_KIND, payload=payload)
    with pytest.raises(RefusedError, match="no valid approval of this plan"):
        approved.check(replace(approved.order, plan=other, permit=permit))


def test_the_smallest_change_of_a_plan_is_another_digest_and_nobody_agreed_to_it(approved: Approved) -> None:
    here = approved.here
    again = here.file(study_text("churn-1b"))
    here.assess(again.id)
    with pytest.raises(ApprovalError):
        here.answer(again, "huang", plan_digest=approved.study.plan_digest)
    assert not here.store.read(show_study, again.id, at=NOW).standing.agreed


def test_reviewers_who_answer_at_once_all_count_and_the_same_answer_counts_once(approved: Approved) -> None:
    here = approved.here
    study = here.file(study_text("at-once", epsilon=0.5))
    here.assess(study.id)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(_outcome, here, study, name) for name in (*REVIEWERS, *REVIEWERS)]
    outcomes = [one.result() for one in asked]
    assert outcomes.count("kept") == len(REVIEWERS)
    known = here.store.read(show_study, study.id, at=NOW)
    assert known.standing.approved
    assert len(known.answers) == len(REVIEWERS)
    assert here.store.read(studies.exists, study.id)


def _outcome(here: Programme, study, reviewer: str) -> str:
    try:
        here.answer(study, reviewer)
    except ApprovalError:
        return "refused"
    return "kept"


def test_a_yes_and_a_no_at_the_same_moment_leave_a_no(approved: Approved) -> None:
    here = approved.here
    study = here.file(study_text("yes-and-no", epsilon=0.5))
    here.assess(study.id)
    for say in ("no", "yes"):
        here.answer(study, "huang", say=say)
    assert "legal" in here.store.read(show_study, study.id, at=NOW).standing.refused
