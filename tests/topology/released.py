"""Law: from an approved study to a released model, and with it to scores at a site, with processes, TLS and PostgreSQL.

The generated federation, on which a fair model passes its check; every step is a command that a person would type.
Minutes of it: `make topology`, not part of the suite.
"""

import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from consent_center.settings import clock
from consent_center.storage import lineage, releases, runs, studies
from consent_center.storage.transaction import Store
from consent_center.studies.assessment import QUESTIONS
from consent_center.topology.state import Installation, read_installation
from privacy.keys import read_root_key
from tests.topology.whole import STUDY, accord, free_range, running

SCORING = "offers-2026-12"
FILE = f"""
study: {SCORING}
title: Offers for members who may come less often
reason: An offer that suits a member may bring her back; one that does not is a nuisance.
benefits: Fewer offers, better chosen; each with its reasons.
accountable: Head of member care
retention_days: 365
closes: CLOSES
country: TW
site: SITE
purpose: offers
scopes: {{purchases: The model was trained on them and reads nothing else.}}
model: MODEL
"""


@pytest.fixture(scope="module")
def up() -> Iterator[Installation]:
    folder = Path("var/released-test")
    accord("down", "--folder", folder)
    shutil.rmtree(folder, ignore_errors=True)
    accord("up", "--folder", folder, "--data", "synthetic", "--ports-from", free_range(), "--runs", 2, "--wait-s", 900)
    made = read_installation(folder)
    settings = (line.partition("=") for line in (folder / "admin.env").read_text().splitlines())
    with pytest.MonkeyPatch.context() as patch:
        for name, _, text in settings:
            patch.setenv(name, text.strip("'"))
        yield made
    logs = made.folder / "logs"
    accord("down", "--folder", folder)
    assert not running(made), [log.read_text()[-500:] for log in logs.glob("*.log")]


@pytest.fixture(scope="module")
def model(up: Installation) -> str:
    """The digest of the model that the approved study trains, once it is released."""
    said = accord("run", "start", STUDY, "--watch", "--as", up.folder / "operator.toml")
    assert "PASS: the model is released" in said, said
    with opened(up) as store:
        (made,) = store.read(lineage.trained)
        plan = store.read(lambda tx: runs.get(tx, made.run))
        assert store.read(releases.latest, made.model).state == "released"
    assert plan.study == STUDY
    return made.model


def opened(up: Installation) -> Store:
    return Store.open(up.place.database(), keys=read_root_key(Path(up.place.secret("root.key"))), create=False)


def test_a_model_that_passes_is_released_and_was_summed_under_masks(up: Installation, model: str) -> None:
    with opened(up) as store:
        made = store.read(lineage.trained)[0]
        rounds = store.read(runs.rounds, made.run)
    assert made.model == model
    assert all(not one["refusal"] and one["used"] > 1000 for _, _, did in rounds for one in did.values())
    assert {site for _, _, did in rounds for site in did} == set(up.sites)
    with opened(up) as store:
        assert store.read(studies.get, STUDY).parsed().noise_mode == "secure-sum"


def test_a_site_scores_its_members_with_it_over_https(
    up: Installation, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, scoring, answers = up.sites[0], tmp_path / "scoring.yaml", tmp_path / "answers.yaml"
    closes = (clock() + timedelta(days=90)).date().isoformat()
    scoring.write_text(FILE.replace("SITE", site).replace("MODEL", model).replace("CLOSES", closes))
    answers.write_text("".join(f"{one}: It is the demo's; said in a sentence.\n" for one in QUESTIONS))
    accord("study", "score", scoring, "--author", "data-scientist")
    accord("study", "assess", SCORING, answers, "--as", "privacy-officer")
    agreeing = {f"{one.stem}-reviewer": one for one in (up.folder / "reviewers").glob("*.key")}
    agreeing.pop("data-scientist-reviewer")
    agreeing[f"site:{site}"] = up.folder / "sites" / site / "keys" / "approval.key"
    for name, key in agreeing.items():
        accord("study", "approve", SCORING, "--key", key, "--as", name, "--reason", "read and agreed")
    package, token = tmp_path / "churn.model", tmp_path / "scoring.token"
    accord("study", "model", model, package)
    accord("token", "issue", "--scope", "runs:start", "--site", site, "--out", token)
    score = ["site", "score", package, "--at", up.address("consent-centre", "web"), "--token-file", token]
    for name in ("ACCORD_DATABASE", "ACCORD_ROOT_KEY", "ACCORD_SIGNING_KEY"):
        monkeypatch.delenv(name)  # a site has none of them
    said = accord(*score, "--site", up.folder / "sites" / site, "--study", SCORING)
    found = re.search(r"(run-[0-9a-f]{16}): (\d+) members scored, (\d+) flagged", said)
    assert found is not None, said
    with opened(up) as store:
        outcome = store.read(runs.outcome, found[1])
        assert outcome is not None
        assert outcome.outcome == "completed"
        assert [kind for _, kind, _ in store.read(runs.rounds, found[1])] == ["score"]
    assert int(found[2]) > int(found[3]) > 1000
    refused = accord(*score, "--site", up.folder / "sites" / site, "--study", STUDY, code=2)
    assert "own members only" in refused
    other = accord(*score, "--site", up.folder / "sites" / up.sites[1], "--study", SCORING, code=2)
    assert f"no scoring of {up.sites[1]}'s members" in other


def test_the_log_verifies_with_all_of_it_inside(up: Installation, model: str) -> None:
    key = (up.folder / "secrets" / "log.vkey").read_text().strip()
    assert "VERIFIED" in accord("log", "verify", up.folder / "shared" / "log", "--key", key)
    assert len(model) == 64
