"""What every `accord audit` command opens and says."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from audit.fairness.words import sentence
from consent_center.errors import RuleError
from consent_center.settings import Settings
from consent_center.storage.releases import Release
from consent_center.storage.transaction import Store
from consent_center.workflows.show_audits import AuditPage, signature_of
from privacy.keys import read_root_key

_out = Console(highlight=False, soft_wrap=True)


class FileError(RuleError):
    """A file that cannot be read or written."""


@contextmanager
def open_store(settings: Settings | None = None) -> Iterator[Store]:
    """The consent centre's store, as the settings name it."""
    known = settings or Settings.read()
    ring = read_root_key(Path(known.root_key))
    with Store.open(known.database, keys=ring, create=not known.production) as store:
        yield store


def say(line: str) -> None:
    """One line on the terminal."""
    _out.print(line, markup=False)


def tell(page: AuditPage, language: str) -> None:
    """One audit, in a few lines."""
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


def code_of(release: Release) -> int:
    """The exit code of a verdict: 0 for PASS alone."""
    return 0 if release.verdict == "PASS" else 1
