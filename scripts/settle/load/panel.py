"""Panels: one line holds a block of columns for each period; here every period becomes a row of its own, in SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from settle.load.faults import Fault
from settle.load.fields import SPACES, literal
from settle.load.templates import MOST_PERIODS, Panel, Template

if TYPE_CHECKING:
    import duckdb


def unfold(
    connection: duckdb.DuckDBPyConnection, view: str, lines: str, columns: Mapping[str, str], template: Template
) -> dict[str, str]:
    """Replace the view of a file's lines by one of its periods; the SQL of each column, as stage_table() gives it.

    `lines` is a table like the view, with a column `_line_no`; a row's number is line x 1000 + period. Rows are made in
    bulk, of the columns that the template reads and no others: a panel may have thousands.
    """
    panel = template.panel
    assert panel is not None
    kept = {name: sql for name, sql in columns.items() if name in template.known_columns()}
    sides = [(name, f"p{number}") for number, name in enumerate(panel.names())]
    periods = ", ".join(_period(template, panel, period, sides, columns) for period in panel.periods(columns))
    needed = [f"{dict(sides)[name]} is not null" for name in panel.not_empty]
    needed += [_passes(dict(sides)[name], "> 0") for name in panel.above_zero]
    if panel.not_zero:
        needed.append(f"({' or '.join(_passes(dict(sides)[name], '<> 0') for name in panel.not_zero)})")
    plain = "".join(f", {sql}" for sql in kept.values())
    connection.execute(
        f"create or replace temp view {view} as select _line_no * {MOST_PERIODS} + period_no as _line_no{plain}, "
        f"{', '.join(alias for _, alias in sides)} from (select _line_no{plain}, "
        f"unnest([{periods}], recursive := true) from {lines}) as periods"
        + (f" where {' and '.join(needed)}" if needed else "")
    )
    return kept | dict(sides)


def _period(
    template: Template, panel: Panel, period: int, sides: Sequence[tuple[str, str]], columns: Mapping[str, str]
) -> str:
    """One period of a line as a DuckDB struct."""
    values = [f"'period_no': {period}"]
    for name, alias in sides:
        values.append(f"'{alias}': {_value(template, panel, name, period, columns)}")
    return f"{{{', '.join(values)}}}"


def _value(template: Template, panel: Panel, name: str, period: int, columns: Mapping[str, str]) -> str:
    if name == panel.period:
        return f"'{period}'"
    column = panel.column_of(name, period)
    sql = columns.get(column or "")
    if sql is None:
        return "null::varchar"
    if template.strip:
        sql = f"trim({sql}, {SPACES})"
    for null in ("", *template.null_values):
        sql = f"nullif({sql}, {literal(null)})"
    if panel.date and name == panel.date[0]:
        start = f"try_strptime({sql}, {literal(panel.date[2])})"
        # A text that is no such date stays as it is, so that it is told as a fault of its column.
        return f"coalesce(strftime(last_day({start} + to_months({period})), '%Y-%m-%d'), {sql})"
    return sql


def _passes(sql: str, comparison: str) -> str:
    """What a number must be; what is no number passes, as it is a fault that must be told."""
    return f"({sql} is not null and coalesce(try_cast({sql} as decimal(38, 6)), 1) {comparison})"


def lines_of(template: Template, numbers: Iterable[int]) -> dict[int, int]:
    """The file's line of each row number."""
    return {number: number // MOST_PERIODS if template.panel else number for number in numbers}


def named_as_in_file(template: Template, faults: Iterable[Fault]) -> list[Fault]:
    """Faults with the file's own columns: of a panel `paid` of period 14 is told as `PMT14`."""
    panel = template.panel
    if panel is None:
        return list(faults)
    names = panel.names()
    return [
        replace(fault, column=panel.column_of(fault.column, fault.line % MOST_PERIODS) or fault.column)
        if fault.column in names
        else fault
        for fault in faults
    ]


def numbered_as_rows(template: Template, faults: Iterable[Fault]) -> list[Fault]:
    """Faults of whole lines with the numbers that rows have."""
    if template.panel is None:
        return list(faults)
    return [replace(fault, line=fault.line * MOST_PERIODS) for fault in faults]
