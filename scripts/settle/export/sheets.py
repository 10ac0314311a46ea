"""What stands in a mart as an Excel file, by its layout."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from settle.errors import InputError
from settle.explain.rows import Reader
from settle.export.layouts import Language, Layout
from settle.export.workbook import Workbook
from settle.money import currency_exponents
from settle.payout import newest_day, refuse_unsendable
from settle.quality.start import refuse_stopped
from settle.settings import Settings
from settle.standing import built_batches
from settle.warehouse import Warehouse


@dataclass(frozen=True)
class Exported:
    """What was written: where, how many rows, of which batch (none where everything was)."""

    path: Path
    rows: int
    batch_date: date | None


def export(
    settings: Settings, warehouse: Warehouse, layout: Layout, day: date | None, path: Path | None, language: Language,
    file_no: str | None = None,
) -> Exported:  # fmt: skip
    """Write the rows of a layout; those of one batch, the last that is built if none is said, or of one payout file.

    Raises InputError when the table is not there, the batch is not built, or the path is no .xlsx; DecisionNeededError
    (QUAL-STOP) when somebody would act on rows of a batch, or of one after it, that a critical expectation has stopped,
    and where a payout file is not approved (AUDIT-PAYOUTS).
    """
    schema, table = layout.table.split(".")
    if not warehouse.has_table(schema, table):
        raise InputError(f"{layout.table}: is not in the warehouse yet. Build it first: settle run")
    batch_date = _built_day(warehouse, day) if layout.by_batch else None
    if not layout.by_batch and day is not None:
        raise InputError(f"--batch-date: {layout.name} is one list for all batches. Leave it out.")
    if bool(layout.audited) != (file_no is not None):
        raise InputError(
            f"--file-no is missing: say which file. See: settle audit list --kind {layout.audited}"
            if layout.audited
            else f"--file-no {file_no}: {layout.name} has none. Leave it out."
        )
    target = path or Path(_file_name(layout, batch_date, file_no))
    if target.suffix.lower() != ".xlsx":
        raise InputError(f"{target}: is no name of an Excel file. Let it end in .xlsx.")
    if file_no is not None:
        refuse_unsendable(Reader(warehouse), file_no)
    where, params = _where(layout, batch_date, file_no)
    source = f"{warehouse.schema(schema)}.{table} where {where}"
    if layout.leaves:
        refuse_stopped(Reader(warehouse), batch_date or newest_day(warehouse, source, params))
    book = Workbook(target, layout, language, currency_exponents(settings), settings.zone)
    totals = _totals(warehouse, layout, source, params)
    about = batch_date.isoformat() if batch_date else "–"
    return Exported(target, book.write(rows_of(warehouse, layout, source, params), totals, about), batch_date)


def _file_name(layout: Layout, day: date | None, file_no: str | None) -> str:
    parts = (layout.name, layout.direction, file_no or "", day.isoformat() if day else "")
    return "_".join(part for part in parts if part) + ".xlsx"


def _built_day(warehouse: Warehouse, day: date | None) -> date:
    reader = Reader(warehouse)
    built = built_batches(reader)
    days = {row["batch_id"]: row["batch_date"] for row in reader.rows("raw.batches", ("batch_id", "batch_date"))}
    if not built:
        raise InputError("No batch is built yet. Build what is loaded first: settle run")
    if day is None:
        return days[max(built)]  # type: ignore[no-any-return]
    if day not in {days[batch] for batch in built}:
        known = ", ".join(str(days[batch]) for batch in sorted(built)[-5:])
        raise InputError(f"--batch-date {day}: is no batch that is built. The last ones are {known}.")
    return day


def _where(layout: Layout, day: date | None, file_no: str | None) -> tuple[str, list[Any]]:
    conditions: list[tuple[str, Any]] = [(f"{column} = ?", value) for column, value in layout.only]
    if file_no is not None:
        conditions.append(("file_no = ?", file_no))
    if day is not None:
        conditions.append(("batch_date = ?", day))
    return " and ".join(sql for sql, _ in conditions) or "true", [value for _, value in conditions]


def rows_of(warehouse: Warehouse, layout: Layout, source: str, params: list[Any]) -> Iterator[tuple[Any, ...]]:
    """The rows of a sheet in its order, each with the currency of its amounts at the end; `source`: table and where."""
    has_amounts = any(column.kind == "amount" for column in layout.columns)
    names = [column.name for column in layout.columns] + (["currency"] if has_amounts else ["null"])
    yield from warehouse.stream(f"select {', '.join(names)} from {source} order by {', '.join(layout.order)}", params)


def _totals(warehouse: Warehouse, layout: Layout, source: str, params: list[Any]) -> list[tuple[Any, ...]]:
    if not layout.has_totals:
        return []
    # As text, and read as whole numbers: the sum of many amounts may be wider than a column.
    sums = ", ".join(f"cast(sum({column.name}) as varchar)" for column in layout.columns if column.total)
    found = warehouse.execute(f"select currency, {sums} from {source} group by currency order by currency", params)
    return [(currency, *(None if text is None else int(text) for text in texts)) for currency, *texts in found]
