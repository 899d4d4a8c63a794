"""Tell the demo's story with everything fixed that the product draws at random, and noise that repeats itself."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from consent_center.cli.demo import STORIES
from consent_center.demo.show import Show
from consent_center.demo.story import run_demo
from consent_center.demo.world import Options, World
from consent_center.storage import members
from consent_center.workflows import enrol_member
from tests.privacy.seeded_noise import SeededNoise


class FixedSecrets:
    """Stands in for the module `secrets` where identifiers and pseudonyms are drawn."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def token_bytes(self, size: int) -> bytes:
        return self._rng.bytes(size)

    def token_hex(self, size: int) -> str:
        return self._rng.bytes(size).hex()


def tell(patch: pytest.MonkeyPatch, out: Path, **options: Any) -> dict[str, Any]:
    """Run the demo with fixed identifiers, pseudonyms and noise; return what it wrote."""
    patch.setattr(members, "secrets", FixedSecrets(1))
    patch.setattr(enrol_member, "secrets", FixedSecrets(2))
    runs = iter(f"run-{number:016x}" for number in range(100))
    world = World(new_run=lambda: next(runs), noise=lambda: SeededNoise(3))
    run = STORIES.get(options.get("model", ""), run_demo)
    run(Options(out=out, **options), Show(quiet=True), world)
    told: dict[str, Any] = json.loads((out / "report.json").read_text(encoding="utf-8"))
    return told
