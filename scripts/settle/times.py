"""Times as text: ISO 8601 and declared formats, and the business time zone's date."""

from __future__ import annotations

from datetime import date, datetime

from settle.settings import Settings

ISO_TIME = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
    r"(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
# The shape that almost every time has, for a look that costs half of the expression above; the cast reads the digits.
COMMON_TIME = "2___-__-__T__:__:__+__:__"
ISO_OFFSET = r"(Z|[+-][0-9]{2}:?[0-9]{2})$"


def business_today(settings: Settings) -> date:
    """Today in the business time zone; only batch dates by default use it, never a number."""
    return datetime.now(settings.zone).date()


def date_fault(formats: tuple[str, ...]) -> str:
    """What to write for a day."""
    if formats:
        return f"is no day of the form {' or '.join(formats)}."
    return "is no day of the calendar. Write it as 2026-01-05."


def time_fault(formats: tuple[str, ...]) -> str:
    """What to write for a time."""
    if formats:
        return f"is no time of the form {' or '.join(formats)}."
    return "is no time. Write it as 2026-01-05T10:30:00+08:00; without an offset it is in the business time zone."


def short_day(text: str) -> date | None:
    """YYMMDD, as bank formats write a day, from 1980 to 2079; nothing if the calendar has no such day."""
    try:
        year = int(text[:2])
        return date(year + (1900 if year >= 80 else 2000), int(text[2:4]), int(text[4:6]))
    except ValueError:
        return None
