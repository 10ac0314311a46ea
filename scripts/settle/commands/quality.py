"""`settle quality`: what finance expects of a batch, checked by Great Expectations."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from settle.commands.load import parse_date
from settle.errors import DecisionNeededError
from settle.explain.rows import Reader
from settle.output import say, say_json
from settle.quality.results import accept
from settle.quality.start import check_batches, finding_lines, stop_lines, stops
from settle.settings import Settings
from settle.standing import built_batch
from settle.warehouse import open_warehouse


def quality(
    batch_date: Annotated[
        str | None, typer.Option(help="The accounting date of the batch; the last built one if not given.")
    ] = None,
    accepted: Annotated[
        str | None, typer.Option("--accept", help="Answer for what this expectation found, instead of checking.")
    ] = None,
    reason: Annotated[str, typer.Option(help="With --accept: why it may be published all the same.")] = "",
    by: Annotated[str, typer.Option(envvar="SETTLE_ACTOR", help="With --accept: who answers for it.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Every finding as JSON.")] = False,
) -> None:
    """Check what finance expects of a built batch; what fails is named with its rows, its owner and what to do.

    A failed critical expectation stops publication: the exit code is 4 until it holds or somebody answers for it.

    Example: settle quality --batch-date 2026-01-05
    """
    settings = Settings.from_environment()
    with open_warehouse(settings, read_only=True) as warehouse:
        batch_id = built_batch(Reader(warehouse), parse_date(batch_date))
    if accepted is not None:
        with open_warehouse(settings) as warehouse:
            warehouse.ensure_raw_tables()
            finding = accept(warehouse, batch_id, accepted, reason, by)
        say_json(finding) if json else say(f"{accepted} of batch {batch_id} is accepted by {by}: {reason}")
        return
    findings = check_batches(settings, [batch_id])
    tell(findings, stops(settings), settings, json)


def tell(findings: list[dict[str, Any]], stopping: list[dict[str, Any]], settings: Settings, as_json: bool) -> None:
    """Say what was found, and end with 4 where publication is stopped."""
    if as_json:
        say_json({"findings": findings, "stops": stopping})
    else:
        for line in finding_lines(findings, settings):
            say(line)
    if stopping:
        raise DecisionNeededError("\n".join(stop_lines(stopping)))
