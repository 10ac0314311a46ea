"""Batches: which one a file goes into. A batch that has been built is closed for good."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from settle.errors import InputError
from settle.settings import Settings
from settle.times import business_today
from settle.warehouse import Warehouse

TABLES_OF_BATCHES = (
    "load_files", "rejected_rows", "orders", "order_lines", "payments", "bank_returns", "bank_deposits", "spv_reports",
)  # fmt: skip


def _batches(warehouse: Warehouse) -> list[tuple[int, date, bool]]:
    """(batch_id, batch_date, is closed) of every batch, in order."""
    raw, meta = warehouse.schema("raw"), warehouse.schema("meta")
    rows = warehouse.execute(
        f"select b.batch_id, b.batch_date, b.closed_at is not null or b.batch_id <= coalesce("
        f"(select max(m.batch_id) from {meta}.model_batches as m), 0) from {raw}.batches as b order by b.batch_id"
    )
    return [(int(row[0]), row[1], bool(row[2])) for row in rows]


def choose_batch_date(settings: Settings, warehouse: Warehouse, wanted: date | None) -> date:
    """The date a file goes to: the one wanted; else the last open batch's; else today, or the day after the last batch.

    Raises InputError when that date's batch, or a later one, is closed.
    """
    batches = _batches(warehouse)
    closed = [(number, day) for number, day, is_closed in batches if is_closed]
    if wanted is None:
        open_dates = [day for _, day, is_closed in batches if not is_closed]
        if open_dates:
            return open_dates[-1]
        today = business_today(settings)
        return today if not closed or today > closed[-1][1] else closed[-1][1] + timedelta(days=1)
    if closed and wanted <= closed[-1][1]:
        number, day = closed[-1]
        raise InputError(
            f"--batch-date {wanted}: the last batch that was built is {day} (batch {number}); it is closed for good. "
            f"Nothing was loaded. Load into a later date, such as {day + timedelta(days=1)}."
        )
    return wanted


def batch_of(warehouse: Warehouse, day: date) -> int:
    """The id of the open batch of this date, made where it is missing; inside the caller's transaction."""
    raw = warehouse.schema("raw")
    batches = _batches(warehouse)
    for number, batch_date, _ in batches:
        if batch_date == day:
            return number
    later = [number for number, batch_date, _ in batches if batch_date > day]
    if not later:
        new = batches[-1][0] + 1 if batches else 1
    else:
        # Batches count in the order of their dates; those after the new one are open, so nothing was built on them.
        new = min(later)
        for table in (*TABLES_OF_BATCHES, "batches"):
            column = "batch_id" if table in ("load_files", "rejected_rows", "batches") else "_batch_id"
            warehouse.execute(f"update {raw}.{table} set {column} = {column} + 1 where {column} >= ?", (new,))
    warehouse.execute(
        f"insert into {raw}.batches (batch_id, batch_date, opened_at, closed_at) values (?, ?, ?, null)",
        (new, day, datetime.now(UTC).replace(tzinfo=None)),
    )
    return new
