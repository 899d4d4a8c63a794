"""A study as its author writes it: one YAML file, of which every problem is told at once.

    study: churn-2026-12
    title: Which members shop less and less
    reason: Members who are about to leave could be asked in time what went wrong.
    benefits: Members are asked earlier; sites learn what drives people away.
    accountable: head-of-care
    retention_days: 365
    closes: 2027-03-31
    country: TW
    sites: [sales, service]
    purpose: churn
    scopes:                       # each with the reason why the model cannot do without it
      purchases: Changes in shopping precede leaving.
    features: [visits, spend]
    label: left
    horizon_days: 28
    audit: {purpose: fairness, attributes: [age_band], scopes: {demographics: Gaps between groups cannot be seen else.}}
    model: churn-linear
    epsilon: 2.0
    minimum_cohort: 200
    cuts: {visits: [4]}           # of a rule, which learns nothing and so has no epsilon: where its bins begin
    exchange: ...                 # optional: other sites whose columns help, see `study_exchange`
    secure_sum: {dropouts: 0}     # optional: 3 to 12 sites share one noise under masks; how many may leave in a round

Law: an unknown key is refused, never ignored, with the key that was probably meant.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from consent_center.studies.asked import KEYS as ASKED
from consent_center.studies.asked import Asked, read_asked
from consent_center.studies.errors import StudyFileError
from consent_center.studies.study_exchange import ExchangeAsked, read_exchange
from consent_center.studies.yaml_mapping import key_problems
from consent_center.studies.yaml_values import Problems, cuts_of, names_of, number_of, reasons_of, text_of, whole_of
from federated.canaries import FEWEST, MOST
from federated.models.rules import RULES
from federated.secure_sum.quorum import MOST as MOST_SITES


@dataclass(frozen=True)
class Audit:
    """What the fairness audit of a study needs."""

    purpose: str
    scopes: Mapping[str, str]
    attributes: tuple[str, ...]


@dataclass(frozen=True)
class SecureSum:
    """That the sites share one noise under a secure sum, see `federated.secure_sum.quorum`."""

    dropouts: int
    colluders: int = 1


@dataclass(frozen=True, kw_only=True)
class StudyFile(Asked):
    """A study file, read and in itself complete.

    Attributes:
        audit: None if the study trains nothing that is to be used.
        epsilon: of the training, at the ledger's delta; 0 of a rule.
        cuts: of a rule, feature -> where its bins begin.
        rounds: None lets the schedule choose.
        support: pure epsilon of each count of where a continuous feature has members; 0 for none.
        canaries: artificial members at each site, so that the claim can be attacked afterwards; 0 for none.
        secure_sum: None if each site adds the full noise itself.
    """

    sites: tuple[str, ...]
    features: tuple[str, ...]
    label: str
    horizon_days: int
    model: str
    epsilon: float = 0.0
    cuts: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    minimum_cohort: int = 200
    rounds: int | None = None
    max_attempts: int = 1
    canaries: int = 0
    support: float = 0.0
    threshold: float = 0.5
    audit: Audit | None = None
    exchange: ExchangeAsked | None = None
    secure_sum: SecureSum | None = None

    @property
    def necessity(self) -> dict[str, str]:
        """Scope -> why it is asked for, of model, audit and helpers together."""
        helping = self.exchange.scopes if self.exchange else {}
        return {**self.scopes, **(self.audit.scopes if self.audit else {}), **helping}


_TEXTS = ("label", "model")
_LISTS = ("sites", "features")
_REQUIRED = {*_TEXTS, *_LISTS, "horizon_days"}
_LEARNING = {"epsilon", "rounds", "canaries", "exchange", "secure_sum", "support"}
_OPTIONAL = {*("minimum_cohort", "max_attempts", "threshold", "audit", "proposed_by", "replaces", "cuts"), *_LEARNING}
KEYS = tuple(sorted(ASKED | _REQUIRED | _OPTIONAL))
_OF_PEOPLE: Mapping[str, Callable[..., Any]] = {"proposed_by": names_of, "replaces": text_of}
_AUDIT_KEYS = ("attributes", "purpose", "scopes")


def read_study_file(text: str) -> StudyFile:
    """Read a study file.

    Raises:
        StudyFileError: with every problem that it has.
    """
    data, values, problems = read_asked(text, what="a study file", required=_REQUIRED, optional=_OPTIONAL)
    values |= {name: text_of(data, name, problems) for name in _TEXTS}
    values |= {name: names_of(data, name, problems) for name in _LISTS}
    values["horizon_days"] = whole_of(data, "horizon_days", 1, 730, problems)
    values |= (_rule if values["model"] in RULES else _training)(data, problems)
    if "threshold" in data:
        values["threshold"] = number_of(data, "threshold", 0.0, 1.0, problems)
    for name, high in (("minimum_cohort", 10**9), ("max_attempts", 10)):
        if name in data:
            values[name] = whole_of(data, name, 1, high, problems)
    if data.get("rounds") not in (None, "auto"):
        values["rounds"] = whole_of(data, "rounds", 1, 1000, problems)
    if data.get("support"):
        values["support"] = number_of(data, "support", 0.0, 1.0, problems)
    if data.get("canaries"):
        values["canaries"] = whole_of(data, "canaries", FEWEST, MOST, problems)
    for name, read in (("audit", _audit), ("exchange", read_exchange), ("secure_sum", _secure_sum)):
        if data.get(name) is not None:
            values[name] = read(data[name], problems)
    values |= {name: read(data, name, problems) for name, read in _OF_PEOPLE.items() if data.get(name)}
    if problems.found:
        raise StudyFileError(tuple(problems.found))
    return StudyFile(**values)


def _training(data: Mapping[str, Any], problems: Problems) -> dict[str, Any]:
    if "epsilon" not in data:
        problems.add("epsilon is missing")
    if "cuts" in data:
        problems.add(f"cuts are of a rule ({', '.join(RULES)}): leave them out, or name one as the model")
    return {"epsilon": number_of(data, "epsilon", 0.0, 100.0, problems)}


def _rule(data: Mapping[str, Any], problems: Problems) -> dict[str, Any]:
    for name in sorted(_LEARNING & set(data)):
        problems.add(f"a rule learns nothing from members: leave {name} out")
    return {"cuts": cuts_of(data.get("cuts"), problems)}


def _audit(value: Any, problems: Problems) -> Audit | None:
    if not isinstance(value, dict):
        problems.add("audit has the keys purpose, scopes and attributes")
        return None
    problems.found += key_problems(value, required=set(_AUDIT_KEYS), known=set(_AUDIT_KEYS), where="audit.")
    scopes = reasons_of(value.get("scopes"), "audit.scopes", problems)
    return Audit(text_of(value, "purpose", problems), scopes, names_of(value, "attributes", problems))


def _secure_sum(value: Any, problems: Problems) -> SecureSum | None:
    if not isinstance(value, dict):
        problems.add("secure_sum says how many sites may leave in a round: {dropouts: 0}")
        return None
    problems.found += key_problems(value, required={"dropouts"}, known={"dropouts", "colluders"}, where="secure_sum.")
    colluders = whole_of(value, "colluders", 1, MOST_SITES - 2, problems) if "colluders" in value else 1
    return SecureSum(whole_of(value, "dropouts", 0, MOST_SITES, problems), colluders)
