"""The programme that `make up` starts with: made-up members of real data, three sites, one approved study.

Reviewers and sites sign with key files in this folder, as they would with their own. What every loader, workflow and
signature does here is the product's own; only the members' answers are drawn (with a seed).

FOLDER/reviewers/ROLE.key    the reviewers' keys             FOLDER/sites/NAME         the sites, joined and approved
FOLDER/operator.toml         for `accord run start`          FOLDER/admin.env          for `accord admin`
"""

import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from consent_center.coordinator.registry import approved_sites
from consent_center.demo.asking import (
    EPSILON_BIN,
    EPSILON_LABEL,
    STUDY,
    approve,
    file_and_assess,
    plan_of,
    raise_ceiling,
    register,
)
from consent_center.demo.federation import LABEL_COLUMN
from consent_center.demo.load import load
from consent_center.demo.stage import Stage, ask, enrol, furnish
from consent_center.demo.world import Options, World
from consent_center.errors import ConsentCenterError, RuleError
from consent_center.settings import Settings, clock
from consent_center.storage.transaction import Store
from consent_center.studies.schema import SiteSchema
from consent_center.topology.state import Installation, read_installation
from consent_center.workflows.admit_site import approve_site, invite_site
from consent_center.workflows.govern import register_schema
from consent_center.workflows.machine_tokens import TokenScope, issue_token
from federated.errors import FederatedError
from federated.keyfile import read_key
from federated.plan import Plan
from federated.shared_noise import with_shared_noise
from federated.site.columns import Columns
from federated.site.equipment import equip_site
from federated.site.folder import allow_exchanges, pin_peers
from federated.site.joining import Invitation, read_request
from federated.site.policy import read_policy
from privacy.keys import read_root_key

BEGUN, DONE = ".seeding", ".seeded"
MINIMUM_COHORT = 200
TOKEN_LASTS = timedelta(days=365)


class SeedError(RuleError):
    """The programme cannot be filled; says what to do."""


def seed(folder: Path) -> None:
    """Fill an empty database and an empty folder; does nothing where it was done.

    Raises:
        ConsentCenterError, FederatedError: something is in the way.
    """
    if (folder / DONE).exists():
        return
    if (folder / BEGUN).exists():
        raise SeedError(f"an earlier start was interrupted while it filled the programme: accord down, remove {folder}")
    (folder / BEGUN).touch()
    made = read_installation(folder)
    settings = Settings.read()
    options = Options(data=made.data, sites=len(made.sites), rounds=made.rounds, seed=made.seed, out=folder)
    federation = load(made.data, sites=options.sites, seed=options.seed)
    with Store.open(settings.database, keys=read_root_key(Path(settings.root_key)), create=False) as store:
        signer = read_key(Path(settings.signing_key))
        stage = furnish(options, World(), folder, federation, store=store, signer=signer, runs=made.runs)
        enrol(stage, tick=_say_nothing)
        ask(stage, tick=_say_nothing)
        for agent in stage.agents.values():
            agent.close()
        _offer_columns(stage)
        _join(stage, made)
        register(stage)
        if stage.federation.helped_by:
            raise_ceiling(stage)
        study, _ = file_and_assess(stage, study_plan(stage))
        approve(stage, study)
        _hand_out_token(store, made)
    (folder / DONE).touch()


def study_plan(stage: Stage) -> Plan:
    """The demo's churn plan: its noise shared under secure sums, or, where one site has the label, with its helpers."""
    sites = [site.site for site in stage.federation.sites]
    plan = plan_of(stage, STUDY, sites=sites, minimum_cohort=MINIMUM_COHORT)
    return plan if plan.helpers else with_shared_noise(plan)


def _offer_columns(stage: Stage) -> None:
    """What plans may read at each site; a new partner's invitation says the same."""
    federation = stage.federation
    for site in stage.sites:
        asked = site in federation.asked_at
        labels, attributes = ((LABEL_COLUMN,), federation.attributes) if asked else ((), ())
        schema = SiteSchema(site, federation.features_at(site), labels, attributes)
        stage.store.run(register_schema, schema, by="accord up", at=clock())


def _join(stage: Stage, made: Installation) -> None:
    """What the commands of docs/how-to/join-as-a-partner.md do, for each site."""
    authority = (made.folder / "secrets" / "ca.crt").read_text(encoding="ascii")
    registry = made.folder / "shared" / "registry"
    registry.mkdir(parents=True, exist_ok=True, mode=0o700)
    pinned = {name: read_policy(folder.policy) for name, folder in stage.sites.items()}
    for name, folder in stage.sites.items():
        reviewers = tuple(one for one in pinned[name].pinned.values() if not one.role.startswith("site:"))
        federation = stage.federation
        asked = name in federation.asked_at
        labels, attributes = ((LABEL_COLUMN,), federation.attributes) if asked else ((), ())
        columns = Columns(federation.features_at(name), labels, attributes)
        invited = Invitation(name, stage.signer.public_key(), made.fleet, authority, reviewers, columns)
        signed = equip_site(folder, invited, organisation=pinned[name].pinned[f"site:{name}"].organisation)
        stage.store.run(invite_site, name, signed, at=clock())
        stage.store.run(approve_site, read_request(signed), signed, at=clock())
        (registry / f"{name}.json").write_text(signed.to_text(), encoding="ascii")
    speaking = {name: request.speak for name, request in approved_sites(registry).items()}
    for name, folder in stage.sites.items():
        pin_peers(folder, {other: key for other, key in speaking.items() if other != name})
        if helpers := stage.federation.helped_by:
            partners = stage.federation.asked_at if name in helpers else helpers
            allow_exchanges(
                folder, partners, epsilon_label=EPSILON_LABEL, epsilon_bin=EPSILON_BIN, runs=max(2, made.runs)
            )


def _hand_out_token(store: Store, made: Installation) -> None:
    at = clock()
    _, secret = store.run(issue_token, [TokenScope.RUNS_START], expires_at=at + TOKEN_LASTS, at=at)
    token = made.folder / "operator.token"
    with suppress(FileExistsError):
        token.touch(mode=0o600, exist_ok=False)
    token.write_text(secret + "\n", encoding="ascii")


def _say_nothing(_steps: int) -> None:
    """Nobody watches."""


if __name__ == "__main__":
    try:
        seed(Path(sys.argv[1]))
    except (ConsentCenterError, FederatedError) as error:
        sys.exit(f"accord: {error}")
