"""SWIFT MT940 statements: one row for each statement line (:61:), with what the bank says about it (:86:)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from settle.load.sink import Entry, Sink, write_entries
from settle.load.source import Member
from settle.times import short_day

TAG = re.compile(r":(\d{2}[A-Z]?|NS):")
# The funds code is the third letter of the currency; some banks fill the entry's day with blanks.
LINE = re.compile(
    r"(?P<value>\d{6})(?P<entry>\d{4}| {4})?(?P<mark>R?[CD])(?P<funds>[A-Z])?(?P<amount>\d{1,15},\d{0,4})"
    r"(?P<type>[A-Z][A-Z0-9]{3})(?P<references>.*)"
)
BALANCE = re.compile(r"(?P<mark>[CD])(?P<day>\d{6})(?P<currency>[A-Z]{3})(?P<amount>\d{1,15},\d{0,4})\s*")
DIRECTIONS = {"C": "credit", "D": "debit", "RC": "debit", "RD": "credit"}


@dataclass
class _Statement:
    """What is known of the statement being read."""

    line: int
    account: str = ""
    number: str = ""
    currency: str = ""
    opening: str | None = None
    moved: Decimal = Decimal(0)
    entry_count: int = 0
    entries: list[Entry] = field(default_factory=list)
    last: Entry | None = None


def read_mt940(sink: Sink, member: Member) -> int:
    """Read the statements of a file; the number of its lines. Raises InputError when a statement is not complete."""
    fields, count = _fields(sink, member)
    entries: list[Entry] = []
    statement: _Statement | None = None
    for line, tag, text in fields:
        if tag == "20":
            _complete(sink, statement)
            statement = _Statement(line)
        elif statement is None:
            raise sink.refusal(line, f"the field :{tag}: stands before :20:, with which a statement begins")
        elif tag in ("25", "25P"):
            statement.account = text[0].strip()
        elif tag in ("28", "28C"):
            statement.number = text[0].strip()
        elif tag in ("60F", "60M"):
            statement.opening, statement.currency, _ = _balance(sink, line, tag, text[0])
        elif tag == "61":
            _statement_line(sink, statement, line, text)
        elif tag == "86" and statement.last is not None:
            statement.last.values["narrative"] += "".join(text)
        elif tag in ("62F", "62M"):
            _close(sink, statement, line, tag, text[0])
            entries += statement.entries
            statement.last = None
    _complete(sink, statement)
    if statement is None:
        raise sink.refusal(1, "has no statement (:20:): it is no MT940 file")
    for entry in entries:
        entry.values["narrative"] = " ".join(entry.values["narrative"].split())
    write_entries(sink, entries)
    return count


def _fields(sink: Sink, member: Member) -> tuple[list[tuple[int, str, list[str]]], int]:
    """(line, tag, lines of text) of every field, and the number of lines."""
    fields: list[tuple[int, str, list[str]]] = []
    number = 0
    with member.path.open("r", encoding="utf-8-sig", newline="\n") as stream:
        for number, text in enumerate(stream, 1):
            text = text.rstrip("\r\n")
            # A message may come in its SWIFT envelope: {1:...}{2:...}{4: before, -} after.
            if text.startswith("{"):
                text = text.partition("{4:")[2]
            match = TAG.match(text)
            if match:
                fields.append((number, match.group(1), [text[match.end() :]]))
            elif text.strip() in ("", "-") or text.startswith("-}"):
                continue
            elif fields:
                fields[-1][2].append(text)
            else:
                raise sink.refusal(number, "does not begin with a field such as :20:: it is no MT940 file")
    return fields, number


def _entry_day(value: date, text: str) -> date | None:
    """The entry's day MMDD, in the year that brings it closest to the value date."""
    days = []
    for year in (value.year - 1, value.year, value.year + 1):
        try:
            days.append(date(year, int(text[:2]), int(text[2:])))
        except ValueError:
            continue
    return min(days, key=lambda day: abs(day - value), default=None)


def _plain(text: str) -> str:
    """An amount as MT940 writes it, `300,` or `0,5`, as plain decimal text."""
    return text.replace(",", ".").removesuffix(".")


def _balance(sink: Sink, line: int, tag: str, text: str) -> tuple[str, str, date]:
    """(signed amount, currency, day) of a balance."""
    match = BALANCE.fullmatch(text)
    day = short_day(match["day"]) if match else None
    if match is None or day is None:
        raise sink.refusal(line, f"the balance :{tag}:{text.strip()} cannot be read")
    return ("-" if match["mark"] == "D" else "") + _plain(match["amount"]), match["currency"], day


def _statement_line(sink: Sink, statement: _Statement, line: int, text: list[str]) -> None:
    statement.entry_count += 1
    statement.last = None
    raw = ":61:" + "\n".join(text)
    if statement.opening is None or not statement.account:
        raise sink.refusal(line, "the entry stands before its account (:25:) and opening balance (:60F:)")
    match = LINE.fullmatch(text[0])
    if match is None:
        told = "cannot be read: it must be value date, C or D, amount with a comma, and type. Ask the bank."
        sink.fault(line, "bad_entry", told, ":61:", text[0], raw)
        return
    direction = DIRECTIONS[match["mark"]]
    amount = _plain(match["amount"])
    statement.moved += Decimal(amount) if direction == "credit" else -Decimal(amount)
    value = short_day(match["value"])
    if value is None:
        told = "is no day of the calendar (YYMMDD). Ask the bank for a correct file."
        sink.fault(line, "bad_date", told, "value date", match["value"], raw)
        return
    booked: date | None = value
    if (match["entry"] or "").strip():
        booked = _entry_day(value, match["entry"])
    if booked is None:
        told = "is no day of the calendar (MMDD). Ask the bank for a correct file."
        sink.fault(line, "bad_date", told, "entry date", match["entry"], raw)
        return
    customer, _, bank = match["references"].partition("//")
    values = {
        "account": statement.account,
        "booked on": booked.isoformat(),
        "direction": direction,
        "amount": amount,
        "currency": statement.currency,
        "batch": "" if customer.strip() == "NONREF" else customer.strip(),
        "narrative": "".join(f"{part} " for part in text[1:]),
    }
    statement.last = Entry(line, "", statement.entry_count, bank.strip(), match["mark"].startswith("R"), values)
    statement.entries.append(statement.last)


def _close(sink: Sink, statement: _Statement, line: int, tag: str, text: str) -> None:
    """Check the closing balance, and name the statement by its number and the day it closes."""
    closing, currency, day = _balance(sink, line, tag, text)
    if statement.opening is None:
        raise sink.refusal(line, "the statement has no opening balance (:60F:)")
    if currency != statement.currency:
        raise sink.refusal(line, f"the opening balance is in {statement.currency}, the closing one in {currency}")
    identity = "/".join(part for part in (statement.number, day.isoformat()) if part)
    for entry in statement.entries:
        entry.statement = identity
    if statement.entries:
        statement.entries[-1].values["balance"] = closing
    found = Decimal(statement.opening) + statement.moved
    sink.declares(line, f"closing balance of {statement.account} in {identity}", closing, found)
    statement.opening = None
    statement.line = 0


def _complete(sink: Sink, statement: _Statement | None) -> None:
    if statement is not None and statement.line:
        raise sink.refusal(
            statement.line, "the statement that begins here has no closing balance (:62F:): it is cut short"
        )
