"""`accord model`: what became of the models, training one anew, and taking one out of use."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from consent_center.errors import RuleError
from consent_center.settings import clock
from consent_center.storage import lineage
from consent_center.storage.transaction import Store
from consent_center.topology.state import read_installation
from consent_center.workflows.change_model import CODES, Change, change_model
from consent_center.workflows.file_study import file_study
from consent_center.workflows.show_lineage import affected_models, retraining_of
from consent_center.workflows.show_shapes import show_shapes
from privacy.keys import read_root_key

app = typer.Typer(help="What became of the models.", no_args_is_help=True, rich_markup_mode=None)
_out = Console(highlight=False, soft_wrap=True)
DigestArg = Annotated[str, typer.Argument(help="The model, as `accord model affected` names it.")]
ByOpt = Annotated[str, typer.Option(help="Who does it: the account's name.")]
ReasonOpt = Annotated[str, typer.Option(help="At least a sentence, for others to judge.")]
CodeOpt = Annotated[str, typer.Option(help="drift, withdrawals, contract-ended, replaced, complaint or by-hand.")]
HubOpt = Annotated[Path, typer.Option("--hub", help="The consent centre's folder.")]
OPEN_FOR = timedelta(days=90)


class ModelError(RuleError):
    """A model or a consent centre that is not there."""


@app.callback()
def model() -> None:
    """What became of the models."""


@app.command()
def affected(hub: HubOpt = Path("var/hub")) -> int:
    """Every model that is not retired, those of whose members most are gone first; 1 if one needs something."""
    with _store(hub) as store:
        found = store.read(affected_models, at=clock())
    for one in found:
        left = f"{one.gone} of {one.members} members gone ({one.share_gone:.1%})"
        ended = f", contracts ended: {', '.join(one.contracts_ended)}" if one.contracts_ended else ""
        moved = f", scores moved: {', '.join(one.drifted)}" if one.drifted else ""
        _out.print(f"{one.model}  {one.study}  {one.state}  {left}{ended}{moved}  {one.remedy}", markup=False)
    if not found:
        _out.print("No model is in use or waiting.", markup=False)
    return 1 if any(one.remedy != "bounded by DP: none needed" for one in found) else 0


@app.command()
def retrain(
    digest: DigestArg,
    study: Annotated[str, typer.Option(help="Name of the new study.")],
    author: Annotated[str, typer.Option(help="Who files it: the account's name.")],
    hub: HubOpt = Path("var/hub"),
) -> None:
    """File a study that trains an affected model anew; reviewers and sites answer it like any other."""
    with _store(hub) as store:
        at = clock()
        made = store.read(
            retraining_of, _whole(store, digest), study=study, author=author, closes_at=at + OPEN_FOR, at=at
        )
        filed = store.run(file_study, made, at=at)
    _out.print(f"Filed {filed.id} in the place of {filed.replaces}. Plan digest {filed.plan_digest}", markup=False)


@app.command()
def shapes(
    digest: DigestArg,
    hub: HubOpt = Path("var/hub"),
) -> None:
    """What each feature adds to a model's log-odds along its public range, and where no member was: no support."""
    with _store(hub) as store:
        lines = store.read(show_shapes, digest)
    for one in lines:
        held = {True: "", False: "  no support", None: "  not counted"}[one.supported]
        ends = f"{one.low:>10.4g} to {one.high:<10.4g}"
        _out.print(f"{one.feature:<24} {ends} {one.log_odds:+.3f}{held}", markup=False)


@app.command()
def suspend(
    digest: DigestArg, by: ByOpt, reason: ReasonOpt, code: CodeOpt = "by-hand", hub: HubOpt = Path("var/hub")
) -> None:
    """Stop using a model: no scoring is admitted, nobody is told anything by it. Only a retirement can follow."""
    _change(digest, "suspended", by, reason, code, hub)


@app.command()
def retire(
    digest: DigestArg, by: ByOpt, reason: ReasonOpt, code: CodeOpt = "by-hand", hub: HubOpt = Path("var/hub")
) -> None:
    """Take a model out of use for good."""
    _change(digest, "retired", by, reason, code, hub)


def _change(digest: str, to: Change, by: str, reason: str, code: str, hub: Path) -> None:
    if code not in CODES:
        raise ModelError(f"a code is one of {', '.join(CODES)}")
    with _store(hub) as store:
        made = store.run(change_model, _whole(store, digest), to=to, code=code, by=by, reason=reason, at=clock())
    _out.print(f"{made.model_digest} is {made.state}.", markup=False)


def _whole(store: Store, digest: str) -> str:
    """The whole digest of the one model whose digest begins so."""
    if not (made := store.read(lineage.called, digest)):
        raise ModelError("no model, or more than one, has a digest that begins so: see accord model affected")
    return made[0].model


def _store(hub: Path) -> Store:
    """The store of the consent centre on this machine: of `accord up`, or of a folder of its own."""
    if (hub / "installation.toml").is_file():
        database, key = read_installation(hub).place.database(), hub / "secrets" / "root.key"
        needed = [key]
    else:
        database, key = f"sqlite:///{hub / 'accord.db'}", hub / "root.key"
        needed = [key, hub / "accord.db"]
    if missing := [one for one in needed if not one.is_file()]:
        raise ModelError(f"{missing[0]} is not there: name the consent centre's folder with --hub")
    return Store.open(database, keys=read_root_key(key))
