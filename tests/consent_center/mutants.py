"""Bugs planted one at a time, at least one for each of the fifteen invariants of consent: each must fail a test.

`make mutants` copies the packages, plants each bug there, and runs the tests that hold the invariant: minutes. The
suite only checks that each bug can still be planted (`test_mutants_fit.py`).
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = "tests/consent_center"
VERDICT, DOMAIN = f"{HERE}/consent/test_verdict.py", f"{HERE}/consent/test_domain.py"
CONSENTS, PROPAGATION = f"{HERE}/workflows/test_consents.py", f"{HERE}/workflows/test_propagation.py"
BITS, BITMAP, CEDAR = f"{HERE}/storage/test_bits.py", f"{HERE}/consent/test_bitmap.py", f"{HERE}/consent/test_cedar.py"
PRESENCE, ENROLMENT = f"{HERE}/consent/test_presence.py", f"{HERE}/workflows/test_enrolment.py"
ADMISSION, API = f"{HERE}/workflows/test_admission.py", f"{HERE}/api/test_api.py"
IMPORTED, GATHERING = f"{HERE}/workflows/test_import_order.py", f"{HERE}/storage/test_gathering.py"
AT_ONCE, CLOCKS = f"{HERE}/workflows/test_at_once.py", f"{HERE}/workflows/test_clocks.py"
IN_TIME, RECENT = f"{HERE}/storage/test_bits_in_time.py", f"{HERE}/consent/test_recent.py"


@dataclass(frozen=True)
class Mutant:
    """One planted bug.

    Attributes:
        invariant: which of the fifteen it breaks.
        file: where.
        was, becomes: the text that is replaced; `was` stands there exactly once.
        tests: one of these must fail.
    """

    invariant: int
    file: str
    was: str
    becomes: str
    tests: tuple[str, ...]

    @property
    def name(self) -> str:
        """For the report."""
        return f"{self.invariant}-{Path(self.file).stem}-{self.becomes.strip()[:40]}"


def _bug(invariant: int, file: str, was: str, becomes: str, *tests: str) -> Mutant:
    """`file` is below `consent_center` unless it says otherwise."""
    place = file if file.startswith("federated/") else f"consent_center/{file}"
    return Mutant(invariant, place, was, becomes, tests)


_GRANT, _VERDICT, _SAY = (
    "consent/grant.py",
    "consent/verdict.py",
    "workflows/_say.py",
)
_BITMAP, _BITS = "consent/bitmap.py", "storage/bits.py"
_SPEECH, _CATALOGUE = "consent/speech.py", "consent/catalogue.py"

MUTANTS = (
    _bug(1, _GRANT, "return one.at, STRICTNESS[one.act], -ends", "return one.at, -STRICTNESS[one.act], -ends", VERDICT),
    _bug(1, _GRANT, "return one.at <= at or one.act not in GIVES", "return True", VERDICT),
    _bug(1, _GRANT, "return one.at <= at or one.act not in GIVES", "return one.at <= at", VERDICT),
    _bug(1, _GRANT, "one.act in PAUSES and counts(one, at=at)", "one.act in PAUSES and one.at <= at", VERDICT),
    _bug(1, _GRANT, "return at if act in GIVES else max([at, *(one.at for one in before)])", "return at", CLOCKS),
    _bug(1, _VERDICT, "(one.at <= at or one.on)", "one.at <= at", VERDICT),
    _bug(1, _VERDICT, "(one.at <= at or one.on)", "True", VERDICT),
    _bug(1, _VERDICT, "if one.switch is switch] if on else []", "if False] if on else []", CLOCKS),
    _bug(1, _BITS, "(-entry, -notice, -ends, act, said_at)", "(-entry, -notice, -ends, -act, said_at)", BITS),
    _bug(1, _BITMAP, "        self._ended[1].discard(member)\n", "", BITMAP),
    _bug(1, _BITMAP, "*self.no.values(), *self.ends.values())", "*self.no.values())", BITMAP),
    _bug(1, _BITS, 'for table in ("statement", "switch", "delegation", "member")', 'for table in ("statement",)', BITS),
    _bug(1, _SAY, "last.at >= made.at", "last.at > made.at", CONSENTS),
    _bug(2, _VERDICT, "at >= choice.expires_at", "at > choice.expires_at", VERDICT),
    _bug(2, _VERDICT, "self.begins <= at < self.ends", "self.begins <= at <= self.ends", VERDICT),
    _bug(2, _VERDICT, "if terms.contracts is not None and not any(", "if terms.contracts and not any(", VERDICT, CEDAR),
    _bug(2, _VERDICT, "if terms.assessments is not None and not any(", "if terms.assessments and not any(", CEDAR),
    _bug(2, _VERDICT, "    if paused(facts.said, at=at):\n        return Reason.PAUSED\n", "", VERDICT),
    _bug(2, _VERDICT, "not (by_guardian and guardian_stands)", "not (by_guardian or guardian_stands)", VERDICT),
    _bug(2, _VERDICT, "if guarded and terms.trains_models:", "if guarded and not terms.trains_models:", VERDICT),
    _bug(2, _VERDICT, "key=lambda one: (one.at, one.on)", "key=lambda one: (one.at, not one.on)", VERDICT, CEDAR),
    _bug(
        2,
        _BITMAP,
        "for day, bits in self.ends.items() if day <= today",
        "for day, bits in self.ends.items() if day < today",
        BITMAP,
    ),
    _bug(2, _BITMAP, "found -= self.members.objected", "pass", BITMAP),
    _bug(3, _SPEECH, "if not _DIGEST.fullmatch(said.choices):", "if not said.choices:", CONSENTS),
    _bug(3, _SPEECH, "if said.language not in LANGUAGES:", "if not said.language:", CONSENTS),
    _bug(9, _SPEECH, "if any(number < terms.notice_from(moment) for terms in asked):", "if False:", CONSENTS),
    _bug(3, _SPEECH, "if item not in notice.items:", "if item not in catalogue.items:", CONSENTS, DOMAIN),
    _bug(4, _SPEECH, "for item in said.items}) > 1:", "for item in said.items}) > 2:", DOMAIN),
    _bug(4, _CATALOGUE, "item.country if recipient.country != item.country else", "item.country if False else", DOMAIN),
    _bug(5, _GRANT, "if self.actor.kind is ActorKind.HUB and self.act not in BY_HUB:", "if False:", DOMAIN),
    _bug(5, _GRANT, "if self.actor.kind is not ActorKind.HUB and self.act in BY_HUB:", "if False:", DOMAIN),
    _bug(5, "consent/delegation.py", "if not delegation.window.holds(at):", "if False:", DOMAIN),
    _bug(6, "consent/propagation.py", "Act.REVOKED, Act.INVALIDATED, Act.PAUSED", "Act.INVALIDATED", PROPAGATION),
    _bug(6, "consent/propagation.py", "(*found.get(recipient, ()), item)", "(item,)", PROPAGATION),
    _bug(6, "storage/tasks.py", "    row.claimed_until = 0\n", "    row.claimed_until = 2**40\n", PROPAGATION),
    _bug(6, "storage/tasks.py", "if row is None or row.outcome:", "if row is None:", PROPAGATION),
    _bug(7, _VERDICT, "        return Reason.NEVER_ASKED\n", "        return None\n", VERDICT),
    _bug(
        7,
        _GRANT,
        "YES = frozenset({Act.GIVEN, Act.RENEWED})",
        "YES = frozenset({Act.GIVEN, Act.RENEWED, Act.DEFERRED})",
        CONSENTS,
        DOMAIN,
    ),
    _bug(8, "storage/cohorts.py", "return entries.last_id(tx) + 1", "return entries.last_id(tx)", ENROLMENT),
    _bug(8, _BITS, "touched_since(tx, warm.mark) if warm.bits.items else set()", "set()", BITS),
    _bug(
        8, _BITS, "            seen.session.rollback()\n            mark = _mark(seen)\n", "            pass\n", IN_TIME
    ),
    _bug(8, _BITS, "if mark < warm.mark or len(touched)", "if len(touched)", IN_TIME),
    _bug(8, "consent/recent.py", "if when > second}", "if when > second + 1}", RECENT, IN_TIME),
    _bug(8, "consent/recent.py", "if second < self.since:", "if False:", RECENT),
    _bug(8, "storage/cohorts.py", "own = later |", "own = set() |", IN_TIME),
    _bug(9, _VERDICT, "choice.notice < terms.notice_from(at)", "choice.notice < 0", VERDICT),
    _bug(9, _VERDICT, "if published_at <= at), default=0)", "if published_at < at), default=0)", VERDICT, CONSENTS),
    _bug(9, _BITS, "known is None or known.notice_from != notice_from", "known is None", BITS),
    _bug(
        10,
        "workflows/admit_run.py",
        "if (admitted := runs.find(tx, run)) is not None:",
        "if (admitted := None) is not None:",
        ADMISSION,
    ),
    _bug(11, "workflows/enrol_member.py", "site, again=again)", "site)", ENROLMENT),
    _bug(
        11,
        "storage/member_keys.py",
        "hmac.digest(keys.cohort, name.encode(), ",
        "hmac.digest(keys.cohort, b'', ",
        ENROLMENT,
    ),
    _bug(11, "workflows/enrol_member.py", "any(linked for _, linked in before.values())", "False", ENROLMENT),
    _bug(12, "consent/presence.py", "if right == left + 1:", "if right > left:", PRESENCE),
    _bug(12, "consent/presence.py", "case [last], [] if last == header.count - 1:", "case [_], []:", PRESENCE),
    _bug(
        12,
        "federated/cohort_leaves.py",
        "(words[1:, 0] > words[:-1, 0]).all()",
        "True",
        "tests/federated/test_cohort.py",
    ),
    _bug(13, "consent/scope.py", "if PROHIBITED_KINDS & {*self.kinds} and", "if False and", DOMAIN),
    _bug(13, "consent/scope.py", "self.provenance is Provenance.INFERRED or", "False or", DOMAIN),
    _bug(
        13,
        _CATALOGUE,
        "order.index(scope.scope_class) < order.index(",
        "order.index(scope.scope_class) > order.index(",
        DOMAIN,
    ),
    _bug(14, _CATALOGUE, "if item.scope not in self.purposes[item.purpose].scopes:", "if False:", DOMAIN),
    _bug(14, _CATALOGUE, "necessary=item.scope in purpose.scopes", "necessary=True", DOMAIN),
    _bug(
        15,
        "consent/cohort.py",
        "edge for edge in EDGES if edge <= max(noised, 0)",
        "edge for edge in EDGES if edge < max(noised, 1)",
        DOMAIN,
    ),
    _bug(15, "consent/cohort.py", "at.astimezone(UTC).date().isoformat()", "at.isoformat()", DOMAIN),
    _bug(15, "workflows/preview_cohort.py", "drawn = previews.keep(tx, key, fresh)", "drawn = fresh", AT_ONCE),
    # Beside the invariants: an import resumes where it stopped, and nobody else's file is taken for it.
    _bug(
        0,
        "workflows/import_statements.py",
        "or batch.start != so_far.rows_read",
        "",
        IMPORTED,
    ),
    _bug(0, "workflows/import_statements.py", "if batch.before != so_far.digest:", "if False:", IMPORTED),
    _bug(0, "storage/gathering.py", "self._waiting[0].woken.set()", "pass", GATHERING),
)


LONGEST_S = 180


@pytest.fixture(scope="session")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages and tests in a folder of their own."""
    folder = tmp_path_factory.mktemp("mutants")
    for name in ("audit", "privacy", "federated", "consent_center", "tests", "docs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def run(folder: Path, tests: tuple[str, ...], *, timeout_s: float = LONGEST_S) -> int:
    """The exit code of these tests: 0 all passed, 1 some failed."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not postgres", *tests]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # noqa: TID251 - the tests import what they need
    try:
        done = subprocess.run(command, cwd=folder, env=alone, capture_output=True, check=False, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        return 1  # a test that never ends has failed
    return done.returncode


def test_without_a_bug_every_test_passes(copy: Path) -> None:
    everything = tuple(sorted({test for one in MUTANTS for test in one.tests}))
    assert run(copy, everything, timeout_s=10 * LONGEST_S) == 0


@pytest.fixture
def planted(copy: Path, mutant: Mutant) -> Iterator[Path]:
    """The copy with one bug in it."""
    path = copy / mutant.file
    written = path.read_text(encoding="utf-8")
    path.write_text(written.replace(mutant.was, mutant.becomes), encoding="utf-8")
    yield copy
    path.write_text(written, encoding="utf-8")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: one.name)
def test_a_planted_bug_fails_a_test(planted: Path, mutant: Mutant) -> None:
    assert run(planted, mutant.tests) == 1
