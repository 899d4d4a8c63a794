"""Everything the programme defined: scopes, purposes, recipients, contracts, assessments, notices, items.

A catalogue is a fold over insert-only definitions: a later version of a code replaces the earlier one, except that
every version of a notice stays, because statements were made under it.

Law (separate consent): a yes may join only items of one separation key. A partner, a sensitive scope and a border
each make a key of their own (PIPL articles 23, 29 and 39), and so does each end of a linkage.

Law (linkage): a notice that asks for a linkage asks at both of its ends, and neither end is in force without the
contracts of both.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from consent_center.consent.notice import LANGUAGES, Notice, missing_fields
from consent_center.consent.purpose import Purpose
from consent_center.consent.recipient import Assessment, Contract, Recipient, RecipientKind
from consent_center.consent.scope import Item, Scope, ScopeClass
from consent_center.consent.verdict import Terms, Window
from consent_center.errors import (
    DefinitionError,
    NoticeError,
    UnknownDefinitionError,
    UnknownItemError,
    UnknownNoticeError,
)

Definition = Scope | Purpose | Recipient | Contract | Assessment | Notice


@dataclass(frozen=True)
class Catalogue:
    """What is defined, as one immutable value.

    Attributes:
        notices: (code, version) -> notice.
        notice_numbers: (code, version) -> its number, growing with publication over all notices.
        items: item -> its number, for storage and bitmaps.
    """

    scopes: Mapping[str, Scope] = field(default_factory=dict)
    purposes: Mapping[str, Purpose] = field(default_factory=dict)
    recipients: Mapping[str, Recipient] = field(default_factory=dict)
    contracts: Mapping[str, Contract] = field(default_factory=dict)
    assessments: Mapping[str, Assessment] = field(default_factory=dict)
    notices: Mapping[tuple[str, int], Notice] = field(default_factory=dict)
    notice_numbers: Mapping[tuple[str, int], int] = field(default_factory=dict)
    items: Mapping[Item, int] = field(default_factory=dict)
    _terms: dict[Item, Terms] = field(default_factory=dict, repr=False, compare=False)
    _keys: dict[Item, tuple[str, str, str]] = field(default_factory=dict, repr=False, compare=False)

    def terms(self, item: Item) -> Terms | None:
        """What is on file about an item, or None if no notice ever asked for it or a part of it is not defined."""
        if (known := self._terms.get(item)) is not None:
            return known
        scope, purpose = self.scopes.get(item.scope), self.purposes.get(item.purpose)
        recipient = self.recipients.get(item.recipient)
        if item not in self.items or scope is None or purpose is None or recipient is None:
            return None
        self._terms[item] = Terms(
            prohibited=scope.scope_class is ScopeClass.PROHIBITED,
            necessary=item.scope in purpose.scopes,
            personalised=purpose.personalised,
            trains_models=purpose.trains_models,
            contracts=self._contracts(item, purpose),
            assessments=self._assessment_windows(item, purpose),
            material=tuple(
                (notice.published_at, self.notice_numbers[key])
                for key, notice in self.notices.items()
                if notice.material and item in notice.items
            ),
        )
        return self._terms[item]

    def number(self, item: Item) -> int:
        """The number of an item.

        Raises:
            UnknownItemError: no notice asks for it.
        """
        if item not in self.items:
            raise UnknownItemError(str(item), "no published notice asks for it; publish one first")
        return self.items[item]

    def notice(self, code: str, version: int) -> Notice:
        """One version of a notice.

        Raises:
            UnknownNoticeError: never published.
        """
        if (code, version) not in self.notices:
            raise UnknownNoticeError(f"{code} v{version}", "use a version that was published")
        return self.notices[code, version]

    def separation_key(self, item: Item) -> tuple[str, str, str]:
        """Which separate consent an item needs; items that need none share the key of three empty strings."""
        if (known := self._keys.get(item)) is not None:
            return known
        recipient = self.recipients[item.recipient]
        partner = item.recipient if recipient.kind is RecipientKind.PARTNER else ""
        self._keys[item] = (
            f"{item.recipient}/{item.purpose}" if self.purposes[item.purpose].between else partner,
            item.scope if self.scopes[item.scope].scope_class is not ScopeClass.ORDINARY else "",
            item.country if recipient.country != item.country else "",
        )
        return self._keys[item]

    def check(self, definition: Definition) -> None:
        """Refuse a definition that contradicts what is defined.

        Raises:
            UnknownDefinitionError: it names something that is not defined.
            DefinitionError: a sensitive or prohibited scope would become less protected, a category has no name in
                one of the languages, or a purpose would link others than it did.
            NoticeError: a legal field is empty, the version is not the next, or an item can never be allowed.
        """
        match definition:
            case Scope():
                self._check_scope(definition)
            case Purpose():
                self._check_purpose(definition)
            case Contract():
                _need((definition.recipient,), self.recipients)
                _need(definition.purposes, self.purposes)
            case Assessment():
                _need((definition.purpose,), self.purposes)
                _need(definition.recipients, self.recipients)
            case Notice():
                self._check_notice(definition)
            case Recipient():
                pass

    def _check_scope(self, scope: Scope) -> None:
        known = self.scopes.get(scope.code)
        order = list(ScopeClass)
        if known is not None and order.index(scope.scope_class) < order.index(known.scope_class):
            raise DefinitionError(f"scope {scope.code} cannot become less protected: define a new scope")
        for code, names in scope.categories:
            if missing := {*LANGUAGES} - {language for language, name in names if name.strip()}:
                raise DefinitionError(f"category {code}: name it in {', '.join(sorted(missing))} too")

    def _check_purpose(self, purpose: Purpose) -> None:
        _need(purpose.scopes, self.scopes)
        _need(purpose.between, self.recipients)
        known = self.purposes.get(purpose.code)
        if known is not None and known.between != purpose.between:
            raise DefinitionError(f"purpose {purpose.code} links whom it linked: define a new purpose")

    def _check_notice(self, notice: Notice) -> None:
        for item in notice.items:
            _need((item.scope,), self.scopes)
            _need((item.purpose,), self.purposes)
            _need((item.recipient,), self.recipients)
            if self.scopes[item.scope].scope_class is ScopeClass.PROHIBITED:
                raise NoticeError(f"scope {item.scope} is prohibited: no notice may ask for it")
            if item.scope not in self.purposes[item.purpose].scopes:
                raise NoticeError(f"purpose {item.purpose} may never use scope {item.scope}: not necessary for it")
        for purpose, country in {(one.purpose, one.country) for one in notice.items}:
            ends = self.purposes[purpose].between
            asked = {one.recipient for one in notice.items if (one.purpose, one.country) == (purpose, country)}
            if ends and asked != {*ends}:
                raise NoticeError(
                    f"purpose {purpose} links two recipients: ask at {' and '.join(ends)}, and nowhere else"
                )
        sensitive = any(self.scopes[item.scope].scope_class is ScopeClass.SENSITIVE for item in notice.items)
        if empty := missing_fields(notice, sensitive=sensitive):
            raise NoticeError(f"a notice with empty legal fields cannot be published: fill in {', '.join(empty[:6])}")
        expected = 1 + max((version for code, version in self.notices if code == notice.code), default=0)
        if notice.version != expected:
            raise NoticeError(f"the next version of notice {notice.code} is {expected}")

    def _contracts(self, item: Item, purpose: Purpose) -> tuple[Window, ...] | None:
        """The windows in which everybody who takes part in the item has a contract; None if nobody needs one."""
        parties = (item.recipient, purpose.other(item.recipient))
        needed = [
            windows
            for party in parties
            if party in self.recipients
            and (windows := self._contract_windows(item._replace(recipient=party), self.recipients[party])) is not None
        ]
        if len(needed) < 2:
            return needed[0] if needed else None
        both = ((max(a.begins, b.begins), min(a.ends, b.ends)) for a in needed[0] for b in needed[1])
        return tuple(Window(begins, ends) for begins, ends in both if begins < ends)

    def _contract_windows(self, item: Item, recipient: Recipient) -> tuple[Window, ...] | None:
        abroad = recipient.country != item.country
        if recipient.kind is RecipientKind.DEPARTMENT and not abroad:
            return None
        return tuple(
            Window(contract.begins, contract.ends)
            for contract in self.contracts.values()
            if contract.recipient == item.recipient
            and item.purpose in contract.purposes
            and item.country in contract.countries
            and (contract.transfer or not abroad)
        )

    def _assessment_windows(self, item: Item, purpose: Purpose) -> tuple[Window, ...] | None:
        if not purpose.needs_assessment:
            return None
        return tuple(
            Window(assessment.begins, assessment.ends)
            for assessment in self.assessments.values()
            if assessment.purpose == item.purpose and item.recipient in assessment.recipients
        )


def fold(numbered: Iterable[tuple[int, Definition]], items: Mapping[Item, int]) -> Catalogue:
    """The catalogue after these definitions, given in the order in which they were made, each with its number."""
    scopes: dict[str, Scope] = {}
    purposes: dict[str, Purpose] = {}
    recipients: dict[str, Recipient] = {}
    contracts: dict[str, Contract] = {}
    assessments: dict[str, Assessment] = {}
    notices: dict[tuple[str, int], Notice] = {}
    numbers: dict[tuple[str, int], int] = {}
    for number, definition in numbered:
        match definition:
            case Scope():
                scopes[definition.code] = definition
            case Purpose():
                purposes[definition.code] = definition
            case Recipient():
                recipients[definition.code] = definition
            case Contract():
                contracts[definition.code] = definition
            case Assessment():
                assessments[definition.code] = definition
            case Notice():
                notices[definition.code, definition.version] = definition
                numbers[definition.code, definition.version] = number
    return Catalogue(scopes, purposes, recipients, contracts, assessments, notices, numbers, dict(items))


def _need(codes: Iterable[str], known: Mapping[str, object]) -> None:
    for code in codes:
        if code not in known:
            raise UnknownDefinitionError(code, f"define {code} first")


def published(catalogue: Catalogue, at: datetime) -> tuple[Notice, ...]:
    """The newest open version of every notice at this moment."""
    newest: dict[str, Notice] = {}
    for notice in catalogue.notices.values():
        if notice.open_at(at) and (notice.code not in newest or notice.version > newest[notice.code].version):
            newest[notice.code] = notice
    return tuple(newest.values())
