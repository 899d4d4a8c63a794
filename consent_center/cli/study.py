"""`accord study`: ask to use members' data, from a file to signed answers, without a browser."""

import re
from pathlib import Path
from typing import Annotated, Literal

import typer

from consent_center.cli.audit_store import FileError, open_store, read_text_file, say
from consent_center.cli.study_assess import assess
from consent_center.cli.study_score import model, score
from consent_center.cli.writing import write_new
from consent_center.settings import clock
from consent_center.storage.transaction import Store
from consent_center.studies.curves import CURVES, nearest
from consent_center.studies.errors import ApprovalError
from consent_center.studies.study_exchange import exchange_lines
from consent_center.studies.study_file import StudyFile, read_study_file
from consent_center.studies.study_plan import plan_of
from consent_center.workflows.approve_study import approve_study
from consent_center.workflows.file_study import file_study
from consent_center.workflows.plan_study import Planned, helpers_of, plan_study, schema_for, show_schemas
from consent_center.workflows.record_refusal import record_refused_answer
from consent_center.workflows.register_reviewer import key_of
from consent_center.workflows.show_studies import columns_of, show_study
from consent_center.workflows.watch_studies import watch_studies
from federated.approvals import Approval, sign_approval
from federated.keyfile import create_key, public_text, read_key
from federated.plan import digest
from privacy.noise import SecureNoise

app = typer.Typer(help="Ask to use members' data, and answer.", no_args_is_help=True, rich_markup_mode=None)
_DIGEST = re.compile(r"[0-9a-f]{64}")
FileArg = Annotated[Path, typer.Argument(help="The study file, YAML.")]
AuthorOpt = Annotated[str, typer.Option(help="Who files it: the account's name.")]
OrganisationOpt = Annotated[str, typer.Option(help="Whose study it is.")]


EXAMPLE = """\
# A study: what you ask for, and why. `accord study check FILE` tells everything that is wrong at once.
study: churn-2026-12
title: Which members shop less and less
reason: Members who are about to leave could be asked in time what went wrong.
benefits: Members are asked earlier; sites learn what drives people away.
accountable: head-of-care          # who answers for it by name
retention_days: 365
closes: 2027-03-31
country: TW
sites: [sales, service]
purpose: churn
scopes:                            # each with the reason why the plan cannot do without it
  purchases: Changes in shopping precede leaving; nothing coarser shows them.
features: [visits, spend]          # columns that all sites offer: `accord study schemas`
label: left
horizon_days: 28
audit:
  purpose: fairness
  attributes: [age_band]
  scopes:
    demographics: Gaps between groups cannot be seen without them.
model: churn-linear
epsilon: 2.0                       # of the training, for any one member
minimum_cohort: 200
# secure_sum: {dropouts: 0}        # 3 to 12 sites share one noise under masks: less noise at no higher price
#
# A rule learns nothing, so it has no epsilon; it is counted, audited and released like any model. Instead of the lines
# model and epsilon above:
# model: rule-decay                # a signal is silent or not; or rule-rfm: recency, frequency, money, in this order
# cuts: {visits: [7], spend: [60]} # where the bins of each feature begin, in its own unit; rule-rfm: two cuts each
"""


@app.command()
def new(path: FileArg) -> None:
    """Write an example to start from; an existing file is never overwritten."""
    write_new(path, EXAMPLE.encode())
    say(f"Wrote {path}. Edit it, then: accord study check {path}")


@app.command()
def check(path: FileArg, author: AuthorOpt = "data-scientist", organisation: OrganisationOpt = "programme") -> int:
    """Say what the plan costs, whom it reaches and what would be refused. Nothing is filed."""
    with open_store() as store:
        planned = _planned(store, read_study_file(read_text_file(path)), author, organisation)
    _tell(planned)
    return 1 if planned.outlook.refusals else 0


@app.command()
def submit(path: FileArg, author: AuthorOpt, organisation: OrganisationOpt = "programme") -> None:
    """File the study. From then on its plan never changes; reviewers sign its digest."""
    with open_store() as store:
        planned = _planned(store, read_study_file(read_text_file(path)), author, organisation)
        filed = store.run(file_study, planned.study, at=planned.study.filed_at)
    say(f"Filed {filed.id}. Plan digest {filed.plan_digest}")
    say(f"Reviewers sign it with: accord study approve {filed.id} --key FILE --as NAME --reason WORDS")


@app.command()
def show(study: Annotated[str, typer.Argument(help="The study's name.")]) -> int:
    """Where a study stands: who agreed, who is missing, what bears on it."""
    with open_store() as store:
        known = store.read(show_study, study, at=clock())
    say(f"{known.study.id}: {known.study.title}")
    say(f"  stage     {known.standing.stage}")
    say(f"  plan      {known.study.plan_digest}")
    say(f"  closes    {known.study.closes_at:%Y-%m-%d}")
    if known.assessment is not None:
        say(f"  risk      {float(known.assessment.index):.2f}, current until {known.assessment.expires_at:%Y-%m-%d}")
    say(f"  agreed    {', '.join(known.standing.agreed) or 'nobody'}")
    say(f"  missing   {', '.join(known.standing.missing) or 'nothing'}")
    return 0 if known.standing.approved else 1


@app.command("try")
def try_study(
    path: FileArg,
    members: Annotated[int, typer.Option(max=20_000, help="Mock members at each site.")] = 400,
    drop: Annotated[str, typer.Option(help="Also without the columns of this scope; all: without each.")] = "",
) -> int:
    """Run the plan once on mock rows: does it work end to end? Says nothing about members; nothing is charged."""
    from consent_center.workflows.try_drops import try_drops  # noqa: PLC0415 - it loads the models
    from consent_center.workflows.try_study import try_plan  # noqa: PLC0415 - it loads the models

    with open_store() as store:
        file = read_study_file(read_text_file(path))
        schema, helping = store.read(schema_for, file), store.read(helpers_of, file)
        covers = store.read(columns_of, file.scopes) if drop else {}
    plan = plan_of(file, schema, members=members * len(file.sites), delta=1e-5, helping=helping)
    tried = try_plan(plan, members_per_site=members, clock=clock)
    rounds = "1 round" if tried.rounds == 1 else f"{tried.rounds} rounds"
    say(f"{tried.outcome} after {rounds} and {tried.seconds:.1f} s on {tried.members} mock members.")
    if tried.auc is not None:
        say(f"AUC {tried.auc:.3f} on mock rows, with the plan's noise: the plan runs; of members it says nothing.")
    if drop:
        only = "" if drop == "all" else drop
        found = try_drops(file, schema, covers=covers, helping=helping, only=only, clock=clock)
        say(
            f"On {found.members} mock rows, where every column weighs the same, with little noise: AUC {found.auc:.2f}."
        )
        for one in found.dropped:
            cost = "the model loses nothing: drop it" if one.auc is None else f"AUC {one.auc:.2f}"
            say(f"  without {one.scope}: {cost}")
    return 0 if tried.outcome == "completed" else 1


@app.command()
def approve(
    study: Annotated[str, typer.Argument(help="The study's name.")],
    key: Annotated[Path, typer.Option(help="The reviewer's own key file.")],
    reviewer: Annotated[str, typer.Option("--as", help="Who answers.")],
    reason: Annotated[str, typer.Option(help="Why; the requester and auditors read it.")],
    role: Annotated[str, typer.Option(help="Another role that was lent to you; else your own.")] = "",
    *,
    refuse: Annotated[bool, typer.Option("--refuse", help="Answer no.")] = False,
) -> int:
    """Sign an answer with the reviewer's key file and hand it in. The key never leaves this machine."""
    at, private = clock(), read_key(key)
    with open_store() as store:
        known = store.read(show_study, study, at=at)
        registered = store.read(key_of, reviewer=reviewer)
        if registered is None:
            raise ApprovalError(f"nobody is registered as reviewer {reviewer}: ask an administrator")
        answer = Approval(
            study=study,
            plan_digest=digest(known.study.plan),
            reviewer=reviewer,
            role=role or registered[0].role,
            organisation=registered[0].organisation,
            answer="no" if refuse else "yes",
            reason=reason,
            at=at,
        )
        try:
            where = store.run(approve_study, sign_approval(answer, private), reviewer=reviewer, at=at)
        except ApprovalError:
            store.run(record_refused_answer, study=study, code="answer-refused", at=clock())
            raise
    say(f"Recorded. The study is {where.stage}; missing: {', '.join(where.missing) or 'nothing'}")
    return 0


@app.command()
def sign(
    study: Annotated[str, typer.Argument(help="The study's name.")],
    plan: Annotated[str, typer.Option("--digest", help="The plan's digest as you read it.")],
    key: Annotated[Path, typer.Option(help="The reviewer's own key file.")],
    reviewer: Annotated[str, typer.Option("--as", help="Who answers.")],
    role: Annotated[str, typer.Option(help="In which role.")],
    organisation: Annotated[str, typer.Option(help="Of which organisation.")],
    reason: Annotated[str, typer.Option(help="Why; the requester and auditors read it.")],
    *,
    refuse: Annotated[bool, typer.Option("--refuse", help="Answer no.")] = False,
) -> None:
    """Sign an answer on your own machine, without the database; prints the line to paste on the study's page."""
    if not _DIGEST.fullmatch(plan):
        raise ApprovalError("a digest has 64 hexadecimal digits: copy it from the study's page")
    said: Literal["yes", "no"] = "no" if refuse else "yes"
    answer = Approval(study, plan, reviewer, role, organisation, said, reason, clock())
    typer.echo(sign_approval(answer, read_key(key)).to_text())


@app.command()
def key(path: Annotated[Path, typer.Argument(help="Where the new key goes; never overwritten.")]) -> None:
    """Make a reviewer's key file and print its public half, to be registered and pinned by the sites."""
    try:
        made = create_key(path)
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror}") from error
    say(public_text(made))


@app.command()
def schemas() -> None:
    """The columns that each site offers to plans."""
    with open_store() as store:
        known = store.read(show_schemas)
    for site, schema in sorted(known.items()):
        say(f"{site}:")
        for one in schema.features:
            extent = {"continuous": f"{one.lo:g} to {one.hi:g}", "categorical": ", ".join(one.categories)}
            say(f"  {one.name:<20} {one.kind} {extent.get(one.kind, '')}")
        say(f"  labels: {', '.join(schema.labels)}; attributes: {', '.join(a.name for a in schema.attributes)}")
    if not known:
        say("No site has offered its columns yet.")


@app.command()
def watch() -> None:
    """Record now what suspended studies by itself, and open findings; `accord serve` does it every few seconds."""
    with open_store() as store:
        found = store.run(watch_studies, at=clock())
    say(f"New findings: {found}")


app.command()(assess)
app.command()(score)
app.command()(model)


def _tell(planned: Planned) -> None:
    study, outlook = planned.study, planned.outlook
    say(f"{study.id}: {study.title}")
    say(f"  plan      {study.plan_digest}")
    band = outlook.cohort
    say(f"  cohort    {f'{band[0]} to {band[1]} members, with noise' if band else 'below the minimum of the plan'}")
    for one in outlook.accounts:
        left = "no limit" if one.runs_left is None else f"{one.runs_left} runs fit"
        say(f"  {one.account}: spent {float(one.spent):.0%}, this plan {float(one.asked):.0%}, {left}")
        say(f"    of a year of weekly retraining {one.weeks} of 52 fit, of monthly {one.months} of 12")
    if planned.epsilon:
        say("  accuracy on public data, for orientation only:")
    for curve in CURVES if planned.epsilon else ():
        at_epsilon, auc = nearest(curve, planned.epsilon)
        say(f"    {curve.data:<8} AUC {auc:.3f} at ε {at_epsilon:g}, {curve.without_noise:.3f} without noise")
    for line in exchange_lines(planned.plan):
        say(f"  {line}")
    for scope, why in study.necessity.items():
        say(f"  {scope}: {why}")
    for refusal in outlook.refusals:
        say(f"  REFUSED   {refusal}")
    if not outlook.refusals:
        say("  Nothing would be refused now.")


def _planned(store: Store, file: StudyFile, author: str, organisation: str) -> Planned:
    at = clock()
    return store.run(plan_study, file, author=author, organisation=organisation, draw=draw, at=at)


def draw(epsilon: float) -> int:
    """One draw of noise for a preview."""
    return int(SecureNoise().discrete_laplace(1, epsilon=epsilon)[0])
