"""Delegations, reviews of held notices, and proofs of presence, as machines ask for them."""

from datetime import timedelta

import pytest

from consent_center.consent.presence import check, read
from consent_center.errors import PresenceError
from consent_center.storage import entries, members, runs
from consent_center.workflows.machine_tokens import TokenScope
from federated.cohort import KIND, CohortMember, build_cohort, header_bytes
from federated.signed import sign
from tests.consent_center.api.test_api import SECOND, code
from tests.consent_center.world import DAY, NOW, TRAIN
from tests.federated.world import make_plan

EVIDENCE = "ab" * 32


def asked(api, **changes):
    return {"kind": "delegate", "to": api.members[1], "evidence": EVIDENCE, "ends": str(NOW + DAY), **changes}


def test_a_delegate_speaks_until_the_delegation_is_taken_back(any_api):
    api, where = any_api, f"/members/{any_api.members[0]}/delegations"
    made = api.client.post(where, json=asked(api), headers={"Idempotency-Key": "one"})
    again = api.client.post(where, json=asked(api), headers={"Idempotency-Key": "one"})
    assert (made.status_code, made.text) == (201, again.text)
    other = api.client.post(where, json=asked(api, to=api.members[2]), headers={"Idempotency-Key": "one"})
    assert (other.status_code, code(other)) == (409, "idempotency-conflict")
    name = made.json()["id"]
    speaking = {"actor": "delegate", "delegation": name}
    assert api.client.post("/statements", json=api.statement(**speaking)).json()["actor"] == "delegate"
    api.now[0] += SECOND
    other = f"/members/{api.members[2]}/delegations/{name}"
    assert code(api.client.delete(other)) == "actor-refused", "it is not about her"
    assert api.client.delete(f"{where}/{name}").status_code == 204
    assert code(api.client.delete(f"{where}/{name}")) == "actor-refused", "it was taken back already"
    assert code(api.client.post("/statements", json=api.statement("withdrawn", **speaking))) == "actor-refused"
    [listed] = api.client.get(where).json()["delegations"]
    assert (listed["id"], listed["to"], listed["ended_at"]) == (name, api.members[1], "2026-11-21T09:30:16Z")


def test_a_delegation_that_cannot_be_leaves_nothing(api):
    where = f"/members/{api.members[0]}/delegations"
    before = api.world.store.read(entries.last_id)
    for expected, changes in (
        ("actor-refused", {"to": api.members[0]}),
        ("actor-refused", {"ends": str(NOW)}),
        ("actor-refused", {"ends": str(NOW + timedelta(days=7000))}),
        ("actor-refused", {"kind": "guardian"}),
        ("payload", {"evidence": ""}),
        ("payload", {"evidence": None}),
    ):
        assert code(api.client.post(where, json=asked(api, **changes))) == expected, changes
    assert code(api.client.post(f"/members/{'0' * 32}/delegations", json=asked(api))) == "member-unknown"
    assert api.world.store.read(entries.last_id) == before
    narrow = api.token(TokenScope.CONSENTS_READ)
    assert code(api.client.post(where, json=asked(api), headers=narrow)) == "token-scope"
    assert code(api.client.get(where, headers=api.token(TokenScope.CONSENTS_READ, site="sales"))) == "token-scope"


def pressing(api):
    known = api.client.get("/notices/core/versions/1").json()
    draft = {**known, "version": 2, "published_at": str(NOW)}
    draft["texts"]["en"]["refuse"] = "No, I don't care about saving"
    return draft


def test_a_held_notice_is_published_once_another_let_it_through(any_api):
    api, draft = any_api, pressing(any_api)
    assert code(api.client.post("/notices", json=draft)) == "notice-held"
    opened = api.client.post("/reviews", json=draft)
    assert opened.status_code == 201
    digest = opened.json()["digest"]
    assert api.client.post("/reviews", json=draft).text == opened.text
    assert [one["digest"] for one in api.client.get("/reviews?only_open=true").json()["items"]] == [digest]
    decision = {"passed": True, "reason": "the wording is what members asked for"}
    where = f"/reviews/{digest}/decision"
    assert code(api.client.post(where, json=decision)) == "notice-refused", "its author cannot"
    narrow = api.token(TokenScope.DEFINITIONS_WRITE)
    assert code(api.client.post(where, json=decision, headers=narrow)) == "token-scope"
    reviewer = api.token(TokenScope.NOTICES_REVIEW)
    decided = api.client.post(where, json=decision, headers=reviewer)
    assert decided.json()["passed"]
    assert code(api.client.post(where, json={**decision, "passed": False}, headers=reviewer)) == "notice-refused"
    assert api.client.get(f"/reviews/{digest}").json() == decided.json()
    assert api.client.get("/reviews?only_open=true").json()["items"] == []
    changed = {**draft, "material": False}
    assert code(api.client.post("/notices", json=changed)) == "notice-held", "another notice than was reviewed"
    assert api.client.post("/notices", json=draft).status_code == 201


def test_a_rejected_notice_stays_held_and_a_clean_one_needs_no_review(api):
    draft = pressing(api)
    digest = api.client.post("/reviews", json=draft).json()["digest"]
    no = {"passed": False, "reason": "it makes refusing feel foolish"}
    reviewer = api.token(TokenScope.NOTICES_REVIEW)
    assert not api.client.post(f"/reviews/{digest}/decision", json=no, headers=reviewer).json()["passed"]
    assert code(api.client.post("/notices", json=draft)) == "notice-held"
    clean = {**draft, "texts": api.client.get("/notices/core/versions/1").json()["texts"]}
    assert code(api.client.post("/reviews", json=clean)) == "notice-refused"
    assert code(api.client.post("/reviews", json={**draft, "published_at": None})) == "malformed"
    assert code(api.client.get(f"/reviews/{'0' * 64}")) == "notice-unknown"


def test_presence_and_absence_in_a_run_are_checked_offline(api, monkeypatch):
    key, store = api.world.receipt_key, api.world.store
    mei, ann, _ = (store.read(members.enrolments, one)[0] for one in api.members)
    header, body = build_cohort(
        make_plan(("sales",), members=100, minimum_cohort=50),
        run="run-1",
        site="sales",
        plan_digest="0" * 64,
        epoch=1,
        issued_at=NOW,
        expires_at=NOW + DAY,
        members=[(CohortMember(mei.pseudonym, 1), mei.cohort_key)],
    )
    signed = sign(key, kind=KIND, payload=header_bytes(header))
    monkeypatch.setattr(runs, "cohorts", lambda _, run: {"sales": (signed, body)} if run == "run-1" else {})

    def shown(member, cohort_key):
        [proof] = api.client.get(f"/members/{member}/runs/run-1/presence").json()["proofs"]
        assert proof["cohort_key"] == cohort_key.hex()
        told = read(proof)
        return check(told, hub_key=key.public_key(), run="run-1", site="sales", cohort_key=cohort_key)

    assert shown(api.members[0], mei.cohort_key) == CohortMember(mei.pseudonym, 1)
    assert shown(api.members[1], ann.cohort_key) is None
    assert code(api.client.get(f"/members/{api.members[0]}/runs/run-2/presence")) == "unknown"
    site = api.token(TokenScope.CONSENTS_READ, site=TRAIN.recipient)
    assert code(api.client.get(f"/members/{mei.pseudonym.hex()}/runs/run-1/presence", headers=site)) == "token-scope"


@pytest.mark.parametrize("data", [{}, {"header": "{}", "places": []}, {"header": "", "places": [{"index": "x"}]}])
def test_what_is_no_proof_is_refused(data):
    with pytest.raises(PresenceError):
        read(data)
