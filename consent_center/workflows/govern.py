"""What governs studies is decided: contracts, schemas, tools, the policy, opening and closing scopes, closing findings.

Each is one version with one entry; who decided is under the entry's commitment.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime

from consent_center.consent.recipient import Contract, Role
from consent_center.consent.scope import check_code
from consent_center.errors import UnknownDefinitionError
from consent_center.events import Event
from consent_center.storage import definitions, governance, staff
from consent_center.storage.governance import ScopeDecision
from consent_center.storage.transaction import EntryId, Transaction
from consent_center.studies.contract import ContractTerms
from consent_center.studies.errors import ContractError, FindingError, StudyError
from consent_center.studies.finding import Finding
from consent_center.studies.policy import StudyPolicy
from consent_center.studies.roles import REVIEWING
from consent_center.studies.schema import SiteSchema
from consent_center.studies.tool import Tool

SHORTEST = 10


def register_contract(tx: Transaction, terms: ContractTerms, *, by: str, at: datetime) -> None:
    """Register a partner's contract: verdicts, admission and studies see it until it or a certificate ends.

    Raises:
        ContractError: no such partner, a role or scope that nobody defined, or a transfer abroad without a mechanism.
    """
    catalogue = definitions.catalogue(tx)
    recipient = catalogue.recipients.get(terms.recipient)
    if recipient is None:
        raise ContractError(f"no partner is called {terms.recipient}: define it first")
    if terms.role not in {one.value for one in Role}:
        raise ContractError("the role is joint, entrusted or independent")
    unknown = [one for one in terms.scopes if one not in catalogue.scopes]
    unknown += [one for one in terms.purposes if one not in catalogue.purposes]
    if unknown:
        raise ContractError(f"nobody defined {', '.join(unknown)}: check the names")
    if not terms.transfer and any(country != recipient.country for country in terms.countries):
        raise ContractError("a transfer abroad needs its legal mechanism: name it")
    ends = min(terms.in_force_until, terms.returned_at or terms.ends)
    seen = Contract(
        code=terms.code,
        recipient=terms.recipient,
        role=Role(terms.role),
        purposes=terms.purposes,
        countries=terms.countries,
        begins=min(terms.begins, ends),
        ends=ends,
        transfer=terms.transfer,
        sub_processing=terms.sub_processing,
    )
    catalogue.check(seen)
    version = definitions.next_version(tx, seen)
    _, digest = definitions.written(seen)
    public = {"of": "contract", "code": seen.code, "version": version, "digest": digest}
    entry = tx.append(Event.of("definition.made", public=public, private={"by": by}), at=at)
    definitions.add(tx, seen, version=version, entry=entry, at=at)
    governance.add_contract(tx, terms, at=at, entry=_made(tx, "contract-terms", terms.code, asdict(terms), by, at=at))


def attest_return(tx: Transaction, code: str, *, by: str, at: datetime) -> None:
    """Keep that a partner attested the return or deletion of what it had; the contract is over with it.

    Raises:
        ContractError: no such contract, or it was attested before.
    """
    terms = next((one for one in governance.contracts(tx) if one.code == code), None)
    if terms is None or terms.returned_at is not None:
        raise ContractError("no such contract, or its end was attested before")
    register_contract(tx, replace(terms, returned_at=at), by=by, at=at)


def register_schema(tx: Transaction, schema: SiteSchema, *, by: str, at: datetime) -> None:
    """Keep the columns that a site offers to plans.

    Raises:
        UnknownDefinitionError: no site is called this.
    """
    if schema.site not in definitions.catalogue(tx).recipients:
        raise UnknownDefinitionError(schema.site, "define the site first")
    governance.add_schema(tx, schema, at=at, entry=_made(tx, "schema", schema.site, asdict(schema), by, at=at))


def register_tool(tx: Transaction, tool: Tool, *, by: str, at: datetime) -> None:
    """Register a collection tool, or that somebody looked at it again.

    Raises:
        StudyError: it fills a scope that nobody defined, or at no site that anybody did.
        DefinitionError: its code is none.
    """
    catalogue = definitions.catalogue(tx)
    if tool.scope not in catalogue.scopes or tool.site not in catalogue.recipients:
        raise StudyError(f"no scope is called {tool.scope}, or no site {tool.site}: check the names")
    check_code(tool.code)
    body = asdict(tool) | {"traits": sorted(tool.traits)}
    governance.add_tool(tx, tool, at=at, entry=_made(tx, "tool", tool.code, body, by, at=at))


def review_tool(tx: Transaction, code: str, *, by: str, reason: str, at: datetime) -> None:
    """Keep that somebody looked at a collection tool, and what she saw.

    Raises:
        StudyError: no such tool, its owner herself, or no reason.
    """
    tool = next((one for one in governance.tools(tx) if one.code == code), None)
    if tool is None:
        raise StudyError(f"no tool is called {code}: check the name")
    if tool.owner == by:
        raise StudyError("the owner of a tool does not review it: ask somebody else")
    if len(reason.strip()) < SHORTEST:
        raise StudyError("say what you saw, in at least a sentence: others must be able to judge it")
    made = replace(tool, reviewed_at=at)
    body = asdict(made) | {"traits": sorted(made.traits), "reason": reason.strip()}
    governance.add_tool(tx, made, at=at, entry=_made(tx, "tool", code, body, by, at=at))


def decide_policy(tx: Transaction, policy: StudyPolicy, *, by: str, at: datetime) -> StudyPolicy:
    """Put new rules for studies in force, as the next version.

    Raises:
        StudyError: a role that answers no studies, or an owner of rights who is not of the staff.
    """
    if unknown := sorted(set(policy.quorum.roles) - {role.value for role in REVIEWING}):
        raise StudyError(f"nobody answers studies as {', '.join(unknown)}: check the names")
    owner = staff.find(tx, policy.rights_owner) if policy.rights_owner else None
    if policy.rights_owner and (owner is None or not owner.is_here(at=at)):
        raise StudyError(f"nobody here is called {policy.rights_owner}: name an account")
    made = replace(policy, version=governance.policy(tx).version + 1)
    body = {"weights": {name: str(value) for name, value in made.weights.items()}, "version": made.version}
    governance.add_policy(tx, made, at=at, entry=_made(tx, "study-policy", "studies", body, by, at=at))
    return made


def decide_scope(
    tx: Transaction, scope: str, *, recipient: str = "", opens: bool, by: str, role: str, reason: str, at: datetime
) -> None:
    """The sharing committee opens or closes a scope, for one site or for all; closed, no study that asks for it runs.

    Raises:
        StudyError: no such scope or site, or no reason.
    """
    catalogue = definitions.catalogue(tx)
    if scope not in catalogue.scopes or (recipient and recipient not in catalogue.recipients):
        raise StudyError("no such scope or site: check the names")
    if len(reason.strip()) < SHORTEST:
        raise StudyError("say why, in at least a sentence: others must be able to judge it")
    action = "scope.opened" if opens else "scope.closed"
    entry = tx.append(
        Event(
            "staff.acted",
            public={"action": action, "role": role, "subject": scope},
            private={"by": by, "reason": reason, "recipient": recipient},
        ),
        at=at,
    )
    governance.add_scope_decision(tx, ScopeDecision(scope, recipient, opens, by, reason.strip(), at), entry=entry)


def close_finding(tx: Transaction, number: int, *, by: str, reason: str, at: datetime) -> Finding:
    """Close a finding, with what was done about it.

    Raises:
        UnknownFindingError: no such finding.
        FindingError: it is closed already, by its owner, or no reason is given.
    """
    found = governance.finding(tx, number)
    if found.closed_at is not None:
        raise FindingError("this finding is closed already")
    if by == found.owner:
        raise FindingError("the owner of a finding does not close it: somebody else looks at what was done")
    if len(reason.strip()) < SHORTEST:
        raise FindingError("say what was done, in at least a sentence")
    public = {"finding": found.kind, "about": found.about}
    tx.append(Event("finding.closed", public=public, private={"by": by, "reason": reason}), at=at)
    governance.close_finding(tx, number, by=by, reason=reason.strip(), at=at)
    return governance.finding(tx, number)


def _made(tx: Transaction, of: str, code: str, body: Mapping[str, object], by: str, *, at: datetime) -> EntryId:
    written = json.dumps(body, default=str, sort_keys=True).encode()
    public = {"of": of, "code": code, "version": 1, "digest": hashlib.sha256(written).hexdigest()}
    return tx.append(Event.of("definition.made", public=public, private={"by": by}), at=at)
