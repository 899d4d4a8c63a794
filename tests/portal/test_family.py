"""Law: a guardian answers for a child and a delegate for another member, each under a recorded delegation, and no
longer than it holds; a delegate sees answers, not the life behind them."""

from datetime import timedelta

import pytest

from consent_center.consent.delegation import DelegationKind
from consent_center.consent.grant import ActorKind
from consent_center.web.languages import Language
from consent_center.workflows.delegate import delegate
from consent_center.workflows.keep_session import family_of
from consent_center.workflows.show_consents import show_statements
from tests.portal.test_answers import PURCHASES
from tests.portal.visitor import House, Visitor

PRIVATE = ["/history", "/trainings", "/decisions", "/rights", "/rights/copy", "/rights/copy.json", "/limits", "/seen"]


def named(house: House) -> tuple[Visitor, Visitor]:
    """A member, and the delegate whom she named on her page."""
    member, other = house.member(), house.member()
    page = member.submit("/family", "/family/delegates", number=other.member, months="2", agreed="yes")
    assert "Your delegate" in page.text
    return member, other


def act_for(delegate_: Visitor, member: Visitor) -> None:
    speaks_for, _ = delegate_.house.world.wiring.store.read(family_of, member=delegate_.member)
    found = next(one for one in speaks_for if one.member == member.member)
    assert delegate_.submit("/family", "/family/act", delegation=found.id).url.path == "/"


def test_a_delegate_answers_and_the_statement_says_who_spoke(any_house: House) -> None:
    member, other = named(any_house)
    act_for(other, member)
    assert "as delegate" in other.get("/").text
    other.answer(PURCHASES, "allow")
    said = any_house.world.wiring.store.read(show_statements, member.member)[-1].statement
    assert said.actor.kind is ActorKind.DELEGATE
    assert any_house.world.wiring.store.read(show_statements, other.member) == []
    assert "said by a delegate" in member.get("/history").text


@pytest.mark.parametrize("path", PRIVATE)
def test_a_delegate_does_not_see_the_life_behind_the_answers(house: House, path: str) -> None:
    member, other = named(house)
    act_for(other, member)
    assert other.get(path).status_code == 404
    assert member.get(path).status_code == 200


def test_ending_a_delegation_ends_it_at_once(house: House) -> None:
    member, other = named(house)
    act_for(other, member)
    _, mine = house.world.wiring.store.read(family_of, member=member.member)
    house.clock.ahead += timedelta(seconds=2)
    member.submit("/family", f"/family/{mine[0].id}/end")
    assert "as delegate" not in other.get("/").text
    assert other.get("/history").status_code == 200


def test_a_delegation_ends_by_itself(house: House) -> None:
    member, other = named(house)
    house.clock.ahead += timedelta(days=61)
    other.sign_in(other.member)
    assert "You speak for nobody but yourself" in other.get("/family").text
    speaks_for, _ = house.world.wiring.store.read(family_of, member=other.member)
    page = other.client.post(
        "/family/act", data={**other.form("/rights", "/sign-out").hidden, "delegation": speaks_for[0].id}
    )
    assert page.status_code in (403, 409)
    assert member.member != other.member


def test_nobody_acts_under_somebody_elses_delegation(house: House) -> None:
    member, other = named(house)
    stranger = house.member()
    found, _ = house.world.wiring.store.read(family_of, member=other.member)
    from consent_center.web.tokens import form_token

    secret = stranger.client.cookies[house.world.wiring.house.cookies.name("session")]
    page = stranger.client.post(
        "/family/act", data={"token": form_token(secret, "/family/act"), "delegation": found[0].id}
    )
    assert page.status_code == 409
    assert "as delegate" not in stranger.get("/").text
    assert member.member


def test_back_to_her_own_pages(house: House) -> None:
    member, other = named(house)
    act_for(other, member)
    page = other.submit("/", "/family/act")
    assert "as delegate" not in page.text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"number": "x", "months": "2", "agreed": "yes"}, "32 letters and digits"),
        ({"number": "0" * 32, "months": "99", "agreed": "yes"}, "from 1 to 24"),
        ({"number": "0" * 32, "months": "2"}, "Tick the sentence"),
    ],
)
def test_a_form_that_is_not_right_is_shown_again(member: Visitor, fields: dict[str, str], said: str) -> None:
    page = member.submit("/family", "/family/delegates", **fields)
    assert page.status_code == 422
    assert said in page.text
    assert fields["number"] in page.text


def test_nobody_is_her_own_delegate(member: Visitor) -> None:
    page = member.submit("/family", "/family/delegates", number=member.member, months="2", agreed="yes")
    assert page.status_code == 422


def test_a_guardian_answers_for_a_child_but_no_model_is_trained_on_it(house: House) -> None:
    child, parent = house.member(child=True), house.member()
    store, at = house.world.wiring.store, house.clock()
    store.run(
        delegate,
        child.member,
        kind=DelegationKind.GUARDIAN,
        to=parent.member,
        evidence="ab" * 32,
        ends=at + timedelta(days=300),
        at=at,
    )
    act_for(parent, child)
    assert "as guardian" in parent.get("/").text
    parent.answer("/uses/offers/marketing/purchases/TW", "allow")
    parent.answer(PURCHASES, "allow")
    home = parent.get("/").text
    assert "No model is trained on members under 14" in home.replace("no model", "No model")
    assert parent.get("/history").status_code == 200


def test_the_seeded_guardian_finds_the_child(house: House) -> None:
    mei = house.visitor().sign_in(house.person(Language.EN).member)
    assert house.world.child[:8] in mei.get("/family").text


def test_a_guardian_is_not_ended_by_a_click(house: House) -> None:
    child, parent = house.member(child=True), house.member()
    store, at = house.world.wiring.store, house.clock()
    made = store.run(
        delegate,
        child.member,
        kind=DelegationKind.GUARDIAN,
        to=parent.member,
        evidence="ab" * 32,
        ends=at + timedelta(days=300),
        at=at,
    )
    from consent_center.web.tokens import form_token

    secret = child.client.cookies[house.world.wiring.house.cookies.name("session")]
    path = f"/family/{made.id}/end"
    assert child.client.post(path, data={"token": form_token(secret, path)}).status_code == 409
