"""`accord audit override | sign`: a reviewer lets a withheld model through, under her signature and until a day."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from consent_center.cli.audit_store import open_store, say
from consent_center.settings import clock
from consent_center.studies.errors import ReleaseError
from consent_center.studies.override import Override, sign_override
from consent_center.workflows.override_release import override_of, override_release
from consent_center.workflows.show_audits import show_audit
from federated.keyfile import read_key

RunArg = Annotated[str, typer.Argument(help="The run whose check did not pass.")]
KeyOpt = Annotated[Path, typer.Option(help="The reviewer's own key file.")]
ReviewerOpt = Annotated[str, typer.Option("--as", help="Who signs.")]
ReasonOpt = Annotated[str, typer.Option(help="Why, in at least a sentence; every report of the model shows it.")]
UntilOpt = Annotated[str, typer.Option(help="When it ends, at most 90 days away: 2027-01-31, or a moment.")]


def override(run: RunArg, key: KeyOpt, reviewer: ReviewerOpt, reason: ReasonOpt, until: UntilOpt) -> None:
    """Sign an override with the reviewer's key file and hand it in. The key never leaves this machine."""
    at, private, ends = clock(), read_key(key), _moment(until)
    with open_store() as store:
        model = store.read(show_audit, run).audit.model_digest
        said = store.read(override_of, model, reviewer=reviewer, reason=reason, until=ends, at=at)
        if said.run != run:
            raise ReleaseError(f"the model was withheld by a later audit: {said.run}")
        made = store.run(override_release, sign_override(said, private), reviewer=reviewer, at=at)
    say(f"Overridden until {ends:%Y-%m-%d}, in the log and in every report. The model is {made.state}.")


def sign(
    run: RunArg,
    model: Annotated[str, typer.Option(help="The model's digest, as the audit's page shows it.")],
    verdict: Annotated[str, typer.Option(help="The verdict that is overridden.")],
    report: Annotated[str, typer.Option(help="The report's digest.")],
    key: KeyOpt,
    reviewer: ReviewerOpt,
    role: Annotated[str, typer.Option(help="In which role.")],
    organisation: Annotated[str, typer.Option(help="Of which organisation.")],
    reason: ReasonOpt,
    until: UntilOpt,
) -> None:
    """Sign an override on your own machine, without the database; prints the line to paste on the audit's page."""
    said = Override(model, run, verdict, report, reviewer, role, organisation, reason.strip(), clock(), _moment(until))
    typer.echo(sign_override(said, read_key(key)).to_text())


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ReleaseError("an override ends: write the day as 2027-01-31") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
