"""`settle reset`: have batches cleared again by the next build."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from settle.errors import InputError
from settle.explain.rows import Reader
from settle.output import say, say_json
from settle.reset import first_batch, planned, reset_lines
from settle.reset import reset as reset_batches
from settle.settings import Settings
from settle.warehouse import open_warehouse


def reset(
    from_batch: Annotated[int | None, typer.Option(help="The first batch to clear again.")] = None,
    from_order: Annotated[
        str | None, typer.Option(help="Start at the batch in which this order first cleared.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; kept for good.")] = "",
    by: Annotated[str | None, typer.Option(help="Who asks for it; else the user of this computer.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be cleared again.")] = False,
    json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
) -> None:
    """Supersede the clearing of the last batches; the next build clears them again, by today's configuration.

    What they had cleared to is kept and shown as not valid. A batch with a bill that is paid is not touched (exit 4).

    Example: settle reset --from-batch 3 --reason "rate of rule COMMISSION was wrong"
    """
    settings = Settings.from_environment()
    with open_warehouse(settings, read_only=dry_run) as warehouse:
        asked_by = by or _user()
        if dry_run:
            reader = Reader(warehouse)
            plan = planned(reader, first_batch(reader, from_batch, from_order), reason, asked_by)
        else:
            warehouse.ensure_raw_tables()
            plan = reset_batches(warehouse, from_batch, from_order, reason, asked_by)
    if json:
        say_json({**plan.as_dict(), "dry_run": dry_run})
        return
    for line in reset_lines(plan):
        say(line)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError) as error:
        raise InputError("this computer does not say who you are. Name yourself: --by NAME") from error
