"""What a site answered and was answered in randomised exchanges, kept for the quarter in its own database.

    answered   the same question about the same member gets the same answer: asking again shows nothing new
    helping    the helper's model and the edges of its bins, so that a second run in the quarter trains nothing
    received   the bins that helpers answered, by token: a bin whose token is on no present list is not used

Invariant: an answer is on the disk before it leaves. What is of an earlier quarter is deleted at the next exchange.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from federated.linkage.pairing import Pairing
from federated.site.store import SiteStore

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Exchanged:
    """The kept answers of one site."""

    store: SiteStore

    def answers(self, about: str, members: Collection[bytes]) -> dict[bytes, int]:
        """What was answered about these members."""
        wanted = frozenset(members)
        with self.store.reading() as database:
            kept = database.execute("SELECT member, answer FROM exchanged WHERE about = ?", (about,))
            return {member: answer for member, answer in kept if member in wanted}

    def keep(self, about: str, epoch: str, answers: Mapping[bytes, int]) -> None:
        """Keep answers of this quarter; what is kept already is replaced by the same."""
        rows = [(about, epoch, member, answer) for member, answer in answers.items()]
        with self.store.transaction() as database:
            database.executemany("INSERT OR REPLACE INTO exchanged VALUES (?, ?, ?, ?)", rows)

    def helping(self, about: str) -> tuple[Floats, Floats] | None:
        """The weights and edges with which this site helped, or None."""
        with self.store.reading() as database:
            row = database.execute("SELECT weights, edges FROM helping WHERE about = ?", (about,)).fetchone()
        return None if row is None else (np.frombuffer(row[0], "<f8"), np.frombuffer(row[1], "<f8"))

    def keep_helping(self, about: str, epoch: str, weights: Floats, edges: Floats) -> None:
        """Keep the weights and edges of a training, before anything of it leaves."""
        row = (about, epoch, weights.astype("<f8").tobytes(), edges.astype("<f8").tobytes())
        with self.store.transaction() as database:
            database.execute("INSERT OR REPLACE INTO helping VALUES (?, ?, ?, ?)", row)

    def forget_before(self, epoch: str) -> None:
        """Delete what belongs to earlier quarters."""
        with self.store.transaction() as database:
            for table in ("exchanged", "helping"):
                database.execute(f"DELETE FROM {table} WHERE epoch < ?", (epoch,))


def about_labels(label: str, epsilon: float, epoch: str) -> str:
    """Under which name randomised labels are kept: every helper of the quarter is sent the same ones."""
    return f"labels|{epoch}|{epsilon!r}|{label}"


def about_bins(pairing: Pairing, question: str) -> str:
    """Under which name a helper keeps what it answers.

    Args:
        pairing: with whom.
        question: digest of everything that the answers depend on.
    """
    return f"{pairing.domain('bins').decode()}|{question}"


def about_received(pairing: Pairing, trained: str) -> str:
    """Under which name bins are kept by the site that asked.

    Args:
        pairing: with whom.
        trained: digest of the plan that made them.
    """
    return f"{pairing.domain('received').decode()}|{trained}"
