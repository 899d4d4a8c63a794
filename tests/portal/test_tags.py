"""Law: a member sees every tag that her sites hold and nobody else's; deleting one is filed first, done by the site and
honoured by its next scoring; a site that does not answer loses nothing."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from consent_center.app import create_app, relays_of
from consent_center.errors import SettingsError
from consent_center.workflows.file_right import request_of, requests_of
from consent_center.workflows.show_decisions import Relay, pseudonyms_of
from federated.errors import MalformedError
from federated.site.decisions import Answer, Decision, Decisions
from federated.site.member_desk import Held, MemberDesk, SiteAbsentError
from federated.site.store import SiteStore
from federated.site.tags import AT_RISK, Tags
from tests.federated.site.test_scoring import Shop
from tests.portal.scored import hold_score, hold_tastes
from tests.portal.visitor import House, Visitor


class Unreliable(MemberDesk):
    """A site that may be away, and that knows some members by other pseudonyms."""

    away = False

    def __init__(self, store: SiteStore, names: dict[bytes, bytes] | None = None) -> None:
        super().__init__(store)
        self.names = names or {}

    def tags_of(self, pseudonym: bytes) -> list[Held]:
        self._here()
        return super().tags_of(self.names.get(pseudonym, pseudonym))

    def delete_tag(self, pseudonym: bytes, name: str, *, at: datetime) -> None:
        self._here()
        super().delete_tag(self.names.get(pseudonym, pseudonym), name, at=at)

    def restore_tag(self, pseudonym: bytes, name: str) -> None:
        self._here()
        super().restore_tag(self.names.get(pseudonym, pseudonym), name)

    def _here(self) -> None:
        if self.away:
            raise OSError("the site's secret address does not answer")


class Connected:
    """A house whose marketing department is connected."""

    def __init__(self, house: House, store: SiteStore) -> None:
        self.house, self.store = house, store
        self.site = Unreliable(store)
        self.connect(self.site)

    def connect(self, relay: Relay) -> None:
        wiring = replace(self.house.world.wiring, relays={"marketing": relay})
        self.house.app = create_app(self.house.world.settings, wiring=wiring)

    def pseudonym(self, member: Visitor) -> bytes:
        return self.house.world.wiring.store.read(pseudonyms_of, member.member)["marketing"]

    def member(self, *, score: float = 0.9, tastes: tuple[int, ...] = (0,)) -> Visitor:
        member = self.house.member()
        hers, at = self.pseudonym(member), self.house.clock()
        hold_score(self.store, {hers: score}, at=at)
        hold_tastes(self.store, {hers: [*tastes]}, at=at)
        return member


@pytest.fixture
def marketing(house: House, tmp_path: Path) -> Iterator[Connected]:
    before = house.app
    store = SiteStore(tmp_path / "site.db")
    yield Connected(house, store)
    store.close()
    house.app = before


def delete(member: Visitor, tag: str, *, wish: str = "delete") -> None:
    answer = member.submit("/tags", "/tags/marketing", tag=tag, wish=wish)
    assert answer.status_code == 200, answer.text


def test_she_sees_what_each_site_holds_in_her_words(marketing: Connected) -> None:
    page = marketing.member(tastes=(0, -1)).get("/tags").text
    assert "May come less often soon" in page
    assert "Likes coffee" in page
    assert "Likes tea" not in page
    assert "for the 30 days after it" in page


@pytest.mark.parametrize(("language", "coffee"), [("en", "Likes coffee"), ("zh-Hant", "咖啡"), ("zh-Hans", "咖啡")])
def test_a_taste_is_called_what_the_programme_calls_it(marketing: Connected, language: str, coffee: str) -> None:
    member = marketing.member(tastes=(0, -1))
    assert coffee in member.get("/tags", params={"lang": language}).text
    path = "/rights?right=correct&about=tag%3Acorrect%3Amarketing%3Ataste%3Acoffee"
    assert coffee in member.get(path).text


def test_a_score_below_the_threshold_is_no_tag(marketing: Connected) -> None:
    assert (
        "May come less often soon" not in marketing.member(score=0.39).get("/tags").text.split("What deleting does")[0]
    )
    assert "May come less often soon" in marketing.member(score=0.4).get("/tags").text.split("What deleting does")[0]


def test_a_deleted_tag_is_deleted_at_the_site_and_the_request_is_answered(marketing: Connected) -> None:
    member = marketing.member()
    delete(member, "taste:coffee")
    hers = marketing.pseudonym(member)
    assert Tags(marketing.store).deleted([hers]) == {hers: frozenset({"taste:coffee"})}
    (request,) = marketing.house.world.wiring.store.read(requests_of, member=member.member)
    assert (request.right.value, request.stage.value) == ("erase", "answered")
    page = member.get(f"/rights/{request.id}").text
    assert "Likes coffee" in page
    assert "Deleted at the site" in page
    assert "The next scoring leaves it out" in member.get("/tags").text


def test_a_deletion_can_be_taken_back(marketing: Connected) -> None:
    member = marketing.member()
    delete(member, AT_RISK)
    delete(member, AT_RISK, wish="restore")
    assert Tags(marketing.store).deleted([marketing.pseudonym(member)]) == {}
    assert len(marketing.house.world.wiring.store.read(requests_of, member=member.member)) == 2


def test_a_site_that_is_away_is_said_so_and_the_wish_is_done_when_it_is_back(marketing: Connected) -> None:
    member, store = marketing.member(), marketing.house.world.wiring.store
    page = member.get("/tags")
    marketing.site.tags_of = lambda _: [Held(AT_RISK, marketing.house.clock(), 30, deleted=False)]  # type: ignore[method-assign]
    marketing.site.away = True
    member.submit(page, "/tags/marketing", tag=AT_RISK, wish="delete")
    (request,) = store.read(requests_of, member=member.member)
    assert not request.stage.is_closed
    assert [task.site for task in store.read(request_of, member=member.member, name=request.id)[1]] == ["marketing"]
    assert "Your wish is kept" in member.get("/tags").text
    del marketing.site.tags_of
    marketing.site.away = False
    assert "The next scoring leaves it out" in member.get("/tags").text
    (request,) = store.read(requests_of, member=member.member)
    assert request.stage.value == "answered"


def test_a_site_that_fails_is_said_to_have_not_answered_and_its_error_is_not_shown(marketing: Connected) -> None:
    member = marketing.member()
    marketing.site.away = True
    page = member.get("/tags").text
    assert "has not answered, or is not connected" in page
    assert "secret address" not in page


def test_saying_that_it_is_wrong_reaches_people_at_that_site_only(marketing: Connected) -> None:
    member, store = marketing.member(), marketing.house.world.wiring.store
    path = "/rights?right=correct&about=tag%3Acorrect%3Amarketing%3Ataste%3Acoffee"
    assert "Likes coffee" in member.get(path).text
    refused = member.submit(path, "/rights", right="correct", detail="")
    assert refused.status_code == 422
    assert "Likes coffee" in refused.text
    member.submit(refused, "/rights", right="correct", detail="I buy it for my neighbour.")
    (request,) = store.read(requests_of, member=member.member)
    assert request.about == "tag:correct:marketing:taste:coffee"
    assert not request.stage.is_closed
    assert [task.site for task in store.read(request_of, member=member.member, name=request.id)[1]] == ["marketing"]


@pytest.mark.parametrize("tag", ["taste:tea", "", "x" * 5000, "taste:coffee\n", "no-such"])
def test_a_tag_that_is_not_held_cannot_be_deleted(marketing: Connected, tag: str) -> None:
    member = marketing.member()
    assert member.submit("/tags", "/tags/marketing", tag=tag, wish="delete").status_code == 404
    assert marketing.house.world.wiring.store.read(requests_of, member=member.member) == []


def test_the_same_form_twice_deletes_once_and_another_wish_is_refused(marketing: Connected) -> None:
    member = marketing.member()
    page = member.get("/tags")
    for _ in range(3):
        member.submit(page, "/tags/marketing", tag=AT_RISK, wish="delete")
        marketing.house.clock.ahead += timedelta(seconds=2)
    assert len(marketing.house.world.wiring.store.read(requests_of, member=member.member)) == 1
    assert member.submit(page, "/tags/marketing", tag=AT_RISK, wish="correct").status_code == 400


def test_another_members_tags_are_not_hers_and_a_site_that_does_not_know_her_has_no_form(marketing: Connected) -> None:
    mine = marketing.member()
    other = marketing.house.member()
    assert "Likes coffee" not in other.get("/tags").text
    form = mine.form("/tags", "/tags/marketing")
    assert mine.client.post("/tags/ricefield", data={**form.hidden, "wish": "delete"}).status_code == 403


def test_what_she_deletes_on_her_page_is_left_out_by_the_sites_next_real_scoring(
    marketing: Connected, tmp_path: Path
) -> None:
    shop = Shop(tmp_path)
    shop.score()
    flagged, other = [one for one, score in shop.scores().items() if score >= 0.4][:2]
    site = Unreliable(shop.desk.store)
    marketing.connect(site)
    member = marketing.house.member()
    site.names[marketing.pseudonym(member)] = flagged
    delete(member, AT_RISK)
    shop.score()
    assert flagged not in shop.scores()
    assert other in shop.scores()


def test_what_she_says_to_a_decision_goes_back_to_the_site(marketing: Connected) -> None:
    desk, at = MemberDesk(marketing.store), marketing.house.clock()
    decision = Decision("offer", "run-1", "m", "s", "at risk", 30, 0.9, 0.4, ("double-points",), (), None, at)
    register = Decisions(marketing.store)
    (made,) = register.propose([(b"p" * 16, decision)])
    register.settle([made.commitment], {})
    answer: Answer = "not-for-me"
    desk.answer_decision(b"p" * 16, made.commitment, answer, words="no thanks", at=at)
    (kept,) = register.of_member(b"p" * 16)
    assert [(said, words) for said, words, _ in kept.answers] == [("not-for-me", "no thanks")]
    with pytest.raises(MalformedError):
        desk.answer_decision(b"q" * 16, made.commitment, answer, words="", at=at)


def test_the_programme_file_names_the_sites_that_are_asked(house: House, tmp_path: Path) -> None:
    SiteStore(tmp_path / "site.db").close()
    known = replace(house.world.wiring.house, connected={"sites": {"marketing": {"folder": str(tmp_path)}}})
    assert relays_of(known)["marketing"].tags_of(b"p" * 16) == []
    for wrong in ({"marketing": {}}, {"marketing": None}, {"marketing": {"folder": 7}}):
        with pytest.raises(SettingsError):
            relays_of(replace(known, connected={"sites": wrong}))


def test_a_folder_without_a_site_is_refused_and_nothing_is_made_there(tmp_path: Path) -> None:
    with pytest.raises(SiteAbsentError):
        MemberDesk.open(tmp_path / "site.db")
    assert not list(tmp_path.iterdir())
