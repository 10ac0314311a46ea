"""`settle run`: load the inbox, close the batch, build, test and check, say what came out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from settle.build import build, load_inbox, report_lines
from settle.commands.load import parse_date
from settle.errors import DecisionNeededError
from settle.output import say, say_error, say_json
from settle.quality.start import NOT_INSTALLED, check_new_batches, finding_lines, installed, stop_lines, stops
from settle.settings import Settings


def run(
    batch_date: Annotated[
        str | None, typer.Option(help="The accounting date; its batch is opened if it is not there.")
    ] = None,
    inbox: Annotated[Path | None, typer.Option(help="A folder of files to load first.")] = None,
    tests: Annotated[bool, typer.Option("--tests/--no-tests", help="Run the tests of every model as well.")] = True,
    quality: Annotated[
        bool,
        typer.Option("--quality/--no-quality", envvar="SETTLE_QUALITY", help="Check what finance expects as well."),
    ] = True,
    json: Annotated[bool, typer.Option("--json", help="The summary as JSON.")] = False,
) -> None:
    """Load the inbox, build every batch that is loaded and not built yet, test it, check it and sum it up.

    With the extra `quality` installed, what finance expects of the batch is checked (settle quality); --no-tests leaves
    that to a later run too. A file of the inbox that is refused stops the run before anything is built: a built batch
    is closed for good, and the file could not join it any more.

    Example: settle run --inbox inbox --batch-date 2026-01-05
    """
    settings = Settings.from_environment()
    day = parse_date(batch_date)
    files = load_inbox(settings, inbox, day) if inbox is not None else []
    for file in files:
        for warning in file.warnings:
            say_error(warning)
        if not json:
            say(file.summary())
    report = build(settings, day, tests)
    if not json:
        for line in report_lines(report):
            say(line)
    checkpoint = quality and tests and not report.outcome.exit_code
    if checkpoint and not installed():
        say_error(NOT_INSTALLED)
        checkpoint = False
    findings = check_new_batches(settings, [batch.batch_id for batch in report.batches]) if checkpoint else []
    stopping = stops(settings)
    if json:
        summary = {"files": [file.as_dict() for file in files], **report.as_dict()}
        say_json({**summary, "quality": {"findings": findings, "stops": stopping}})
    else:
        for line in finding_lines(findings, settings):
            say(line)
    if report.outcome.exit_code:
        raise typer.Exit(report.outcome.exit_code)
    if stopping:
        raise DecisionNeededError("\n".join(stop_lines(stopping)))
