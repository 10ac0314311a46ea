"""Decisions as files: what people decided, as CSV for a team to version, loaded into an empty warehouse."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from settle.audit.anchor import plan_anchor, read_anchors
from settle.audit.chain import Anchor, first_broken, value_text
from settle.audit.desk import read_journal
from settle.errors import DecisionNeededError, InputError
from settle.explain.rows import Reader
from settle.warehouse import Warehouse

# Every table of raw that people fill by deciding; those that a warehouse does not have are left out.
DECISION_TABLES = ("decisions", "corrections", "payout_files", "audit_journal")
NOTHING = "\\N"
READ: dict[str, Callable[[str], Any]] = {
    "bigint": int,
    "integer": int,
    "text": str,
    "varchar": str,
    "character varying": str,
    "date": date.fromisoformat,
    "timestamp": datetime.fromisoformat,
    "timestamp without time zone": datetime.fromisoformat,
    "boolean": lambda text: {"true": True, "false": False}[text],
    "decimal": Decimal,
    "numeric": Decimal,
}


def export_decisions(reader: Reader, folder: Path) -> dict[str, int]:
    """AUDIT-SEEDS: one file for each table of decisions, its rows in their order; how many rows each has."""
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for table, kinds in _tables(reader):
        rows = reader.rows(f"raw.{table}", list(kinds), order=next(iter(kinds)))
        with (folder / f"{table}.csv").open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(kinds)
            writer.writerows([_cell(value) for value in row.values()] for row in rows)
        written[table] = len(rows)
    return written


def import_decisions(warehouse: Warehouse, folder: Path) -> dict[str, int]:
    """Load the files into a warehouse in which nobody has decided anything; inside the caller's transaction.

    Raises InputError when there is no file, when a table has rows already or a file does not fit it, and
    DecisionNeededError when the journal of the files is not what was written.
    """
    reader = Reader(warehouse)
    loaded = {}
    for table, kinds in _tables(reader):
        file = folder / f"{table}.csv"
        if not file.is_file():
            continue
        name = f"{warehouse.schema('raw')}.{table}"
        if warehouse.execute(f"select 1 from {name} limit 1"):
            raise InputError(
                f"{name} has decisions already, and those of {file} would mix with them. Nothing was loaded. Import "
                "into a warehouse in which nobody has decided anything."
            )
        rows = _read(file, kinds)
        places = ", ".join("?" * len(kinds))
        for row in rows:
            warehouse.execute(f"insert into {name} ({', '.join(kinds)}) values ({places})", row)
        loaded[table] = len(rows)
    if not loaded:
        names = ", ".join(f"{table}.csv" for table in DECISION_TABLES)
        raise InputError(f"{folder}: holds none of {names}. Name the folder of settle audit export.")
    journal = read_journal(reader)
    own = read_anchors(warehouse.settings, journal)
    # A warehouse that is made anew in the old place still has its anchors; elsewhere the files are all there is.
    broken = first_broken(journal, own or [Anchor(row.seq, row.row_hash) for row in journal])
    if broken is not None:
        raise DecisionNeededError(
            f"{folder / 'audit_journal.csv'}: row {broken.seq} {broken.text}. Nothing was loaded. Find out who changed "
            "the file, and take the one that was exported."
        )
    if journal:
        plan_anchor(warehouse.settings, Anchor(journal[-1].seq, journal[-1].row_hash))
    return loaded


def _tables(reader: Reader) -> list[tuple[str, dict[str, str]]]:
    """Each table of decisions that is there, with its columns and their types."""
    found = []
    for table in DECISION_TABLES:
        kinds = reader.warehouse.execute(
            "select column_name, data_type from information_schema.columns where table_schema = ? and table_name = ? "
            "order by ordinal_position",
            (reader.warehouse.schema("raw"), table),
        )
        if kinds:
            found.append((table, {str(name): str(kind).lower().split("(")[0] for name, kind in kinds}))
    return found


def _cell(value: Any) -> str:
    """The text of a value; nothing is `\\N`, so that it is told from an empty text."""
    text = value_text(value)
    if text is None:
        return NOTHING
    return "\\" + text if text.startswith("\\") else text


def _read(file: Path, kinds: dict[str, str]) -> list[list[Any]]:
    with file.open(encoding="utf-8", newline="") as stream:
        reader = csv.reader(stream, strict=True)
        header = next(reader, [])
        if sorted(header) != sorted(kinds):
            raise InputError(f"{file}:1: has the columns {', '.join(header)}. The table has {', '.join(kinds)}.")
        rows = []
        for cells in reader:
            if len(cells) != len(header):
                raise InputError(f"{file}:{reader.line_num}: has {len(cells)} cells, the header {len(header)}.")
            row = dict(zip(header, cells, strict=True))
            rows.append([_value(file, reader.line_num, name, kind, row[name]) for name, kind in kinds.items()])
    return rows


def _value(file: Path, line: int, column: str, kind: str, text: str) -> Any:
    if text == NOTHING:
        return None
    try:
        return READ[kind](text.removeprefix("\\"))
    except (ValueError, KeyError, ArithmeticError) as error:
        raise InputError(
            f'{file}:{line}: column "{column}": {text!r} is no {kind}. Nothing was loaded. '
            "Take the file that was exported."
        ) from error
