"""XLSX sheets: cells as the text they show, row numbers as the spreadsheet counts them."""

from __future__ import annotations

import csv
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from settle.errors import InputError
from settle.load.faults import Fault
from settle.load.records import Table
from settle.load.source import Member
from settle.load.templates import Template

# A spreadsheet keeps 15 digits of a number; what is longer has lost its end before it came here.
MOST_EXACT = 10**15


def sheet_header(shown: str, member: Member, template: Template) -> tuple[str, ...]:
    """The names in the header row; empty if there is none."""
    try:
        return _find_header(shown, _rows(shown, member, template, top=template.skip_lines + 100), template)[1]
    except InputError:
        return ()


def _find_header(shown: str, rows: list[list[Any]], template: Template) -> tuple[int, tuple[str, ...]]:
    """(index of the row, names) of the header. Raises InputError when there is none or a name comes twice."""
    header_at = next(
        (at for at, row in enumerate(rows) if at >= template.skip_lines and any(_text(cell) for cell in row)), None
    )
    if header_at is None:
        raise InputError(f"{shown}: the sheet has no header row. Nothing was loaded.")
    names = [_text(cell).strip() for cell in rows[header_at]]
    while names and not names[-1]:
        names.pop()
    for name in names:
        if name and names.count(name) > 1:
            raise InputError(f'{shown}:{header_at + 1}: column "{name}" comes twice in the header. Nothing was loaded.')
    return header_at, tuple(name or f"column {number}" for number, name in enumerate(names, 1))


def read_sheet(shown: str, member: Member, template: Template, folder: Path) -> Table:
    """The template's sheet (else the first) as a numbered table.

    Raises InputError when the file, the sheet or the header is missing.
    """
    rows = _rows(shown, member, template)
    header_at, columns = _find_header(shown, rows, template)
    table = Table(folder / "records.csv", columns, True, header_line=header_at + 1, record_count=0)
    count = 0
    with table.path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        for number, row in enumerate(rows[header_at + 1 :], header_at + 2):
            texts = [_text(cell) for cell in row]
            if not any(text.strip() for text in texts):
                table.blank += 1
                continue
            if any(texts[len(columns) :]):
                raw = ",".join(texts)[:2000]
                text = (
                    f"the row has {len(texts)} cells and the header {len(columns)}. Name the column or clear the cell."
                )
                table.faults.append(Fault(number, "wrong_width", text, raw_text=raw))
                continue
            lost = [at for at, cell in enumerate(row[: len(columns)]) if _lost_digits(cell)]
            if lost:
                text = "is a number of more than 15 digits, which a spreadsheet cannot hold. Format the column as text."
                table.faults.append(
                    Fault(number, "lost_digits", text, columns[lost[0]], texts[lost[0]], ",".join(texts)[:2000])
                )
                continue
            writer.writerow([number, *texts[: len(columns)], *[""] * (len(columns) - len(texts))])
            count += 1
    table.line_count = len(rows)
    table.record_count = count
    return table


def sheet_rows(path: Path) -> list[list[str]]:
    """The texts of the first sheet of a small file, row by row. Raises InputError when it cannot be read."""
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        sheet = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0)
        rows: list[list[Any]] = sheet.to_python(skip_empty_area=False)
    except CalamineError as error:
        raise InputError(f"{path.name}: is no readable xlsx file ({error}). Save it again.") from error
    return [[_text(cell) for cell in row] for row in rows]


def _rows(shown: str, member: Member, template: Template, top: int | None = None) -> list[list[Any]]:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book = CalamineWorkbook.from_path(str(member.path))
        if template.sheet and template.sheet not in book.sheet_names:
            raise InputError(
                f"{shown}: has no sheet {template.sheet!r}; it has {', '.join(book.sheet_names)}. Rename the sheet."
            )
        sheet = book.get_sheet_by_name(template.sheet) if template.sheet else book.get_sheet_by_index(0)
        rows: list[list[Any]] = sheet.to_python(skip_empty_area=False, nrows=top)
    except CalamineError as error:
        raise InputError(f"{shown}: is no readable xlsx file ({error}). Nothing was loaded. Save it again.") from error
    return rows


def _lost_digits(cell: Any) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool) and abs(cell) >= MOST_EXACT


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        # The shortest text of a double is what the spreadsheet shows, up to its 15 digits.
        return str(int(cell)) if cell.is_integer() and abs(cell) < MOST_EXACT else repr(cell)
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, date | time | timedelta):
        return str(cell)
    return str(cell)
