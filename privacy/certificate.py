"""The certificate: what a history comes to by an accountant that outsiders can run themselves.

Law: privacy loss distributions are composed numerically and from above (pessimistic rounding). The result exceeds
`accounting.ExactGdp` by at most a grid step for the Gaussian part and for each pure release, and is smaller where the
two kinds mix.
"""

import math
from collections import Counter
from dataclasses import dataclass

from dp_accounting.pld import privacy_loss_distribution as pld

from privacy.accounting import Releases
from privacy.mechanism import DiscreteGaussian, DiscreteLaplace, Gaussian, Mechanism, RandomisedResponse, cost
from privacy.quantities import UNITS_PER_ONE


@dataclass(frozen=True, slots=True)
class PldCertificate:
    """Privacy loss distributions convolved numerically, from above: the certificate that outsiders can recompute.

    Attributes:
        interval: discretisation of the privacy loss; 1e-3 for admission, 1e-4 for the certificate.

    Source:
        Google, "dp-accounting", pld.privacy_loss_distribution; Doroshenko et al. 2022, "Connect the Dots";
        Kairouz, Oh, Viswanath 2015, "The Composition Theorem for Differential Privacy", Theorem 2.
    """

    interval: float = 1e-4

    def epsilon(self, releases: Releases, *, delta: float) -> float:
        """The numerical ε at δ, rounded up."""
        composed = self._composed(releases)
        return float(composed.get_epsilon_for_delta(delta)) if composed else 0.0

    def delta(self, releases: Releases, *, epsilon: float) -> float:
        """The numerical δ at ε, rounded up."""
        composed = self._composed(releases)
        return float(composed.get_delta_for_epsilon(epsilon)) if composed else 0.0

    def _composed(self, releases: Releases) -> "pld.PrivacyLossDistribution | None":
        # Gaussian releases on one member are one Gaussian release with the sum of their μ² (exactly), so a history
        # of a thousand different rounds needs a single distribution.
        gaussian, pure = 0, Counter[tuple[type[Mechanism], float, int]]()
        for mechanism, times in releases:
            match mechanism:
                case Gaussian() | DiscreteGaussian():
                    gaussian += cost(mechanism, times).gaussian
                case DiscreteLaplace(sensitivity, epsilon):
                    pure[DiscreteLaplace, epsilon, sensitivity] += times
                case RandomisedResponse(epsilon, options):
                    pure[RandomisedResponse, epsilon, options] += times
        parts = [
            self._pure(kind, epsilon, n).self_compose(times) for (kind, epsilon, n), times in pure.items() if times
        ]
        if gaussian:
            std = math.nextafter(1 / math.nextafter(math.sqrt(gaussian / UNITS_PER_ONE), math.inf), 0.0)
            parts.append(
                pld.from_gaussian_mechanism(
                    std,
                    value_discretization_interval=self.interval,
                    use_connect_dots=True,
                    log_mass_truncation_bound=-50,
                )
            )
        composed = None
        for part in parts:
            composed = part if composed is None else composed.compose(part)
        return composed

    def _pure(self, kind: type[Mechanism], epsilon: float, n: int) -> "pld.PrivacyLossDistribution":
        if kind is DiscreteLaplace and n == 1:
            return pld.from_discrete_laplace_mechanism(epsilon, value_discretization_interval=self.interval)
        # How a member who changes several cells splits her change is her own matter, so what is composed is the worst
        # of all ε-DP releases: randomised response between two answers.
        options = n if kind is RandomisedResponse else 2
        truth = math.exp(epsilon) / (math.exp(epsilon) + options - 1)
        noise = (1 - truth) * options / (options - 1)
        return pld.from_randomized_response(noise, options, value_discretization_interval=self.interval)
