"""Laws: only members of the signed cohort are scored, never twice; nobody is told anything without a fresh verdict."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import httpx
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from federated.approvals import Pinned
from federated.clearance import KIND, Clearance, clearance_bytes, commitment_of
from federated.errors import MalformedError, Refusal, RefusedError
from federated.gate_memory import MemoryGate
from federated.models.explain import explain
from federated.models.package import Package, package_bytes, parse_package
from federated.models.registry import scorer_of
from federated.models.score_plan import score_plan
from federated.plan import Plan, plan_bytes
from federated.signed import Signed, sign
from federated.site import scorebook, scoring
from federated.site.crm import NotDeliveredError, webhook
from federated.site.decisions import Decisions
from federated.site.folder import Limits, Permissions, create_site
from federated.site.offers import Brand, read_brand, tell_members
from federated.site.policy import read_policy
from federated.site.scorebook import ScoreBook
from federated.site.scoring import Desk, open_desk, score_members
from federated.site.source import DuckDbSource
from federated.site.store import SiteStore
from federated.site.tags import AT_RISK, Tags
from tests.federated.world import (
    FEATURES,
    Clock,
    NoNoise,
    SeededNoise,
    approve,
    enrolments,
    make_plan,
    write_rows,
)

MEMBERS = 120
BRAND = Brand(retention={"visits": "double-points"}, actionable=("visits",), holdout=0.0)
WEIGHTS = np.array([-3.0, -0.5, 0.2, -0.2, 0.0])


class Hub:
    """A consent centre that clears everybody but those who withdrew."""

    def __init__(self, key: Ed25519PrivateKey, clock: Clock) -> None:
        self.key, self.clock = key, clock
        self.withdrawn: set[str] = set()
        self.asked: list[str] = []
        self.late = timedelta(0)

    def clear(self, site: str, nonce: str, run: str, proposals) -> Signed:
        self.asked += [one.commitment for one in proposals]
        refused = {one.commitment: "no-verdict" for one in proposals if one.pseudonym in self.withdrawn}
        cleared = tuple(one.commitment for one in proposals if one.commitment not in refused)
        answer = Clearance(site, nonce, self.clock() - self.late, cleared, refused)
        return sign(self.key, kind=KIND, payload=clearance_bytes(answer))


class Shop:
    """One site with rows, an approved scoring, and a gate."""

    def __init__(
        self, folder: Path, *, model: str = "churn-linear", weights: np.ndarray = WEIGHTS, made: Plan | None = None
    ) -> None:
        self.clock, self.key = Clock(), Ed25519PrivateKey.generate()
        trained = made or make_plan(("north",), members=MEMBERS, model=model)
        self.package = package_bytes(Package("run-0", plan_bytes(trained), weights))
        self.plan = score_plan(
            study="study-1",
            country="HK",
            site="north",
            purpose="offers",
            scopes=("purchases",),
            package=self.package,
            threshold=0.4,
            minimum_cohort=20,
        )
        payload = plan_bytes(self.plan)
        reviewers = {"legal": Ed25519PrivateKey.generate()}
        self.folder = create_site(
            folder / "north",
            name="north",
            organisation="programme",
            hub_key=self.key.public_key(),
            allow=Permissions([trained.model], ["offers"], ["purchases"], [one.name for one in FEATURES], ["HK"]),
            limits=Limits(minimum_cohort=1, members=5000),
            reviewers=[Pinned("legal-1", "legal", "programme", reviewers["legal"].public_key())],
        )
        reviewers["site:north"] = self.folder.approval_key()
        self.keys = enrolments("north", MEMBERS)
        store = SiteStore(self.folder.database)
        store.enrol(self.keys)
        store.close()
        write_rows(self.folder.data, list(self.keys), seed=3)
        self.gate = MemoryGate(
            plan=payload,
            approvals=approve(payload, reviewers),
            allowed={"north": dict.fromkeys(self.keys, 1)},
            keys={"north": self.keys},
            clock=self.clock,
            hub_key=self.key,
        )
        self.hub = Hub(self.key, self.clock)
        self.nonces = iter(f"{number:032x}" for number in range(10_000))
        self.desk = self.opened()

    def opened(self) -> Desk:
        """The site after a crash: a new process on the same folder."""
        return Desk(
            policy=read_policy(self.folder.policy),
            store=SiteStore(self.folder.database),
            source=DuckDbSource(self.folder.data),
            noise=NoNoise(),
            clock=self.clock,
            draw_nonce=lambda: next(self.nonces),
        )

    def score(self, package: bytes | None = None, **of: object):
        return score_members(self.desk, self.gate, package or self.package, study="study-1", **of)

    def tell(self, deliver=lambda _: None, brand: Brand = BRAND):
        return tell_members(
            self.desk, self.hub, parse_package(self.package), study="study-1", brand=brand, deliver=deliver
        )

    def scores(self) -> dict[bytes, float]:
        book = ScoreBook(self.desk.store)
        done = book.finished("study-1")
        assert done is not None
        return {
            one: float(score)
            for block in book.blocks(done.run)
            for one, score in zip(block.pseudonyms, block.columns["score"], strict=True)
        }


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "BLOCK", 32)


def test_a_score_is_the_models_own_with_its_own_reasons(shop: Shop) -> None:
    done = shop.score()
    assert done.members == MEMBERS
    rows = shop.desk.source.read(list(shop.keys), [one.name for one in FEATURES])
    from federated.site.features import unit_values

    values = unit_values(FEATURES, rows.columns)
    expected = explain(scorer_of(parse_package(shop.package).parsed_plan()), FEATURES, values, WEIGHTS).scores
    found = shop.scores()
    assert np.allclose([found[one] for one in rows.pseudonyms], expected)
    assert done.flagged == int((expected >= 0.4).sum())
    assert sum(done.results["scores"]["cells"]) == MEMBERS


def test_members_are_scored_on_the_rows_that_the_site_declares(shop: Shop) -> None:
    shop.score()
    expected = shop.scores()
    with duckdb.connect(str(shop.folder.data)) as database:
        database.execute(f"COPY members TO '{shop.folder.path}/members.parquet' (FORMAT parquet)")
    shop.folder.data.unlink()
    (shop.folder.path / "data.toml").write_text('kind = "parquet"\npath = "."\n')
    shop.desk.store.close()
    shop.desk = replace(open_desk(shop.folder, clock=shop.clock, draw_nonce=lambda: next(shop.nonces)), noise=NoNoise())
    assert shop.score().run == "run-2"
    assert shop.scores() == expected


def test_members_outside_the_cohort_are_not_scored(shop: Shop) -> None:
    some = list(shop.keys)[:40]
    shop.gate.allowed = {"north": {one: int(index < 80) for index, one in enumerate(shop.keys)}}
    shop.score()
    assert shop.scores().keys() == set(list(shop.keys)[:80])
    assert set(some) <= shop.scores().keys()


def test_who_withdrew_after_admission_is_not_scored(shop: Shop) -> None:
    gone = list(shop.keys)[:5]
    shop.gate.withdraw("north", *gone)
    done = shop.score()
    assert done.removed == 5
    assert not shop.scores().keys() & set(gone)


@pytest.mark.usefixtures("small_blocks")
def test_a_run_that_was_killed_half_way_goes_on_where_it_stood(shop: Shop) -> None:
    class Killed(BaseException):
        pass

    def kill(done: int, _: int) -> None:
        if done == 64:
            raise Killed

    with pytest.raises(Killed):
        shop.score(progress=kill)
    assert ScoreBook(shop.desk.store).finished("study-1") is None
    shop.desk.store.close()
    shop.desk = shop.opened()
    written: list[int] = []
    write = ScoreBook.write
    ScoreBook.write = lambda self, run, number, block: (written.append(number), write(self, run, number, block))[1]
    try:
        done = shop.score()
    finally:
        ScoreBook.write = write
    assert written == [2, 3]
    assert done.run == "run-1"
    assert shop.gate.admitted == 1
    assert done.members == len(shop.scores()) == MEMBERS


def test_a_killed_run_whose_permit_expired_is_begun_anew(shop: Shop) -> None:
    def kill(done: int, _: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shop.score(progress=kill)
    shop.clock.forward(hours=1)
    assert shop.score().run == "run-2"
    assert len(shop.scores()) == MEMBERS


def test_the_histogram_is_drawn_once_even_if_the_run_is_settled_twice(shop: Shop) -> None:
    class DeadError(RuntimeError):
        pass

    def die(_: object) -> None:
        raise DeadError

    settle, shop.gate.settle_run = shop.gate.settle_run, die  # type: ignore[method-assign]
    shop.desk = replace(shop.desk, noise=SeededNoise(4))
    with pytest.raises(DeadError):
        shop.score()
    shop.gate.settle_run = settle  # type: ignore[method-assign]
    shop.desk = replace(shop.desk, noise=NoNoise())
    drawn = shop.score().results["scores"]["cells"]
    assert sum(drawn) != MEMBERS  # the kept draw of the seeded noise, not a fresh one without noise


def test_an_empty_cohort_is_refused(shop: Shop) -> None:
    shop.gate.allowed = {"north": {}}
    with pytest.raises(RefusedError) as caught:
        shop.score()
    assert caught.value.code is Refusal.COHORT_TOO_SMALL


def test_a_statement_that_is_missing_or_stale_stops_the_scoring(shop: Shop) -> None:
    shop.gate.admit_round = lambda *_: {}  # type: ignore[method-assign]
    with pytest.raises(RefusedError) as caught:
        shop.score()
    assert caught.value.code is Refusal.STATEMENT_MISSING
    assert not ScoreBook(shop.desk.store).blocks_done("run-1")


def test_another_model_than_the_approved_one_is_refused(shop: Shop) -> None:
    other = package_bytes(replace(parse_package(shop.package), weights=WEIGHTS + 1))
    with pytest.raises(RefusedError) as caught:
        shop.score(other)
    assert caught.value.code is Refusal.PLAN_CHANGED


def test_nan_weights_are_refused_before_anything_is_scored(shop: Shop) -> None:
    assert b"-3.0" in shop.package
    for wrong in (b"NaN", b"1e999", b'"x"'):
        with pytest.raises(MalformedError):
            parse_package(shop.package.replace(b"-3.0", wrong, 1))


def test_weights_of_another_length_are_refused(tmp_path: Path) -> None:
    shop = Shop(tmp_path, weights=np.zeros(4))
    with pytest.raises(RefusedError) as caught:
        shop.score()
    assert caught.value.code is Refusal.MALFORMED


def test_a_model_from_another_version_is_refused(shop: Shop) -> None:
    with pytest.raises(MalformedError):
        parse_package(shop.package.replace(b'"version":1', b'"version":2', 1))


def test_deleting_at_risk_is_honoured_by_the_next_scoring_and_by_the_next_offer(shop: Shop) -> None:
    shop.score()
    flagged = [one for one, score in shop.scores().items() if score >= 0.4]
    Tags(shop.desk.store).delete(flagged[0], AT_RISK, at=shop.clock())
    told: list[bytes] = []
    shop.tell(lambda kept: told.append(kept.pseudonym))
    assert flagged[0] not in told
    assert set(told) == set(flagged[1:])
    shop.score()
    assert flagged[0] not in shop.scores()
    Tags(shop.desk.store).restore(flagged[0], AT_RISK)
    shop.score()
    assert flagged[0] in shop.scores()


def test_who_withdraws_between_scoring_and_sending_is_told_nothing(shop: Shop) -> None:
    shop.score()
    flagged = [one for one, score in shop.scores().items() if score >= 0.4]
    shop.hub.withdrawn = {flagged[0].hex()}
    told: list[bytes] = []
    done = shop.tell(lambda kept: told.append(kept.pseudonym))
    assert flagged[0] not in told
    assert done.refused == {"no-verdict": 1}
    assert done.told == len(flagged) - 1
    kept = Decisions(shop.desk.store).of_member(flagged[0])
    assert [(one.state, one.code) for one in kept] == [("refused", "no-verdict")]


def test_a_clearance_that_is_too_old_sends_nothing(shop: Shop) -> None:
    shop.score()
    shop.hub.late = timedelta(seconds=61)
    told: list[object] = []
    with pytest.raises(RefusedError) as caught:
        shop.tell(told.append)
    assert caught.value.code is Refusal.STATEMENT_STALE
    assert not told


def test_a_forged_clearance_sends_nothing(shop: Shop) -> None:
    shop.score()
    shop.hub.key = Ed25519PrivateKey.generate()
    with pytest.raises(RefusedError) as caught:
        shop.tell()
    assert caught.value.code is Refusal.STATEMENT_FORGED


def test_nobody_is_told_twice(shop: Shop) -> None:
    shop.score()
    first = shop.tell()
    assert first.told > 0
    assert shop.tell().told == 0


def test_what_could_not_be_delivered_is_cleared_anew_and_sent_once(shop: Shop) -> None:
    shop.score()
    sent: list[str] = []

    def flaky(kept) -> None:
        if len(sent) == 2:
            sent.append("failed")
            raise NotDeliveredError("the CRM answered 503")
        sent.append(kept.commitment)

    with pytest.raises(NotDeliveredError):
        shop.tell(flaky)
    asked = len(shop.hub.asked)
    shop.tell(flaky)
    assert len(shop.hub.asked) > asked
    flagged = sum(score >= 0.4 for score in shop.scores().values())
    assert len(set(sent) - {"failed"}) == len(sent) - 1 == flagged


def test_scores_older_than_a_week_are_not_acted_on(shop: Shop) -> None:
    shop.score()
    shop.clock.forward(days=7, seconds=1)
    with pytest.raises(RefusedError) as caught:
        shop.tell()
    assert caught.value.code is Refusal.COHORT_STALE


def test_the_register_opens_the_commitment_and_says_what_would_change_it(shop: Shop) -> None:
    shop.score()
    kept_by = {}
    shop.tell(lambda kept: kept_by.update({kept.pseudonym: kept}))
    for pseudonym, kept in kept_by.items():
        (found,) = Decisions(shop.desk.store).of_member(pseudonym)
        assert found.state == "told"
        assert commitment_of(found.salt, found.document) == found.commitment == kept.commitment
        assert 1 <= len(found.document["reasons"]) <= 3
        assert found.document["horizon_days"] == 30
        assert found.document["label"] == "at risk"
    assert any(kept.document["change"] for kept in kept_by.values())
    assert any(kept.document["action"] == ["double-points"] for kept in kept_by.values())


def test_her_answer_is_kept_beside_the_decision(shop: Shop) -> None:
    shop.score()
    shop.tell()
    register = Decisions(shop.desk.store)
    pseudonym = next(one for one, score in shop.scores().items() if score >= 0.4)
    (kept,) = register.of_member(pseudonym)
    register.answer(pseudonym, kept.commitment, "unfair", words="I was ill.", at=shop.clock())
    (after,) = register.of_member(pseudonym)
    assert after.document == kept.document
    assert [(answer, words) for answer, words, _ in after.answers] == [("unfair", "I was ill.")]
    with pytest.raises(MalformedError):
        register.answer(b"x" * 16, kept.commitment, "right", words="", at=shop.clock())
    register.forget(pseudonym)
    assert register.of_member(pseudonym) == ()


def test_the_holdout_is_scored_and_not_told(shop: Shop) -> None:
    shop.score()
    assert shop.tell(brand=replace(BRAND, holdout=0.999999)).told == 0
    assert len(shop.scores()) == MEMBERS


def test_the_webhook_is_signed_and_holds_codes_only(shop: Shop) -> None:
    shop.score()
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(204)

    secret = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="
    shop.clock.at = datetime.now(UTC)  # noqa: TID251  the library checks against the real time
    shop.score()
    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        shop.tell(webhook("https://crm.example/hook", secret=secret, client=client, clock=shop.clock))
    body = Webhook(secret).verify(seen[0].content, dict(seen[0].headers))
    assert set(body["data"]) == {"member", "kind", "action", "label", "horizon_days", "reasons", "send_before"}
    assert "score" not in seen[0].content.decode()
    with pytest.raises(NotDeliveredError):
        webhook("http://crm.example", secret=secret, client=httpx.Client(), clock=shop.clock)


def test_a_brands_table_that_says_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "offers.toml"
    assert read_brand(path) == Brand()
    path.write_text('default = "hello"\nactionable = ["visits"]\n[retention]\nvisits = "points"\n')
    assert read_brand(path).retention == {"visits": "points"}
    for wrong in ('defualt = "x"', "holdout = 2.0", "default = 3", "[retention\n"):
        path.write_text(wrong)
        with pytest.raises(MalformedError):
            read_brand(path)


@given(
    st.sets(st.binary(min_size=2, max_size=2)), st.sets(st.binary(min_size=2, max_size=2)), st.sampled_from([0, 500])
)
def test_cutting_few_members_out_of_a_sorted_list_is_looking_through_it(
    members: set[bytes], gone: set[bytes], few: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scorebook, "FEW", few)
        assert scorebook.without(sorted(members), gone) == sorted(members - gone)
