"""What the demo told: filled act by act, read by the report."""

from dataclasses import dataclass, field
from typing import Any

from audit.log.publish import Published
from consent_center.demo.attempts import Attempt
from consent_center.demo.comparison import Comparison
from consent_center.demo.stage import Stage
from consent_center.storage.releases import Release
from federated.gate import Admission, RoundReport, RunReport
from privacy.ledger import Balance
from privacy.statement import Claim


@dataclass
class Told:
    """What happened, act by act, for the report."""

    stage: Stage
    statements: int = 0
    admission: Admission | None = None
    rounds: list[RoundReport] = field(default_factory=list)
    withdrawn: int = 0
    run: RunReport | None = None
    release: Release | None = None
    override: Release | None = None
    comparison: Comparison | None = None
    claim: Claim | None = None
    balance: Balance | None = None
    refusals: list[Attempt] = field(default_factory=list)
    published: Published | None = None
    verified: bool = False
    tamper_detected: bool = False
    offers: dict[str, Any] | None = None
    seconds: float = 0.0
