"""Law: a site takes part only if plan, approvals, permit, cohort, policy and its own ledger all say yes."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from federated.cohort import KIND as COHORT_KIND
from federated.cohort import header_bytes, parse_header
from federated.cohort_leaves import RECORD_BYTES
from federated.errors import Refusal, RefusedError
from federated.exchange import order_bytes, parse_order
from federated.gate import PERMIT_KIND, Admission, Order, permit_bytes
from federated.plan import Feature, digest, part_of, plan_bytes
from federated.price import price
from federated.shared_noise import with_shared_noise
from federated.signed import Signed, sign
from federated.site.accounts import SiteAccounts
from federated.site.store import SiteStore
from privacy.quantities import Cost
from tests.federated.world import AUDIT, FEATURES, TRAIN, World, approve, build_world, make_plan


def order_of(world: World, admission: Admission | None = None) -> Order:
    return (admission or world.gate.admit_run("study-1")).orders["north"]


def refusal(world: World, order: Order) -> Refusal:
    """The code with which the site refuses; no charge may have been made."""
    with pytest.raises(RefusedError) as refused:
        world.agent().open(order_bytes(order))
    accounts = SiteAccounts(SiteStore(world.folders["north"].database))
    with accounts._store.reading() as database:
        assert database.execute("SELECT count(*) FROM charges").fetchone() == (0,)
    return refused.value.code


def resigned_permit(world: World, admission: Admission, **changes: object) -> Order:
    permit = replace(admission.permit, **changes)  # type: ignore[arg-type]
    signed = sign(world.gate.hub_key, kind=PERMIT_KIND, payload=permit_bytes(permit))
    return replace(admission.orders["north"], permit=signed)


def resigned_cohort(world: World, admission: Admission, **changes: object) -> Order:
    """A cohort that the consent centre itself signed, and a permit that names it."""
    header = parse_header(admission.orders["north"].cohort.payload)
    cohort = sign(world.gate.hub_key, kind=COHORT_KIND, payload=header_bytes(replace(header, **changes)))  # type: ignore[arg-type]
    order = resigned_permit(world, admission, cohorts={"north": digest(cohort.payload)})
    return replace(order, cohort=cohort)


def test_an_order_in_order_is_charged_once_and_answered_with_a_nonce(lone: World) -> None:
    admission, opened = lone.opened()
    again = lone.agent().open(order_bytes(order_of(lone, admission)))
    assert opened.number == 1
    assert len(opened.nonce) == 32
    assert opened.nonce.encode() in again
    balance = SiteAccounts(SiteStore(lone.folders["north"].database)).balance("year/2026")
    assert balance.spent == price(lone.plan)


def test_a_changed_plan_is_refused(lone: World) -> None:
    order = order_of(lone)
    changed = plan_bytes(replace(lone.plan, label="tier"))
    assert refusal(lone, replace(order, plan=changed)) is Refusal.PLAN_CHANGED


def test_a_changed_plan_with_a_permit_of_its_own_lacks_approvals(lone: World) -> None:
    lone.gate.plan = plan_bytes(replace(lone.plan, minimum_cohort=21))
    assert refusal(lone, order_of(lone)) is Refusal.PLAN_NOT_APPROVED


@pytest.mark.parametrize("role", ["legal", "technology", "members-representative", "site:north"])
def test_each_required_role_is_required(lone: World, role: str) -> None:
    keys = {name: key for name, key in lone.reviewers.items() if name != role}
    lone.gate.approvals = approve(lone.gate.plan, keys)
    assert refusal(lone, order_of(lone)) is Refusal.PLAN_NOT_APPROVED


def test_an_approval_with_a_key_that_is_not_pinned_does_not_count(lone: World) -> None:
    forged = {**lone.reviewers, "legal": Ed25519PrivateKey.generate()}
    lone.gate.approvals = approve(lone.gate.plan, forged)
    assert refusal(lone, order_of(lone)) is Refusal.PLAN_NOT_APPROVED


def test_the_author_of_a_study_cannot_approve_it(lone: World) -> None:
    lone.gate.author = "legal-1"
    assert refusal(lone, order_of(lone)) is Refusal.PLAN_NOT_APPROVED


def test_a_reviewer_cannot_answer_in_another_role(lone: World) -> None:
    legal = lone.reviewers["legal"]
    lone.gate.approvals = (
        *approve(lone.gate.plan, {role: key for role, key in lone.reviewers.items() if role != "technology"}),
        *approve(lone.gate.plan, {"technology": legal}, reviewer="legal-1"),
    )
    assert refusal(lone, order_of(lone)) is Refusal.PLAN_NOT_APPROVED


@pytest.mark.parametrize(
    ("seconds", "refused"), [(-1, Refusal.PERMIT_EXPIRED), (600, Refusal.PERMIT_EXPIRED), (599, None), (0, None)]
)
def test_a_permit_is_good_from_its_issue_until_its_expiry(lone: World, seconds: int, refused: Refusal | None) -> None:
    order = order_of(lone)
    lone.clock.forward(seconds=seconds)
    if refused is None:
        lone.agent().open(order_bytes(order))
    else:
        assert refusal(lone, order) is refused


def test_a_permit_signed_by_somebody_else_is_refused(lone: World) -> None:
    admission = lone.gate.admit_run("study-1")
    forged = sign(Ed25519PrivateKey.generate(), kind=PERMIT_KIND, payload=permit_bytes(admission.permit))
    assert refusal(lone, replace(order_of(lone, admission), permit=forged)) is Refusal.PERMIT_FORGED


def test_a_cohort_signed_as_a_permit_is_no_permit(lone: World) -> None:
    order = order_of(lone)
    crossed = Signed(PERMIT_KIND, order.cohort.payload, order.cohort.signature)
    assert refusal(lone, replace(order, permit=crossed)) is Refusal.PERMIT_FORGED


def test_a_permit_for_less_than_the_plan_costs_is_refused(lone: World) -> None:
    admission = lone.gate.admit_run("study-1")
    cheap = Cost(gaussian=price(lone.plan).gaussian - 1, pure=price(lone.plan).pure)
    assert refusal(lone, resigned_permit(lone, admission, charge=cheap)) is Refusal.PLAN_CHANGED


def test_a_permit_of_another_study_is_refused(lone: World) -> None:
    admission = lone.gate.admit_run("study-1")
    assert refusal(lone, resigned_permit(lone, admission, study="study-2")) is Refusal.PLAN_CHANGED


def test_a_cohort_of_another_admission_is_refused(lone: World) -> None:
    first, second = lone.gate.admit_run("study-1"), lone.gate.admit_run("study-1")
    mixed = replace(order_of(lone, second), cohort=order_of(lone, first).cohort, members=order_of(lone, first).members)
    assert refusal(lone, mixed) is Refusal.COHORT_TAMPERED


def test_a_second_cohort_that_was_signed_for_the_same_run_is_refused(lone: World) -> None:
    """The permit names one cohort; whoever got another one signed cannot swap it in."""
    admission = lone.gate.admit_run("study-1")
    somebody = next(iter(lone.gate.allowed["north"]))
    lone.gate.allowed["north"] = {**lone.gate.allowed["north"], somebody: 0}
    lone.gate.admitted = 0
    other = lone.gate.admit_run("study-1").orders["north"]
    assert parse_header(other.cohort.payload).run == admission.run
    mixed = replace(order_of(lone, admission), cohort=other.cohort, members=other.members)
    assert refusal(lone, mixed) is Refusal.COHORT_TAMPERED


@pytest.mark.parametrize("place", [0, 16, 17, -1])
def test_a_cohort_with_one_bit_changed_is_refused(lone: World, place: int) -> None:
    order = order_of(lone)
    body = bytearray(order.members)
    body[place] ^= 1
    assert refusal(lone, replace(order, members=bytes(body))) is Refusal.COHORT_TAMPERED


def test_a_cohort_with_a_member_less_is_refused(lone: World) -> None:
    order = order_of(lone)
    assert refusal(lone, replace(order, members=order.members[:-RECORD_BYTES])) is Refusal.COHORT_TAMPERED


def test_a_member_whom_the_site_never_enrolled_is_refused(lone: World) -> None:
    stranger = bytes(16)
    lone.gate.allowed["north"][stranger] = TRAIN
    lone.gate.keys["north"][stranger] = bytes(32)
    assert refusal(lone, order_of(lone)) is Refusal.COHORT_TAMPERED


def test_a_member_enrolled_under_another_key_is_refused(lone: World) -> None:
    somebody = next(iter(lone.gate.keys["north"]))
    lone.gate.keys["north"] = {**lone.gate.keys["north"], somebody: bytes(32)}
    assert refusal(lone, order_of(lone)) is Refusal.COHORT_TAMPERED


def test_sizes_that_the_members_do_not_give_are_refused_even_if_signed(lone: World) -> None:
    admission = lone.gate.admit_run("study-1")
    sizes = parse_header(admission.orders["north"].cohort.payload).sizes
    order = resigned_cohort(lone, admission, sizes={**sizes, "train": sizes["train"] + 1})
    assert refusal(lone, order) is Refusal.COHORT_TAMPERED


def test_a_cohort_of_another_consent_state_is_refused_even_if_signed(lone: World) -> None:
    admission = lone.gate.admit_run("study-1")
    assert refusal(lone, resigned_cohort(lone, admission, epoch=6)) is Refusal.COHORT_TAMPERED


def test_an_expired_cohort_is_refused_even_if_the_permit_is_good(lone: World) -> None:
    admission = lone.gate.admit_run("study-1")
    order = resigned_cohort(lone, admission, expires_at=lone.clock() + timedelta(seconds=5))
    lone.clock.forward(seconds=5)
    assert refusal(lone, order) is Refusal.COHORT_STALE


def test_the_cohort_of_another_site_is_refused(tmp_path: Path) -> None:
    world = build_world(tmp_path, sites=("north", "south"), members=60, minimum_cohort=10)
    admission = world.gate.admit_run("study-1")
    assert refusal(world, admission.orders["south"]) is Refusal.COHORT_TAMPERED


def test_too_few_members_to_train_on_are_refused(lone: World) -> None:
    in_train = [p for p in lone.gate.allowed["north"] if part_of(lone.plan, "run-1", p) == "train"]
    lone.gate.allowed["north"] = dict.fromkeys(in_train[:9], TRAIN)
    order = order_of(lone)
    assert parse_header(order.cohort.payload).sizes["train"] == 9
    assert refusal(lone, order) is Refusal.COHORT_TOO_SMALL


def test_just_enough_members_to_train_on_are_accepted(lone: World) -> None:
    in_train = [p for p in lone.gate.allowed["north"] if part_of(lone.plan, "run-1", p) == "train"]
    lone.gate.allowed["north"] = dict.fromkeys(in_train[:10], TRAIN)
    lone.opened()


def test_members_who_allow_the_audit_only_do_not_count_for_training(lone: World) -> None:
    lone.gate.allowed["north"] = dict.fromkeys(lone.gate.allowed["north"], AUDIT)
    assert parse_header(order_of(lone).cohort.payload).sizes["train"] == 0
    assert refusal(lone, order_of(lone)) is Refusal.COHORT_TOO_SMALL


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"country": "SG"}, Refusal.POLICY),
        ({"label": "secret"}, Refusal.POLICY),
        ({"features": (*FEATURES, Feature("diagnosis", "binary"))}, Refusal.POLICY),
        ({"epsilon": 4.0}, Refusal.OVER_BUDGET),
        ({"epsilon_table": 1.7}, Refusal.OVER_BUDGET),
    ],
)
def test_what_the_site_does_not_list_is_refused(lone: World, changes: dict[str, object], code: Refusal) -> None:
    plan = make_plan(("north",), members=60, minimum_cohort=20, **changes)
    lone.gate.plan = plan_bytes(plan)
    lone.gate.approvals = approve(lone.gate.plan, lone.reviewers)
    assert refusal(lone, order_of(lone)) is code


def test_a_model_that_is_not_installed_is_refused(lone: World) -> None:
    lone.gate.plan = plan_bytes(replace(lone.plan, model="delivered-over-the-wire"))
    lone.gate.approvals = approve(lone.gate.plan, lone.reviewers)
    assert refusal(lone, order_of(lone)) is Refusal.MODEL_UNKNOWN


def test_noise_that_only_a_secure_sum_makes_whole_is_refused_without_one(lone: World) -> None:
    shared = with_shared_noise(replace(lone.plan, sites=("north", "south", "west")))
    lone.gate.plan = plan_bytes(replace(lone.plan, releases=shared.releases))
    lone.gate.approvals = approve(lone.gate.plan, lone.reviewers)
    assert refusal(lone, order_of(lone)) is Refusal.MALFORMED


def test_runs_beyond_the_sites_own_year_are_refused(tmp_path: Path) -> None:
    world = build_world(
        tmp_path, sites=("north",), members=60, minimum_cohort=10, minimum_cohort_of_plan=20, year=(4.0, 2.0)
    )
    world.opened()
    with pytest.raises(RefusedError) as refused:
        world.opened()
    assert refused.value.code is Refusal.OVER_BUDGET


def test_a_new_year_has_a_budget_of_its_own(tmp_path: Path) -> None:
    world = build_world(
        tmp_path, sites=("north",), members=60, minimum_cohort=10, minimum_cohort_of_plan=20, year=(4.0, 2.0)
    )
    world.opened()
    world.clock.forward(days=365)
    world.opened()


def test_a_run_cannot_be_opened_again_with_another_order(lone: World) -> None:
    admission, _ = lone.opened()
    fewer = resigned_permit(lone, admission, expires_at=admission.permit.expires_at + timedelta(hours=1))
    with pytest.raises(RefusedError) as refused:
        lone.agent().open(order_bytes(fewer))
    assert refused.value.code is Refusal.COHORT_TAMPERED


def test_an_order_survives_the_wire(lone: World) -> None:
    order = order_of(lone)
    assert parse_order(order_bytes(order)) == order
