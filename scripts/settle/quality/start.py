"""Starts a checkpoint and keeps what it found; Great Expectations itself runs in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from settle.errors import DecisionNeededError, InputError, SettleError, TryAgainError
from settle.explain.rows import Reader
from settle.output import progress
from settle.quality.results import Finding, batches_to_check, findings_of, publication_stops, store
from settle.quality.suites import read_suites, suite_folders
from settle.settings import Settings
from settle.standing import built_batches
from settle.warehouse import open_warehouse

NOT_INSTALLED = (
    "Great Expectations is not installed, so no quality checkpoint ran. Install it: pip install 'settle[quality]'"
)
MODULES = ("great_expectations", "sqlalchemy", "duckdb_engine")
EXITS: dict[int, type[SettleError]] = {2: InputError, 3: TryAgainError, 4: DecisionNeededError}
ERROR_LINES = 15


def installed() -> bool:
    """Whether the extra `quality` is there; looks for it without importing it."""
    return all(find_spec(module) for module in MODULES)


def docs_folder(settings: Settings) -> Path:
    """Where Data Docs go: `quality` beside the archive of loaded files."""
    return settings.archive_dir.parent / "quality"


def docs_page(settings: Settings, batch_id: int) -> Path:
    """The first page of a batch's Data Docs."""
    return docs_folder(settings) / f"batch-{batch_id}" / "index.html"


def check_new_batches(settings: Settings, new: Sequence[int]) -> list[dict[str, Any]]:
    """Check every built batch that no checkpoint has seen; the findings of those batches."""
    with open_warehouse(settings, read_only=True) as warehouse:
        reader = Reader(warehouse)
        built = built_batches(reader)
        checked = {int(row["batch_id"]) for row in reader.rows("raw.quality_results", ("batch_id",))}
    return check_batches(settings, batches_to_check(built, checked, new))


def check_batches(settings: Settings, batches: Sequence[int]) -> list[dict[str, Any]]:
    """Run all suites over these built batches, keep what was found, and give it as the mart shows it.

    Raises InputError for a suite that cannot be, or where Great Expectations is missing.
    """
    if not batches:
        return []
    if not installed():
        raise InputError(NOT_INSTALLED)
    _check_tables(settings)
    dates = _dates(settings)
    folder = docs_folder(settings)
    for batch in batches:
        shutil.rmtree(folder / f"batch-{batch}", ignore_errors=True)
    with progress("quality", steps=1) as reporter:
        reporter.step(f"checking the quality of {len(batches)} {'batch' if len(batches) == 1 else 'batches'}")
        request = {"batches": [(batch, dates[batch]) for batch in batches], "docs": str(folder)}
        findings = _asked(settings, request)
    with open_warehouse(settings) as warehouse:
        warehouse.ensure_raw_tables()
        store(warehouse, findings)
        return findings_of(Reader(warehouse), f"batch_id in ({', '.join(map(str, batches))})")


def stops(settings: Settings) -> list[dict[str, Any]]:
    """What forbids publishing the warehouse as it is."""
    with open_warehouse(settings, read_only=True) as warehouse:
        return publication_stops(Reader(warehouse))


def finding_lines(findings: Sequence[dict[str, Any]], settings: Settings) -> list[str]:
    """What checkpoints found, for a person: what failed in full, what held as a count."""
    lines = []
    for batch in sorted({row["batch_id"] for row in findings}):
        rows = [row for row in findings if row["batch_id"] == batch]
        failed = [row for row in rows if not row["held"]]
        lines.append(
            f"Quality of batch {batch} ({rows[0]['batch_date']}): {len(rows) - len(failed)} of {len(rows)} held"
        )
        for row in failed:
            lines += [
                f"  {_weight(row)}  {row['expectation_id']}: {row['failing_rows']:,} of {row['checked_rows']:,} rows "
                f"of {row['table_name']}",
                f"    expected: {row['meaning']}",
                f"    {row['owner']}: {row['what_to_do']}",
                f"    rows: {row['sample_keys'] or 'none named'}",
            ]
            if row["accepted_by"]:
                lines.append(f"    accepted by {row['accepted_by']}: {row['accepted_reason']}")
        lines.append(f"  pages: {docs_page(settings, batch)}")
    return lines


def stop_lines(stopping: Sequence[dict[str, Any]]) -> list[str]:
    """Which expectations stop publication, and what a person may do about it."""
    if not stopping:
        return []
    lines = [
        f"Nothing may be published: {len(stopping)} expectation{'s' if len(stopping) > 1 else ''} failed that may not."
    ]
    lines += [f"  batch {row['batch_id']}: {row['expectation_id']} ({row['owner']})" for row in stopping]
    return [
        *lines,
        "Mend the cause and check again (settle quality), or answer for it: "
        "settle quality --accept EXPECTATION --batch-date D --reason TEXT --by NAME",
    ]


def refuse_stopped(reader: Reader, day: date | None) -> None:
    """QUAL-STOP: raises DecisionNeededError when a batch up to this day is stopped; nothing where there is no day."""
    stopping = [row for row in publication_stops(reader) if day is not None and row["batch_date"] <= day]
    if stopping:
        raise DecisionNeededError("\n".join(stop_lines(stopping)))


def _weight(row: dict[str, Any]) -> str:
    if row["stops"]:
        return "STOPS"
    return "accepted" if row["accepted_by"] else f"warning until {row['warn_until']}"


def _check_tables(settings: Settings) -> None:
    """A suite of a table that is not there is named before Great Expectations starts."""
    with open_warehouse(settings, read_only=True) as warehouse:
        reader = Reader(warehouse)
        for suite in read_suites(suite_folders(settings)):
            schema, table = suite.table.split(".")
            if not reader.has(schema, table):
                raise InputError(
                    f"{suite.file}: table: {suite.table} is not in the warehouse. "
                    "Build it (settle run) or mend its name."
                )


def _dates(settings: Settings) -> dict[int, str]:
    with open_warehouse(settings, read_only=True) as warehouse:
        return {int(batch): str(day) for batch, day in Reader(warehouse).batch_dates().items()}


def _asked(settings: Settings, request: dict[str, Any]) -> list[Finding]:
    child = subprocess.run(
        [sys.executable, "-m", "settle.quality.child"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        env={**os.environ, **settings.environment()},
        check=False,
    )
    try:
        reply = json.loads(child.stdout)
    except ValueError:
        told = "\n".join(child.stderr.strip().splitlines()[-ERROR_LINES:])
        raise SettleError(f"the quality checkpoint broke off (exit {child.returncode}):\n{told}") from None
    if "error" in reply:
        raise EXITS.get(reply["exit_code"], SettleError)(reply["error"])
    return [Finding.from_json(row) for row in reply["findings"]]
