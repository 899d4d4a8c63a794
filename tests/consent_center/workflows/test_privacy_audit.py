"""Law: the attack on a settled run reads plan, results and charge from the store, contradicts missing noise, and costs
nothing."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_center.cli.main import run as accord
from consent_center.consent.grant import Act
from consent_center.storage import ledger
from consent_center.storage.transaction import Store
from consent_center.workflows.audit_privacy import audit_privacy
from consent_center.workflows.enrol_member import enrol_members
from consent_center.workflows.make_statements import make_statements
from consent_center.workflows.register_reviewer import register_reviewer
from federated.approvals import Pinned
from federated.canaries import Observed, coins, with_setting
from federated.gate import RunReport
from federated.plan import Plan
from privacy.errors import AuditFailedError
from privacy.keys import create_root_key
from privacy.ledger import PROGRAMME, Budget
from privacy.mechanism import Gaussian
from tests.consent_center.workflows.test_admission import AUTHOR, ROLES, approved, gate_of, plan_for
from tests.consent_center.world import DAY, NOW, TRAIN, found, said

COUNT, MEMBERS, SITE = 4_000, 160, "sales"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store that the command line finds by its settings."""
    keys = create_root_key(tmp_path / "root.key")
    url = f"sqlite:///{tmp_path / 'accord.db'}"
    for name, value in (("ENV", "dev"), ("DATABASE", url), ("ROOT_KEY", str(tmp_path / "root.key"))):
        monkeypatch.setenv(f"ACCORD_{name}", value)
    with Store.open(url, keys=keys) as opened:
        yield opened


def settled(store: Store, plan: Plan, *, noise: float, observed: bool = True) -> str:
    """A run that was admitted and charged, and whose canaries saw this share of the noise; the chance is seeded."""
    keys = {name: Ed25519PrivateKey.generate() for name in (*ROLES, AUTHOR)}
    members = found(store, members=MEMBERS)
    store.run(enrol_members, members, "service", at=NOW - DAY)
    for name, key in keys.items():
        role = "technology" if name == AUTHOR else name
        store.run(register_reviewer, Pinned(name, role, "programme", key.public_key()), at=NOW)
    budget = Budget.create(epsilon=3.0, delta=1e-5, epsilon_pure=2.0, members=MEMBERS)
    store.run(ledger.open_account, PROGRAMME, budget, at=NOW)
    store.run(make_statements, [said(member, Act.GIVEN, TRAIN) for member in members], at=NOW)
    approved(store, plan, keys)
    gate = gate_of(store, Ed25519PrivateKey.generate())
    run = gate.admit_run(plan.study).run
    seen, chance = Observed(plan), np.random.default_rng(3)
    (release,) = plan.releases_of("train")
    assert isinstance(release.mechanism, Gaussian)
    bound, std = release.mechanism.sensitivity, release.mechanism.std
    hers = bound * coins(run, SITE, count=COUNT)
    for _ in range(release.times):
        sent = np.append(np.zeros(2), hers + chance.normal(0, noise * std, COUNT))
        seen.cut([release], {release.name: [sent]})
    gate.settle_run(RunReport(run, "completed", release.times, b"{}", seen.results() if observed else {"tables": {}}))
    return run


def audited_plan() -> Plan:
    return with_setting(plan_for("study-1", sites=(SITE,)), count=COUNT)


def test_an_honest_run_is_told_with_what_the_attack_cannot_see(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    run = settled(store, audited_plan(), noise=1.0)
    assert accord(["privacy", "audit", run]) == 0
    told = capsys.readouterr().out
    assert "95 % confidence; claimed was 1.00 at" in told
    assert "does not contradict the claim. That is no proof" in told
    assert "cannot see" in told
    spent = store.read(ledger.balance, PROGRAMME).spent
    assert spent == store.read(ledger.history, PROGRAMME)[0].cost


def test_a_run_with_half_the_noise_ends_with_an_answer_that_is_no(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    run = settled(store, audited_plan(), noise=0.5)
    assert accord(["privacy", "audit", run]) == 1
    assert "contradicts the claim: stop using the model" in capsys.readouterr().out
    assert store.read(audit_privacy, run).mean_difference > 1.2


def test_a_run_without_canaries_or_without_a_name_is_refused_in_one_line(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    run = settled(store, audited_plan(), noise=1.0, observed=False)
    with pytest.raises(AuditFailedError):
        store.read(audit_privacy, run)
    for name in (run, "nobody"):
        assert accord(["privacy", "audit", name]) == 2
        assert capsys.readouterr().err.count("\n") == 1
