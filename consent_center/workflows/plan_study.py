"""Before a study is filed: what its plan would cost, whom it would reach, and what would be refused.

The expected cohort is one noisy draw per item set and day, kept and only repeated, so that asking again averages
nothing away; below the plan's minimum nothing but that is said.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from consent_center.storage import cohorts, definitions, governance, ledger, study_previews
from consent_center.storage.transaction import Transaction
from consent_center.studies.asked import study_of
from consent_center.studies.errors import StudyError, StudyFileError
from consent_center.studies.planner import Outlook, band_of, outlook_of
from consent_center.studies.schema import SiteSchema, shared
from consent_center.studies.study import Study
from consent_center.studies.study_exchange import sites_of
from consent_center.studies.study_file import StudyFile
from consent_center.studies.study_plan import plan_of
from consent_center.studies.yaml_mapping import did_you_mean
from consent_center.workflows._studying import items_of
from consent_center.workflows.file_study import refuse_study
from federated.plan import Plan
from federated.price import price
from privacy.errors import LedgerError
from privacy.ledger import PROGRAMME, sub_limit

PREVIEW_EPSILON = 0.1
_DELTA = 1e-5
_GUESS = 1000
Draw = Callable[[float], int]
"""One draw of discrete Laplace noise of this ε; handed in, because workflows draw nothing."""


@dataclass(frozen=True)
class Planned:
    """A study as it would be filed, and what is known of it before.

    Attributes:
        epsilon: of the training, as the file asks for it.
    """

    study: Study
    plan: Plan
    outlook: Outlook
    epsilon: float


def plan_study(
    tx: Transaction, file: StudyFile, *, author: str, organisation: str, draw: Draw, at: datetime
) -> Planned:
    """Make the plan of a study file and look ahead; nothing is filed.

    Args:
        tx: a writing transaction: a first preview of the day is kept.
        file: what was written.
        author: who would file it.
        organisation: hers.
        draw: one draw of noise.
        at: now.

    Raises:
        StudyFileError: a site without a schema, an unknown column, or parts that make no plan.
    """
    schema, helping = _schema(tx, file), helpers_of(tx, file)
    delta = _delta(tx)
    first = plan_of(file, schema, members=_GUESS, delta=delta, helping=helping)
    count = _preview(tx, first, draw=draw, at=at)
    band = band_of(count, minimum=first.minimum_cohort)
    plan = plan_of(file, schema, members=sum(band) // 2 if band else first.minimum_cohort, delta=delta, helping=helping)
    study = study_of(file, plan, author=author, organisation=organisation, at=at)
    refusals = []
    try:
        refuse_study(tx, study, at=at)
    except StudyError as error:
        refusals.append(str(error))
    if band is None:
        refusals.append(f"about fewer than {plan.minimum_cohort} members: the run would be refused as too small")
    accounts = tuple(outlook_of(name, ledger.balance(tx, name), price(plan)) for name in accounts_of(tx, plan))
    refusals += [f"over budget in account {one.account}: ask for less" for one in accounts if not one.fits]
    if not accounts:
        refusals.append("the programme has no budget yet: the compliance officer opens the account")
    return Planned(study, plan, Outlook(price(plan), accounts, band, tuple(refusals)), file.epsilon)


def show_schemas(tx: Transaction) -> dict[str, SiteSchema]:
    """A query: site -> the columns it offers."""
    return governance.schemas(tx)


def schema_for(tx: Transaction, file: StudyFile) -> SiteSchema:
    """A query: the columns that all sites of a study file share.

    Raises:
        StudyFileError: a site that offers none.
    """
    return _schema(tx, file)


def helpers_of(tx: Transaction, file: StudyFile) -> dict[str, SiteSchema]:
    """A query: helper of a study file -> the columns it offers; those that offer none are left out."""
    known, asked = governance.schemas(tx), {*sites_of(file.exchange)}
    return {site: schema for site, schema in known.items() if site in asked}


def accounts_of(tx: Transaction, plan: Plan) -> list[str]:
    """The open accounts that a run of this plan would be charged to."""
    wanted = {PROGRAMME, *(sub_limit(site, purpose) for site, purpose in plan.recipients)}
    return sorted(wanted & set(ledger.accounts(tx)), key=lambda name: (name != PROGRAMME, name))


def _schema(tx: Transaction, file: StudyFile) -> SiteSchema:
    known = governance.schemas(tx)
    sites = definitions.catalogue(tx).recipients
    missing = [
        f"site {site} {'offers no schema yet' if site in sites else 'is not known'}{did_you_mean(site, known)}"
        for site in file.sites
        if site not in known
    ]
    if missing:
        raise StudyFileError((*missing, "accord study schemas lists the sites and their columns"))
    found = shared(known, file.sites)
    if found is None:
        raise StudyFileError(("the sites of the plan share no columns",))
    return found


def _delta(tx: Transaction) -> float:
    try:
        return ledger.balance(tx, PROGRAMME).budget.delta
    except LedgerError:
        return _DELTA


def _preview(tx: Transaction, plan: Plan, *, draw: Draw, at: datetime) -> int:
    items = hashlib.sha256("\n".join(sorted(map(str, items_of(plan)))).encode()).hexdigest()
    day = at.date().isoformat()
    if (kept := study_previews.find(tx, items, day)) is not None:
        return kept
    members = {one.member for site in plan.sites for one in cohorts.cohort_members(tx, site, plan, at=at)}
    count = max(0, len(members) + draw(PREVIEW_EPSILON))
    study_previews.add(tx, items, day, count)
    return count
