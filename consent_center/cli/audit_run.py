"""`accord audit run | again`: count at the sites of this machine, with noise and a charge, and judge."""

import json
import secrets
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated

import typer

from consent_center.cli.audit_store import FileError, code_of, open_store, say, tell
from consent_center.errors import SettingsError
from consent_center.gate import StoreGate
from consent_center.settings import Settings, clock
from consent_center.storage.releases import Release
from consent_center.storage.transaction import Store
from consent_center.web.languages import Language
from consent_center.workflows.audit_again import audits_again
from consent_center.workflows.plan_audit import package_of
from consent_center.workflows.release_model import release_model
from consent_center.workflows.show_audits import show_audit
from consent_center.workflows.show_studies import show_study
from consent_center.workflows.watch_audits import watch_audits
from federated.errors import RefusedError
from federated.flower.embedded import run_embedded
from federated.keyfile import read_key
from federated.models.decisions import parse_declaration
from federated.plan import digest
from federated.site.folder import SiteFolder, open_site
from federated.site.policy import read_policy
from federated.site.taken import ends_of, take_decisions

SitesOpt = Annotated[list[Path], typer.Option("--site", help="A site's folder on this machine; one for each site.")]


def run(
    study: Annotated[str, typer.Argument(help="The approved study.")],
    site: SitesOpt,
    decisions: Annotated[
        list[Path] | None, typer.Option(help="Somebody else's decisions, one file for each --site, in their order.")
    ] = None,
    declaration: Annotated[Path | None, typer.Option(help="What `accord audit plan` wrote beside its file.")] = None,
) -> int:
    """Count at the sites, with noise and a charge, then judge. Exit code 1 if it is no PASS."""
    settings = _settings()
    with open_store(settings) as store:
        package = store.read(package_of, study)
        if package is None:
            package = _declared(declaration)
        _check(store, study, package, site)
        if decisions:
            _take_all(site, decisions, package)
        made = _judged(store, settings, study, package, site)
    return 1 if made is None else code_of(made)


def again(site: SitesOpt) -> int:
    """Audit again every model in use whose audit is due soon, by its approved plan. A timer runs it, once a day.

    A model that does not pass is suspended, and nothing is scored with it from then on. What is overdue, and what
    nobody planned, is said and becomes a finding. Exit code 1 if anything did not pass or could not be audited.
    """
    settings, failed = _settings(), 0
    with open_store(settings) as store:
        found = store.read(audits_again, at=clock())
        for one in found:
            name = f"{one.due.release.model_digest[:12]} ({one.due.study})"
            if not one.study:
                say(f"{name} is due {one.due.due_at:%Y-%m-%d}, and no approved audit of it is open: accord audit plan")
                failed += 1
                continue
            say(f"{name} is due {one.due.due_at:%Y-%m-%d}: {one.study} runs.")
            failed += _failed(store, settings, one.study, site)
        opened = store.run(watch_audits, at=clock())
    say(f"Due: {len(found)}. Not passed or not audited: {failed}. New findings: {opened}")
    return 1 if failed else 0


def _failed(store: Store, settings: Settings, study: str, sites: list[Path]) -> bool:
    """Audit one model again; whether it did not pass. A refusal of one stops none of the others."""
    try:
        package = store.read(package_of, study)
        if package is None:
            say(f"{study} audits somebody else's decisions: hand in this period's file with accord audit run")
            return True
        _check(store, study, package, sites)
        made = _judged(store, settings, study, package, sites)
    except (RefusedError, FileError) as error:
        say(f"{study} was refused: {error}")
        return True
    return made is None or code_of(made) != 0


def _judged(store: Store, settings: Settings, study: str, package: bytes, sites: list[Path]) -> Release | None:
    """Count and judge; None if the run did not complete, and then nothing was judged."""
    with ExitStack() as opened:
        agents = {}
        for folder in map(SiteFolder, sites):
            agent = opened.enter_context(closing(open_site(folder, clock=clock)))
            agents[agent.policy.name] = agent.answer
        gate = StoreGate(
            store,
            signer=read_key(Path(settings.signing_key)),
            clock=clock,
            new_run=lambda: f"run-{secrets.token_hex(8)}",
        )
        report = run_embedded(gate, study, agents, package=package)
    if report.outcome != "completed":
        refusals = json.dumps(report.results.get("refusals", {}))
        say(f"{report.run} ended with {report.outcome}; nothing was judged. {refusals}")
        return None
    made = store.run(release_model, report.run, at=clock())
    tell(store.read(show_audit, report.run), Language.EN)
    return made


def _settings() -> Settings:
    settings = Settings.read()
    if not settings.signing_key:
        raise SettingsError("ACCORD_SIGNING_KEY names the key file with which the consent centre signs: set it")
    return settings


def _check(store: Store, study: str, package: bytes, sites: list[Path]) -> None:
    """Refuse what no site would count, before anything is admitted and so charged.

    Raises:
        FileError: another declaration than reviewers signed, or a site of the plan is not on this machine.
    """
    plan = store.read(show_study, study, at=clock()).plan
    if digest(package) != plan.package:
        raise FileError(f"{study} audits something else than this declaration: hand over the one that was signed")
    here = {read_policy(SiteFolder(folder).policy).name for folder in sites}
    if missing := [name for name in plan.sites if name not in here]:
        raise FileError(f"{study} counts at {', '.join(missing)} too: name each with --site")


def _take_all(sites: list[Path], decisions: list[Path], package: bytes) -> None:
    """Take one file in at each site, if it is the one that reviewers signed."""
    if len(sites) != len(decisions):
        raise FileError("give one file of decisions for each --site, in the same order")
    declared = parse_declaration(package)
    for folder, file in zip(map(SiteFolder, sites), decisions, strict=True):
        name = read_policy(folder.policy).name
        wanted, ends = declared.files.get(name, ""), ends_of(declared.measure)
        taken = take_decisions(folder.data, file, name=declared.name, wanted=wanted, ends=ends)
        say(f"{name}: {taken.known} of {taken.decisions} lines are about its members.")


def _declared(declaration: Path | None) -> bytes:
    if declaration is None:
        raise FileError("this study audits somebody else's decisions: name its file with --declaration")
    try:
        return declaration.read_bytes()
    except OSError as error:
        raise FileError(f"cannot read {declaration}: {error.strerror}") from error
