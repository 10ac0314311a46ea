"""`settle report`: the page that a finance person reads first."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from settle.commands.load import parse_date
from settle.errors import InputError
from settle.explain.rows import Reader
from settle.output import say
from settle.quality.start import docs_page
from settle.settings import Settings
from settle.standing import built_batch
from settle.warehouse import open_warehouse


def report(
    batch_date: Annotated[
        str | None, typer.Option(help="The accounting date of the batch; the last built one if not given.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="The file to write; report-DATE.html in the current folder if not given.")
    ] = None,
) -> None:
    """Write one HTML page about a batch: money flow, differences, what is blocked, controls, files, quality.

    The page needs no server and no network, prints on A4, and reads on a phone.

    Example: settle report --batch-date 2026-01-05 --to report.html
    """
    from settle.report.facts import facts_of
    from settle.report.page import html_of

    settings = Settings.from_environment()
    with open_warehouse(settings, read_only=True) as warehouse:
        reader = Reader(warehouse)
        facts = facts_of(reader, built_batch(reader, parse_date(batch_date)))
    file = (to or Path(f"report-{facts.batch_date}.html")).absolute()
    docs = docs_page(settings, facts.batch_id)
    link = Path(os.path.relpath(docs, file.parent)).as_posix() if docs.is_file() else ""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(html_of(facts, link), encoding="utf-8")
    except OSError as error:
        raise InputError(f"--to: {file} cannot be written ({error.strerror}). Name another file.") from error
    say(f"{file}: batch {facts.batch_id} of {facts.batch_date}. Open it in a browser; it needs no network.")
