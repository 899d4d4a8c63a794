"""How many sites must stay, and how many shares open a secret.

With K sites of which k may collude with the coordinator, a secret opens with t shares, the least t with 2t > K + k:
two groups of t sites then have an honest one in common, and an honest site never answers both "she stayed" and "she
left". At least max(t, 3) must stay, so that no two sites' sum is ever opened.

    sites      3  4  5  6  7  8  12
    t (k=1)    3  3  4  4  5  5   7
    may leave  0  1  1  2  2  3   5
"""

from dataclasses import dataclass

from federated.errors import MalformedError

FEWEST, MOST = 3, 12


@dataclass(frozen=True)
class Quorum:
    """The numbers of one secure sum; all of them are public and part of the plan.

    Attributes:
        sites: K, from 3 to 12.
        colluders: k >= 1: each site knows its own noise and its own vector.
        dropouts: d, how many sites may leave in a round.

    Raises:
        MalformedError: the numbers leave too few honest sites.
    """

    sites: int
    colluders: int = 1
    dropouts: int = 0

    def __post_init__(self) -> None:
        if not FEWEST <= self.sites <= MOST:
            raise MalformedError(f"a secure sum needs {FEWEST} to {MOST} sites; two would see each other's vector")
        if self.colluders < 1 or self.dropouts < 0:
            raise MalformedError("assume at least one colluding site, and no fewer than 0 dropouts")
        if self.honest < 1 or self.sites - self.dropouts < max(self.threshold, FEWEST):
            raise MalformedError(
                f"{self.sites} sites cannot lose {self.dropouts} of them with {self.colluders} colluding; plan fewer"
            )

    @property
    def threshold(self) -> int:
        """t: how many shares open a secret."""
        return (self.sites + self.colluders) // 2 + 1

    @property
    def least(self) -> int:
        """How many sites must stay to the end: as many as the noise was planned for."""
        return self.sites - self.dropouts

    @property
    def honest(self) -> int:
        """Noise shares that are surely in the sum and surely unknown: K - k - d."""
        return self.sites - self.colluders - self.dropouts
