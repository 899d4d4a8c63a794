"""Law: three departments and a partner train one model with an exchange inside, each a process of its own, over TLS.

From members' separate yeses to the verdict; whoever takes a linkage back is on no list of the next run. Real processes
on PostgreSQL, minutes of it: `make departments`, not part of the suite.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from consent_center.consent.grant import Act
from consent_center.consent.notice import choices_digest
from consent_center.consent.speech import Utterance
from consent_center.settings import clock
from consent_center.storage import definitions, entries, links, runs, studies
from consent_center.storage.transaction import Store, Transaction
from consent_center.topology.state import Installation, read_installation
from consent_center.workflows.make_statements import make_statements
from federated.linkage.tokens import pseudonyms_in
from privacy.keys import read_root_key
from tests.topology.whole import STUDY, accord, free_range, running

ROUNDS = 30


@pytest.fixture(scope="module")
def up() -> Iterator[Installation]:
    folder = Path("var/departments-test")
    accord("down", "--folder", folder)
    shutil.rmtree(folder, ignore_errors=True)
    options = ("--ports-from", free_range(), "--rounds", ROUNDS, "--runs", 2, "--wait-s", 900)
    accord("up", "--folder", folder, "--data", "departments", *options)
    made = read_installation(folder)
    yield made
    logs = made.folder / "logs"
    accord("down", "--folder", folder)
    assert not running(made), [log.read_text()[-500:] for log in logs.glob("*.log")]


@pytest.fixture
def store(up: Installation) -> Iterator[Store]:
    keys = read_root_key(Path(up.place.secret("root.key")))
    with Store.open(up.place.database(), keys=keys, create=False) as opened:
        yield opened


def run_of(up: Installation) -> str:
    said = accord("run", "start", STUDY, "--watch", "--as", up.folder / "operator.toml", code=None)
    # One round of the exchange, the training, the evaluation and the audit.
    found = re.search(rf"(run-[0-9a-f]{{16}}): completed after {ROUNDS + 3} rounds", said)
    assert found, said
    assert re.search(r"(PASS: the model is released|[A-Z]+: the model is withheld)", said), said
    return found[1]


def test_a_run_has_an_exchange_inside_and_a_withdrawal_ends_her_token(up: Installation, store: Store) -> None:
    first = run_of(up)
    number, kind, did = store.read(runs.rounds, first)[0]
    assert (number, kind) == (1, "exchange")
    assert {*did} == {"sales", "service", "marketing", "bank"}
    assert all(one["used"] > 1000 for one in did.values()), did
    plan = store.read(lambda tx: runs.get(tx, first))
    assert plan.study == STUDY
    before = _listed(store, first)
    gone, notice = _withdraw(store, first)
    second = run_of(up)
    after = _listed(store, second)
    assert gone in before["service"]
    assert gone not in after["service"]
    assert after["service"] == before["service"] - {gone}
    assert after["bank"] == before["bank"]
    assert notice == "link-service"


def test_the_log_verifies_with_the_issue_of_tokens_in_it(up: Installation, store: Store) -> None:
    key = (up.folder / "secrets" / "log.vkey").read_text().strip()
    assert "VERIFIED" in accord("log", "verify", up.folder / "shared" / "log", "--key", key)
    assert store.read(entries.last_id) > 0


def _listed(store: Store, run: str) -> dict[str, set[bytes]]:
    """Helper -> the holder's pseudonyms on the list of this run."""

    def read(tx: Transaction) -> dict[str, set[bytes]]:
        plan = studies.get(tx, runs.get(tx, run).study).parsed()
        found = {pair.helper: links.find(tx, run, pair) for pair in plan.pairings}
        return {helper: pseudonyms_in(one.of_site["sales"][1]) for helper, one in found.items() if one is not None}

    return store.read(read)


def _withdraw(store: Store, run: str) -> tuple[bytes, str]:
    """One member of the list takes the linkage with service back, at sales; who she is at sales, and the notice."""
    listed = _listed(store, run)["service"]
    member = min((one for one in store.read(runs.members, run) if one.pseudonym in listed), key=lambda one: one.member)
    known = store.read(definitions.catalogue)
    notice = next(one for one in known.notices.values() if one.code == "link-service")
    item = next(one for one in notice.items if one.recipient == "sales")
    digest = choices_digest(notice, "en", [item])
    said = Utterance(member.member, Act.WITHDRAWN, (item,), notice.code, notice.version, "en", digest)
    store.run(make_statements, [said], at=clock())
    return member.pseudonym, notice.code
