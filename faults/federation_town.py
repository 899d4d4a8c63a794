"""A whole federation as processes that can be killed: consent centre, coordinator, three sites, TLS on loopback.

Everything is the product's own but two things: who a process is, is decided by a fork; and each site notes what leaves
it, so that the judge can see a second release of one round. What each process does is in `federation_processes`.
"""

import hashlib
import os
import secrets
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import duckdb
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlmodel import select

from consent_center.consent.grant import Act
from consent_center.consent.notice import LANGUAGES, Notice, NoticeText, choices_digest
from consent_center.consent.purpose import Purpose
from consent_center.consent.recipient import Recipient, RecipientKind
from consent_center.consent.scope import Item, Provenance, Scope, ScopeClass
from consent_center.consent.speech import Utterance
from consent_center.storage import ledger
from consent_center.storage.members import EnrolmentRow
from consent_center.storage.transaction import Store
from consent_center.studies.assessment import Circumstances
from consent_center.studies.study import Study
from consent_center.workflows.approve_study import approve_study
from consent_center.workflows.assess_study import assess_study
from consent_center.workflows.define import define
from consent_center.workflows.enrol_member import enrol_members
from consent_center.workflows.file_study import file_study
from consent_center.workflows.machine_tokens import start_run
from consent_center.workflows.make_statements import make_statements
from consent_center.workflows.publish_notice import publish_notice
from consent_center.workflows.register_member import register_members
from consent_center.workflows.register_reviewer import register_reviewer
from faults.world import KEYS, end, lines, start, wait_for
from federated.approvals import Approval, Pinned, sign_approval
from federated.certificates import create_authority, create_node_key, issue_server
from federated.models.churn_plan import churn_plan
from federated.plan import Attribute, Feature, Plan, Use, plan_bytes
from federated.site.folder import Limits, Permissions, SiteFolder, create_site
from federated.site.store import SiteStore
from privacy.ledger import PROGRAMME, Budget

SITES = ("grocer", "sales", "service")
ROLES = ("legal", "technology", "members-representative", *(f"site:{name}" for name in SITES))
MEMBERS, ROUNDS = 150, 12
STUDY = "faults-1"
ROOMY = Budget.create(epsilon=100.0, delta=1e-5, epsilon_pure=40.0, members=1000)


def clock() -> datetime:
    """The real time: processes of their own have no other."""
    return datetime.now(UTC)  # noqa: TID251


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Town:
    """Where everything is, and the processes that run.

    Attributes:
        url: of the consent centre's database.
        address: on which the coordinator listens.
        planted: what a process does wrong on purpose: "forgets" (a site), "loses" (the consent centre); or nothing.
    """

    folder: Path
    url: str
    planted: str = ""
    address: str = "127.0.0.1"
    signer: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    hub_port: int = field(default_factory=free_port)
    port: int = field(default_factory=free_port)
    children: dict[str, int] = field(default_factory=dict)

    def start(self, who: str, work: Callable[[], None]) -> None:
        """Start a process under this name."""
        self.children[who] = start(work)

    def kill(self, who: str) -> None:
        """Kill -9, at once."""
        end(self.children.pop(who))

    def close(self) -> None:
        """Kill whoever is left."""
        for who in [*self.children]:
            self.kill(who)

    def site(self, name: str) -> SiteFolder:
        """A site's folder."""
        return SiteFolder(self.folder / name)

    def released(self, name: str) -> list[str]:
        """What left a site: run, round and digest, a line each."""
        return lines(self.folder / f"{name}.left")

    def progress(self, token: str) -> list[str]:
        """What the coordinator with this token said."""
        return lines(self.folder / f"{hashlib.sha256(token.encode()).hexdigest()[:12]}.said")

    def outcome(self, token: str, *, seconds: float) -> str:
        """How the run of this token ended."""
        wait_for(lambda: any(line.startswith("ended ") for line in self.progress(token)), seconds=seconds)
        return next(line.split()[1] for line in self.progress(token) if line.startswith("ended "))

    def say(self, token: str, line: str) -> None:
        """Keep what a coordinator says; it may be killed after any line."""
        place = self.folder / f"{hashlib.sha256(token.encode()).hexdigest()[:12]}.said"
        handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(handle, f"{line}\n".encode())
        os.close(handle)

    def token(self) -> str:
        """A token for one run."""
        with Store.open(self.url, keys=KEYS) as store:
            return store.run(start_run, STUDY, at=clock()).secret

    def withdraw(self, member: str, site: str) -> None:
        """A member says no to a site."""
        with Store.open(self.url, keys=KEYS) as store:
            said = Utterance(member, Act.WITHDRAWN, (_item(site),), "core", 1, "en", _choices())
            store.run(make_statements, [said], at=clock())


def build_town(folder: Path, url: str, *, planted: str = "", address: str = "127.0.0.1") -> Town:
    """Members who all said yes, an approved study of twelve training rounds, sites with rows and keys."""
    town, at = Town(folder, url, planted, address), clock() - timedelta(minutes=5)
    create_authority(folder / "ca", name="faults", at=at)
    issue_server(folder / "ca", folder / "server", hosts=["127.0.0.1", *{address} - {"127.0.0.1"}], at=at)
    keys = {role: Ed25519PrivateKey.generate() for role in ROLES[:3]}
    pinned = [Pinned(role, role, "programme", key.public_key()) for role, key in keys.items()]
    plan = _plan()
    for name in SITES:
        made = create_site(
            folder / name, name=name, organisation="programme", hub_key=town.signer.public_key(),
            allow=Permissions(["churn-linear"], ["churn-model"], ["purchases"], ["spend", "label", "age"], ["TW"]),
            limits=Limits(minimum_cohort=5, members=1000, run=(9.0, 4.0), year=(100.0, 40.0)), reviewers=pinned,
        )  # fmt: skip
        keys[f"site:{name}"] = made.approval_key()
        create_node_key(made.node_key_file)
    with Store.open(url, keys=KEYS) as store:
        _found(store, keys, plan, at=at)
        for name in SITES:
            people = store.read(
                lambda tx, name=name: {
                    row.pseudonym: row.cohort_key
                    for row in tx.session.exec(select(EnrolmentRow).where(EnrolmentRow.site == name)).all()
                }
            )
            store_of_site = SiteStore(town.site(name).database)
            store_of_site.enrol(people)
            store_of_site.close()
            _write(town.site(name).data, [*people])
    return town


def _item(site: str) -> Item:
    return Item("purchases", "churn-model", site, "TW")


def _notice(at: datetime) -> Notice:
    text = NoticeText(*["text"] * 10, necessity="text", impact="text")
    return Notice("core", 1, tuple(_item(name) for name in SITES), tuple((one, text) for one in LANGUAGES), at)


def _choices() -> str:
    return choices_digest(_notice(clock()), "en", [_item(name) for name in SITES])


def _plan() -> Plan:
    return churn_plan(
        study=STUDY, country="TW", sites=SITES,
        uses=(Use(("train", "evaluate", "audit"), "churn-model", ("purchases",)),),
        features=(Feature("spend", "continuous", 0.0, 100.0),), label="label", horizon_days=30,
        attributes=(Attribute("age", ("young", "old")),), members=MEMBERS, model="churn-linear", epsilon=1.0,
        rounds=ROUNDS, minimum_cohort=50,
    )  # fmt: skip


def _found(store: Store, keys: Mapping[str, Ed25519PrivateKey], plan: Plan, *, at: datetime) -> None:
    scope = Scope("purchases", ("spend",), ScopeClass.ORDINARY, Provenance.OBSERVED)
    purpose = Purpose("churn-model", ("purchases",), trains_models=True)
    places = tuple(Recipient(name, name, RecipientKind.DEPARTMENT, "TW") for name in SITES)
    store.run(define, (scope, purpose, *places), at=at)
    store.run(publish_notice, _notice(at), at=at)
    members = store.run(register_members, [None] * MEMBERS, at=at)
    for index, name in enumerate(SITES):
        own = members[index::3]
        store.run(enrol_members, own, name, at=at)
        said = [Utterance(one, Act.GIVEN, (_item(name),), "core", 1, "en", _choices()) for one in own]
        store.run(make_statements, said, at=at)
    store.run(ledger.open_account, PROGRAMME, ROOMY, at=at)
    for role, key in keys.items():
        store.run(register_reviewer, Pinned(role, role, "programme", key.public_key()), at=at)
    store.run(
        register_reviewer, Pinned("ada", "technology", "programme", Ed25519PrivateKey.generate().public_key()), at=at
    )
    study = Study(
        id=STUDY, title="t", author="ada", organisation="programme", accountable="head", reason="r", benefits="members",
        retention_days=30, plan=plan_bytes(plan), filed_at=at, closes_at=at + timedelta(days=9),
    )  # fmt: skip
    study = store.run(file_study, study, at=at)
    calm = Circumstances(
        sensitive_scopes=frozenset(), partner_sites=frozenset(), crosses_border=False, minors=False, automated=False,
        budget_share=Fraction(1, 4), first_of_its_kind=False,
    )  # fmt: skip
    store.run(
        assess_study,
        study.id,
        assessor="bo",
        circumstances=calm,
        answers={"why": "because nothing less would do"},
        at=at,
    )
    for role, key in keys.items():
        said_so = Approval(study.id, study.plan_digest, role, role, "programme", "yes", "read", at)
        store.run(approve_study, sign_approval(said_so, key), reviewer=role, at=at)


def _write(path: Path, pseudonyms: list[bytes]) -> None:
    with duckdb.connect(str(path)) as database:
        database.execute("CREATE TABLE members (pseudonym TEXT, spend DOUBLE, label INTEGER, age TEXT)")
        database.executemany(
            "INSERT INTO members VALUES (?, ?, ?, ?)",
            [(one.hex(), one[0] / 2.56, secrets.randbelow(2), ("young", "old")[one[1] % 2]) for one in pseudonyms],
        )
