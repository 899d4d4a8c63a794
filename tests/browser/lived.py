"""A past for the seeded family, so that no page is empty: a training, an exchange, a decision with its reasons, tags, a
request, a published log. Written as the other parts write it; the pages that show it are named here."""

from datetime import timedelta
from types import SimpleNamespace

from consent_center.events import Event
from consent_center.example.family import Person
from consent_center.rights.request import Right
from consent_center.storage import decisions, members
from consent_center.storage.decisions import Made
from consent_center.workflows.enrol_member import enrol_member
from consent_center.workflows.file_right import file_right, requests_of
from consent_center.workflows.make_statements import make_statements
from consent_center.workflows.show_consents import show_statements
from consent_center.workflows.show_decisions import list_decisions, pseudonyms_of
from consent_center.workflows.show_history import show_history
from federated.models.explain import Change, Reason
from federated.site.decisions import Decision, Decisions
from federated.site.store import SiteStore
from tests.browser.harness import MEMBER_PAGES, VISITOR_PAGES, Served
from tests.portal.scored import hold_score, hold_tastes
from tests.portal.test_linkage import ENDS, exchanged, yes
from tests.portal.test_trainings import trained

REASONS = (Reason("visits_8w", "low", 0.9), Reason("active_8w", "low", 0.4), Reason("offers_used_8w", "low", 0.2))


def live(served: Served) -> None:
    """Give each of the family a past, and publish the log."""
    wiring, at = served.world.wiring, served.world.wiring.clock()
    store = SiteStore(served.folder / "sites" / "marketing" / "site.db")
    known = {one.member: wiring.store.read(pseudonyms_of, one.member)["marketing"] for one in served.world.people}
    hold_score(store, dict.fromkeys(known.values(), 0.9), at=at - timedelta(days=2))
    hold_tastes(store, {one: [0, 1] for one in known.values()}, at=at - timedelta(days=2))
    house = SimpleNamespace(world=served.world, clock=wiring.clock)
    for person in served.world.people:
        if "ricefield" not in wiring.store.read(pseudonyms_of, person.member):
            wiring.store.run(enrol_member, person.member, "ricefield", at=at)
    said = [yes(house, person.member, item, person.language) for person in served.world.people for item in ENDS]
    wiring.store.run(make_statements, said, at=at - timedelta(days=5))
    exchanged(house, at - timedelta(days=4))
    for person in served.world.people:
        begin = at - timedelta(days=10)
        trained(SimpleNamespace(world=served.world), person, rounds=20, at=begin, each=timedelta(minutes=1))
        _decide(served, person, store, known[person.member])
        wiring.store.run(
            file_right, member=person.member, right=Right.ERASE, about="", detail="", once="past",
            zone=wiring.house.zone, at=at - timedelta(days=1),
        )  # fmt: skip
    store.close()
    served.world.publisher.publish()


def member_pages(served: Served, person: Person) -> dict[str, str]:
    """Every page of this member, by name."""
    store = served.world.wiring.store
    entry = store.read(show_statements, person.member)[-1].entry
    index = next(one.index for one in store.read(show_history, person.member).lines if one.index is not None)
    return {
        **MEMBER_PAGES,
        "decision": f"/decisions/{store.read(list_decisions, person.member)[0][0].commitment}",
        "request": f"/rights/{store.read(requests_of, member=person.member)[0].id}",
        "saved": f"/saved/{entry}",
        "receipt": f"/receipts/{entry}",
        "proof": f"/history?entry={index}",
        "rights-correct": "/rights?right=correct&about=tag%3Acorrect%3Amarketing%3Aat-risk",
    }


def visitor_pages(served: Served, person: Person) -> dict[str, str]:
    """Every page for somebody who is not signed in; the link is this person's."""
    return {**VISITOR_PAGES, "link": served.world.link_for(person).removeprefix(served.origin).partition("?")[0]}


def _decide(served: Served, person: Person, site: SiteStore, pseudonym: bytes) -> None:
    """One offer that was cleared for her, with what would have changed it."""
    at = served.world.wiring.clock() - timedelta(days=1)
    offer = Decision(
        "offer", "run-offers-1", "model-1", "offers-1", "at risk", 30, 0.9, 0.4, ("double-points",), REASONS,
        Change("visits_8w", 4.0, 0.3), at,
    )  # fmt: skip
    register = Decisions(site)
    (proposal,) = register.propose([(pseudonym, offer)])
    register.settle([proposal.commitment], {})
    made = Made(proposal.commitment, person.member, "marketing", "run-offers-1", "offer", at)

    def clear(tx, *, at):
        number = members.get(tx, person.member).no
        entry = tx.append(Event("decision.made", {}, {"commitment": made.commitment}, number), at=at)
        decisions.add(tx, made, number, entry=entry)

    served.world.wiring.store.run(clear, at=at)
