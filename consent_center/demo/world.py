"""What the demo was asked for, and what it takes from the world: a clock, fresh identifiers, noise."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from consent_center.demo.errors import OptionError
from consent_center.demo.federation import FEWEST_SITES, MOST_SITES
from consent_center.demo.load import DATA
from consent_center.demo.programme import CHURN, FAIRNESS, OFFERS, PREFERENCE
from consent_center.settings import clock
from privacy.noise import NoiseSource

EPSILON_PURE = 2.0
CROSSING_PURE = 2.6
"""Pure ε of a run for each helper: its answers, the edges of its bins, and its share of the labels."""
MODELS = ("churn", "preference", "decay", "rfm")
RULES = ("decay", "rfm")
GENERATED, JOURNEY = "synthetic", "journey"
MOST_EPSILON = 8.0
MOST_ROUNDS = 400


@dataclass(frozen=True)
class Options:
    """What was asked for.

    Attributes:
        data: one of `load.DATA`.
        epsilon: of the training, at the data's δ; the held-out part is paid from a pure part of its own.
        rounds: None lets the schedule choose from public numbers.
        sites: 3 to 12.
        seed: of data and consents; noise is never seeded.
        out: where the log and the report go.
        model: churn; preference, which needs data that say what members bought; or a rule, decay or rfm, which needs
            data that say when they last came.
    """

    data: str = "journey"
    model: str = "churn"
    epsilon: float = 2.0
    rounds: int | None = None
    sites: int = 4
    seed: int = 7
    out: Path = Path("var/demo")

    def __post_init__(self) -> None:
        """Refuse what the demo cannot do, before anything is written."""
        if self.data not in DATA:
            raise OptionError(f"--data {self.data}: choose one of {', '.join(DATA)}")
        if self.model not in MODELS:
            raise OptionError(f"--model {self.model}: choose one of {', '.join(MODELS)}")
        if self.model == "preference" and self.data != GENERATED:
            raise OptionError(f"--data {self.data} does not say what members bought: add --data {GENERATED}")
        if self.model in RULES:
            self._check_rule()
        if not 0.05 <= self.epsilon <= MOST_EPSILON:
            raise OptionError(f"--epsilon {self.epsilon:g}: choose a number from 0.05 to {MOST_EPSILON:g}")
        if self.rounds is not None and not 1 <= self.rounds <= MOST_ROUNDS:
            raise OptionError(f"--rounds {self.rounds}: choose a whole number from 1 to {MOST_ROUNDS}")
        if not FEWEST_SITES <= self.sites <= MOST_SITES:
            raise OptionError(f"--sites {self.sites}: choose a whole number from {FEWEST_SITES} to {MOST_SITES}")
        if self.data == "departments" and self.sites != 4:
            raise OptionError(f"--sites {self.sites}: departments is four sites; leave it out")
        if not 0 <= self.seed < 2**32:
            raise OptionError(f"--seed {self.seed}: choose a whole number from 0 to {2**32 - 1}")

    def _check_rule(self) -> None:
        if self.data not in (GENERATED, JOURNEY):
            raise OptionError(f"--data {self.data} does not say when members last came: add --data {GENERATED}")
        if self.rounds is not None:
            raise OptionError(f"--rounds {self.rounds}: a rule is not trained; leave it out")

    @property
    def purposes(self) -> tuple[str, ...]:
        """What members are asked about; offers only where a model may be released without a way round."""
        learned = PREFERENCE if self.model == "preference" else CHURN
        return (learned, FAIRNESS, OFFERS) if self.data == GENERATED else (learned, FAIRNESS)


@dataclass(frozen=True)
class World:
    """What is not determined by the options.

    Attributes:
        clock: now.
        new_run: a fresh identifier for a run.
        noise: the source of noise of one site; None is the operating system's entropy.
    """

    clock: Callable[[], datetime] = clock
    new_run: Callable[[], str] = field(default=lambda: f"run-{secrets.token_hex(8)}")
    noise: Callable[[], NoiseSource | None] = field(default=lambda: None)
