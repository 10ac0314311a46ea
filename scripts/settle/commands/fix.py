"""`settle fix`: a correction of a loaded row, or a file of them, or what could be corrected."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from settle.errors import ColumnError, InputError
from settle.explain.rows import Reader
from settle.fix import FIELDS, SPV_REPORTS, Correction, Fix, FixDesk, correct_all, write
from settle.output import say, say_json
from settle.settings import Settings
from settle.warehouse import open_warehouse

LINES_SHOWN = 50


def fix(
    row_key: Annotated[str | None, typer.Argument(help="The row, as `--list` names it.")] = None,
    field: Annotated[str, typer.Option(help=f"One of {', '.join(FIELDS[SPV_REPORTS])}.")] = "",
    old: Annotated[str | None, typer.Option(help="What stands there; empty text where nothing does.")] = None,
    new: Annotated[str | None, typer.Option(help="What should stand there; empty text to clear it.")] = None,
    reason: Annotated[str, typer.Option(help="Why; kept for good.")] = "",
    by: Annotated[str | None, typer.Option(help="Who corrects; else SETTLE_ACTOR.")] = None,
    dataset: Annotated[str, typer.Option(help="What the row is of.")] = SPV_REPORTS,
    file: Annotated[
        Path | None, typer.Option(help="CSV or XLSX with row_key, field, old, new, reason; by, dataset if needed.")
    ] = None,
    list_errors: Annotated[bool, typer.Option("--list", help="Only list the lines of SPVs with an error.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be corrected.")] = False,
    json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
) -> None:
    """Correct a field of a loaded row from the next batch on; the row as it was loaded stays, and so does who did it.

    Example: settle fix "SPV1|repayment|T-118" --field amount --old 99.99 --new 100.00 --reason "typed wrong" --by Li
    """
    settings = Settings.from_environment()
    if sum((row_key is not None, file is not None, list_errors)) != 1:
        raise InputError("Say what to correct, once: ROW_KEY, or --file FILE, or --list to see what has an error.")
    if row_key is not None and (not field or old is None or new is None):
        raise InputError("A correction needs --field, --old (what stands there) and --new.")
    actor = by if by is not None else os.environ.get("SETTLE_ACTOR", "")
    with open_warehouse(settings, read_only=dry_run or list_errors) as warehouse:
        if list_errors:
            _list(FixDesk(Reader(warehouse)), json)
            return

        def corrected(desk: FixDesk) -> list[Correction]:
            if file is not None:
                return correct_all(desk, file, actor)
            return [_one(desk, Fix(row_key or "", field, old or "", new or "", reason, actor, dataset))]

        if dry_run:
            corrections = corrected(FixDesk(Reader(warehouse)))
        else:
            warehouse.ensure_raw_tables()
            with warehouse.exclusive(), warehouse.transaction():
                corrections = corrected(FixDesk(Reader(warehouse)))
                write(warehouse, corrections)
    if json:
        say_json({"dry_run": dry_run, "corrections": [correction.as_dict() for correction in corrections]})
        return
    for correction in corrections:
        done = correction.fix
        say(
            f"{correction.correction_no or 'Would be corrected'}: {done.field} of {done.row_key}, "
            f"{correction.shown or 'empty'} → {done.new or 'empty'}, by {done.by}, "
            f"from batch {correction.after_batch_id + 1} on"
        )
    say("Nothing was written." if dry_run else "It takes effect when the next batch is built: settle run")


def _one(desk: FixDesk, wanted: Fix) -> Correction:
    try:
        return desk.correct(wanted)
    except ColumnError as fault:
        option = "" if fault.column == "row_key" else f"--{fault.column}"
        raise fault.of_option(option, vars(wanted)[fault.column]) from fault


def _list(desk: FixDesk, json: bool) -> None:
    lines = desk.errors()
    if json:
        say_json({"batch_id": desk.last, "lines": lines})
        return
    say(f"{len(lines)} lines of SPVs with an error at the close of batch {desk.last}")
    for line in lines[:LINES_SHOWN]:
        waits = ", a correction waits for the next batch" if line["waits"] else ""
        say(f"  {line['row_key']}  {line['error_code']}{waits}: {line['error_text']}")
    if len(lines) > LINES_SHOWN:
        say(f"  and {len(lines) - LINES_SHOWN} more: settle fix --list --json")
