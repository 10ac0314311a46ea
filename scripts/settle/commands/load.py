"""`settle load`: files into the raw tables, each whole or not at all."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from settle.errors import InputError
from settle.output import progress, say, say_error, say_json
from settle.settings import Settings


def load(
    dataset: Annotated[
        str,
        typer.Argument(
            help="orders, order_lines, payments, bank_returns, bank_deposits or spv_reports; or inbox, with a folder."
        ),
    ],
    paths: Annotated[list[Path], typer.Argument(help="Files to load; for inbox, one folder.")],
    batch_date: Annotated[str | None, typer.Option(help="The accounting date, as 2026-01-05.")] = None,
    template: Annotated[str | None, typer.Option(help="The file's template; else it is found by the header.")] = None,
    reject: Annotated[list[int] | None, typer.Option(help="A line to set aside; may be given many times.")] = None,
    reject_bad: Annotated[bool, typer.Option("--reject-bad", help="Set every faulty line aside.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Load files into the raw tables. A file loads whole or not at all; loading it twice changes nothing.

    Example: settle load orders orders.csv --batch-date 2026-01-05
    """
    from settle.load.inbox import inbox_jobs
    from settle.load.loader import FileJob, LoadReport, Rejecting, load_files

    settings = Settings.from_environment()
    rejecting = Rejecting(lines=frozenset(reject or ()), bad=reject_bad)
    if dataset == "inbox":
        if len(paths) != 1 or template or reject:
            raise InputError("settle load inbox takes one folder, and neither --template nor --reject.")
        jobs = inbox_jobs(settings, paths[0])
    else:
        if reject and len(paths) > 1:
            raise InputError("--reject LINE belongs to one file. Load that file alone.")
        jobs = [FileJob(dataset=dataset, path=path, template=template) for path in paths]
    reports: list[LoadReport] = []
    try:
        with progress("loading", steps=2 * len(jobs)) as reporter:
            load_files(settings, jobs, parse_date(batch_date), rejecting, reporter, reports)
    finally:
        if as_json:
            say_json([report.as_dict() for report in reports])
        for report in reports:
            for warning in report.warnings:
                say_error(warning)
            if not as_json:
                say(report.summary())


def parse_date(text: str | None) -> date | None:
    """The date of an option; raises InputError when it is none."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"--batch-date: {text!r} is no date. Write it as 2026-01-05.") from error
