"""BAI2 cash management files: one row for each transaction (16), with control totals of account, group and file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from settle.load.sink import Entry, Sink, write_entries
from settle.load.source import Member
from settle.times import short_day

SIGNED = re.compile(r"[+-]?\d{1,30}")
# A mark for where one physical line went on into the next (88); it cannot be in the text of a file.
JOIN = "\x00"
CLOSING_LEDGER = "015"
DEFAULT_CURRENCY = "USD"
CODES = ("01", "02", "03", "16", "49", "98", "99")


@dataclass
class _Record:
    """A logical record: its line, its code, the fields after it joined by commas, and its physical lines."""

    line: int
    code: str
    body: str
    lines: int = 1
    ended: bool = False
    raw: str = ""

    def fields(self) -> list[str]:
        return [part.replace(JOIN, "").strip() for part in self.body.split(",")]

    def field(self, number: int) -> str:
        fields = self.fields()
        return fields[number] if number < len(fields) else ""


@dataclass
class _Level:
    """What is open (file, group or account), and what its control record must say."""

    record: _Record
    total: int = 0
    parts: int = 0
    lines: int = 0


@dataclass
class _State:
    file: _Level | None = None
    group: _Level | None = None
    account: _Level | None = None
    closed: bool = False
    booked_on: str = ""
    group_currency: str = ""
    number: str = ""
    currency: str = ""
    balance: str = ""
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    mine: list[Entry] = field(default_factory=list)


def read_bai2(sink: Sink, member: Member) -> int:
    """Read a file; the number of its lines. Raises InputError when its records are not those of BAI2."""
    records, count = _records(sink, member)
    state = _State()
    for record in records:
        _take(sink, state, record)
    if not state.closed:
        raise sink.refusal(count, "has no file trailer (99) at its end: it is cut short")
    write_entries(sink, state.entries)
    return count


def _records(sink: Sink, member: Member) -> tuple[list[_Record], int]:
    records: list[_Record] = []
    number = 0
    with member.path.open("r", encoding="utf-8-sig", newline="\n") as stream:
        for number, text in enumerate(stream, 1):
            text = text.rstrip()
            if not text:
                sink.table.blank += 1
                continue
            code, _, body = text.partition(",")
            ended = body.endswith("/")
            body = body.removesuffix("/")
            if code == "88" and records:
                last = records[-1]
                last.body += f",{JOIN}{body}"
                last.lines += 1
                last.raw += f"\n{text}"
            elif code in CODES:
                records.append(_Record(number, code, body, ended=ended, raw=text))
            else:
                raise sink.refusal(
                    number, f"begins with {code[:20]!r}, which is no record of BAI2 ({', '.join(CODES)}, 88)"
                )
    return records, number


def _take(sink: Sink, state: _State, record: _Record) -> None:
    order = {
        "01": state.file is None,
        "02": state.file is not None and state.group is None,
        "03": state.group is not None and state.account is None,
        "16": state.account is not None,
        "49": state.account is not None,
        "98": state.group is not None and state.account is None,
        "99": state.file is not None and state.group is None,
    }
    if state.closed or not order[record.code]:
        raise sink.refusal(
            record.line, f"the record {record.code} stands where it may not: a record before it is missing"
        )
    for level in (state.file, state.group, state.account):
        if level is not None:
            level.lines += record.lines
    if record.code == "01":
        state.file = _Level(record, lines=record.lines)
    elif record.code == "02":
        _open_group(sink, state, record)
    elif record.code == "03":
        _open_account(sink, state, record)
    elif record.code == "16":
        _transaction(sink, state, record)
    else:
        _close(sink, state, record)


def _open_group(sink: Sink, state: _State, record: _Record) -> None:
    status, day = record.field(2), record.field(3)
    if status != "1":
        raise sink.refusal(
            record.line,
            f"the group has status {status!r} and not 1: it deletes, corrects or tests what was sent before",
            "Ask the bank what it means and load what is right.",
        )
    booked_on = short_day(day)
    if booked_on is None:
        raise sink.refusal(record.line, f"the group's date {day!r} is no day of the calendar (YYMMDD)")
    state.booked_on = booked_on.isoformat()
    state.group_currency = record.field(5)
    state.group = _Level(record, lines=record.lines)


def _open_account(sink: Sink, state: _State, record: _Record) -> None:
    fields = record.fields()
    state.number = fields[0]
    if not state.number:
        raise sink.refusal(record.line, "the account has no number")
    state.currency = record.field(1) or state.group_currency or DEFAULT_CURRENCY
    state.balance = ""
    state.mine = []
    state.account = _Level(record, lines=record.lines)
    at = 2
    while at < len(fields):
        kind, amount = fields[at], fields[at + 1] if at + 1 < len(fields) else ""
        if amount:
            state.account.total += _number(sink, record, amount)
            if kind == CLOSING_LEDGER:
                state.balance = amount.removeprefix("+")
        at += 3
        at += _funds(fields, at)


def _funds(fields: list[str], at: int) -> int:
    """How many fields the funds type at this place takes, with the values that belong to it."""
    kind = fields[at].upper() if at < len(fields) else ""
    if kind == "V":
        return 3
    if kind == "S":
        return 4
    if kind == "D" and at + 1 < len(fields) and fields[at + 1].isdigit():
        return 2 + 2 * int(fields[at + 1])
    return 1


def _number(sink: Sink, record: _Record, text: str) -> int:
    if not SIGNED.fullmatch(text):
        raise sink.refusal(record.line, f"the amount {text[:40]!r} is no whole number")
    return int(text)


def _transaction(sink: Sink, state: _State, record: _Record) -> None:
    assert state.account is not None
    fields = record.fields()
    kind, amount = record.field(0), record.field(1)
    if SIGNED.fullmatch(amount):
        state.account.total += int(amount)
    key = (state.number, state.booked_on)
    state.counts[key] = state.counts.get(key, 0) + 1
    direction = _direction(kind)
    if not direction:
        told = "is no type of a credit (100 to 399) or a debit (400 to 699). Set the line aside, or ask the bank."
        sink.fault(record.line, "unknown_type", told, "type code", kind, record.raw)
        return
    at = 2 + _funds(fields, 2)
    text = ",".join(record.body.split(",")[at + 2 :]).replace(f",{JOIN}", " ").replace(JOIN, "")
    values = {
        "account": state.number,
        "booked on": state.booked_on,
        "direction": direction,
        "amount": amount.removeprefix("+"),
        "currency": state.currency,
        "batch": record.field(at + 1),
        "narrative": " ".join(text.split()),
    }
    state.mine.append(Entry(record.line, state.booked_on, state.counts[key], record.field(at), False, values))


def _direction(kind: str) -> str:
    if not re.fullmatch(r"\d{3}", kind):
        return ""
    return "credit" if 100 <= int(kind) < 400 else "debit" if 400 <= int(kind) < 700 else ""


def _close(sink: Sink, state: _State, record: _Record) -> None:
    """Compare a trailer with what it closes, and close it."""
    if record.code == "49":
        level, name, upper = state.account, f"account {state.number}", state.group
    elif record.code == "98":
        level, name, upper = state.group, f"the group of {state.booked_on}", state.file
    else:
        level, name, upper = state.file, "the file", None
    assert level is not None
    sink.declares(record.line, f"control total of {name} (line {level.record.line})", record.field(0), level.total)
    if record.code != "49":
        what = "number of accounts" if record.code == "98" else "number of groups"
        sink.declares(record.line, f"{what} of {name} (line {level.record.line})", record.field(1), level.parts)
    records = record.field(1 if record.code == "49" else 2)
    sink.declares(record.line, f"number of records of {name} (line {level.record.line})", records, level.lines)
    if upper is not None:
        # Totals of totals: each level sums what the level below declares, as found.
        upper.total += level.total
        upper.parts += 1
    if record.code == "49":
        if state.balance and state.mine:
            state.mine[-1].values["balance"] = state.balance
        state.entries += state.mine
        state.account = None
    elif record.code == "98":
        state.group = None
    else:
        state.closed = True
