"""`accord study score | model`: ask to score a site's members with a finished model, and hand the model out."""

from pathlib import Path
from typing import Annotated

import typer

from consent_center.cli.audit_store import open_store, read_text_file, say
from consent_center.cli.writing import write_new
from consent_center.settings import clock
from consent_center.studies.score_file import read_score_file
from consent_center.workflows.file_study import file_study
from consent_center.workflows.plan_score import plan_score, usable_model
from federated.plan import digest as digest_of


def score(
    path: Annotated[Path, typer.Argument(help="The scoring file, YAML.")],
    author: Annotated[str, typer.Option(help="Who files it: the account's name.")],
    organisation: Annotated[str, typer.Option(help="Whose study it is.")] = "programme",
    *,
    check: Annotated[bool, typer.Option("--check", help="Only look; file nothing.")] = False,
) -> None:
    """File a scoring of one site's members with a released model. From then on its plan never changes."""
    file = read_score_file(read_text_file(path))
    with open_store() as store:
        study = store.read(plan_score, file, author=author, organisation=organisation, at=clock())
        if check:
            say(f"{study.id}: plan {study.plan_digest}; nothing was filed.")
            return
        store.run(file_study, study, at=study.filed_at)
    say(f"Filed {study.id}. Plan digest {study.plan_digest}")
    say(f"Once approved, the site scores: accord site score MODEL --study {study.id} --site FOLDER")


def model(
    digest: Annotated[str, typer.Argument(help="The model, or the beginning of its digest: accord model affected.")],
    path: Annotated[Path, typer.Argument(help="The file to write; never overwritten.")],
) -> None:
    """Write a released model's file, to be handed to the sites that score with it: they check its digest."""
    with open_store() as store:
        package = store.read(usable_model, digest, at=clock())
    write_new(path, package)
    say(f"Wrote {path}: {len(package):,} bytes, sha256 {digest_of(package)}")
