"""`accord audit`: ask for an audit, run it, read it, take it away.

accord audit take FOLDER FILE --name NAME    a site takes in somebody else's decisions
accord audit plan FILE --author NAME         file the plan; reviewers sign its digest: accord study approve
accord audit run STUDY --site FOLDER ...     count at the sites of this machine, and judge
accord audit again --site FOLDER ...         audit again what is due, by its approved plan; a timer runs it
accord audit judge RUN                       judge a run that counted elsewhere
accord audit override RUN --key FILE --as NAME --reason WORDS --until DAY    let a withheld model through, signed
accord audit sign RUN ...                    the same on one's own machine; paste the line on the audit's page
accord audit list | show RUN | due           read
accord audit export RUN DIR                  JSON, CycloneDX, Hugging Face, HTML in three languages, PDF
"""

import json
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer

from consent_center.cli.audit_override import override, sign
from consent_center.cli.audit_run import again, run
from consent_center.cli.audit_store import FileError, code_of, open_store, read_text_file, say, tell
from consent_center.console.audit_export import bom_of, card_of, json_of, pdf_of
from consent_center.console.audit_sheet import report_html
from consent_center.settings import Settings, clock
from consent_center.studies.audit_file import read_audit_file
from consent_center.web.house import House
from consent_center.web.languages import Language
from consent_center.workflows.file_study import file_study
from consent_center.workflows.plan_audit import plan_audit
from consent_center.workflows.release_model import release_model
from consent_center.workflows.show_audits import list_audits, show_audit, show_calendar
from consent_center.workflows.watch_audits import watch_audits
from federated.models.decisions import declaration_bytes
from federated.site.folder import SiteFolder
from federated.site.taken import take_decisions

app = typer.Typer(help="Audit models, ours and others'.", no_args_is_help=True, rich_markup_mode=None)
RunArg = Annotated[str, typer.Argument(help="The run that counted.")]
FolderArg = Annotated[Path, typer.Argument(help="The site's folder.")]
LanguageOpt = Annotated[str, typer.Option(help="en, zh-Hant or zh-Hans.")]


app.command()(run)
app.command()(again)
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
    file = read_audit_file(read_text_file(path))
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
def judge(run: RunArg) -> int:
    """Judge a run that counted: release its model, withhold or suspend it."""
    with open_store() as store:
        made = store.run(release_model, run, at=clock())
        tell(store.read(show_audit, run), Language.EN)
    return code_of(made)


@app.command("list")
def list_all() -> None:
    """Audits, newest first."""
    with open_store() as store:
        lines = store.read(list_audits)
    for line in lines:
        day = f"{line.audit.decided_at:%Y-%m-%d}"
        say(f"{day}  {line.audit.verdict:<12} {line.audit.run}  {line.study}: {line.title} ({line.now.state} now)")
    if not lines:
        say("No audit has been judged yet.")


@app.command()
def show(run: RunArg, language: LanguageOpt = "en") -> int:
    """Read one audit."""
    with open_store() as store:
        page = store.read(show_audit, run)
    tell(page, _language(language))
    return code_of(page.audit)


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
