"""`accord audit`: ask for an audit, run it, read it, take it away.

accord audit take FOLDER FILE --name NAME    a site takes in somebody else's decisions
accord audit plan FILE --author NAME         file the plan; reviewers sign its digest: accord study approve
accord audit run STUDY --site FOLDER ...     count at the sites of this machine, and judge
accord audit judge RUN                       judge a run that counted elsewhere
accord audit override RUN --key FILE --as NAME --reason WORDS --until DAY    let a withheld model through, signed
accord audit sign RUN ...                    the same on one's own machine; paste the line on the audit's page
accord audit list | show RUN | due           read
accord audit export RUN DIR                  JSON, CycloneDX, Hugging Face, HTML in three languages, PDF
"""

import json
import secrets
from contextlib import ExitStack, closing
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer

from audit.fairness.words import sentence
from consent_center.cli.audit_override import override, sign
from consent_center.cli.audit_store import open_store, say
from consent_center.console.audit_export import bom_of, card_of, json_of, pdf_of
from consent_center.console.audit_sheet import report_html
from consent_center.errors import RuleError, SettingsError
from consent_center.gate import StoreGate
from consent_center.settings import Settings, clock
from consent_center.storage.releases import Release
from consent_center.studies.audit_file import read_audit_file
from consent_center.web.house import House
from consent_center.web.languages import Language
from consent_center.workflows.file_study import file_study
from consent_center.workflows.plan_audit import package_of, plan_audit
from consent_center.workflows.release_model import release_model
from consent_center.workflows.show_audits import AuditPage, list_audits, show_audit, show_calendar, signature_of
from consent_center.workflows.watch_audits import watch_audits
from federated.flower.embedded import run_embedded
from federated.keyfile import read_key
from federated.models.decisions import declaration_bytes, parse_declaration
from federated.site.folder import SiteFolder, open_site
from federated.site.policy import read_policy
from federated.site.taken import ends_of, take_decisions

app = typer.Typer(help="Audit models, ours and others'.", no_args_is_help=True, rich_markup_mode=None)
RunArg = Annotated[str, typer.Argument(help="The run that counted.")]
FolderArg = Annotated[Path, typer.Argument(help="The site's folder.")]
LanguageOpt = Annotated[str, typer.Option(help="en, zh-Hant or zh-Hans.")]


class FileError(RuleError):
    """A file that cannot be read or written."""


app.command()(override)
app.command()(sign)


@app.command()
def take(
    folder: FolderArg,
    file: Annotated[Path, typer.Argument(help="CSV: member, score or decision, outcome.")],
    name: Annotated[str, typer.Option(help="What these decisions or numbers are called, at every site.")],
    ends: Annotated[
        tuple[float, float] | None,
        typer.Option(help="Lowest and highest number, if each member has one: member, value."),
    ] = None,
) -> None:
    """Take decisions, or one number for each member, in at a site. The rows stay; the digest goes into the plan."""
    taken = take_decisions(SiteFolder(folder).data, file, name=name, ends=ends)
    say(f"Taken in: {taken.known} of {taken.decisions} lines are about members of this site.")
    say(f"sha256 {taken.digest}")


@app.command()
def plan(
    path: Annotated[Path, typer.Argument(help="The audit file, YAML.")],
    author: Annotated[str, typer.Option(help="Who files it: the account's name.")],
    organisation: Annotated[str, typer.Option(help="Whose study it is.")] = "programme",
    *,
    check: Annotated[bool, typer.Option("--check", help="Only look; file nothing.")] = False,
) -> None:
    """File an audit. From then on its plan never changes; reviewers sign its digest."""
    try:
        file = read_audit_file(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"cannot read {path}: check the path and that it is text") from error
    with open_store() as store:
        study = store.read(plan_audit, file, author=author, organisation=organisation, at=clock())
        if check:
            say(f"{study.id}: plan {study.plan_digest}; nothing was filed.")
            return
        store.run(file_study, study, at=study.filed_at)
    say(f"Filed {study.id}. Plan digest {study.plan_digest}")
    if file.decisions is not None:
        kept = path.with_suffix(".declaration.json")
        kept.write_bytes(declaration_bytes(file.decisions))
        say(f"The declaration of what is audited is {kept}; running the audit needs it.")


@app.command()
def run(
    study: Annotated[str, typer.Argument(help="The approved study.")],
    site: Annotated[list[Path], typer.Option(help="A site's folder on this machine; one for each site.")],
    decisions: Annotated[
        list[Path] | None, typer.Option(help="Somebody else's decisions, one file for each --site, in their order.")
    ] = None,
    declaration: Annotated[Path | None, typer.Option(help="What `accord audit plan` wrote beside its file.")] = None,
) -> int:
    """Count at the sites, with noise and a charge, then judge. Exit code 1 if it is no PASS."""
    settings = Settings.read()
    if not settings.signing_key:
        raise SettingsError("ACCORD_SIGNING_KEY names the key file with which the consent centre signs: set it")
    with open_store(settings) as store, ExitStack() as opened:
        package = store.read(package_of, study)
        if package is None:
            package = _declared(declaration)
        if decisions:
            _take_all(site, decisions, package)
        agents = {}
        for folder in map(SiteFolder, site):
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
            say(f"{report.run} ended with {report.outcome}; nothing was judged. {_refusals(report.results)}")
            return 1
        made = store.run(release_model, report.run, at=clock())
        _tell(store.read(show_audit, report.run), "en")
    return _code(made)


@app.command()
def judge(run: RunArg) -> int:
    """Judge a run that counted: release its model, withhold or suspend it."""
    with open_store() as store:
        made = store.run(release_model, run, at=clock())
        _tell(store.read(show_audit, run), "en")
    return _code(made)


@app.command("list")
def list_all() -> None:
    """Audits, newest first."""
    with open_store() as store:
        lines = store.read(list_audits)
    for line in lines:
        day = f"{line.audit.decided_at:%Y-%m-%d}"
        say(f"{day}  {line.audit.verdict:<12} {line.audit.run}  {line.study}: {line.title} ({line.now.state} now)")
    if not lines:
        say("No audit was judged yet.")


@app.command()
def show(run: RunArg, language: LanguageOpt = "en") -> int:
    """Read one audit."""
    with open_store() as store:
        page = store.read(show_audit, run)
    _tell(page, _language(language).value)
    return _code(page.audit)


@app.command()
def due() -> int:
    """Models in use and when each must have been audited again; overdue ones become findings. Exit code 1 if any is."""
    at = clock()
    with open_store() as store:
        opened = store.run(watch_audits, at=at)
        found = store.read(show_calendar)
    for one in found:
        late = "LATE  " if one.is_late(at=at) else ""
        say(f"{one.due_at:%Y-%m-%d}  {late}{one.release.model_digest[:12]}  {one.study}: {one.title}")
    say(f"Models in use: {len(found)}. New findings: {opened}")
    return 1 if any(one.is_late(at=at) for one in found) else 0


@app.command()
def export(
    run: RunArg,
    folder: Annotated[Path, typer.Argument(help="Where the files go; made if missing.")],
    *,
    paper: Annotated[bool, typer.Option("--pdf/--no-pdf", help="PDF needs weasyprint and Pango.")] = True,
) -> None:
    """Write the report as JSON, model card, metadata, HTML in three languages, and PDF."""
    with open_store() as store:
        page = store.read(show_audit, run)
    house = _house()
    written = {
        f"{run}.json": _json(json_of(page)),
        f"{run}.cdx.json": _json(bom_of(page)),
        f"{run}.huggingface.json": _json(card_of(page)),
    }
    for language in Language:
        html = report_html(page, language, house)
        written[f"{run}.{language.value}.html"] = html.encode()
        if paper:
            written[f"{run}.{language.value}.pdf"] = pdf_of(html)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, payload in written.items():
            (folder / name).write_bytes(payload)
    except OSError as error:
        raise FileError(f"cannot write to {folder}: {error.strerror}; choose another folder") from error
    say(f"Wrote {len(written)} files to {folder}")


def _take_all(sites: list[Path], decisions: list[Path], package: bytes) -> None:
    """Take one file in at each site, if it is the one that reviewers signed."""
    if len(sites) != len(decisions):
        raise FileError("give one file of decisions for each --site, in the same order")
    declared = parse_declaration(package)
    for folder, file in zip(map(SiteFolder, sites), decisions, strict=True):
        wanted, ends = declared.files.get(_name(folder), ""), ends_of(declared.measure)
        taken = take_decisions(folder.data, file, name=declared.name, wanted=wanted, ends=ends)
        say(f"{_name(folder)}: {taken.known} of {taken.decisions} lines are about its members.")


def _name(folder: SiteFolder) -> str:
    return read_policy(folder.policy).name


def _declared(declaration: Path | None) -> bytes:
    if declaration is None:
        raise FileError("this study audits somebody else's decisions: name its file with --declaration")
    try:
        return declaration.read_bytes()
    except OSError as error:
        raise FileError(f"cannot read {declaration}: {error.strerror}") from error


def _tell(page: AuditPage, language: str) -> None:
    audit = page.audit
    about = "nothing is released by it" if page.scale else f"the model is {page.now.state}"
    say(f"{audit.verdict}: {page.study.title} ({page.study.id}); {about}.")
    for gap in page.judged:
        say(f"  {sentence(gap, power=page.limits.power, language=language)}")
    for one in page.overrides:
        until = "" if one.until is None else f" until {one.until:%Y-%m-%d}"
        signed = "signed" if signature_of(one) else "NOT SIGNED, lets nothing through"
        say(f"  OVERRIDDEN by {one.by}{until} ({signed}): {one.reason}")
    if page.enrolled:
        say(f"  {100 * page.agreed / page.enrolled:.0f} % of the members of these sites agreed to the audit.")
    say(f"  model {audit.model_digest}")


def _code(release: Release) -> int:
    return 0 if release.verdict == "PASS" else 1


def _refusals(results: object) -> str:
    return "" if not isinstance(results, dict) else json.dumps(results.get("refusals", {}))


def _json(data: object) -> bytes:
    return json.dumps(data, ensure_ascii=False, indent=2).encode()


def _language(text: str) -> Language:
    for one in Language:
        if one.value == text:
            return one
    raise FileError(f"reports are written in {', '.join(one.value for one in Language)}")


def _house() -> House:
    settings = Settings.read()
    if settings.programme:
        return House.read(Path(settings.programme), origin=settings.public_url)
    with as_file(files("consent_center.web") / "harbour_club.yaml") as example:
        return House.read(example, origin=settings.public_url)
