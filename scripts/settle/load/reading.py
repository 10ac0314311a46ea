"""Opens a file by its format: unpacked, decoded, split where it must be, and staged in DuckDB."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from settle.errors import InputError
from settle.load.catalog import problems_of, tell_header
from settle.load.faults import Place
from settle.load.fixed import read_summary
from settle.load.layouts import LINE_BY_LINE, read_layout
from settle.load.panel import lines_of, numbered_as_rows, unfold
from settle.load.records import ABSENT, Table, as_found, raw_lines, read_ndjson, split_members
from settle.load.sheets import read_sheet
from settle.load.source import Member, Source, to_utf8, unpack
from settle.load.stage import (
    LINES,
    STAGED,
    Staged,
    blank_count,
    lines_as_text,
    parquet_columns,
    row_count,
    stage,
    stage_table,
)
from settle.load.templates import MOST_PERIODS, Template, ignored_members

if TYPE_CHECKING:
    import duckdb


@dataclass
class Opened:
    """A file ready to load: its table, its staged rows, and its text by line."""

    source: Source
    template: Template
    table: Table
    staged: Staged
    place: Place
    members: list[Member]
    staged_blank: int | None = None
    staged_rows: int | None = None

    def blank(self) -> int:
        """Blank lines, those whose every value is empty among them."""
        if self.staged_blank is None:
            self.staged_blank = blank_count(self.staged)
        return self.table.blank + self.staged_blank

    def row_total(self) -> int:
        """Rows that could be split into columns and are not blank."""
        if self.staged_rows is None:
            self.staged_rows = row_count(self.staged)
        return self.staged_rows - (self.blank() - self.table.blank)

    def last_line(self) -> int:
        """The highest number that a row of the file may have."""
        last = self.table.line_count or self.row_total()
        return last * MOST_PERIODS + MOST_PERIODS - 1 if self.template.panel else last

    def present(self, lines: frozenset[int]) -> set[int]:
        """Those of the lines that hold a row, and not the header or nothing."""
        found = self.staged.connection.execute(
            f"select _line_no from ({self.staged.texts()}) as texts "
            "where not _blank and _line_no in (select unnest(?::bigint[]))",
            [sorted(lines)],
        ).fetchall()
        return {int(row[0]) for row in found}

    def text_of(self, lines: set[int]) -> dict[int, str]:
        """The raw text of these lines; rows of Parquet and XLSX as JSON."""
        if not lines:
            return {}
        if self.source.format in ("csv", "ndjson", *LINE_BY_LINE):
            places = lines_of(self.template, lines)
            texts = raw_lines(self.members, set(places.values()))
            return {number: texts[line] for number, line in places.items() if line in texts}
        return lines_as_text(self.staged, lines)


def check_header(place: Place, template: Template, table: Table) -> None:
    """Raise InputError naming every column that is missing or not known.

    A bill without rows may come with the columns that the template allows an empty one.
    """
    problems = [name for name in problems_of(template, table.columns) if not name.startswith(ABSENT)]
    has_rows = table.record_count is None or table.record_count > 0 or table.faults
    if template.empty_bill and set(template.empty_bill) <= set(table.columns) and not has_rows:
        return
    if problems:
        shown = tuple(name for name in table.columns if not name.startswith(ABSENT))
        raise InputError(tell_header(place, table.header_line, template, shown))


def open_rows(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    template: Template,
    folder: Path,
    zone: str,
    exponents: dict[str, int],
) -> Opened:
    """Read the file into staged rows. Raises InputError on what no line can be blamed for: damage, encoding, header."""
    members = unpack(
        source, folder, template.member_patterns, ignored_members(template), any_name=bool(template.layout)
    )
    if source.format == "parquet":
        types = parquet_columns(source.path, source.shown)
        table = Table(source.path, tuple(types), True, header_line=0)
        check_header(Place(source.shown), template, table)
        staged = stage(connection, template, source.shown, zone, exponents, types, parquet=source.path)
        return Opened(source, template, table, staged, Place(source.shown), members)
    starts: tuple[tuple[int, str], ...] = ()
    columns: dict[str, str] | None = None
    view = LINES if template.panel else STAGED
    if source.format == "xlsx":
        table = read_sheet(source.shown, members[0], template, folder)
    elif template.layout:
        table, starts, members = read_layout(source.shown, members, template, folder)
        read_summary(source, template, table, folder)
    else:
        decoded = [to_utf8(source.shown, member, template.encodings, folder) for member in members]
        members = [member for member, _ in decoded]
        if source.format == "ndjson":
            table = read_ndjson(members[0], template, folder)
        else:
            # One file whose lines are its records is read where it lies, in parallel; any other is split first.
            plain = as_found(source.shown, members[0], decoded[0][1], template) if len(members) == 1 else None
            columns = stage_table(connection, plain, view) if plain else None
            if plain and columns is not None:
                table = plain
            else:
                table, starts = split_members(source.shown, members, template, folder)
    check_header(Place(source.shown, starts), template, table)
    if columns is None:
        columns = stage_table(connection, table, view)
    assert columns is not None
    if template.panel:
        columns = unfold(connection, STAGED, view, columns, template)
        table.faults = numbered_as_rows(template, table.faults)
    staged = stage(connection, template, source.shown, zone, exponents, columns)
    place = Place(source.shown, starts, MOST_PERIODS if template.panel else 0)
    return Opened(source, template, table, staged, place, members)
