"""The second model, from consents to a member's page: lists at the site, stopped by a withdrawal, changed by a tag.

Few members, to keep the suite quick: the release check then cannot tell, and the named way round it is taken.
"""

import json
from collections import Counter
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from consent_center.demo import load, synthetic
from consent_center.demo.errors import OptionError
from consent_center.demo.synthetic_items import CATEGORIES, PRODUCTS, WEEKS, with_items
from consent_center.demo.world import Options
from tests.demo.stories import tell


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Any:
    small = synthetic.load(sites=3, seed=7, members=1_500)
    out = tmp_path_factory.mktemp("preference") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load, "load", lambda *_, **__: small)
        return tell(patch, out, data="synthetic", model="preference", sites=3), out


def test_the_model_is_trained_charged_judged_and_in_a_log_that_verifies(told: Any) -> None:
    report, _ = told
    assert report["model"] == "preference"
    assert report["ledger_epsilon"] <= 4.0
    assert report["release"]["verdict"] in ("PASS", "INSUFFICIENT", "INCONCLUSIVE", "FAIL")
    assert (report["release"]["state"] == "released") == (report["release"]["overridden_by"] is None)
    assert report["log"]["verified"]
    assert report["log"]["tamper_detected"]
    assert {*report["quality"]} == {
        f"{kind}:{task}" for kind in ("new", "again", "recall") for task in ("categories", "products")
    }


def test_what_a_member_reads_was_really_decided_and_her_withdrawal_and_her_tag_count(told: Any) -> None:
    offers = told[0]["offers"]
    assert offers["scored"] == offers["selected"] > 50
    assert (offers["told"], offers["refused"]) == (9, {"no-verdict": 1})
    assert offers["decision"]["kind"] == "recommendation"
    assert "you often buy" in offers["decision"]["said"]
    department = offers["tag_deleted"].removeprefix("taste:")
    before, now = offers["after_deletion"].split("(")[1].split(" before, ")
    assert department in before
    assert department not in now


def test_a_sites_file_holds_its_own_purchases_under_its_own_pseudonyms(told: Any) -> None:
    _, out = told
    with duckdb.connect(str(out / "sites" / "site-1" / "data.duckdb"), read_only=True) as database:
        columns = [name for name, *_ in database.execute("DESCRIBE items").fetchall()]
        (strangers,) = database.execute(
            "SELECT count(*) FROM items WHERE pseudonym NOT IN (SELECT pseudonym FROM members)"
        ).fetchone()
    assert columns == ["pseudonym", "period", "categories", "products"]
    assert strangers == 0
    assert "person" not in json.dumps(columns)


def test_purchases_follow_the_documented_law() -> None:
    federation = with_items(synthetic.load(sites=3, seed=1, members=2_000))
    bought = pa.concat_tables([site.items for site in federation.sites if site.items is not None])
    assert {*bought["products"].to_pylist()} <= {*PRODUCTS}
    assert {*bought["categories"].to_pylist()} <= {*CATEGORIES}
    assert (min(bought["period"].to_pylist()), max(bought["period"].to_pylist())) == (1, WEEKS)
    assert all(
        p.startswith(c + "/") for p, c in zip(*(bought[n].to_pylist() for n in ("products", "categories")), strict=True)
    )
    counts = Counter(one.rpartition("-")[2] for one in bought["categories"].to_pylist())
    assert counts["1"] / counts["2"] == pytest.approx(2.0, rel=0.1)  # the k-th in proportion to 1/k
    again = with_items(synthetic.load(sites=3, seed=1, members=2_000))
    assert all(one.items.equals(other.items) for one, other in zip(federation.sites, again.sites, strict=True))


def test_data_without_purchases_are_refused_before_anything_is_written() -> None:
    with pytest.raises(OptionError, match="synthetic"):
        Options(data="journey", model="preference")
    with pytest.raises(OptionError, match="preference"):
        Options(data="synthetic", model="love")
