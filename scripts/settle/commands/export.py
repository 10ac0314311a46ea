"""`settle export`: bills, open differences, reports and the journal as Excel files."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from settle.errors import InputError
from settle.output import say, say_json
from settle.settings import Settings
from settle.warehouse import open_warehouse


def export(
    kind: Annotated[
        str,
        typer.Argument(
            help="bills, breaks, journal, payouts, or a report: subscription, redemption, repayment, distribution."
        ),
    ],
    direction: Annotated[str | None, typer.Option(help="Of a report: out (to the SPV) or in (from it).")] = None,
    batch_date: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The batch; else the last that is built.")
    ] = None,
    file_no: Annotated[str | None, typer.Option(help="Of payouts: the payout file, which must be approved.")] = None,
    to: Annotated[Path | None, typer.Option(help="The file to write; else KIND_DATE.xlsx in this folder.")] = None,
    language: Annotated[str, typer.Option(help="Of the titles: en or zh.")] = "en",
    json: Annotated[bool, typer.Option("--json", help="What was written, as JSON.")] = False,
) -> None:
    """Write an Excel file that people work with: one row each, amounts in their currency, totals at the end.

    Example: settle export bills --batch-date 2026-01-05 --language zh
    """
    from settle.export.layouts import LANGUAGES, layout_named
    from settle.export.sheets import export as write

    spoken = next((each for each in LANGUAGES if each == language), None)
    if spoken is None:
        raise InputError(f"--language {language}: titles are in {' or '.join(LANGUAGES)}.")
    settings = Settings.from_environment()
    layout = layout_named(settings, kind, direction)
    with open_warehouse(settings, read_only=True) as warehouse:
        done = write(settings, warehouse, layout, batch_date.date() if batch_date else None, to, spoken, file_no)
    if json:
        say_json({"file": str(done.path), "rows": done.rows, "batch_date": done.batch_date})
        return
    of = f" of {done.batch_date}" if done.batch_date else ""
    say(f"{done.path}: {done.rows:,} rows{of}.")
