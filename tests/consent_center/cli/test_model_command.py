"""Law: what became of a model is told on one line each, and taking it out of use needs a name, a code and a reason;
whatever is wrong is one line and changes nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from consent_center.cli.main import run as accord
from consent_center.storage.transaction import Store
from consent_center.workflows.release_model import release_model
from consent_center.workflows.show_lineage import show_lineage
from federated.plan import digest
from privacy.keys import create_root_key, read_root_key
from tests.audits.auditing import EVEN, audits, results
from tests.consent_center.world import NOW

WHY = "A member complained, and she was right."


@dataclass
class Hub:
    folder: Path
    model: str
    said: Callable[[], str]

    def accord(self, *arguments: object, code: int = 0, hub: Path | None = None) -> str:
        found = accord(["model", *(str(one) for one in arguments), "--hub", str(hub or self.folder)])
        told = self.said()
        assert found == code, told
        assert "Traceback" not in told
        return told

    def state(self) -> str:
        with Store.open(
            f"sqlite:///{self.folder / 'accord.db'}", keys=read_root_key(self.folder / "root.key")
        ) as store:
            return store.read(show_lineage, self.model, at=NOW).state


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("hub")
    create_root_key(folder / "root.key")
    with Store.open(f"sqlite:///{folder / 'accord.db'}", keys=read_root_key(folder / "root.key")) as store:
        made = audits(store)
        run, package = made.train("churn-1", results(EVEN))
        store.run(release_model, run, at=NOW)
    return folder, digest(package)


@pytest.fixture
def hub(filled: tuple[Path, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Hub:
    monkeypatch.setattr("consent_center.cli.model.clock", lambda: NOW)

    def said() -> str:
        captured = capsys.readouterr()
        return captured.out + captured.err

    return Hub(*filled, said)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("shapes", "{model}"), "smooth shapes"),
        (("shapes", "ffff"), "no finished model"),
        (("suspend", "", "--by", "chen", "--reason", WHY), "has a digest that begins so"),
        (("suspend", "ffff", "--by", "chen", "--reason", WHY), "has a digest that begins so"),
        (("suspend", "{model}", "--by", "chen", "--reason", "no"), "at least a sentence"),
        (("suspend", "{model}", "--by", "wu", "--reason", WHY), "only a reviewer or compliance"),
        (("retire", "{model}", "--by", "nobody", "--reason", WHY), "only a reviewer or compliance"),
        (("retrain", "{model:.12}", "--study", "again-1", "--author", "wu"), "nothing calls for training this model"),
        (("retire", "{model}", "--by", "chen", "--reason", WHY, "--code", "moon"), "a code is one of drift,"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_changes_nothing(hub: Hub, words: tuple[str, ...], said: str) -> None:
    assert said in hub.accord(*(one.format(model=hub.model) for one in words), code=2)
    assert hub.state() == "released"


def test_a_folder_without_a_consent_centre_is_named(hub: Hub, tmp_path: Path) -> None:
    assert "is not there" in hub.accord("affected", code=2, hub=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_model_is_suspended_and_then_retired_and_never_back(hub: Hub) -> None:
    assert f"{hub.model}  churn-1  released  0 of " in hub.accord("affected")
    hub.accord("suspend", hub.model[:12], "--by", "chen", "--reason", WHY, "--code", "complaint")
    assert hub.state() == "suspended"
    assert "is suspended already" in hub.accord("suspend", hub.model, "--by", "chen", "--reason", WHY, code=2)
    hub.accord("retire", hub.model, "--by", "chen", "--reason", WHY)
    assert hub.state() == "retired"
    assert "No model is in use or waiting." in hub.accord("affected")
