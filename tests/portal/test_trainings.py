"""Law: a training that used her data is shown with the statement it rests on, the rounds that can have used her and
what it cost her privacy, rounded against us; once she took it back, at most the round that was running still had it."""

import io
import json
import os
import zipfile
from base64 import b64decode
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from audit.log.tlog_policy import policy_for
from audit.log.tlog_proof import TlogProof
from consent_center.consent.presence import Place, Presence, check
from consent_center.events import Event
from consent_center.settings import clock
from consent_center.storage import members, runs
from consent_center.storage.runs import RunMember
from consent_center.workflows.show_trainings import last_round
from federated.cohort import KIND, CohortMember, build_cohort, header_bytes
from federated.gate import RoundReport, RunReport
from federated.signed import Signed, sign
from privacy.quantities import Cost
from tests.portal.studied import admit, file, plan_of
from tests.portal.test_answers import PURCHASES
from tests.portal.visitor import House, Visitor

HUB = Ed25519PrivateKey.generate()
MU = 0.31
PRICE = Cost(gaussian=round(MU * MU * 10**12), pure=0)
"""Of one run: with μ = 0.31 the best guess is Φ(0.155) = 0.5616, so 57 in 100."""


def trained(house: House, member: Visitor, *, rounds: int, at: datetime, each: timedelta) -> str:
    """A finished run that she was admitted to; its rounds end `each` after one another."""
    name = f"run-{os.urandom(6).hex()}"
    plan = plan_of(name, members=240, rounds=rounds, minimum_cohort=50)
    signer = Ed25519PrivateKey.generate()

    def write(tx: Any, *, at: datetime) -> None:
        study = file(tx, plan, "Preference 2026-11", at=at)
        run, entry = admit(tx, study, PRICE, signer=signer, at=at)
        others = [person.member for person in house.world.people if person.member != member.member]
        links = [link for one in (member.member, *others) for link in members.every_link(tx, one)]
        listed = [(link.pseudonym, link.cohort_key) for link in links if link.site == "marketing"]
        header, body = build_cohort(
            plan,
            run=name,
            site="marketing",
            plan_digest=study.plan_digest,
            epoch=1,
            issued_at=at,
            expires_at=at + timedelta(minutes=5),
            members=[(CohortMember(pseudonym, 1), key) for pseudonym, key in listed],
        )
        cohort = sign(HUB, kind=KIND, payload=header_bytes(header)), body
        used = RunMember(member.member, "marketing", listed[0][0], 1)
        runs.add(tx, run, cohorts={"marketing": cohort}, members=[used], entry=entry)
        tx.session.flush()
        for number in range(1, rounds + 1):
            done = tx.append(Event.of("round.settled", public={"run": name, "round": number}), at=at + number * each)
            runs.add_round(tx, RoundReport(name, number, "train", {}), removed={}, entry=done)
        ended = tx.append(Event.of("run.settled", public={"run": name}), at=at + (rounds + 1) * each)
        runs.add_outcome(tx, RunReport(name, "completed", rounds), entry=ended)

    house.world.wiring.store.run(write, at=at)
    return name


def test_a_training_is_shown_with_its_rounds_its_cost_and_what_it_rests_on(house: House) -> None:
    member = house.member()
    member.answer(PURCHASES, "allow")
    at = house.clock() + timedelta(seconds=5)
    trained(house, member, rounds=20, at=at, each=timedelta(seconds=1))
    house.clock.ahead += timedelta(minutes=2)
    page = member.get("/trainings").text
    assert "Preference 2026-11" in page
    assert "Your data was in rounds 1 to 20 of 20." in page
    assert "right at most 57 times in 100" in page
    assert "μ = 0.31" in page
    receipt = page.split('href="/receipts/')[1].split('"')[0]
    assert "Consent receipt" in member.get(f"/receipts/{receipt}").text


def test_its_proofs_verify_without_us_and_nobody_else_gets_them(house: House) -> None:
    member, other = house.member(), house.member()
    member.answer(PURCHASES, "allow")
    run = trained(house, member, rounds=2, at=house.clock() + timedelta(seconds=2), each=timedelta(seconds=1))
    house.clock.ahead += timedelta(minutes=1)
    assert "Proof follows within a second" in member.get("/trainings").text
    house.world.publisher.publish()
    assert "Proof checked" in member.get("/trainings").text
    files = zipfile.ZipFile(io.BytesIO(member.get(f"/trainings/{run}.zip").content))
    log = house.world.wiring.log
    assert log is not None
    leaf = files.read("admission.leaf.json")
    assert json.loads(leaf)["run"] == run
    TlogProof.parse(files.read("admission.tlog-proof")).verify(
        leaf, policy_for(log.key, origin=log.origin), origin=log.origin
    )
    written = json.loads(files.read("cohort.marketing.1.json"))
    places = [
        Place(one["index"], b64decode(one["leaf"]), tuple(b64decode(part) for part in one["path"]))
        for one in written["places"]
    ]
    proof = Presence(Signed.from_text(written["header"]), tuple(places))
    key = bytes.fromhex(written["cohort_key"])
    found = check(proof, hub_key=HUB.public_key(), run=run, site="marketing", cohort_key=key)
    assert found is not None
    theirs = trained(house, other, rounds=2, at=house.clock(), each=timedelta(seconds=1))
    for nobody, path in ((other, run), (member, theirs), (member, "run-x")):
        assert nobody.get(f"/trainings/{path}.zip").status_code == 404


def test_a_training_stands_in_the_history_with_the_way_to_its_proof(house: House) -> None:
    member = house.member()
    run = trained(house, member, rounds=2, at=house.clock(), each=timedelta(seconds=1))
    house.clock.ahead += timedelta(minutes=1)
    for path in ("/history", "/history?what=uses"):
        page = member.get(path).text
        assert page.count("“Preference 2026-11” with your data") == 1
        assert f"/trainings#{run}" in page
    assert "Preference 2026-11" not in member.get("/history?what=answers").text


def test_taking_it_back_shows_which_rounds_still_had_her_data_and_that_all_were_charged(house: House) -> None:
    member = house.member()
    member.answer(PURCHASES, "allow")
    at = house.clock() + timedelta(seconds=1)
    house.clock.ahead += timedelta(minutes=14, seconds=31)
    member.answer(PURCHASES, "refuse")
    trained(house, member, rounds=20, at=at, each=timedelta(minutes=1))
    page = member.get("/trainings").text
    assert "Your data was in rounds 1 to 15 of 20." in page
    assert "at most the round that was running still had your data" in page
    assert "Charged for all rounds." in page


def test_two_trainings_cost_more_than_one(house: House) -> None:
    member = house.member()
    member.answer(PURCHASES, "allow")
    for _ in range(2):
        trained(house, member, rounds=2, at=house.clock() + timedelta(seconds=5), each=timedelta(seconds=1))
    house.clock.ahead += timedelta(minutes=1)
    page = member.get("/trainings").text
    assert "right at most 59 times in 100" in page  # two runs: μ = 0.31 √2, Φ(0.2192) = 0.5868
    assert page.count("Preference 2026-11") == 2


def test_another_members_training_is_not_hers(house: House) -> None:
    trained(house, house.member(), rounds=2, at=house.clock(), each=timedelta(seconds=1))
    assert "No training has used your data." in house.member().get("/trainings").text


@pytest.mark.parametrize(("after_s", "last"), [(0, 1), (59, 1), (60, 2), (61, 2), (119, 2), (120, 3), (600, 3)])
def test_the_round_that_was_running_counts(after_s: int, last: int) -> None:
    begin = clock()
    settled = [begin + timedelta(minutes=number) for number in (1, 2, 3)]
    assert last_round(settled, left_at=begin + timedelta(seconds=after_s)) == last


@given(st.lists(st.integers(0, 1000), max_size=20), st.integers(0, 1000))
def test_leaving_later_never_shows_fewer_rounds(ends: list[int], left: int) -> None:
    begin = clock()
    settled = [begin + timedelta(seconds=end) for end in sorted(ends)]
    before = last_round(settled, left_at=begin + timedelta(seconds=left))
    assert (
        before <= last_round(settled, left_at=begin + timedelta(seconds=left + 1)) <= last_round(settled, left_at=None)
    )
