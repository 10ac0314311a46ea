"""PayPal settlement reports: one row for each section body record (SB); every count, total and balance is compared."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from settle.load.faults import quoted
from settle.load.sink import Sink
from settle.load.source import Member
from settle.load.templates import Template

WHOLE = re.compile(r"\d{1,18}")
TIME = re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d [+-]\d{4}")
EVENT = re.compile(r"T\d{4}")
SIGNS = {"CR": 1, "DR": -1}
SIDE, AMOUNT, CURRENCY = "Transaction Debit or Credit", "Gross Transaction Amount", "Gross Transaction Currency"
FEE_SIDE, FEE, FEE_CURRENCY = "Fee Debit or Credit", "Fee Amount", "Fee Currency"
CODE, COMPLETED = "Transaction Event Code", "Transaction Completion Date"
NEEDED = ("Transaction ID", "Invoice ID", CODE, COMPLETED, SIDE, AMOUNT, CURRENCY, FEE_SIDE, FEE, FEE_CURRENCY)
# What a row has beside them; later versions of the report have more of these than earlier ones.
MORE = ("PayPal Reference ID", "PayPal Reference ID Type", "Custom Field", "Store ID", "Bank Reference ID")
# "Account ID" is that of the section, "Event" what the template calls the event, "Net Amount" the amount with its fee.
PAYPAL_COLUMNS = (
    "Account ID", "Transaction ID", "Invoice ID", "Event", CODE, COMPLETED, AMOUNT, CURRENCY, FEE, "Net Amount", *MORE,
)  # fmt: skip
# Where each record belongs, as a message says it.
PLACES = {
    "RH": "the report header is the first record of a file, and the only one",
    "FH": "the file header follows the report header (RH)",
    "SH": "a section follows the file header (FH) or the count (SC) of the section before it",
    "CH": "the column names follow the section header (SH), once",
    "SB": "the column names (CH) of its section come before it, and the section's footers (SF) after it",
    "SF": "a section footer belongs to a section (SH)",
    "SC": "a section count belongs to a section (SH)",
    "RF": "a report footer follows the count (SC) of the last section, before the report count (RC)",
    "RC": "the report count follows the count (SC) of the last section, once",
    "FF": "the file footer follows the count (SC) of the last section, once",
    "FC": "the file count follows the count (SC) of the last section, once",
}


@dataclass
class _Totals:
    """What the rows of one currency come to, the first of them in `line`; gross amounts and fees by side."""

    line: int = 0
    gross: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SIGNS, 0))
    fees: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SIGNS, 0))
    rows: int = 0

    def add(self, other: _Totals) -> None:
        for side in SIGNS:
            self.gross[side] += other.gross[side]
            self.fees[side] += other.fees[side]
        self.rows += other.rows


@dataclass
class _Level:
    """A section or the report: its name in messages, the sums of its rows, and the currencies its footers told."""

    name: str
    totals: dict[str, _Totals] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    rows: int = 0

    def of(self, currency: str, line: int) -> _Totals:
        if currency not in self.totals:
            self.totals[currency] = _Totals(line)
        return self.totals[currency]


@dataclass
class _Section(_Level):
    account: str = ""
    columns: dict[str, int] = field(default_factory=dict)
    width: int = 0


@dataclass
class _Report(_Level):
    """A report that may go on in the next file. `whole`: its first file is here, so that its totals can be compared."""

    header: tuple[str, ...] = ()
    last_file: int = 0
    whole: bool = True
    counted: bool = False


@dataclass
class _State:
    events: frozenset[str]
    template: str
    header: tuple[str, ...] = ()
    file_number: int = 0
    report: _Report | None = None
    section: _Section | None = None
    rows: int = 0
    lines: int = 0
    after: set[str] = field(default_factory=set)


def read_paypal(sink: Sink, member: Member, template: Template) -> int:
    """Read one file of a report, row by row; the number of its lines. Raises InputError when it is not a whole one."""
    state = _State(frozenset(dict(template.kinds)), template.name)
    with member.path.open("r", encoding="utf-8-sig", newline="\n") as stream:
        for line, last_line, cells in _records(sink, stream):
            state.lines = last_line
            if any(cells):
                _take(sink, state, line, cells)
            else:
                sink.table.blank += 1
    if state.section is not None:
        what = f"ends within {state.section.name}, before its count (SC): it is cut short"
        raise sink.refusal(state.lines, what)
    if "FF" not in state.after:
        raise sink.refusal(state.lines, "has no file footer (FF) at its end: it is cut short")
    sink.carried = state.report
    return state.lines


def _records(sink: Sink, stream: Iterator[str]) -> Iterator[tuple[int, int, list[str]]]:
    """(first line, last line, cells) of every record; a quoted text may hold line ends."""
    reader = csv.reader(stream, strict=True)
    line = 1
    try:
        for cells in reader:
            yield line, reader.line_num, [cell.strip() for cell in cells]
            line = reader.line_num + 1
    except csv.Error as error:
        raise sink.refusal(line, f"the record is damaged ({error})") from error


def _take(sink: Sink, state: _State, line: int, cells: list[str]) -> None:
    code, section = cells[0], state.section
    if code == "SB" and section is not None and section.columns and not section.told:
        # Nearly every record is one of these.
        state.rows += 1
        section.rows += 1
        _body(sink, state, section, line, cells)
        return
    if code not in PLACES:
        raise sink.refusal(
            line, f"begins with {code[:20]!r}, which is no record of a settlement report ({', '.join(PLACES)})"
        )
    between = bool(state.file_number) and section is None
    allowed = {
        "RH": not state.header,
        "FH": bool(state.header) and not state.file_number,
        "SH": between and not state.after,
        "CH": section is not None and not section.columns and not section.told,
        "SB": False,
        "SF": section is not None,
        "SC": section is not None,
        "RF": between and "RC" not in state.after,
    }
    if not allowed.get(code, between and code not in state.after):
        raise sink.refusal(line, f"the record {code} stands where it may not: {PLACES[code]}")
    if code == "RH":
        state.header = tuple(cells)
    elif code == "FH":
        _open_file(sink, state, line, cells)
    elif code == "SH":
        _open_section(sink, state, line, cells)
    elif section is None:
        _after(sink, state, line, cells)
    elif code == "CH":
        _name_columns(sink, section, line, cells)
    elif code == "SF":
        _footer(sink, section, line, cells)
    else:
        _close_section(sink, state, section, line, cells)


def _open_file(sink: Sink, state: _State, line: int, cells: list[str]) -> None:
    """Go on with the report of the file before, if this is its next file, else begin one."""
    number = cells[1] if len(cells) > 1 else ""
    if not WHOLE.fullmatch(number) or not int(number):
        raise sink.refusal(line, f"the file number {number[:40]!r} is no whole number from 1")
    state.file_number = int(number)
    before = sink.carried if isinstance(sink.carried, _Report) else None
    if before and before.header == state.header and before.last_file + 1 == state.file_number:
        if before.counted:
            raise sink.refusal(
                line, f"file {state.file_number} goes on with a report that the file before it ended (RC)"
            )
        state.report = before
    else:
        state.report = _Report("the report", header=state.header, whole=state.file_number == 1)
    state.report.last_file = state.file_number


def _open_section(sink: Sink, state: _State, line: int, cells: list[str]) -> None:
    account = cells[3] if len(cells) > 3 else ""
    if not account:
        raise sink.refusal(line, "the section has no account ID, the third value after SH")
    name = f"the section of {account} (line {sink.before + line})"
    state.section = _Section(name, account=account)


def _name_columns(sink: Sink, section: _Section, line: int, cells: list[str]) -> None:
    # Some versions of the report write two blanks within a name.
    names = [" ".join(cell.split()) for cell in cells[1:]]
    for name in names:
        if name and names.count(name) > 1:
            raise sink.refusal(line, f'column "{name}" comes twice')
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise sink.refusal(line, f'column "{missing[0]}" is missing', "Ask PayPal for a settlement report (STL).")
    section.columns = {name: at for at, name in enumerate(names, 1) if name in (*NEEDED, *MORE)}
    section.width = len(cells)


def _body(sink: Sink, state: _State, section: _Section, line: int, cells: list[str]) -> None:
    if len(cells) != section.width:
        raise sink.refusal(line, f"the line has {len(cells)} of {section.width} columns")
    row = {name: cells[at] for name, at in section.columns.items()}
    gross = _signed(sink, line, row, SIDE, AMOUNT)
    # Without a fee both cells are empty, or the amount is zero.
    fee = _signed(sink, line, row, FEE_SIDE, FEE) if row[FEE].strip("0") else 0
    totals = section.of(row[CURRENCY], sink.before + line)
    totals.rows += 1
    totals.gross[row[SIDE]] += abs(gross)
    if fee:
        section.of(row[FEE_CURRENCY], sink.before + line).fees[row[FEE_SIDE]] += abs(fee)
        if row[FEE_CURRENCY] != row[CURRENCY]:
            told = f"is not the currency of the amount, {row[CURRENCY]}. Set the line aside and ask PayPal."
            sink.fault(line, "other_currency", told, FEE_CURRENCY, row[FEE_CURRENCY])
            return
    event, group = f"{row[CODE]} {row[SIDE]}", f"{row[CODE][:3]} {row[SIDE]}"
    known = event if event in state.events else group if group in state.events else ""
    if not known or not EVENT.fullmatch(row[CODE]):
        told = (
            f"is no event that template {state.template} knows. Set the line aside, or write a template that says "
            "what such money is."
        )
        sink.fault(line, "unknown_value", told, CODE, event)
        return
    row |= {
        "Account ID": section.account,
        "Event": known,
        COMPLETED: _iso(row[COMPLETED]),
        AMOUNT: str(gross),
        FEE: str(fee) if row[FEE] else "",
        "Net Amount": str(gross + fee),
    }
    sink.row(line, row)


def _iso(text: str) -> str:
    """A time as the loader reads it; what is none stays as it is, and is told there."""
    if not TIME.fullmatch(text):
        return text
    return f"{text[:4]}-{text[5:7]}-{text[8:10]}T{text[11:19]}{text[20:23]}:{text[23:]}"


def _signed(sink: Sink, line: int, row: dict[str, str], side: str, amount: str) -> int:
    """An amount with the sign of its side. Without it no total can be compared, so the line cannot be set aside."""
    if row[side] not in SIGNS:
        raise sink.refusal(line, f'column "{side}": {quoted(row[side])} is neither CR nor DR')
    if not WHOLE.fullmatch(row[amount]):
        what = "is no whole number: amounts are in the smallest unit of the currency, without sign, point or comma"
        raise sink.refusal(line, f'column "{amount}": {quoted(row[amount])} {what}')
    return SIGNS[row[side]] * int(row[amount])


def _footer(sink: Sink, level: _Level, line: int, cells: list[str], compared: bool = True) -> None:
    """Compare the totals, the balances and the count of one currency (SF, RF) with the rows.

    After the currency come four totals, then balances, each with its side, then the number of rows. The first two
    balances are those before and after; what else is told of the account (what it owes PayPal) no row explains.
    """
    code, currency = cells[0], cells[1] if len(cells) > 1 else ""
    values = cells[2:]
    while values and not values[-1]:
        values.pop()
    if not currency or currency in level.told:
        what = "comes twice" if currency else "has no currency"
        raise sink.refusal(line, f"the footer {code} {currency}{' ' if currency else ''}of {level.name} {what}")
    level.told.add(currency)
    numbers = [_number(sink, line, code, text) for text in values[:4]]
    balances: list[int] = []
    at = 4
    while at + 1 < len(values) and values[at] in SIGNS:
        balances.append(SIGNS[values[at]] * _number(sink, line, code, values[at + 1]))
        at += 2
    if len(balances) < 2 or len(values) > at + 1:
        what = (
            f"the footer {code} {currency} of {level.name} cannot be read: it must be four totals, balances with CR or "
            "DR before each, at least two, and the number of rows"
        )
        raise sink.refusal(line, what)
    if not compared:
        return
    found = level.totals.get(currency, _Totals())
    where = f"{currency} of {level.name}"
    sums = (("gross credits", found.gross["CR"]), ("gross debits", found.gross["DR"]),
            ("fee credits", found.fees["CR"]), ("fee debits", found.fees["DR"]))  # fmt: skip
    for (name, total), number in zip(sums, numbers, strict=True):
        sink.declares(line, f"{name} in {where}", str(number), total)
    moved = sum(sign * (found.gross[side] + found.fees[side]) for side, sign in SIGNS.items())
    sink.declares(line, f"ending balance in {where}", str(balances[1]), balances[0] + moved)
    if len(values) > at:
        count = _number(sink, line, code, values[at])
        sink.declares(line, f"number of rows in {where}", str(count), found.rows)


def _number(sink: Sink, line: int, code: str, text: str) -> int:
    if not WHOLE.fullmatch(text):
        raise sink.refusal(
            line, f"the value {text[:40]!r} of the record {code} is no whole number without sign, point or comma"
        )
    return int(text)


def _count(sink: Sink, line: int, cells: list[str]) -> str:
    return str(_number(sink, line, cells[0], cells[1] if len(cells) > 1 else ""))


def _all_told(sink: Sink, line: int, level: _Level, footer: str) -> None:
    for currency, totals in level.totals.items():
        if currency not in level.told:
            what = f"{level.name} has rows in {currency!r} (line {totals.line}), and no footer ({footer}) for it"
            raise sink.refusal(line, what)


def _close_section(sink: Sink, state: _State, section: _Section, line: int, cells: list[str]) -> None:
    assert state.report is not None
    _all_told(sink, line, section, "SF")
    sink.declares(line, f"number of rows of {section.name}", _count(sink, line, cells), section.rows)
    for currency, totals in section.totals.items():
        state.report.of(currency, totals.line).add(totals)
    state.report.rows += section.rows
    state.section = None


def _after(sink: Sink, state: _State, line: int, cells: list[str]) -> None:
    """What follows the sections: footers and count of the report, which may go on in several files, and of the file."""
    report, code = state.report, cells[0]
    assert report is not None
    state.after.add(code)
    if code == "RF":
        _footer(sink, report, line, cells, compared=report.whole)
    elif code == "RC":
        report.counted = True
        count = _count(sink, line, cells)
        if report.whole:
            if report.told:
                _all_told(sink, line, report, "RF")
            sink.declares(line, "number of rows of the report", count, report.rows)
    elif len(cells) > 1 and cells[1]:
        # The footer of a file may stand without a count.
        name = f"number of rows of file {state.file_number} ({code})"
        sink.declares(line, name, _count(sink, line, cells), state.rows)
