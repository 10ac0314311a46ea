"""What the public marts hold, as text that two builds and two engines must agree on."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from settle.settings import Settings
from settle.warehouse import open_warehouse

PUBLIC_SCHEMAS = ("clearing", "reconciliation", "settlement", "spv", "quality", "audit")
# When a file came in is the one thing that two warehouses of the same data differ in.
WALL_CLOCK = frozenset({"loaded_at"})
MOST_SHOWN = 5

Marts = dict[str, list[str]]


def mart_rows(settings: Settings, leave_out: Collection[str] = ()) -> Marts:
    """Every relation of the public schemas: its columns with their kinds first, then its rows as sorted text.

    `leave_out` names columns that are not compared. Fails on binary floating point, which has no place in a mart.
    """
    unwanted = WALL_CLOCK | set(leave_out)
    found: Marts = {}
    with open_warehouse(settings, read_only=True) as warehouse:
        for schema in PUBLIC_SCHEMAS:
            columns: dict[str, list[tuple[str, str]]] = {}
            for table, column, kind in warehouse.execute(
                "select table_name, column_name, data_type from information_schema.columns where table_schema = ? "
                "order by table_name, column_name",
                (warehouse.schema(schema),),
            ):
                columns.setdefault(str(table), []).append((str(column), _kind(str(kind))))
            for table, described in columns.items():
                shown = [(column, kind) for column, kind in described if column not in unwanted]
                names = ", ".join(column for column, _ in shown)
                rows = warehouse.execute(f"select {names} from {warehouse.schema(schema)}.{table}")
                header = "\t".join(f"{column} {kind}" for column, kind in shown)
                found[f"{schema}.{table}"] = [header, *sorted(map(row_text, rows))]
    assert found, "the warehouse holds no mart"
    return found


def mart_hashes(settings: Settings, leave_out: Collection[str] = ()) -> dict[str, str]:
    """One SHA-256 for each public mart, over its columns and its sorted rows."""
    return hashes_of(mart_rows(settings, leave_out))


def hashes_of(marts: Mapping[str, list[str]]) -> dict[str, str]:
    """The hashes of marts that are read already."""
    return {name: hashlib.sha256("\n".join(rows).encode()).hexdigest() for name, rows in marts.items()}


def every_row(settings: Settings) -> dict[str, list[str]]:
    """All tables and views of the warehouse, the private ones and the loaded times included."""
    with open_warehouse(settings, read_only=True) as warehouse:
        tables = warehouse.execute(
            "select table_schema, table_name from information_schema.tables "
            "where table_schema not in ('pg_catalog', 'information_schema') order by 1, 2"
        )
        return {
            f"{schema}.{table}": sorted(map(row_text, warehouse.execute(f"select * from {schema}.{table}")))
            for schema, table in tables
        }


def row_text(row: tuple[Any, ...]) -> str:
    """A row as one line; equal rows of both engines give the same line."""
    return "\t".join(map(_text, row))


def _text(value: Any) -> str:
    assert not isinstance(value, float), f"{value!r} is binary floating point"
    if value is None:
        return "∅"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime | date):
        return value.isoformat()
    return repr(value) if isinstance(value, str) else str(value)


def _kind(data_type: str) -> str:
    """The kind of a column under one name for both engines."""
    name = data_type.lower().split("(")[0]
    return {
        "character varying": "text",
        "varchar": "text",
        "decimal": "decimal",
        "numeric": "decimal",
        "timestamp without time zone": "timestamp",
    }.get(name, name)


def differences(expected: Mapping[str, list[str]], found: Mapping[str, list[str]]) -> list[str]:
    """One line for each row that only one side has, a few for each mart; empty when all are the same."""
    lines = []
    for name in sorted(expected.keys() | found.keys()):
        left, right = expected.get(name), found.get(name)
        if left is None or right is None:
            lines.append(f"{name}: only there {'expected' if right is None else 'found'}")
            continue
        if left == right:
            continue
        missing, extra = _minus(left, right), _minus(right, left)
        lines.append(f"{name}: {len(missing)} rows missing, {len(extra)} not expected; columns {left[0]}")
        lines += [f"  missing:      {row}" for row in missing[:MOST_SHOWN]]
        lines += [f"  not expected: {row}" for row in extra[:MOST_SHOWN]]
    return lines


def _minus(left: list[str], right: list[str]) -> list[str]:
    counts: dict[str, int] = {}
    for row in right:
        counts[row] = counts.get(row, 0) + 1
    rest = []
    for row in left:
        if counts.get(row, 0):
            counts[row] -= 1
        else:
            rest.append(row)
    return rest


def assert_same(expected: Mapping[str, list[str]], found: Mapping[str, list[str]]) -> None:
    """Fail with the first differing rows of every mart that differs."""
    told = differences(expected, found)
    assert not told, "\n".join(told)
    assert hashes_of(expected) == hashes_of(found)


def without(rows: list[str], columns: tuple[str, ...]) -> list[str]:
    """The rows of a mart without some columns."""
    keep = [at for at, column in enumerate(rows[0].split("\t")) if column.split()[0] not in columns]
    cut = ["\t".join(row.split("\t")[at] for at in keep) for row in rows]
    return [cut[0], *sorted(cut[1:])]
