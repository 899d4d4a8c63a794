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
from consent_center.web.catalogue import words
from consent_center.web.languages import Language
from consent_center.workflows.show_audits import AuditPage, signature_of
from privacy.keys import read_root_key

_out = Console(highlight=False, soft_wrap=True)


class FileError(RuleError):
    """A file that cannot be read or written."""


def read_text_file(path: Path) -> str:
    """What somebody wrote for a command to read.

    Raises:
        FileError: nothing is there, or it is no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"cannot read {path}: check the path and that it is text") from error


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


def tell(page: AuditPage, language: Language) -> None:
    """One audit, in a few lines of this language."""

    def told(key: str, **values: object) -> str:
        return words(language)(f"audit.told.{key}", **values).unescape()

    audit = page.audit
    about: dict[str, object] = {"verdict": audit.verdict, "title": page.study.title, "study": page.study.id}
    state = words(language)(f"audits.state.{page.now.state}")
    say(told("noted", **about) if page.scale else told("model", **about, state=state))
    for gap in page.judged:
        say(f"  {sentence(gap, power=page.limits.power, language=language.value)}")
    for one in page.overrides:
        until = "–" if one.until is None else f"{one.until:%Y-%m-%d}"
        signed = told("signed" if signature_of(one) else "unsigned")
        say(f"  {told('overridden', by=one.by, until=until, signed=signed)} {one.reason}")
    if page.enrolled:
        say(f"  {told('agreed', share=f'{100 * page.agreed / page.enrolled:.0f}')}")
    say(f"  {told('digest', digest=audit.model_digest)}")


def code_of(release: Release) -> int:
    """The exit code of a verdict: 0 for PASS alone."""
    return 0 if release.verdict == "PASS" else 1
