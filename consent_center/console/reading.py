"""What people type into the console's forms, as values."""

from datetime import datetime

from consent_center.console.desk import StaffPage


def listed(text: str) -> tuple[str, ...]:
    """Names between commas, of either script."""
    return tuple(one.strip() for one in text.replace("、", ",").replace("，", ",").split(",") if one.strip())


def local_day(page: StaffPage, text: str) -> datetime:
    """The beginning of a day in the programme's zone.

    Raises:
        ValueError: not written as 2027-03-31.
    """
    return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=page.house.zone)
