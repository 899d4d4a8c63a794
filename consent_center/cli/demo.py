"""`accord demo`: the whole story once, on public or generated data."""

import json
from pathlib import Path
from typing import Annotated

import typer

from consent_center.demo.departments_story import run_departments
from consent_center.demo.errors import OutputError
from consent_center.demo.preference_story import run_preference
from consent_center.demo.rule_story import run_rule
from consent_center.demo.show import Show
from consent_center.demo.story import run_demo
from consent_center.demo.world import Options

STORIES = {"preference": run_preference, "decay": run_rule, "rfm": run_rule}
"""By what is asked for; everything else is the first story."""


def demo(
    data: Annotated[str, typer.Option(help="journey, telco, departments or synthetic.")] = "journey",
    model: Annotated[
        str, typer.Option(help="churn; or with --data synthetic: preference, or a rule: decay, rfm.")
    ] = "churn",
    epsilon: Annotated[float, typer.Option(help="Of the training; held-out checks are paid apart.")] = 2.0,
    rounds: Annotated[int | None, typer.Option(help="Default: chosen from public numbers.")] = None,
    sites: Annotated[int, typer.Option(help="3 to 12.")] = 4,
    seed: Annotated[int, typer.Option(help="Of data and consents; noise is never seeded.")] = 7,
    out: Annotated[Path, typer.Option(help="Where the log and the report go.")] = Path("var/demo"),
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing.")] = False,  # noqa: FBT002
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON, nothing else.")] = False,  # noqa: FBT002
) -> None:
    """From members' consents to a released, audited, verified model: on your machine, in a minute."""
    options = Options(data=data, model=model, epsilon=epsilon, rounds=rounds, sites=sites, seed=seed, out=out)
    try:
        tell = run_departments if data == "departments" else STORIES.get(model, run_demo)
        report = tell(options, Show(quiet=quiet or as_json))
    except OSError as error:
        why = error.strerror or "input/output error"
        raise OutputError(
            f"--out {out}: cannot write there ({why}); choose another folder, then run it again"
        ) from error
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False))
