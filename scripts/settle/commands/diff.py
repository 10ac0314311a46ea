"""`settle diff`: what changed in reconciliation between two batches."""

from __future__ import annotations

from typing import Annotated

import typer

from settle.changes import change_lines, changes
from settle.explain.rows import Reader
from settle.output import say, say_json
from settle.settings import Settings
from settle.warehouse import open_warehouse


def diff(
    from_batch: Annotated[int, typer.Option(help="As known at the close of this batch; 0 is before the first.")],
    to_batch: Annotated[int, typer.Option(help="As known at the close of this one.")],
    json: Annotated[bool, typer.Option("--json", help="The same as JSON, with every item.")] = False,
) -> None:
    """Show what reconciliation found otherwise at one batch than at an earlier one: opened, moved, resolved, regressed.

    Both are shown as they were known then, whatever came later.

    Example: settle diff --from-batch 3 --to-batch 5
    """
    settings = Settings.from_environment()
    with open_warehouse(settings, read_only=True) as warehouse:
        reader = Reader(warehouse)
        found = changes(reader, from_batch, to_batch)
        exponents = reader.exponents()
    if json:
        say_json(found.as_dict())
        return
    for line in change_lines(found, exponents):
        say(line)
