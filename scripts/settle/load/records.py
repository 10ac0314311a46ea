"""Text files, line by line: where the header is, where records begin, comments, trailer, blank lines, damage.

The result is a plain table of text with the physical line number of every record, which DuckDB reads in bulk.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from settle.errors import InputError
from settle.load.faults import Fault
from settle.load.source import Member, Scan
from settle.load.templates import Template

ABSENT = "absent "


@dataclass
class Table:
    """Text ready for bulk reading.

    `path`: a CSV file; if `numbered`, without header and with the line number as its first column, else the file as
    found, whose first line is the header. `columns`: the names in the file. `comments`: (line, text) of comment lines,
    or of the file `summary` where another file declares the totals. `checks`: (line, name, declared, found) of totals
    that a reader has compared already.
    """

    path: Path
    columns: tuple[str, ...]
    numbered: bool
    quote: str = '"'
    delimiter: str = ","
    header_line: int = 1
    line_count: int = 0
    blank: int = 0
    record_count: int | None = None
    faults: list[Fault] = field(default_factory=list)
    comments: list[tuple[int, str]] = field(default_factory=list)
    trailer_line: int = 0
    trailer: dict[str, str] | None = None
    end_mark_line: int = 0
    summary: str = ""
    checks: list[tuple[int, str, str, str]] = field(default_factory=list)


def split_header(shown: str, line_no: int, text: str, template: Template) -> tuple[str, ...]:
    """The column names in a header line. Raises InputError when one comes twice."""
    text = text.lstrip("\ufeff").rstrip("\r\n")
    try:
        reader = csv.reader([text], delimiter=template.delimiter, **_quoting(template))
        names = tuple(name.strip() for name in next(reader, []))
    except csv.Error as error:
        raise InputError(f"{shown}:{line_no}: the header is damaged ({error}). Nothing was loaded.") from error
    for name in names:
        if name and names.count(name) > 1:
            raise InputError(f'{shown}:{line_no}: column "{name}" comes twice in the header. Nothing was loaded.')
    # An empty name at the end is a delimiter too many, which spreadsheets leave behind.
    return tuple(name or f"column {number}" for number, name in enumerate(names, 1))


def _quoting(template: Template) -> dict[str, Any]:
    return {"quotechar": template.quote, "strict": True} if template.quote else {"quoting": csv.QUOTE_NONE}


def find_header(shown: str, member: Member, template: Template) -> tuple[int, tuple[str, ...]]:
    """(line number, column names) of the header: the first line that is not skipped, blank or a comment."""
    prefix = template.comment_prefix
    with member.path.open("r", encoding="utf-8", newline="\n") as stream:
        for number, line in enumerate(stream, 1):
            text = line.lstrip("\ufeff")
            if number <= template.skip_lines or not text.strip() or (prefix and text.startswith(prefix)):
                continue
            return number, split_header(shown, number, line, template)
    raise InputError(f"{shown}: has no header line. Nothing was loaded. Fetch the file again.")


def as_found(shown: str, member: Member, scan: Scan, template: Template) -> Table | None:
    """The file itself as a table, if its lines are its records as far as a scan can tell; else None."""
    if scan.has_blank_line or template.comment_prefix or template.trailer or template.skip_lines:
        return None
    line, columns = find_header(shown, member, template)
    if line != 1 or (scan.has_quote and not template.quote):
        return None
    return Table(
        member.path, columns, False, template.quote, template.delimiter, line, scan.line_count,
    )  # fmt: skip


class _Splitter:
    """Splits one member into records and writes them, numbered, to `out`."""

    def __init__(self, shown: str, template: Template, table: Table, out: Any, before: int) -> None:
        self.shown = shown
        self.template = template
        self.table = table
        self.out = out
        self.before = before
        self.width = len(table.columns)
        self.quote = template.quote.encode()
        self.delimiter = template.delimiter.encode()
        self.prefix = (template.comment_prefix or "").encode()
        trailer = template.trailer
        self.trailer_start = (trailer.header or "").encode() if trailer else b""
        self.end_mark = (trailer.end_mark or "").encode() if trailer else b""
        self.in_trailer = 0
        self.records = 0

    def run(self, path: Path, header_line: int) -> int:
        """Read the file; the number of its lines."""
        number, pending, started = 0, b"", 0
        ended_in_newline = True
        blank_bytes = self.delimiter + b" \t\r\n"
        with path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                if number <= header_line:
                    self.comment(number, line)
                    continue
                if pending:
                    pending += line
                    if pending.count(self.quote) % 2 == 0:
                        self.record(started, pending)
                        pending = b""
                    continue
                if not line.strip(blank_bytes):
                    self.table.blank += 1
                elif self.special(number, line):
                    continue
                elif self.quote and line.count(self.quote) % 2:
                    pending, started = line, number
                else:
                    self.record(number, line)
                ended_in_newline = line.endswith(b"\n")
        if pending:
            self.fault(
                started,
                pending,
                "damaged_quoting",
                "has a quotation mark that is never closed: the file is damaged or cut short. "
                "Close it, or double it if it belongs to the text.",
            )
        elif not ended_in_newline:
            self.at_end()
        return number

    def special(self, number: int, line: bytes) -> bool:
        """Whether the line is a comment or part of the trailer, and take note of it."""
        if self.prefix and line.startswith(self.prefix):
            self.comment(number, line)
            return True
        if self.in_trailer:
            if self.in_trailer == 1:
                self.trailer_values(number, line)
                self.in_trailer = 2
                return True
            self.fault(number, line, "after_trailer", "stands after the trailer. Remove it, or fetch the file again.")
            return True
        if self.trailer_start and line.lstrip(b"\xef\xbb\xbf`").startswith(self.trailer_start):
            self.table.trailer_line = self.before + number
            self.trailer_names = self.fields(line)
            self.in_trailer = 1
            return True
        if self.table.end_mark_line:
            self.fault(
                number, line, "after_end_mark", "stands after the end of the table. Remove it, or fetch the file again."
            )
            return True
        return False

    def comment(self, number: int, line: bytes) -> None:
        if not self.prefix or not line.lstrip(b"\xef\xbb\xbf").startswith(self.prefix):
            return
        text = line.decode("utf-8").lstrip("\ufeff").rstrip("\r\n")
        self.table.comments.append((self.before + number, text))
        if self.end_mark and self.end_mark in line:
            self.table.end_mark_line = self.before + number

    def fields(self, line: bytes) -> list[str]:
        text = line.decode("utf-8").rstrip("\r\n")
        prefix = self.template.strip_prefix or ""
        return [part.strip().removeprefix(prefix).strip() for part in text.split(self.template.delimiter)]

    def trailer_values(self, number: int, line: bytes) -> None:
        values = self.fields(line)
        if len(values) != len(self.trailer_names):
            self.fault(number, line, "bad_trailer", "has not as many values as the trailer has names.")
            return
        self.table.trailer = dict(zip(self.trailer_names, values, strict=True))

    def record(self, number: int, line: bytes) -> None:
        if self.quote and self.quote in line:
            width = self.quoted_width(number, line)
            if width == 0:
                return
        else:
            width = line.count(self.delimiter) + 1
        if width != self.width:
            self.wrong_width(number, line, width)
            return
        self.records += 1
        text = line.rstrip(b"\r\n")
        self.out.write(b"%d%b%b\n" % (self.before + number, self.delimiter, text))

    def quoted_width(self, number: int, line: bytes) -> int:
        """The number of fields of a record with quotation marks; 0 after taking note that it is damaged."""
        text = line.decode("utf-8").rstrip("\r\n")
        stream = io.StringIO(text, newline="")
        reader = csv.reader(stream, delimiter=self.template.delimiter, quotechar='"', strict=True)
        try:
            rows = list(reader)
        except csv.Error:
            rows = []
        if len(rows) != 1:
            self.fault(
                number,
                line,
                "damaged_quoting",
                "has damaged quotation marks. Close each one, and double it inside a quoted value.",
            )
            return 0
        return len(rows[0])

    def wrong_width(self, number: int, line: bytes, width: int) -> None:
        what = "too few: a value is missing" if width < self.width else "too many: a value may need quotation marks"
        self.fault(number, line, "wrong_width", f"has {width} of {self.width} columns, {what}.")

    def at_end(self) -> None:
        """Say that a short last line without a line end looks like a file that was cut."""
        faults = self.table.faults
        if faults and faults[-1].code == "wrong_width" and self.last_line == faults[-1].line:
            last = faults[-1]
            text = f"{last.text} The file ends here without a line end: it is cut short. Fetch it again."
            faults[-1] = Fault(last.line, "truncated", text, raw_text=last.raw_text)

    @property
    def last_line(self) -> int:
        return max((fault.line for fault in self.table.faults), default=0)

    def fault(self, number: int, line: bytes, code: str, text: str) -> None:
        raw = line.decode("utf-8", errors="replace").rstrip("\r\n")
        self.table.faults.append(Fault(self.before + number, code, f"the line {text}", raw_text=raw[:2000]))


def split_members(
    shown: str, members: list[Member], template: Template, folder: Path
) -> tuple[Table, tuple[tuple[int, str], ...]]:
    """All members, one after the other, as one numbered table; lines are counted on from member to member.

    The second value tells where each member begins: (lines before it, name); empty for a single one.
    """
    target = folder / "records.csv"
    table: Table | None = None
    starts: list[tuple[int, str]] = []
    before = 0
    with target.open("wb") as out:
        for member in members:
            line, columns = find_header(shown, member, template)
            if table is None:
                table = Table(
                    target, columns, True, template.quote, template.delimiter, header_line=line, record_count=0
                )
            elif columns != table.columns:
                raise InputError(
                    f"{shown}: {member.name!r} has another header than {members[0].name!r}. Nothing was loaded. "
                    "Unpack the files and load each."
                )
            starts.append((before, member.name))
            splitter = _Splitter(shown, template, table, out, before)
            before += splitter.run(member.path, line)
            table.record_count = (table.record_count or 0) + splitter.records
    assert table is not None
    table.line_count = before
    return table, tuple(starts) if len(starts) > 1 else ()


def read_ndjson(member: Member, template: Template, folder: Path) -> Table:
    """One JSON object a line, as a numbered table. Numbers keep the digits they are written with."""
    columns = tuple(sorted(template.known_columns() - {"*"}))
    known = frozenset(columns)
    table = Table(folder / "records.csv", columns, True, record_count=0)
    count = 0
    seen: set[str] = set()
    with (
        member.path.open("r", encoding="utf-8-sig", newline="\n") as stream,
        table.path.open("w", encoding="utf-8", newline="") as out,
    ):
        writer = csv.writer(out, lineterminator="\n")
        for number, line in enumerate(stream, 1):
            table.line_count = number
            text = line.strip()
            if not text:
                table.blank += 1
                continue
            row, fault = _json_row(text)
            unknown = [] if row is None or template.ignores_all else [name for name in row if name not in known]
            if unknown:
                fault = "the column is not known. Remove it, or use a template that ignores it."
            if fault or row is None:
                column = unknown[0] if unknown else None
                table.faults.append(Fault(number, "bad_json", fault or "", column=column, raw_text=text[:2000]))
                continue
            seen.update(row)
            writer.writerow([number, *(_json_text(row.get(name)) for name in columns)])
            count += 1
    table.record_count = count
    if count:
        # A column that no line has is missing, as a CSV header would lack it.
        table.columns = tuple(name if name in seen else f"{ABSENT}{name}" for name in columns)
    return table


def _json_row(text: str) -> tuple[dict[str, Any] | None, str]:
    try:
        row = json.loads(text, parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        return None, f"the line is no JSON object ({error}). Mend it."
    if not isinstance(row, dict):
        return None, "the line is no JSON object. Write one object a line."
    return row, ""


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) != len(pairs):
        raise ValueError("a name comes twice")
    return row


def _json_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return _json_source(value)


def _json_source(value: Any) -> str:
    """A value as JSON text, with numbers as they were written and not as binary floating point."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int | Decimal):
        return str(value)
    if isinstance(value, dict):
        parts = (f"{json.dumps(key, ensure_ascii=False)}: {_json_source(entry)}" for key, entry in value.items())
        return "{" + ", ".join(parts) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_json_source(entry) for entry in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def raw_lines(members: list[Member], wanted: set[int]) -> dict[int, str]:
    """The text of these lines, counted on from member to member."""
    found: dict[int, str] = {}
    number = 0
    for member in members:
        with member.path.open("r", encoding="utf-8", errors="replace", newline="\n") as stream:
            for line in stream:
                number += 1
                if number in wanted:
                    found[number] = line.rstrip("\r\n")[:2000]
    return found
