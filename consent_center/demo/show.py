"""What the reader of the demo sees: one line of plain words per step, and a bar where something takes time."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from consent_center.demo.comparison import Comparison
from consent_center.storage.releases import Release
from federated.gate import Admission, RoundReport, RunReport
from privacy.ledger import Budget
from privacy.statement import Claim

Tick = Callable[[int], None]


class Show:
    """Prints to a terminal; a quiet one prints nothing."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(quiet=quiet, highlight=False, soft_wrap=True)

    def act(self, number: int, title: str) -> None:
        """Open an act."""
        self._console.print(Text(f"\n{number:>2}  {title}", style="bold"))

    def line(self, words: str) -> None:
        """One line of plain words."""
        self._console.print(Text(f"    {words}"))

    def quote(self, words: str) -> None:
        """What another program said."""
        for one in words.splitlines():
            self._console.print(Text(f"    │ {one}", style="dim"))

    def refused(self, code: str, said: str) -> None:
        """A refusal with its reason code."""
        self._console.print(Text.assemble("    ", ("refused", "bold"), f"  {code}: {said}"))

    @contextmanager
    def bar(self, what: str, total: int | None) -> Iterator[Tick]:
        """A progress bar; without a total it only counts."""
        columns = [TextColumn("    {task.description}"), SpinnerColumn(), BarColumn(), MofNCompleteColumn()]
        with Progress(*columns, TimeElapsedColumn(), console=self._console) as progress:
            task = progress.add_task(what, total=total)
            yield lambda steps: progress.advance(task, steps)
            if total is None:
                progress.update(task, total=progress.tasks[task].completed)

    def admitted(self, admission: Admission, budget: Budget) -> None:
        """What was charged and cut."""
        permit = admission.permit
        minutes = round((permit.expires_at - permit.issued_at).total_seconds() / 60)
        self.line(
            f"Charged before any row is touched: μ² {permit.charge.gaussian / 1e12:.4f} of "
            f"{budget.limit.gaussian / 1e12:.4f}, pure ε {permit.charge.pure / 1e12:g} of {budget.limit.pure / 1e12:g}."
        )
        self.line(
            f"{len(admission.orders)} signed cohorts, each under its site's own pseudonyms; "
            f"the permit lasts {minutes} minutes."
        )

    def withdrawn(self, rounds: Sequence[RoundReport], at: int) -> None:
        """The cohort before and after the withdrawal."""
        before = next(report for report in rounds if report.round == at)
        after = next(report for report in rounds if report.round == at + 1)
        for site in before.sites:
            one, other = before.sites[site], after.sites[site]
            self.line(
                f"{site}: round {at} used {one.used} members ({one.used_digest[:12]}), "
                f"round {at + 1} {other.used} ({other.used_digest[:12]}), {other.removed} removed"
            )

    def settled(self, run: RunReport, comparison: Comparison) -> None:
        """How good the model is."""
        found = run.results["histogram"]
        low, high = found["auc_interval"]
        self.line(f"AUC {found['auc']:.3f}, 95 % interval {low:.3f} to {high:.3f}: from the one noised histogram.")
        self.line(
            f"Exact AUC {comparison.federated:.3f}, central without privacy {comparison.central:.3f}: "
            "for comparison, never available in production."
        )

    def promised(self, parts: Mapping[str, float], claim: Claim) -> None:
        """What it cost any one member of the run, and what the ledger, which adds the parts, answers for."""
        listed = ", ".join(f"{part} ε = {epsilon:.3f}" for part, epsilon in parts.items())
        self.line(f"Any one member is in one part of this run: {listed}. The ledger adds the parts:")
        for sentence in claim.sentences:
            self.line(sentence)

    def audited(self, release: Release) -> None:
        """The verdict, gap by gap."""
        self._console.print(Text.assemble("    ", (release.verdict, "bold"), f": the model is {release.state}."))
        for gap in release.report["judged"]:
            self.line(f"  {gap['sentence']}.")

    def overridden(self, release: Release) -> None:
        """The one way round a check that did not pass."""
        until = "" if release.until is None else f"{release.until:%Y-%m-%d}"
        self.line(f"The one way round it, in the log: {release.by}, until {until}: “{release.reason}”")

    def end(self, report: dict[str, Any], out: Path, *, read: str = "report.html") -> None:
        """Where to look next."""
        self._console.print()
        self.line(f"Done in {report['seconds']:.0f} s. Read {out / read}; check the log yourself:")
        python, here = Path(sys.executable), Path.cwd()
        shown = python.relative_to(here) if python.is_relative_to(here) else "python"
        self.line(f"{shown} -m audit verify {out / 'log'} --key {out / 'log.vkey'}")
