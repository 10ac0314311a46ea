"""Files of decisions of any kind: CSV or XLSX with a header; every row is checked, and all faults are told."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from settle.errors import ColumnError, DecisionNeededError, InputError, SettleError
from settle.load.faults import MAX_SHOWN, quoted
from settle.load.sheets import sheet_rows

Taken = TypeVar("Taken")


@dataclass(frozen=True)
class DecisionRow:
    """One row: its line in the file and its cells, stripped, by column."""

    line: int
    cells: Mapping[str, str]


def read_rows(path: Path, needed: Sequence[str], known: Sequence[str]) -> list[DecisionRow]:
    """The rows of a file whose header has all columns of `needed` and none but those of `known`.

    Raises InputError when the file cannot be read, lacks a column, has one that nobody knows, or has no row.
    """
    table = _table(path)
    header = [name.strip() for name in table[0][1]] if table else []
    missing = [name for name in needed if name not in header]
    if missing:
        raise InputError(
            f"{path.name}:1: the header lacks {', '.join(missing)}. A file of decisions has the columns "
            f"{', '.join(known)}. Nothing was written."
        )
    strange = [name for name in header if name and (name not in known or header.count(name) > 1)]
    if strange:
        raise InputError(
            f"{path.name}:1: column {quoted(strange[0])} is unknown or comes twice. Use {', '.join(known)}. "
            "Nothing was written."
        )
    rows = []
    for line, cells in table[1:]:
        if not any(cell.strip() for cell in cells):
            continue
        if any(cell.strip() for cell in cells[len(header) :]):
            raise InputError(
                f"{path.name}:{line}: the row has {len(cells)} cells, the header {len(header)}. Put quotes around a "
                "cell with a comma in it. Nothing was written."
            )
        rows.append(DecisionRow(line, {name: cell.strip() for name, cell in zip(header, cells, strict=False)}))
    if not rows:
        raise InputError(f"{path.name}: has no decision in it. Write one row for each, below the header.")
    return rows


def all_or_none(
    path: Path, rows: Sequence[tuple[int, Mapping[str, str]]], decide: Callable[[Mapping[str, str]], Taken]
) -> list[Taken]:
    """What `decide` makes of every row (its line and its values by column), or nothing.

    Raises InputError with every row that cannot be taken; DecisionNeededError when people must settle all of them.
    """
    taken, faults, kinds = [], [], set()
    for line, values in rows:
        try:
            taken.append(decide(values))
        except ColumnError as fault:
            value = quoted(values.get(fault.column, ""))
            faults.append(f'{path.name}:{line}: column "{fault.column}": {value} {fault}')
            kinds.add(fault.exit_code)
    if faults:
        shown = [*faults[:MAX_SHOWN], *([f"and {len(faults) - MAX_SHOWN} more."] if len(faults) > MAX_SHOWN else [])]
        told = "\n".join(
            [*shown, f"Nothing was written. {len(faults)} of {len(rows)} rows cannot be taken; mend or remove them."]
        )
        kind: type[SettleError] = DecisionNeededError if kinds == {DecisionNeededError.exit_code} else InputError
        raise kind(told)
    return taken


def _table(path: Path) -> list[tuple[int, list[str]]]:
    """Line number and cells of every row, the header first."""
    if not path.is_file():
        raise InputError(f"{path}: there is no such file. Name a CSV or XLSX file of decisions.")
    if path.suffix.lower() == ".xlsx":
        return list(enumerate(sheet_rows(path), 1))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path.name}: is not UTF-8 ({error.reason}). Save it as UTF-8. Nothing was written."
        ) from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows, line = [], 1
    try:
        for cells in reader:
            rows.append((line, cells))
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"{path.name}:{line}: is no CSV ({error}). Nothing was written.") from error
    return rows
