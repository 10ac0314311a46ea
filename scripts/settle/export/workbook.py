"""Writes rows into an Excel workbook, row by row in bounded memory: header, filters, number formats, totals."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import xlsxwriter

from settle.export.layouts import ColumnLayout, Language, Layout
from settle.money import amount_text

MAX_ROWS = 1_048_576
MAX_TEXT = 32_767
# A cell's number is a binary float of 15 reliable digits: an amount of more is written as text, to the last unit.
NUMBER_LIMIT = 10**15
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
WIDTHS = {"text": 18, "amount": 18, "count": 10, "date": 12, "time": 20, "flag": 8}
WORDS: dict[str, dict[Language, str]] = {
    "total": {"en": "Total", "zh": "合计"},
    "cut": {"en": "… (cut; {} characters)", "zh": "……（已截断，共 {} 字）"},
    "yes": {"en": "yes", "zh": "是"},
    "no": {"en": "no", "zh": "否"},
    "about": {"en": "About", "zh": "说明"},
    "what": {"en": "What", "zh": "内容"},
    "when": {"en": "Batch", "zh": "批次"},
    "rows": {"en": "Rows", "zh": "行数"},
    "note": {"en": "Note", "zh": "备注"},
    "long": {
        "en": "Amounts of more than 15 digits are written as text, because Excel would round them.",
        "zh": "超过 15 位的金额以文本写出，否则 Excel 会四舍五入。",
    },
}


class Workbook:
    """One export. `rows` are tuples in the layout's order of columns, then the row's currency if there are amounts."""

    def __init__(
        self, path: Path, layout: Layout, language: Language, exponents: Mapping[str, int], zone: ZoneInfo,
        rows_per_sheet: int = MAX_ROWS,
    ) -> None:  # fmt: skip
        self.path, self.layout, self.language = path, layout, language
        self.exponents, self.zone = exponents, zone
        # One row for the header, and room for a total of every currency.
        self.capacity = rows_per_sheet - 1
        self.count = 0

    def write(self, rows: Iterable[Sequence[Any]], totals: Sequence[Sequence[Any]], about: str) -> int:
        """Write everything to a file beside the wanted one, which it replaces when it is whole. Returns the rows.

        `totals` have one row per currency: the currency, then the sum of each column that is summed.
        """
        partial = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        options = {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with xlsxwriter.Workbook(str(partial), options) as book:
                self._formats(book)
                self._sheets(book, rows, totals)
                self._about(book, about)
            partial.replace(self.path)
        finally:
            partial.unlink(missing_ok=True)
        return self.count

    def _formats(self, book: Any) -> None:
        self.head = book.add_format({"bold": True, "bottom": 1, "bg_color": "#E8EEF4", "text_wrap": True})
        self.quoted = book.add_format({"quote_prefix": True})
        self.right = book.add_format({"align": "right"})
        self.date = book.add_format({"num_format": "yyyy-mm-dd"})
        self.time = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self.whole = book.add_format({"num_format": "#,##0"})
        self.bold = book.add_format({"bold": True, "top": 1})
        self.amounts, self.sums = {}, {}
        for places in range(5):
            shown = "#,##0" + (f".{'0' * places}" if places else "")
            self.amounts[places] = book.add_format({"num_format": shown})
            self.sums[places] = book.add_format({"num_format": shown, "bold": True, "top": 1})

    def _sheets(self, book: Any, rows: Iterable[Sequence[Any]], totals: Sequence[Sequence[Any]]) -> None:
        sheet, at = self._sheet(book, 1), 0
        for row in rows:
            if at == self.capacity:
                self._close(sheet, at)
                sheet, at = self._sheet(book, self.count // self.capacity + 1), 0
            at += 1
            self.count += 1
            for place, (column, value) in enumerate(zip(self.layout.columns, row, strict=False)):
                self._cell(sheet, at, place, column, value, row[-1])
        self._close(sheet, at)
        if at + len(totals) > self.capacity:
            sheet, at = self._sheet(book, self.count // self.capacity + 2), 0
        for total in totals:
            at += 1
            self._total(sheet, at, total)

    def _sheet(self, book: Any, number: int) -> Any:
        title = self.layout.titles[self.language]
        sheet = book.add_worksheet(title if number == 1 else f"{title} {number}")
        sheet.freeze_panes(1, 0)
        sheet.repeat_rows(0)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        for place, column in enumerate(self.layout.columns):
            sheet.set_column(place, place, WIDTHS[column.kind])
            sheet.write_string(0, place, column.titles[self.language], self.head)
        return sheet

    def _close(self, sheet: Any, last: int) -> None:
        sheet.autofilter(0, 0, last, len(self.layout.columns) - 1)

    def _cell(self, sheet: Any, at: int, place: int, column: ColumnLayout, value: Any, currency: Any) -> None:
        if value is None:
            return
        if column.kind == "amount":
            self._amount(sheet, at, place, value, currency, self.amounts)
        elif column.kind == "count":
            sheet.write_number(at, place, value, self.whole)
        elif column.kind == "flag":
            sheet.write_string(at, place, WORDS["yes" if value else "no"][self.language])
        elif column.kind == "date" and isinstance(value, date):
            sheet.write_datetime(at, place, datetime(value.year, value.month, value.day), self.date)
        elif column.kind == "time" and isinstance(value, datetime):
            local = value.replace(tzinfo=UTC).astimezone(self.zone).replace(tzinfo=None)
            sheet.write_datetime(at, place, local, self.time)
        else:
            self._text(sheet, at, place, str(value))

    def _amount(self, sheet: Any, at: int, place: int, minor: Any, currency: Any, shapes: Mapping[int, Any]) -> None:
        places = self.exponents.get(str(currency))
        if places is None:
            sheet.write_string(at, place, f"{minor} minor {currency or ''}".rstrip(), self.right)
        elif abs(minor) < NUMBER_LIMIT:
            sheet.write_number(at, place, Decimal(int(minor)).scaleb(-places), shapes[places])
        else:
            sheet.write_string(at, place, amount_text(int(minor), places), self.right)

    def _text(self, sheet: Any, at: int, place: int, text: str) -> None:
        if len(text) > MAX_TEXT:
            cut = WORDS["cut"][self.language].format(len(text))
            text = text[: MAX_TEXT - len(cut)] + cut
        # A text that looks like a formula stays text, also when somebody edits the cell.
        sheet.write_string(at, place, text, self.quoted if text.startswith(FORMULA_SIGNS) else None)

    def _total(self, sheet: Any, at: int, total: Sequence[Any]) -> None:
        currency, *sums = total
        left = list(sums)
        for place, column in enumerate(self.layout.columns):
            if column.total:
                self._amount(sheet, at, place, left.pop(0) or 0, currency, self.sums)
            elif place == 0:
                sheet.write_string(at, place, f"{WORDS['total'][self.language]} {currency}", self.bold)
            else:
                sheet.write_blank(at, place, None, self.bold)

    def _about(self, book: Any, about: str) -> None:
        sheet = book.add_worksheet(WORDS["about"][self.language])
        sheet.set_column(0, 0, 14)
        sheet.set_column(1, 1, 70)
        lines = (("what", self.layout.titles[self.language]), ("when", about), ("rows", f"{self.count:,}"))
        for at, (word, text) in enumerate((*lines, ("note", WORDS["long"][self.language]))):
            sheet.write_string(at, 0, WORDS[word][self.language], self.head)
            sheet.write_string(at, 1, text)
