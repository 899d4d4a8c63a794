"""Everything that bears on items of members, gathered for `consent.verdict.verdict`."""

from collections.abc import Iterable, Iterator, Sequence

from consent_center.consent.delegation import DelegationKind
from consent_center.consent.scope import Item
from consent_center.consent.verdict import Facts
from consent_center.storage.definitions import catalogue
from consent_center.storage.delegations import of_members
from consent_center.storage.members import Member
from consent_center.storage.statements import said_about
from consent_center.storage.switches import settings_of
from consent_center.storage.transaction import Transaction


def facts_of(tx: Transaction, members: Sequence[Member], items: Iterable[Item]) -> Iterator[tuple[Member, Item, Facts]]:
    """The facts of each of these items for each of these members."""
    known = catalogue(tx)
    wanted = list(dict.fromkeys(items))
    numbers = {item: known.items[item] for item in wanted if item in known.items}
    terms = {item: known.terms(item) for item in wanted}
    said = said_about(tx, [member.no for member in members], numbers.values())
    switches = settings_of(tx, [member.no for member in members])
    guarded = [member.no for member in members if member.guarded_until is not None]
    guardians = {
        number: tuple(one.window for one in given if one.kind is DelegationKind.GUARDIAN)
        for number, given in of_members(tx, guarded).items()
    }
    for member in members:
        for item in wanted:
            yield (
                member,
                item,
                Facts(
                    terms=terms[item],
                    said=said.get((member.no, numbers.get(item, 0)), ()),
                    switches=switches.get(member.no, ()),
                    guarded_until=member.guarded_until,
                    guardians=guardians.get(member.no, ()),
                ),
            )
