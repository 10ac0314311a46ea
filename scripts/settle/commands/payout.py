"""`settle payout`: what may be paid, as files that people approve before the bank gets them."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from settle.audit.desk import anchor_head
from settle.errors import ColumnError
from settle.explain.rows import Reader
from settle.explain.tree import money
from settle.output import say, say_json
from settle.payout import Collected, collect, judged, write
from settle.settings import Settings
from settle.warehouse import Warehouse, open_warehouse


def payout(
    currency: Annotated[str | None, typer.Option(help="Only instructions of this currency.")] = None,
    comment: Annotated[str, typer.Option(help="Kept with the file for good.")] = "",
    by: Annotated[str | None, typer.Option(help="Who puts the files under audit; else SETTLE_ACTOR.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which files there would be.")] = False,
    json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
) -> None:
    """Put every instruction that may be paid, and stands in no file yet, into payout files under audit; one a currency.

    Once a file is approved by others, `settle export payouts --file-no FILE` writes it.

    Example: settle payout --by Li --dry-run
    """
    settings = Settings.from_environment()
    actor = by if by is not None else os.environ.get("SETTLE_ACTOR", "")
    with open_warehouse(settings, read_only=dry_run) as warehouse:
        reader = Reader(warehouse)
        exponents = reader.exponents()
        try:
            if dry_run:
                found = collect(reader, currency)
                judged(reader, found.files, actor, comment)
            else:
                found = _written(warehouse, currency, actor, comment)
        except ColumnError as fault:
            values = {"by": actor, "comment": comment, "object_kind": ""}
            option = "--" + fault.column if fault.column in ("by", "comment") else "payout_file"
            raise fault.of_option(option, values.get(fault.column, "")) from fault
    if json:
        say_json(
            {
                "dry_run": dry_run,
                "files": [vars(file) for file in found.files],
                "without_account": [row["instruction_no"] for row in found.without_account],
            }
        )
        return
    for file in found.files:
        count = f"{file.instruction_count} instruction{'' if file.instruction_count == 1 else 's'}"
        say(f"{file.file_no}: {count}, {money(file.amount_minor, file.currency, exponents)}")
    for row in found.without_account:
        say(
            f"left out: {row['instruction_no']}, whose bill names no account. Add one of {row['participant_id']} to "
            f"accounts.csv, then have the bill made again: settle reset --from-batch {row['batch_id']}"
        )
    if not found.files:
        say("Nothing may be paid that stands in no file. What waits for approval: settle audit list")
    elif dry_run:
        say("Nothing was written.")
    else:
        say("Under audit now; somebody else checks them: settle audit approve payout_file FILE --by NAME")


def _written(warehouse: Warehouse, currency: str | None, actor: str, comment: str) -> Collected:
    warehouse.ensure_raw_tables()
    with warehouse.exclusive():
        with warehouse.transaction():
            found = collect(Reader(warehouse), currency)
            write(warehouse, found.files, actor, comment)
        anchor_head(warehouse)
    return found
