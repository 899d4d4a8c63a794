"""Artificial members in a real run, so that its privacy claim can be attacked afterwards.

    plan         settings["canaries"] = C, approved like everything else in it; local noise only
    site         sum of the members, C coordinates longer: + bound for each canary that takes part, 0 for the others
                 and for every member; then the noise that everything else gets
    coordinator  cuts the C coordinates off before the model sees the sum, and keeps one score for each canary

Laws: a member's vector is her own with C zeros behind it, so her clipping and the model's arithmetic are what they are
without canaries. Scores are post-processing of noised coordinates that no member touches; they cost nothing.

Coins are drawn from the run's name, which nobody chooses. A site knows them: this finds faults, not a site that lies.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from federated.errors import Refusal, RefusedError
from federated.exchange import Output
from federated.models.model import Vector
from federated.plan import Plan, Release
from privacy import canaries
from privacy.accounting import epsilon_of_mu
from privacy.canaries import FEWEST, OVERSHOOT, Audit, Coins
from privacy.clipping import clip_to_norm
from privacy.errors import AuditFailedError
from privacy.mechanism import Gaussian, cost
from privacy.quantities import Cost

__all__ = ["BLIND", "FEWEST", "MOST", "Observed", "audit_run", "coins", "count_of", "joined", "with_setting"]

SETTING = "canaries"
MOST = 10_000
BLIND = (
    "In a federated run it also cannot see how the model clips its members (canaries pass the general clipping), nor a "
    "site that lies on purpose (it knows the coins). Runs without canaries cannot be attacked afterwards."
)


def with_setting(plan: Plan, *, count: int) -> Plan:
    """The plan with this many canaries at each site, before it is filed; price and model stay as they are.

    Args:
        plan: with local noise.
        count: 100 to 10,000; four sites with 1,000 each see what is worth seeing.

    Raises:
        MalformedError: another number.
        RefusedError: shared noise.
    """
    changed = replace(plan, settings={**plan.settings, SETTING: count})
    count_of(changed)
    return changed


def count_of(plan: Plan) -> int:
    """How many canaries each site adds; 0 if the run is not audited this way.

    Raises:
        MalformedError: not a whole number from 100 to 10,000.
        RefusedError: shared noise was priced for the model's coordinates alone.
    """
    if SETTING not in plan.settings:
        return 0
    if plan.noise_mode != "local":
        raise RefusedError(Refusal.MALFORMED, "canaries need sites that add their own noise; change the noise mode")
    return plan.whole(SETTING, at_least=FEWEST, at_most=MOST)


def coins(run: str, site: str, *, count: int) -> Coins:
    """Who of a site's canaries takes part in a run, shape (count,)."""
    drawn = hashlib.shake_256(f"accord/canaries/v1\n{run}\n{site}\n".encode()).digest((count + 7) // 8)
    return np.unpackbits(np.frombuffer(drawn, dtype=np.uint8), count=count).astype(np.bool_)


def joined(plan: Plan, release: Release, total: Vector, *, run: str, site: str) -> Vector:
    """A site's clipped sum with its canaries' coordinates behind it, still without noise.

    Each canary sends ten times the bound on her own coordinate, through the clipping of any single member.
    """
    count = count_of(plan)
    if not count:
        return total
    bound = _noise(release).sensitivity
    sent = clip_to_norm(np.array([OVERSHOOT * bound]), bound=bound)
    return canaries.with_canaries(total, np.where(coins(run, site, count=count), sent, 0.0))


@dataclass
class Observed:
    """What the coordinator keeps of the canaries while a run goes on: one score each, per site.

    Attributes:
        plan: the plan in force.
        scores: site -> the weighted sum of her coordinates over all releases, shape (count,); see
            `privacy.canaries.scores`.
        seen: release -> how often it was observed.
    """

    plan: Plan
    scores: dict[str, Vector] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)

    def cut(
        self, releases: Sequence[Release], outputs: Mapping[str, Sequence[Output]]
    ) -> Mapping[str, Sequence[Output]]:
        """The outputs of a training round as the model may see them.

        Args:
            releases: of the round.
            outputs: release -> noised vector of each site, in the plan's order of sites.

        Raises:
            RefusedError: a site sent too few coordinates.
        """
        count = count_of(self.plan)
        if not count:
            return outputs
        kept: dict[str, list[Output]] = {}
        for release in releases:
            noise = _noise(release)
            weight = noise.sensitivity / noise.std**2
            for site, output in zip(self.plan.sites, outputs[release.name], strict=True):
                if output.size <= count:
                    raise RefusedError(Refusal.MALFORMED, f"{site} released fewer coordinates than its canaries have")
                model, hers = canaries.without_canaries(np.asarray(output, dtype=np.float64), canaries=count)
                kept.setdefault(release.name, []).append(model)
                self.scores[site] = self.scores.get(site, np.zeros(count)) + weight * hers
            self.seen[release.name] = self.seen.get(release.name, 0) + 1
        return kept

    def results(self) -> dict[str, Any]:
        """What an auditor needs, as JSON data; empty if there were no canaries."""
        if not self.scores:
            return {}
        scores = {site: hers.tolist() for site, hers in self.scores.items()}
        return {SETTING: {"count": count_of(self.plan), "observed": dict(self.seen), "scores": scores}}


def audit_run(plan: Plan, run: str, results: Mapping[str, Any], *, charged: Cost, delta: float) -> Audit:
    """Attack the training of one finished run.

    The claim that is attacked is the smaller of what the ledger charged and what the observed releases cost by the
    plan, so a missing charge shows as well as missing noise.

    Args:
        plan: the plan that was run.
        run: its name, from which the coins follow.
        results: as settled.
        charged: to the programme's account for this run.
        delta: of that account.

    Raises:
        AuditFailedError: the run had no canaries, or its results do not hold what they observed.
    """
    kept = results.get(SETTING)
    if not kept:
        raise AuditFailedError("this run had no canaries: it cannot be audited afterwards, plan them before a run")
    priced = Cost.zero()
    try:
        for release in plan.releases_of("train"):
            if times := kept["observed"].get(release.name, 0):
                priced += cost(release.mechanism, times)
        count = int(kept["count"])
        found = np.array([kept["scores"][site] for site in plan.sites], dtype=np.float64)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AuditFailedError("the results do not hold this run's canaries") from error
    if found.shape != (len(plan.sites), count) or count != count_of(plan):
        raise AuditFailedError("the results hold other canaries than the plan asked for")
    tossed = np.concatenate([coins(run, site, count=count) for site in plan.sites])
    claimed = Cost(min(charged.gaussian, priced.gaussian), 0)
    epsilon = epsilon_of_mu(claimed.mu, delta) if claimed.gaussian else 0.0
    return canaries.audit([found.ravel()], [1.0], tossed, claimed_epsilon=epsilon, delta=delta)


def _noise(release: Release) -> Gaussian:
    if not isinstance(release.mechanism, Gaussian):
        raise RefusedError(Refusal.MALFORMED, "canaries need Gaussian noise of the site's own")
    return release.mechanism
