"""A made-up family in a made-up programme, for development and for the tests of the pages. Nobody in it exists.

Everything is entered through the same workflows as in earnest, at believable times before `at`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from consent_center.consent.delegation import DelegationKind
from consent_center.consent.grant import Act
from consent_center.consent.notice import choices_digest
from consent_center.consent.scope import Item
from consent_center.consent.speech import Utterance
from consent_center.example.programme import COUNTRY, define_programme
from consent_center.storage.transaction import Store
from consent_center.web.languages import Language
from consent_center.web.tokens import fingerprint, new_secret
from consent_center.workflows.delegate import delegate
from consent_center.workflows.enrol_member import enrol_member
from consent_center.workflows.make_statements import make_statements
from consent_center.workflows.register_member import register_members
from consent_center.workflows.show_choices import show_choices
from consent_center.workflows.sign_in import hand_out_link, receive_links_at, sign_in_by_link

_DAY = timedelta(days=1)
_VISIT = 30
_SAID = (
    (200, "all", Act.GIVEN, "preference", "purchases", "marketing"),
    (199, "all", Act.GIVEN, "offers", "purchases", "marketing"),
    (120, "all", Act.GIVEN, "churn", "purchases", "service"),
    (120, "all", Act.REFUSED, "fairness", "demographics", "audit"),
    (100, "mei", Act.GIVEN, "preference", "purchases", "ricefield"),
    (90, "mei", Act.GIVEN, "preference", "browsing", "marketing"),
    (30, "all", Act.PAUSED, "churn", "purchases", "service"),
    (1, "mei", Act.WITHDRAWN, "preference", "browsing", "marketing"),
)
"""Days ago, who, and what she said; all were here last when they paused."""


@dataclass(frozen=True)
class Person:
    """Somebody who can sign in."""

    member: str
    address: str
    language: Language


@dataclass(frozen=True)
class Family:
    """Who is who: three who sign in, each in another language, and a child of eleven."""

    mei: Person
    wei: Person
    fang: Person
    child: str

    @property
    def people(self) -> tuple[Person, ...]:
        """Those who can sign in."""
        return self.mei, self.wei, self.fang


def seed(store: Store, tag_of: Callable[[str], bytes], *, at: datetime) -> Family:
    """Define the programme, register the family, and let them say what they have said so far.

    Args:
        store: an empty store.
        tag_of: e-mail address -> what is kept of it.
        at: now; what was said lies before it.
    """
    begin = at - 400 * _DAY
    define_programme(store, first=begin, changed=at - 3 * _DAY)
    mei, wei, fang, child = store.run(register_members, [None, None, None, at + 900 * _DAY], at=begin + _DAY)
    people = (
        Person(mei, "mei@family.example", Language.EN),
        Person(wei, "wei@family.example", Language.HANT),
        Person(fang, "fang@family.example", Language.HANS),
    )
    for person in people:
        store.run(receive_links_at, member=person.member, tag=tag_of(person.address), at=begin + _DAY)
        for site in ("marketing", "service"):
            store.run(enrol_member, person.member, site, at=begin + 2 * _DAY)
    store.run(enrol_member, mei, "ricefield", at=begin + 2 * _DAY)
    store.run(
        delegate,
        child,
        kind=DelegationKind.GUARDIAN,
        to=mei,
        evidence="5f" * 32,
        ends=at + 800 * _DAY,
        at=at - 300 * _DAY,
    )
    for ago, who, act, purpose, scope, recipient in _SAID:
        for person in people:
            if who in ("all", person.address.partition("@")[0]):
                _say(store, person, act, purpose, scope, recipient, at=at - ago * _DAY)
        if ago == _VISIT:
            for person in people:
                _visit(store, person, at=at - ago * _DAY)
    return Family(*people, child=child)


def _say(store: Store, who: Person, act: Act, purpose: str, scope: str, recipient: str, *, at: datetime) -> None:
    """What she said, under the version of the notice that was open then."""
    item = Item(scope, purpose, recipient, COUNTRY)
    known = store.read(show_choices, who.member, at=at).catalogue
    notice = max((n for n in known.notices.values() if item in n.items and n.open_at(at)), key=lambda n: n.version)
    language = who.language.value
    shown = choices_digest(notice, language, [item])
    said = Utterance(who.member, act, (item,), notice.code, notice.version, language, shown)
    store.run(make_statements, [said], at=at)


def _visit(store: Store, who: Person, *, at: datetime) -> None:
    link = fingerprint(new_secret())
    store.run(hand_out_link, link=link, member=who.member, at=at)
    store.run(sign_in_by_link, link=link, visit=None, session=fingerprint(new_secret()), at=at)
