"""A member sets a switch that holds for all items: no personalised marketing, or restricted."""

from datetime import datetime

from consent_center.consent.grant import whole_second
from consent_center.consent.verdict import Switch, Switched, setting
from consent_center.events import Event
from consent_center.storage import members, switches
from consent_center.storage.transaction import Transaction


def set_switch(
    tx: Transaction, member: str, switch: Switch, *, on: bool, source: str = "member", at: datetime
) -> Switched:
    """Set one switch; it overrides every yes that it bears on, from the next verdict on.

    Args:
        tx: the transaction.
        member: whose.
        switch: which.
        on: whether it is on from now on.
        source: a code: "member", or "gpc" when her browser sent Global Privacy Control.
        at: now.

    Raises:
        UnknownMemberError: no such member.
    """
    number = members.get(tx, member).no
    before = switches.settings_of(tx, [number]).get(number, ())
    made = setting(switch, on=on, at=whole_second(at), before=before)
    private = {"switch": switch.value, "on": on, "set_at": made.at.isoformat(), "source": source}
    entry = tx.append(Event.of("switch.set", private=private, member=number), at=at)
    switches.add(tx, number, made, source=source, entry=entry)
    return made
