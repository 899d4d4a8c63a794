"""Whole cohorts at once: one packed bitmap per item and answer, members as bits.

Law: for every item, moment and member who said nothing later (`Bits.later` names the others), `Bits.reason` is the
reason of `verdict.verdict` over the same facts, and `Bits.allowed` is the set of members whose verdict is yes. A
differential test holds them together.

An end of a yes is a midnight, so the members whose yes ends together share one bitmap per day.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pyroaring import BitMap

from consent_center.consent.grant import YES, Act, Said, latest_choice, paused
from consent_center.consent.recent import Recent
from consent_center.consent.scope import Item
from consent_center.consent.verdict import (
    NO_REASONS,
    Reason,
    Switch,
    Switched,
    Terms,
    Window,
    member_reason,
    switched_on,
    terms_reason,
)

DAY_SECONDS = 86_400
_NOBODY = BitMap()
_EVER = datetime.max.replace(tzinfo=UTC)
"""What stands is folded from everything said: a fold as of some moment would miss what is said right after it."""


@dataclass
class ItemBits:
    """Who said what about one item, as it stands.

    Attributes:
        notice_from: yeses under notices with a lower number are in `overtaken`.
        yes: the latest choice is a yes under a notice that counts.
        overtaken: the latest choice is a yes, under a notice that a material change has overtaken.
        no: for each other act, whose latest choice it is.
        ends: day number since 1970 -> whose yes ends at its midnight.
        rests: whose item is paused.
        by_guardian: whose latest choice a guardian made.
        recent: who spoke about it lately.
    """

    notice_from: int = 0
    yes: BitMap = field(default_factory=BitMap)
    overtaken: BitMap = field(default_factory=BitMap)
    no: dict[Act, BitMap] = field(default_factory=dict)
    ends: dict[int, BitMap] = field(default_factory=dict)
    rests: BitMap = field(default_factory=BitMap)
    by_guardian: BitMap = field(default_factory=BitMap)
    recent: Recent = field(default_factory=Recent)
    _ended: tuple[int, BitMap] = field(default_factory=lambda: (-1, BitMap()), repr=False, compare=False)

    def put(self, member: int, said: Sequence[Said]) -> None:
        """Make the bits of one member say what her statements say; nothing of what they said before stays."""
        for bits in (self.yes, self.overtaken, self.rests, self.by_guardian, *self.no.values(), *self.ends.values()):
            bits.discard(member)
        self._ended[1].discard(member)
        self.recent.hear(member, max((int(one.at.timestamp()) for one in said), default=0))
        choice = latest_choice(said, at=_EVER)
        if choice is None:
            return
        if choice.act in YES:
            (self.yes if choice.notice >= self.notice_from else self.overtaken).add(member)
            if choice.expires_at is not None:
                day = int(choice.expires_at.timestamp()) // DAY_SECONDS
                self.ends.setdefault(day, BitMap()).add(member)
                if day <= self._ended[0]:
                    self._ended[1].add(member)
        else:
            self.no.setdefault(choice.act, BitMap()).add(member)
        if choice.guardian:
            self.by_guardian.add(member)
        if paused(said, at=_EVER):
            self.rests.add(member)

    def ended(self, at: datetime) -> BitMap:
        """Whose yes has ended."""
        today = int(at.timestamp()) // DAY_SECONDS
        if self._ended[0] != today:
            self._ended = today, BitMap.union(BitMap(), *(bits for day, bits in self.ends.items() if day <= today))
        return self._ended[1]

    def choice_reason(self, member: int, at: datetime) -> Reason | None:
        """Why the member's choice is not a yes that counts; None if it is."""
        if member in self.yes:
            return Reason.EXPIRED if member in self.ended(at) else None
        if member in self.overtaken:
            return Reason.NOTICE_CHANGED
        for act, bits in self.no.items():
            if member in bits:
                return NO_REASONS[act]
        return Reason.NEVER_ASKED


@dataclass
class MemberBits:
    """What holds for members whatever the item.

    Attributes:
        restricted, objected: whose switch is on.
        guarded: member -> until when she needs a guardian, in seconds since 1970.
        guardians: member -> windows in which a guardian stood by her.
        recent: who set a switch lately.
    """

    restricted: BitMap = field(default_factory=BitMap)
    objected: BitMap = field(default_factory=BitMap)
    guarded: dict[int, float] = field(default_factory=dict)
    guardians: dict[int, tuple[Window, ...]] = field(default_factory=dict)
    recent: Recent = field(default_factory=Recent)

    def put(
        self,
        member: int,
        *,
        switches: Sequence[Switched],
        guarded_until: datetime | None,
        guardians: Sequence[Window],
    ) -> None:
        """Make the bits of one member say what is on file about her."""
        self.restricted.discard(member)
        self.objected.discard(member)
        self.guarded.pop(member, None)
        self.guardians.pop(member, None)
        self.recent.hear(member, max((int(one.at.timestamp()) for one in switches), default=0))
        if switched_on(switches, Switch.RESTRICTED, at=_EVER):
            self.restricted.add(member)
        if switched_on(switches, Switch.NO_PERSONALISED, at=_EVER):
            self.objected.add(member)
        if guarded_until is not None:
            self.guarded[member] = guarded_until.timestamp()
        if guardians:
            self.guardians[member] = tuple(guardians)

    def guarded_now(self, at: datetime) -> BitMap:
        """Who needs a guardian at this moment."""
        now = at.timestamp()
        return BitMap([member for member, until in self.guarded.items() if now < until])

    def without_guardian(self, members: Iterable[int], at: datetime) -> BitMap:
        """Those of these members by whom no guardian stands now."""
        return BitMap([one for one in members if not any(window.holds(at) for window in self.guardians.get(one, ()))])


@dataclass
class Bits:
    """The consent state of everybody, packed.

    Attributes:
        terms: what is on file about an item, None if it is not defined.
        items: item -> its bits, for the items loaded so far.
        members: what holds whatever the item.
    """

    terms: Callable[[Item], Terms | None]
    items: dict[Item, ItemBits] = field(default_factory=dict)
    members: MemberBits = field(default_factory=MemberBits)

    def later(self, items: Iterable[Item], *, at: datetime) -> set[int] | None:
        """Members who said something after this moment, to be answered by single verdicts; None: everybody is."""
        heard = [self.items[item].recent for item in items if item in self.items]
        found: set[int] = set()
        for recent in (self.members.recent, *heard):
            spoke = recent.after(at)
            if spoke is None:
                return None
            found |= spoke
        return found

    def allowed(self, item: Item, *, at: datetime) -> BitMap:
        """Everybody whose verdict on this item is yes at this moment."""
        terms, bits = self.terms(item), self.items.get(item)
        if terms is None or bits is None or terms_reason(terms, at) is not None:
            return BitMap()
        found = bits.yes - bits.ended(at) - bits.rests - self.members.restricted
        if terms.personalised:
            found -= self.members.objected
        guarded = self.members.guarded_now(at)
        if terms.trains_models:
            found -= guarded
        if guarded or bits.by_guardian:
            found -= found & bits.by_guardian - guarded
            found -= found & guarded - bits.by_guardian
            found -= self.members.without_guardian(found & guarded, at)
        return found

    def allowed_all(self, items: Sequence[Item], *, at: datetime) -> BitMap:
        """Everybody who allows every one of these items; nobody if there are none."""
        found = [self.allowed(item, at=at) for item in items]
        return BitMap.intersection(*found) if found else BitMap()

    def reason(self, item: Item, member: int, *, at: datetime) -> Reason:
        """The reason of the verdict on one item of one member."""
        return self.reason_of(item, at=at)(member)

    def reason_of(self, item: Item, *, at: datetime) -> Callable[[int], Reason]:
        """Member -> the reason of her verdict on one item; what is the same for all of them is looked at once."""
        terms, bits = self.terms(item), self.items.get(item)
        if terms is None or bits is None:
            return lambda _: Reason.UNKNOWN_ITEM
        if (for_all := terms_reason(terms, at)) is not None:
            return lambda _: for_all
        restricted, objected = self.members.restricted, self.members.objected if terms.personalised else _NOBODY
        now = at.timestamp()

        def reason(member: int) -> Reason:
            if (why := bits.choice_reason(member, at)) is not None:
                return why
            if member in bits.rests:
                return Reason.PAUSED
            if member in restricted:
                return Reason.RESTRICTED
            if member in objected:
                return Reason.OBJECTED
            guarded, by_guardian = now < self.members.guarded.get(member, 0), member in bits.by_guardian
            if not guarded and not by_guardian:
                return Reason.ALLOWED
            stands = any(window.holds(at) for window in self.members.guardians.get(member, ()))
            return (
                member_reason(terms, guarded=guarded, by_guardian=by_guardian, guardian_stands=stands) or Reason.ALLOWED
            )

        return reason
