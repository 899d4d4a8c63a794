"""From a study file to the plan it asks for."""

from collections.abc import Mapping
from typing import Any

from consent_center.studies.errors import StudyFileError
from consent_center.studies.schema import SiteSchema
from consent_center.studies.study_exchange import asking_of
from consent_center.studies.study_file import StudyFile
from consent_center.studies.yaml_mapping import did_you_mean
from federated.canaries import with_setting
from federated.errors import MalformedError, RefusedError
from federated.models.churn_plan import churn_plan
from federated.models.rule_plan import rule_plan
from federated.models.rules import RULES
from federated.plan import Plan, Use
from federated.shared_noise import with_shared_noise
from privacy.errors import PrivacyError


def plan_of(
    file: StudyFile,
    schema: SiteSchema,
    *,
    members: int,
    delta: float,
    helping: Mapping[str, SiteSchema] | None = None,
) -> Plan:
    """The plan that a study file asks for, on columns that all its sites have.

    Args:
        file: what was written.
        schema: what its sites share.
        members: about how many will take part, a public band.
        delta: of the ledger that will be charged.
        helping: helper -> what it offers; needed for a file that asks for help.

    Raises:
        StudyFileError: a column that not all its sites have, or parts that make no plan.
    """
    problems = [
        f"cuts name {name}, which is no feature of the study" for name in file.cuts if name not in file.features
    ]
    features = {one.name: one for one in schema.features}
    attributes = {one.name: one for one in schema.attributes}
    wanted = file.audit.attributes if file.audit else ()
    for what, asked, known in (
        ("feature", file.features, features.keys()),
        ("label", (file.label,), schema.labels),
        ("attribute", wanted, attributes.keys()),
    ):
        problems += [
            f"not every site has the {what} {name}{did_you_mean(name, known)}" for name in asked if name not in known
        ]
    if problems:
        raise StudyFileError(tuple(problems))
    rule = file.model in RULES
    uses = [Use(("evaluate",) if rule else ("train", "evaluate"), file.purpose, tuple(file.scopes))]
    if file.audit:
        uses.append(Use(("audit",), file.audit.purpose, tuple(file.audit.scopes)))
    both: dict[str, Any] = {
        "study": file.study,
        "country": file.country,
        "sites": file.sites,
        "uses": tuple(uses),
        "features": tuple(features[name] for name in file.features),
        "label": file.label,
        "horizon_days": file.horizon_days,
        "attributes": tuple(attributes[name] for name in wanted),
        "model": file.model,
        "threshold": file.threshold,
        "minimum_cohort": file.minimum_cohort,
        "max_attempts": file.max_attempts,
    }
    try:
        if rule:
            return rule_plan(**both, cuts=file.cuts)
        plan = churn_plan(
            **both,
            members=members,
            epsilon=file.epsilon,
            delta=delta,
            rounds=file.rounds,
            epsilon_support=file.support,
            exchange=asking_of(file.exchange, helping or {}) if file.exchange else None,
        )
        plan = with_setting(plan, count=file.canaries) if file.canaries else plan
        if (shared := file.secure_sum) is None:
            return plan
        return with_shared_noise(plan, colluders=shared.colluders, dropouts=shared.dropouts)
    except (MalformedError, RefusedError, PrivacyError) as error:
        raise StudyFileError((str(error),)) from error
