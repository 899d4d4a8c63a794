"""A gate in memory: for tests, benchmarks and dry runs at a partner brand. Nothing here survives the process.

It signs with a key that it is given and knows members only by the sites' pseudonyms. It charges nothing and keeps no
log: the consent centre's gate does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from federated.cohort import KIND, CohortMember, build_cohort, header_bytes
from federated.errors import Refusal, RefusedError
from federated.gate import (
    PERMIT_KIND,
    REMOVALS_KIND,
    Admission,
    Clock,
    Gate,
    Order,
    Permit,
    Removals,
    RoundReport,
    RunReport,
    permit_bytes,
    removals_bytes,
)
from federated.linkage.tokens import KIND as TOKENS_KIND
from federated.linkage.tokens import Linked, TokenHeader, issue
from federated.plan import Plan, digest, parse_plan
from federated.plan_exchange import Helper
from federated.price import price
from federated.signed import Signed, sign


@dataclass
class MemoryGate(Gate):
    """The four questions, answered from dictionaries.

    Attributes:
        plan: the bytes of the one plan it admits.
        approvals: signed approvals of it.
        allowed: site -> pseudonym -> bits of the plan's uses that she allows.
        keys: site -> pseudonym -> her cohort key there.
        clock: now.
        hub_key: what it signs with.
        author: who filed the study.
        removed: site -> pseudonyms that withdrew.
        epoch: the number of the consent state.
        rounds: what was settled, in order; `reports` the same of runs.
        resumes: whether a run that has not ended is given again, as the consent centre does for each token.
        open: the admission of that run.
        linked: helper -> who is at both: her pseudonym at the site that is helped, at the helper, and her link key.
    """

    plan: bytes
    approvals: tuple[Signed, ...]
    allowed: Mapping[str, Mapping[bytes, int]]
    keys: Mapping[str, Mapping[bytes, bytes]]
    clock: Clock
    hub_key: Ed25519PrivateKey
    author: str = "author"
    valid_for: timedelta = timedelta(minutes=10)
    removed: dict[str, set[bytes]] = field(default_factory=dict)
    epoch: int = 1
    admitted: int = 0
    rounds: list[RoundReport] = field(default_factory=list)
    reports: list[RunReport] = field(default_factory=list)
    resumes: bool = False
    open: Admission | None = None
    linked: Mapping[str, tuple[Linked, ...]] = field(default_factory=dict)

    def admit_run(self, study: str) -> Admission:
        """Cut one cohort per site from what is allowed now, or give the run that has not ended again."""
        plan = parse_plan(self.plan)
        if study != plan.study:
            raise RefusedError(Refusal.PLAN_NOT_APPROVED, f"no study is called {study}")
        if self.open is not None:
            settled = [one.checkpoint for one in self.rounds if one.run == self.open.run and one.checkpoint]
            return replace(self.open, checkpoints=tuple(settled))
        self.admitted += 1
        run, at = f"run-{self.admitted}", self.clock()
        cohorts = {site: self._cohort(run, site, at=at) for site in plan.sites}
        lists = [self._tokens(plan, helper, run, at=at) for helper in plan.helpers]
        if plan.reached != plan.sites:
            cohorts |= {helper.site: at_helper for helper, (_, at_helper) in zip(plan.helpers, lists, strict=True)}
        permit = Permit(
            run=run,
            study=study,
            author=self.author,
            plan_digest=digest(self.plan),
            cohorts={site: digest(signed.payload) for site, (signed, _) in cohorts.items()},
            charge=price(plan),
            epoch=self.epoch,
            issued_at=at,
            expires_at=at + self.valid_for,
        )
        signed_permit = sign(self.hub_key, kind=PERMIT_KIND, payload=permit_bytes(permit))
        orders = {
            site: Order(
                plan=self.plan,
                approvals=self.approvals,
                permit=signed_permit,
                cohort=signed,
                members=body,
                tokens=tuple(at_holder for at_holder, _ in lists) if site in plan.sites else (),
            )
            for site, (signed, body) in cohorts.items()
        }
        admission = Admission(run=run, plan=plan, permit=permit, orders=orders)
        self.open = admission if self.resumes else None
        return admission

    def admit_round(self, run: str, number: int, nonces: Mapping[str, str]) -> Mapping[str, Signed]:
        """One fresh statement per site that sent a nonce."""
        return {site: self.statement(run, site, number, nonce) for site, nonce in nonces.items()}

    def statement(self, run: str, site: str, number: int, nonce: str, /, **changes: Any) -> Signed:
        """One site's signed removals; `changes` replace fields, for tests of what a site must refuse."""
        removals = Removals(
            run=run,
            site=site,
            round=number,
            nonce=nonce,
            epoch=self.epoch,
            issued_at=self.clock(),
            removed=tuple(sorted(one.hex() for one in self.removed.get(site, ()))),
        )
        return sign(self.hub_key, kind=REMOVALS_KIND, payload=removals_bytes(replace(removals, **changes)))

    def withdraw(self, site: str, *pseudonyms: bytes) -> None:
        """From the next round on, these members are not to be used."""
        self.removed.setdefault(site, set()).update(pseudonyms)
        self.epoch += 1

    def settle_round(self, report: RoundReport) -> None:
        """Keep a round's report."""
        self.rounds.append(report)

    def settle_run(self, report: RunReport) -> None:
        """Keep a run's report."""
        self.reports.append(report)
        self.open = None

    def _tokens(
        self, plan: Plan, helper: Helper, run: str, *, at: datetime
    ) -> tuple[tuple[Signed, bytes], tuple[Signed, bytes]]:
        """The lists of one pair: the holder's and the helper's."""
        if plan.exchange is None:
            raise RefusedError(Refusal.LINK_UNKNOWN, "the plan links nobody")
        pairing = plan.exchange.pairing(plan.sites[0], helper)
        holder, helping = (
            (
                sign(
                    self.hub_key,
                    kind=TOKENS_KIND,
                    payload=TokenHeader(
                        pairing, site, run, at, at + self.valid_for, len(self.linked[helper.site]), digest(body)
                    ).to_bytes(),
                ),
                body,
            )
            for site, body in zip(
                (pairing.holder, pairing.helper),
                issue(digest(b"root").encode()[:32], pairing, self.linked[helper.site]),
                strict=True,
            )
        )
        return holder, helping

    def _cohort(self, run: str, site: str, *, at: datetime) -> tuple[Signed, bytes]:
        header, body = build_cohort(
            parse_plan(self.plan),
            run=run,
            site=site,
            plan_digest=digest(self.plan),
            epoch=self.epoch,
            issued_at=at,
            expires_at=at + self.valid_for,
            members=[
                (CohortMember(pseudonym, uses), self.keys[site][pseudonym])
                for pseudonym, uses in self.allowed[site].items()
                if uses
            ],
        )
        return sign(self.hub_key, kind=KIND, payload=header_bytes(header)), body
