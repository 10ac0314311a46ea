"""`settle calendar`: write the bank calendar from the calendar library."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from settle import calendars
from settle.errors import InputError


def calendar(
    out: Annotated[Path, typer.Option(help="The CSV file to write; it is replaced.")],
    first_year: Annotated[int, typer.Option(help="The first year to write.")] = calendars.FIRST_YEAR,
) -> None:
    """Write every day of the announced years and whether banks in China settle on it (make-up working days included).

    Example: settle calendar --out my_config/business_days.csv
    """
    years = calendars.covered_years(first_year)
    if not years:
        raise InputError(
            f"--first-year {first_year}: the calendar library has no data from that year on. "
            "Choose an earlier year, or upgrade the package chinesecalendar."
        )
    if not out.parent.is_dir():
        raise InputError(f"--out {out}: the folder {out.parent} does not exist. Make it first.")
    text = calendars.calendar_csv(first_year)
    out.write_text(text, encoding="utf-8", newline="\n")
    typer.echo(f"{out}: {text.count(chr(10)) - 1} days of {years.start} to {years.stop - 1}, calendar CN")
