"""The bank calendar that ships with the warehouse: business days of mainland China, make-up working days included."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

FIRST_YEAR = 2015
CALENDAR_CODE = "CN"
HEADER = "calendar_code,calendar_date,is_business_day"


def covered_years(first_year: int = FIRST_YEAR) -> range:
    """The full years from `first_year` on for which the calendar library has the announced holidays.

    A year counts when the library answers for its last day; the library refuses years that are not announced yet, so
    none of them is ever guessed.
    """
    import chinese_calendar

    year = first_year
    while True:
        try:
            chinese_calendar.is_workday(date(year, 12, 31))
        except NotImplementedError:
            return range(first_year, year)
        year += 1


def business_days(years: range) -> Iterator[tuple[date, bool]]:
    """Every day of `years` in order, and whether banks settle on it.

    Make-up working days (调休上班日), weekend days that are worked in exchange for a longer holiday, are business days.
    """
    import chinese_calendar

    day = date(years.start, 1, 1)
    while day.year < years.stop:
        yield day, bool(chinese_calendar.is_workday(day))
        day += timedelta(days=1)


def calendar_csv(first_year: int = FIRST_YEAR) -> str:
    """The seed `business_days` as CSV text: header, one line a day, `true` or `false`, line feeds, no quoting."""
    lines = [HEADER]
    lines += [
        f"{CALENDAR_CODE},{day.isoformat()},{str(is_open).lower()}"
        for day, is_open in business_days(covered_years(first_year))
    ]
    return "\n".join(lines) + "\n"
