"""`settle status`: where every batch and file stands."""

from __future__ import annotations

from datetime import UTC
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from settle.explain.rows import Reader
from settle.output import say, say_json
from settle.settings import Settings
from settle.standing import Standing, standing
from settle.warehouse import open_warehouse

FILES_SHOWN = 20


def status(
    json: Annotated[bool, typer.Option("--json", help="Everything as JSON.")] = False,
) -> None:
    """Show where every batch and file stands, what was reset, what is open or broken, and what to do next.

    Example: settle status --json
    """
    settings = Settings.from_environment()
    with open_warehouse(settings, read_only=True) as warehouse:
        result = standing(Reader(warehouse))
    if json:
        say_json(result)
        return
    for line in status_lines(result, settings.zone):
        say(line)


def status_lines(result: Standing, zone: ZoneInfo) -> list[str]:
    """The standing as text for a person; times in `zone`."""
    lines = ["Batches"]
    for batch in result["batches"]:
        files = [row for row in result["files"] if row["batch_id"] == batch["batch_id"]]
        part = f" ({batch['models_built']} of {batch['models_all']} models)" if batch["state"] == "partly built" else ""
        lines.append(
            f"  {batch['batch_id']:>4}  {batch['batch_date']}  {batch['state']}{part}  {_count(len(files), 'file')}, "
            f"{_count(sum(row['rows_loaded'] for row in files), 'row')}{_left_out(files)}"
        )
    if not result["batches"]:
        lines.append("  none")
    lines.append("Files (the last ones)" if len(result["files"]) > FILES_SHOWN else "Files")
    for row in result["files"][-FILES_SHOWN:]:
        lines.append(
            f"  {row['file_name']}  {row['dataset']} by {row['template']}, batch {row['batch_id']}: "
            f"{_count(row['rows_loaded'], 'row')}{_left_out([row])}"
        )
    if not result["files"]:
        lines.append("  none")
    lines += _section("Resets", [_reset(row, zone) for row in result["resets"]])
    lines += _section("Open items", [f"{row['pool']}: {row['count']} {row['result']}, oldest {row['oldest_days']} days"
                                     for row in result["open_items"]])  # fmt: skip
    lines += _section("Decisions that wait", [f"{row['decision_no']} {row['action']} of {row['item_key']} by "
                                              f"{row['decided_by']}, for batch {row['batch_id']}"
                                              for row in result["decisions_waiting"]])  # fmt: skip
    lines += _section("Exceptions", [f"{row['count']} {row['reason_code']}" for row in result["exceptions"]])
    lines += _section("Invariants broken", [f"{row['invariant']} in batch {row['batch_id']}: {row['failing_rows']} rows"
                                            for row in result["invariants_broken"]])  # fmt: skip
    lines += _section("Quality", [_checked(row) for row in result["quality"]])
    lines += _section("Under audit", [f"{row['count']} {row['object_kind']} {row['state']}" for row in result["audit"]])
    return [*lines, f"Next: {result['next_step']}"]


def _reset(row: dict[str, Any], zone: ZoneInfo) -> str:
    when = f"{row['reset_at'].replace(tzinfo=UTC).astimezone(zone):%Y-%m-%d %H:%M}"
    why = f": {row['reason']}" if row["reason"] else ""
    waiting = ", ".join(str(batch) for batch in row["waiting_batches"])
    state = f"not cleared again yet: batch {waiting}" if waiting else "cleared again"
    return (
        f"{row['reset_no']:>4}  from batch {row['from_batch_id']} to {row['up_to_batch_id']}, {when} by "
        f"{row['reset_by']}{why}; {state}"
    )


def _checked(row: dict[str, Any]) -> str:
    failed = ", ".join(f"{row[name]} {name}" for name in ("stopping", "warnings", "accepted") if row[name])
    return f"batch {row['batch_id']}: {row['checked']} expectations, {failed or 'all held'}"


def _section(title: str, rows: list[str]) -> list[str]:
    return [title, *([f"  {row}" for row in rows] or ["  none"])]


def _left_out(files: list[dict[str, Any]]) -> str:
    rejected, repeated = (sum(row[name] for row in files) for name in ("rows_rejected", "rows_repeated"))
    return (f", {rejected} set aside" if rejected else "") + (f", {repeated} repeated" if repeated else "")


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
