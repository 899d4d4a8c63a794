"""A browser that sends Global Privacy Control says no to personalised marketing for its member."""

from datetime import datetime

from consent_center.consent.grant import whole_second
from consent_center.consent.verdict import Switch, Switched, switched_on
from consent_center.events import Event
from consent_center.storage import members, switches
from consent_center.storage.transaction import Transaction


def honour_gpc(tx: Transaction, member: str, *, at: datetime) -> bool:
    """Switch personalised marketing off for a member, unless it is off already; was it on until now?

    Raises:
        UnknownMemberError: no such member.
    """
    number = members.get(tx, member).no
    if switched_on(switches.settings_of(tx, [number]).get(number, ()), Switch.NO_PERSONALISED, at=at):
        return False
    setting = Switched(Switch.NO_PERSONALISED, on=True, at=whole_second(at))
    private = {"switch": setting.switch.value, "on": True, "source": "gpc"}
    entry = tx.append(Event.of("switch.set", private=private, member=number), at=at)
    switches.add(tx, number, setting, source="gpc", entry=entry)
    return True
