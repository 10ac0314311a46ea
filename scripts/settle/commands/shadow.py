"""`settle shadow`: what another configuration would change, with nothing changed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from settle.output import say, say_json
from settle.settings import Settings
from settle.shadow import shadow as clear_in_shadow
from settle.shadow import shadow_lines


def shadow(
    config: Annotated[Path, typer.Option(help="The folder of the other configuration.")],
    from_batch: Annotated[int, typer.Option(help="The first batch to clear under it.")],
    keep: Annotated[bool, typer.Option("--keep", help="Leave the schemas shadow_… for a closer look.")] = False,
    json: Annotated[bool, typer.Option("--json", help="All rows as JSON, also those that stay as they are.")] = False,
) -> None:
    """Clear the same orders under another configuration, beside the real state, and say what would change.

    Fees by participant and rule, and what each bearer bears: now, then, difference. Nothing of the real state moves.

    Example: settle shadow --config next-year --from-batch 3
    """
    report = clear_in_shadow(Settings.from_environment(), config.absolute(), from_batch, keep, show_progress=not json)
    if json:
        say_json(report.as_dict())
        return
    for line in shadow_lines(report):
        say(line)
