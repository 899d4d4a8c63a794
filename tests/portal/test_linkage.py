"""Law: a linkage is allowed at each end on a page of its own that says what crosses and what even that reveals; it goes
on only while both are allowed; both uses of an exchange are told, each under the one who received something."""

import html
import os
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from consent_center.consent.grant import Act
from consent_center.consent.notice import choices_digest
from consent_center.consent.scope import Item
from consent_center.consent.speech import Utterance
from consent_center.portal.exchanges import best_answer
from consent_center.storage import runs, study_sites
from consent_center.web.catalogue import words
from consent_center.web.languages import Language
from consent_center.workflows._link_tokens import FEWEST, issue
from consent_center.workflows.enrol_member import enrol_member, enrol_members
from consent_center.workflows.make_statements import make_statements
from consent_center.workflows.register_member import register_members
from consent_center.workflows.show_choices import show_choices
from federated.linkage.pairing import Pairing, epoch_of
from federated.linkage.randomised import Exchange
from federated.models.exchange_plan import Asking, Help
from federated.plan import Feature
from federated.plan_exchange import Helper
from privacy.mechanism import RandomisedResponse
from privacy.noise import SecureNoise
from privacy.quantities import Cost
from tests.portal.studied import admit, file, plan_of
from tests.portal.test_answers import said_by
from tests.portal.visitor import House, Visitor, forms_of

ENDS = tuple(Item("purchases", "link-ricefield", site, "TW") for site in ("marketing", "ricefield"))
OURS, THEIRS = (f"/uses/link-ricefield/{item.recipient}/purchases/TW" for item in ENDS)
NUMBERS = Exchange(epsilon_label=1.0, epsilon_bin=3.0)
PRICE = Cost(gaussian=10**11, pure=4_250_000_000_000)


def exchanged(house: House, at: datetime) -> str:
    """A run with an exchange between marketing and Ricefield, admitted: of whoever allows it, and enough others."""
    name, store = f"run-{os.urandom(6).hex()}", house.world.wiring.store
    epoch = epoch_of(at)
    helper = Helper("ricefield", "link-ricefield", ("purchases",), (Feature("baskets", "continuous", 0.0, 50.0),))
    asking = Asking(epoch, (Help(helper, NUMBERS, 1.0),))
    plan = plan_of(name, members=5000, rounds=20, minimum_cohort=20, exchange=asking)
    signer = Ed25519PrivateKey.generate()
    others = store.run(register_members, [None] * FEWEST, at=at)
    for site in ("marketing", "ricefield"):
        store.run(enrol_members, others, site, at=at)
    said = [yes(house, one, item) for one in others for item in ENDS]
    store.run(make_statements, said, at=at)

    def write(tx: Any, *, at: datetime) -> None:
        study = file(tx, plan, "Leaving 2026", at=at)
        pair = Pairing("marketing", "ricefield", "link-ricefield", epoch)
        issue(
            tx, pair, run=name, country="TW", scopes=["purchases"], minimum=1, noise=SecureNoise(), signer=signer,
            expires_at=at + timedelta(minutes=30), at=at,
        )  # fmt: skip
        run, entry = admit(tx, study, PRICE, signer=signer, at=at)
        runs.add(tx, run, cohorts={}, members=[], entry=entry)

    store.run(write, at=at)
    return name


def yes(house: House, member: str, item: Item, language: Language = Language.EN) -> Utterance:
    known = house.world.wiring.store.read(show_choices, member, at=house.clock()).catalogue
    notice = known.notice("link-ricefield", max(version for code, version in known.notices if code == "link-ricefield"))
    shown = choices_digest(notice, language.value, [item])
    return Utterance(member, Act.GIVEN, (item,), notice.code, notice.version, language.value, shown)


def at_both(house: House) -> Visitor:
    """A member of both programmes."""
    member = house.member()
    house.world.wiring.store.run(enrol_member, member.member, "ricefield", at=house.clock())
    return member


def text_of(visitor: Visitor, path: str) -> str:
    return html.unescape(visitor.get(path).text)


def test_each_end_is_one_statement_of_its_own_and_needs_the_other(any_house: House) -> None:
    member = any_house.member()
    page = html.unescape(member.answer(OURS, "allow").text)
    assert said_by(member) == [("given", ["purchases/link-ricefield/marketing/TW"])]
    assert "Allowed" in page
    waits = words(Language.EN)("linkage.waits", other="Ricefield Market")
    assert waits in page, "what is stored is said to be without effect as long as it is"
    assert waits in text_of(member, "/")
    assert waits in text_of(member, OURS.rsplit("/", 3)[0])
    member.answer(THEIRS, "allow")
    assert len(said_by(member)) == 2
    assert waits not in text_of(member, "/")
    assert words(Language.EN)("linkage.both_goes_on") in text_of(member, OURS)


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("path", [OURS, THEIRS])
def test_its_page_says_what_crosses_and_what_even_that_reveals(house: House, language: Language, path: str) -> None:
    member = house.member()
    page = html.unescape(member.get(path, params={"lang": language.value}).text)
    t = words(language)
    for key in ("code", "answer", "group", "kept", "membership", "difference", "trusted", "both"):
        assert t(f"linkage.{key}") in page, key
    assert page.index(t("linkage.membership")) < page.index(t("choice.yours")), "it is said before she answers"
    pair = [form for form in forms_of(page) if form.action == f"{path}/answer"]
    assert [form.buttons for form in pair] == [[("say", "allow"), ("say", "refuse")]]
    assert 'aria-pressed="true"' not in page


def test_stopping_says_that_it_stops_at_both_and_what_nobody_can_forget(house: House) -> None:
    member = house.member()
    member.answer(OURS, "allow")
    check = html.unescape(member.submit(OURS, f"{OURS}/answer", say="refuse").text)
    t = words(Language.EN)
    assert t("linkage.stops", other="Ricefield Market") in check
    assert t("linkage.cannot") in check
    assert t("linkage.cannot") in text_of(member, "/stop-all")
    house.clock.ahead += timedelta(seconds=2)
    member.answer(OURS, "refuse")
    assert [act for act, _ in said_by(member)] == ["given", "withdrawn"]


@pytest.mark.parametrize("language", list(Language))
def test_both_uses_of_an_exchange_are_told_where_she_decides_about_them(house: House, language: Language) -> None:
    member = at_both(house)
    member.answer(OURS, "allow")
    member.answer(THEIRS, "allow")
    house.clock.ahead += timedelta(seconds=5)
    run = exchanged(house, house.clock())
    house.clock.ahead += timedelta(minutes=1)
    page = html.unescape(member.get("/trainings", params={"lang": language.value}).text)
    history = html.unescape(member.get("/history").text)
    assert "Leaving 2026" in page
    assert f'href="{OURS}"' in page
    assert f'href="{THEIRS}"' in page
    assert page.count('href="/receipts/') == 2
    for hits in (74, 88):  # e / (e + 1) = .731 and e^3 / (e^3 + 3) = .870, in 100, rounded up
        assert str(hits) in page
        assert str(hits) in history
    assert history.count(f"/trainings#{run}-ricefield") == 2
    assert "4.25" in page, "the cost of the exchange is hers, although no training read her records"


def test_what_she_stopped_is_said_and_the_copy_names_the_exchange(house: House) -> None:
    member = at_both(house)
    member.answer(OURS, "allow")
    member.answer(THEIRS, "allow")
    house.clock.ahead += timedelta(seconds=5)
    run = exchanged(house, house.clock())
    house.clock.ahead += timedelta(minutes=1)
    member.answer(THEIRS, "refuse")
    assert "your code is refused on both sides since then" in text_of(member, "/trainings")
    linked = member.get("/rights/copy.json").json()["linked"]
    assert [(one["run"], one["holder"], one["helper"]) for one in linked] == [(run, "marketing", "ricefield")]


def test_nobody_else_sees_it(house: House) -> None:
    mine, other = at_both(house), at_both(house)
    for path in (OURS, THEIRS):
        mine.answer(path, "allow")
    other.answer(OURS, "allow")
    house.clock.ahead += timedelta(seconds=5)
    run = exchanged(house, house.clock())
    assert run in mine.get("/trainings").text
    assert run not in other.get("/trainings").text
    assert "No training has used your data." in text_of(other, "/trainings")
    store = house.world.wiring.store
    study = store.read(runs.get, run).study
    seen = {site: study in store.read(study_sites.concerning, [site]) for site in ("marketing", "ricefield", "stores")}
    assert seen == {"marketing": True, "ricefield": True, "stores": False}, "operators of both ends, and no others"


@given(st.floats(0.01, 8.0), st.integers(2, 8))
def test_a_guess_from_an_answer_is_never_said_to_be_right_less_often_than_it_is(epsilon, options):
    said = best_answer(RandomisedResponse(epsilon=epsilon, options=options))
    assert 100 >= said >= 100 * np.exp(epsilon) / (np.exp(epsilon) + options - 1) - 1e-10
