"""Laws: nothing reaches a member without a yes of that moment, above her limit, or by a model that is not released.

What the log holds of a decision is a commitment; what a site relays is shown only if it opens it.
"""

from copy import copy
from dataclasses import replace
from datetime import UTC, timedelta
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_center.clearing import StoreClearing
from consent_center.consent.grant import Act
from consent_center.errors import RuleError
from consent_center.events import Event
from consent_center.gate import StoreGate
from consent_center.storage import members as people
from consent_center.storage import releases, studies
from consent_center.storage.decisions import Made
from consent_center.storage.releases import Release
from consent_center.storage.transaction import Store, Transaction
from consent_center.studies.assessment import Circumstances
from consent_center.studies.errors import ReleaseError
from consent_center.studies.person import Person
from consent_center.studies.roles import Role
from consent_center.workflows.answer_decision import answer_decision, review_decision, review_queue
from consent_center.workflows.assess_study import assess_study
from consent_center.workflows.change_model import change_model
from consent_center.workflows.file_study import file_study
from consent_center.workflows.make_statements import make_statements
from consent_center.workflows.set_offer_limit import set_offer_limit
from consent_center.workflows.show_decisions import list_decisions, open_decisions, pseudonyms_of
from consent_center.workflows.show_lineage import RemedyPolicy, affected_models, retraining_of, show_lineage
from consent_center.workflows.staff_accounts import keep_person
from federated.clearance import Proposal, check_clearance, commitment_of
from federated.errors import Refusal, RefusedError
from federated.gate import RunReport
from federated.models.package import Package, package_bytes
from federated.models.score_plan import score_plan
from federated.plan import digest, plan_bytes
from tests.consent_center.conftest import Filled
from tests.consent_center.workflows.test_admission import (  # noqa: F401  fixtures
    answer,
    approved,
    filed,
    gate_of,
    keys,
    plan_for,
    settle,
    signer,
)
from tests.consent_center.world import NOW, OFFER, TRAIN, said

LATER = NOW + timedelta(minutes=5)


class Scene:
    """A released model, a finished scoring at sales, and members who allow offers."""

    def __init__(self, store: Store, members: list[str], keys: Any, signer: Ed25519PrivateKey) -> None:  # noqa: F811
        self.store, self.members, self.signer, self.keys = store, members, signer, keys
        store.run(make_statements, [said(member, Act.GIVEN, OFFER) for member in members], at=NOW)
        plan = plan_for("train-1")
        approved(store, plan, keys)
        gate = gate_of(store, signer)
        self.trained = gate.admit_run("train-1").run
        self.package = package_bytes(Package(self.trained, plan_bytes(plan), np.zeros(9)))
        self.model = digest(self.package)
        gate.settle_run(RunReport(self.trained, "completed", 5, model=self.package))

    def release(self, *, until: Any = None) -> None:
        def add(tx: Transaction, *, at: Any) -> None:
            public = {"run": self.trained, "study": "train-1", "model": self.model, "verdict": "PASS"}
            entry = tx.append(Event("model.released", public=public), at=at)
            made = Release(self.model, self.trained, "released", "PASS", {}, "", "", at, until)
            releases.add(tx, made, entry=entry)

        self.store.run(add, at=NOW)

    def staff(self) -> None:
        for name, role, by in (("root", Role.ADMINISTRATOR, ""), ("chen", Role.COMPLIANCE, "root")):
            self.store.run(keep_person, Person(name, name, "programme", frozenset({role})), by=by, at=NOW)

    def scoring(self) -> str:
        plan = score_plan(
            study="offers-1", country="TW", site="sales", purpose="personalised-offers", scopes=("purchases",),
            package=self.package,
        )  # fmt: skip
        self._approve(plan)
        gate = StoreGate(self.store, signer=self.signer, clock=lambda: NOW, new_run=lambda: "score-1")
        gate.admit_run("offers-1")
        gate.settle_run(RunReport("score-1", "completed", 1))
        return "score-1"

    def _approve(self, plan: Any) -> None:
        study = filed(self.store, plan)
        circumstances = Circumstances(
            sensitive_scopes=frozenset(), partner_sites=frozenset(), crosses_border=False, minors=False,
            automated=True, budget_share=Fraction(1, 4), first_of_its_kind=True,
        )  # fmt: skip
        self.store.run(
            assess_study, study.id, assessor="bo", circumstances=circumstances,
            answers={"why": "because nothing less would do"}, at=NOW,
        )  # fmt: skip
        for role in ("legal", "technology", "members-representative", "site:sales"):
            answer(self.store, study, self.keys, role)

    def propose(self, *members: str, kind: Any = "offer", text: str = "") -> list[Proposal]:
        return [
            Proposal(self.pseudonym(one), kind, commitment_of(b"salt", {"member": one, "text": text}))
            for one in members
        ]

    def pseudonym(self, member: str) -> str:
        return self.store.read(pseudonyms_of, member)["sales"].hex()

    def clear(self, proposals: list[Proposal], *, run: str = "score-1", at: Any = LATER) -> Any:
        clearing = StoreClearing(self.store, signer=self.signer, clock=lambda: at)
        signed = clearing.clear("sales", "n0", run, proposals)
        return check_clearance(
            signed, hub_key=self.signer.public_key(), site="sales", nonce="n0", proposals=proposals, at=at
        )


def _made(store: Store, keys: Any, signer: Any, *, scored: bool) -> Scene:  # noqa: F811
    made = Scene(store, settle(store, keys), keys, signer)
    if scored:
        made.release()
        made.scoring()
    return made


def _in(store: Store, made: Scene) -> Scene:
    """The same scene in a copy of its store."""
    copied = copy(made)
    copied.store = store
    return copied


@pytest.fixture
def scene(filled: Filled, keys: Any, signer: Any) -> Scene:  # noqa: F811
    return _in(*filled("scene", partial(_made, keys=keys, signer=signer, scored=False)))


@pytest.fixture
def scored(filled: Filled, keys: Any, signer: Any) -> Scene:  # noqa: F811
    return _in(*filled("scored", partial(_made, keys=keys, signer=signer, scored=True)))


def test_a_model_that_is_not_released_scores_nobody(scene: Scene) -> None:
    with pytest.raises(RefusedError) as caught:
        scene.scoring()
    assert caught.value.code is Refusal.MODEL_NOT_RELEASED


def test_a_release_that_ended_scores_nobody(scene: Scene) -> None:
    scene.release(until=NOW)
    with pytest.raises(RefusedError) as caught:
        scene.scoring()
    assert caught.value.code is Refusal.MODEL_NOT_RELEASED


def test_a_withdrawal_stops_the_offer_although_the_score_exists(scored: Scene) -> None:
    gone, stays = scored.members[:2]
    scored.store.run(make_statements, [said(gone, Act.WITHDRAWN, OFFER)], at=LATER)
    proposals = scored.propose(gone, stays)
    answer = scored.clear(proposals, at=LATER + timedelta(seconds=1))
    assert answer.refused == {proposals[0].commitment: "no-verdict"}
    assert answer.cleared == (proposals[1].commitment,)
    assert scored.store.read(list_decisions, gone) == []
    assert len(scored.store.read(list_decisions, stays)) == 1


def test_allowing_training_is_not_allowing_offers(scored: Scene) -> None:
    member = scored.members[0]
    scored.store.run(make_statements, [said(member, Act.REFUSED, OFFER), said(member, Act.GIVEN, TRAIN)], at=LATER)
    (one,) = scored.propose(member)
    assert scored.clear([one], at=LATER + timedelta(seconds=1)).refused == {one.commitment: "no-verdict"}


def test_a_suspended_model_tells_nobody(scored: Scene) -> None:
    scored.staff()
    scored.store.run(
        change_model, scored.model, to="suspended", code="drift", by="chen", reason="Scores drifted for two weeks.",
        at=LATER,
    )  # fmt: skip
    with pytest.raises(RefusedError) as caught:
        scored.clear(scored.propose(scored.members[0]))
    assert caught.value.code is Refusal.MODEL_NOT_RELEASED
    with pytest.raises(ReleaseError):
        scored.store.run(
            change_model, scored.model, to="suspended", code="drift", by="chen", reason="Scores drifted once more.",
            at=LATER,
        )  # fmt: skip


def test_her_own_limit_is_kept_and_an_old_offer_no_longer_counts(scored: Scene) -> None:
    member = scored.members[0]
    scored.store.run(set_offer_limit, member, most=1, at=NOW)
    first, second = scored.propose(member, text="one") + scored.propose(member, text="two")
    assert scored.clear([first]).cleared == (first.commitment,)
    assert scored.clear([second]).refused == {second.commitment: "offer-limit"}
    assert scored.clear([second], at=LATER + timedelta(days=30)).cleared == (second.commitment,)


def test_a_limit_of_none_means_none(scored: Scene) -> None:
    scored.store.run(set_offer_limit, scored.members[0], most=0, at=NOW)
    (one,) = scored.propose(scored.members[0])
    assert scored.clear([one]).refused == {one.commitment: "offer-limit"}


def test_several_offers_in_one_question_count_one_by_one(scored: Scene) -> None:
    member = scored.members[0]
    scored.store.run(set_offer_limit, member, most=2, at=NOW)
    many = [one for text in "abc" for one in scored.propose(member, text=text)]
    answer = scored.clear(many)
    assert (len(answer.cleared), list(answer.refused.values())) == (2, ["offer-limit"])


def test_asking_again_is_judged_anew_and_recorded_once(scored: Scene) -> None:
    member = scored.members[0]
    scored.store.run(set_offer_limit, member, most=1, at=NOW)
    (one,) = scored.propose(member)
    assert scored.clear([one]).cleared == scored.clear([one]).cleared == (one.commitment,)
    assert len(scored.store.read(list_decisions, member)) == 1
    scored.store.run(make_statements, [said(member, Act.WITHDRAWN, OFFER)], at=LATER)
    assert scored.clear([one], at=LATER + timedelta(seconds=1)).refused == {one.commitment: "no-verdict"}


def test_a_pseudonym_that_is_not_linked_is_refused(scored: Scene) -> None:
    stranger = Proposal("ab" * 16, "offer", "cd" * 32)
    assert scored.clear([stranger]).refused == {"cd" * 32: "not-enrolled"}


def test_another_member_cannot_be_told_somebody_elses_decision(scored: Scene) -> None:
    (one,) = scored.propose(scored.members[0])
    scored.clear([one])
    stolen = Proposal(scored.pseudonym(scored.members[1]), "offer", one.commitment)
    assert scored.clear([stolen]).refused == {one.commitment: "not-yours"}


def test_decisions_rest_on_a_finished_scoring_of_this_site(scored: Scene) -> None:
    with pytest.raises(RefusedError):
        scored.clear(scored.propose(scored.members[0]), run=scored.trained)


def test_a_site_makes_no_decisions_on_the_scores_of_another(scored: Scene) -> None:
    clearing = StoreClearing(scored.store, signer=scored.signer, clock=lambda: LATER)
    hers = scored.store.read(pseudonyms_of, scored.members[0])
    for site in sorted(hers.keys() - {"sales"}):
        with pytest.raises(RefusedError) as refused:
            clearing.clear(site, "n0", "score-1", [Proposal(hers[site].hex(), "offer", "cd" * 32)])
        assert refused.value.code is Refusal.MALFORMED
    assert hers.keys() - {"sales"}


def test_a_refused_coupon_is_recorded_without_a_score(scored: Scene) -> None:
    (one,) = scored.propose(scored.members[0], kind="coupon-refused")
    assert scored.clear([one], run="").cleared == (one.commitment,)
    (other,) = scored.propose(scored.members[1], kind="offer")
    assert scored.clear([other], run="").refused == {other.commitment: "not-yours"}


def test_what_a_site_relays_is_shown_only_if_it_opens_the_commitment(scored: Scene) -> None:
    member = scored.members[0]
    truth = {"reasons": [{"feature": "visits", "level": "low", "weight": 0.5}]}
    lie = {"reasons": []}
    proposal = Proposal(scored.pseudonym(member), "offer", commitment_of(b"s" * 16, truth))
    scored.clear([proposal])
    listed, where = scored.store.read(list_decisions, member), scored.store.read(pseudonyms_of, member)

    class Site:
        def __init__(self, document: Any) -> None:
            self.document = document

        def decisions_of(self, pseudonym: bytes) -> Any:
            if self.document is None:
                raise OSError("secret text about her")
            return [(proposal.commitment, b"s" * 16, self.document)]

    told = [open_decisions(listed, where, {"sales": Site(one)})[0] for one in (truth, lie, None)]
    assert [(one.document, one.opens) for one in told] == [(truth, True), (None, False), (None, True)]


def test_no_site_speaks_of_what_another_one_decided() -> None:
    salt, at = b"s" * 16, {"sales": b"p" * 16, "service": b"q" * 16}
    truths = {site: {"reasons": [], "decided": site} for site in at}
    made = {site: Made(commitment_of(salt, truths[site]), "mei", site, "run-1", "offer", NOW) for site in at}

    class Site:
        def __init__(self, name: str) -> None:
            self.name = name

        def decisions_of(self, pseudonym: bytes) -> Any:
            return [(one.commitment, salt, truths[site] if site == self.name else {}) for site, one in made.items()]

    told = open_decisions([(one, ()) for one in made.values()], at, {site: Site(site) for site in at})
    assert [(one.document, one.opens) for one in told] == [(truths[site], True) for site in at]


def test_unfair_asks_for_a_person_within_an_hour_of_the_working_day(scored: Scene) -> None:
    member, other = scored.members[:2]
    one, two = scored.propose(member, other)
    scored.clear([one, two])
    friday_evening = NOW.replace(day=20, hour=17, minute=30)
    step = scored.store.run(
        answer_decision, member, one.commitment, answer="unfair", words="I was ill.", zone=UTC, at=friday_evening
    )
    assert step.due_at == NOW.replace(day=23, hour=9, minute=30, second=15) - timedelta(seconds=0)
    assert [(made.member, asked.commitment) for made, asked in scored.store.read(review_queue)] == [
        (member, one.commitment)
    ]
    with pytest.raises(RuleError):
        scored.store.run(answer_decision, other, one.commitment, answer="right", words="", zone=UTC, at=friday_evening)
    with pytest.raises(RuleError):
        scored.store.run(
            review_decision, two.commitment, reviewer="bo", outcome="upheld", words="x" * 30, at=friday_evening
        )
    scored.store.run(
        review_decision, one.commitment, reviewer="bo", outcome="changed", at=step.due_at,
        words="You were ill, so the warning was wrong; it is gone.",
    )  # fmt: skip
    assert scored.store.read(review_queue) == []
    with pytest.raises(RuleError, match="does not wait"):
        scored.store.run(
            review_decision, one.commitment, reviewer="bo", outcome="upheld", words="x" * 30, at=step.due_at
        )


def test_lineage_tells_what_is_left_of_a_model(scored: Scene) -> None:
    before = scored.store.read(show_lineage, scored.model, at=LATER)
    assert (before.state, before.gone, before.remedy) == ("released", 0, "bounded by DP: none needed")
    assert before.members == len(scored.members)
    assert before.scored_by == ("score-1",)
    assert set(before.cohorts) == {"sales", "service"}
    leaving = scored.members[: len(scored.members) // 5]
    withdrawn = [
        said(one, Act.WITHDRAWN, item)
        for one in leaving
        for item in (TRAIN, TRAIN.__class__("purchases", "churn-model", "service", "TW"))
    ]
    scored.store.run(make_statements, withdrawn, at=LATER)
    after = scored.store.read(show_lineage, scored.model, at=LATER + timedelta(seconds=1))
    assert after.gone == len(leaving)
    assert after.remedy == "retrain scheduled"
    strict = RemedyPolicy(retire_share=0.1)
    (worst,) = scored.store.read(affected_models, at=LATER + timedelta(seconds=1), policy=strict)
    assert worst.remedy == "retired"
    scored.staff()
    scored.store.run(
        change_model, scored.model, to="retired", code="withdrawals", by="chen", reason="A fifth of its members left.",
        at=LATER,
    )  # fmt: skip
    assert scored.store.read(affected_models, at=LATER + timedelta(seconds=1)) == []


def test_scores_that_moved_call_for_a_new_training_and_noise_does_not(scored: Scene) -> None:
    low, high = [4000, 3000, 2000, 1000] + [0] * 16, [0] * 16 + [1000, 2000, 3000, 4000]
    wobble = [cell + (-1) ** place * 9 for place, cell in enumerate(low)]
    for name, cells, moved in (("score-2", low, ()), ("score-3", wobble, ()), ("score-4", high, ("sales",))):
        gate = StoreGate(scored.store, signer=scored.signer, clock=lambda: NOW, new_run=lambda name=name: name)
        gate.admit_run("offers-1")
        results = {"scores": {"cells": cells, "noise_variance": 200.0}}
        gate.settle_run(RunReport(name, "completed", 1, results=results))
        found = scored.store.read(show_lineage, scored.model, at=LATER)
        assert found.drifted == moved
    assert found.remedy == "retrain scheduled"


def test_an_affected_model_is_trained_anew_by_a_study_of_its_own(scored: Scene) -> None:
    asked = {"study": "train-2", "author": "ada", "closes_at": LATER + timedelta(days=30)}
    with pytest.raises(ReleaseError, match="nothing calls"):
        scored.store.read(retraining_of, scored.model, at=LATER, **asked)
    everybody = RemedyPolicy(retrain_share=0.0)
    made = scored.store.read(retraining_of, scored.model, at=LATER, policy=everybody, **asked)
    old = scored.store.read(studies.get, "train-1")
    assert (made.id, made.replaces, made.author) == ("train-2", "train-1", "ada")
    assert made.parsed() == replace(old.parsed(), study="train-2")
    assert made.plan_digest != old.plan_digest
    assert "0% of the members it learned from are gone" in made.reason
    filed = scored.store.run(file_study, made, at=LATER)
    with pytest.raises(RefusedError) as refused:
        gate_of(scored.store, scored.signer).admit_run(filed.id)
    assert refused.value.code is Refusal.PLAN_NOT_APPROVED


def test_a_model_is_due_to_be_trained_anew_on_its_day_and_an_audit_makes_it_no_younger(scored: Scene) -> None:
    weekly = RemedyPolicy(renew=timedelta(days=7), lasts=timedelta(days=9))
    made = scored.store.read(show_lineage, scored.model, at=NOW).made_at

    def remedy(after: timedelta) -> str:
        return scored.store.read(show_lineage, scored.model, at=made + after, policy=weekly).remedy

    assert remedy(timedelta(days=7) - timedelta(seconds=1)) == "bounded by DP: none needed"
    assert remedy(timedelta(days=7)) == "retrain scheduled"

    def audited_again(tx: Transaction, *, at: Any) -> None:
        last = releases.latest(tx, scored.model)
        assert last is not None
        entry = tx.append(Event("model.released", public={"run": last.run, "model": scored.model}), at=at)
        releases.add(tx, replace(last, decided_at=at), entry=entry)

    scored.store.run(audited_again, at=NOW + timedelta(days=6))
    assert remedy(timedelta(days=7)) == "retrain scheduled"
    assert remedy(timedelta(days=9, seconds=1)) == "retired"


def test_the_log_holds_no_reason_and_no_site_in_the_clear(scored: Scene) -> None:
    from sqlmodel import select

    from consent_center.storage.entries import EntryRow

    (one,) = scored.propose(scored.members[0])
    scored.clear([one])

    def leaves(tx: Transaction) -> list[bytes]:
        return [bytes(row.leaf) for row in tx.session.exec(select(EntryRow)).all()]

    last = scored.store.read(leaves)[-1]
    assert b'"class":"decision"' in last
    for secret in (one.commitment, "sales", "score-1", people.get.__name__ + "-never"):
        assert secret.encode() not in last
