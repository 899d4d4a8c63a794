"""When a request has to be answered.

One month from the day it was asked, two more if the request is complex and the member is told why within the first
month. A month ends on the day of the same number; if there is none, on the month's last day.

Source:
    GDPR art. 12(3); Regulation (EEC, Euratom) 1182/71, art. 3(2)(c).
"""

import calendar
from datetime import datetime, time, timedelta, tzinfo

MONTHS_TO_ANSWER = 1
MONTHS_MORE = 2


def due_at(asked_at: datetime, *, zone: tzinfo, months: int = MONTHS_TO_ANSWER) -> datetime:
    """The last moment of the last day on which a request may be answered.

    Args:
        asked_at: when it was filed, timezone-aware.
        zone: the programme's time zone: a day is a day there.
        months: how many months the law gives, >= 1.
    """
    asked = asked_at.astimezone(zone).date()
    month = asked.month - 1 + months
    year, month = asked.year + month // 12, month % 12 + 1
    day = min(asked.day, calendar.monthrange(year, month)[1])
    return datetime.combine(asked.replace(year=year, month=month, day=day), time.max, tzinfo=zone)


def extended_due_at(asked_at: datetime, *, zone: tzinfo) -> datetime:
    """The last moment of a request whose clock was extended."""
    return due_at(asked_at, zone=zone, months=MONTHS_TO_ANSWER + MONTHS_MORE)


def person_due_at(asked_at: datetime, *, zone: tzinfo, opens: time = time(9), closes: time = time(18)) -> datetime:
    """When a person has to have answered first: one hour of the working day later.

    Hours outside Monday to Friday, `opens` to `closes`, do not count. Public holidays are working days here: an
    operator who closes on them answers earlier than promised or says so.
    """
    start = asked_at.astimezone(zone)
    left = timedelta(hours=1)
    while True:
        opening = datetime.combine(start.date(), opens, tzinfo=zone)
        closing = datetime.combine(start.date(), closes, tzinfo=zone)
        begin = max(start, opening)
        if start.weekday() < 5 and begin < closing:
            if begin + left <= closing:
                return begin + left
            left -= closing - begin
        start = datetime.combine(start.date() + timedelta(days=1), time.min, tzinfo=zone)
