"""Where readers of layouts put what they find: rows of text with their line, faults, and totals with what was found."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from settle.errors import InputError
from settle.load.faults import Fault
from settle.load.records import Table

# What every bank statement becomes. "batch" is the reference that whoever paid gave to it.
STATEMENT_COLUMNS = (
    "account", "reference", "booked on", "direction", "amount", "currency", "batch", "narrative", "balance",
)  # fmt: skip


@dataclass
class Sink:
    """Takes the rows of one file after the other; lines are counted on from file to file (`before`).

    `carried`: what a reader leaves for the next file, where one report goes over several.
    """

    shown: str
    table: Table
    out: Any
    before: int = 0
    records: int = 0
    carried: object = None

    def __post_init__(self) -> None:
        self.writer = csv.writer(self.out, lineterminator="\n")

    def row(self, line: int, values: Mapping[str, str]) -> None:
        """A record: the value of each of the table's columns, nothing where it has none."""
        self.writer.writerow([self.before + line, *(values.get(name, "") for name in self.table.columns)])
        self.records += 1

    def fault(
        self, line: int, code: str, text: str, column: str | None = None, value: str | None = None, raw: str = ""
    ) -> None:
        """A line that makes no record."""
        self.table.faults.append(Fault(self.before + line, code, text, column, value, raw[:2000] or None))

    def refusal(self, line: int, what: str, todo: str = "Fetch the file again.") -> InputError:
        """The error for a file that is no good as a whole."""
        where = f"{self.shown}:{self.before + line}" if line else self.shown
        return InputError(f"{where}: {what}. Nothing was loaded. {todo}")

    def declares(self, line: int, name: str, declared: str, found: Decimal | int) -> None:
        """A total of the file beside what its rows say; the loader compares the two as numbers."""
        # As many decimals as the file writes, and more where the sum has more.
        decimals = max(len(text.partition(".")[2]) for text in (declared, str(found)))
        self.table.checks.append((self.before + line, name, declared, f"{found:.{decimals}f}"))


@dataclass
class Entry:
    """One entry of a statement on its way to a row; `number` counts the entries of its statement."""

    line: int
    statement: str
    number: int
    own_reference: str
    is_reversal: bool
    values: dict[str, str] = field(default_factory=dict)


def write_entries(sink: Sink, entries: list[Entry]) -> None:
    """Write entries with a reference each that is theirs alone in the account.

    The bank's own reference serves where it comes once; else the statement and the entry's number in it do, after the
    bank's own if there is one. Banks repeat references: in collective entries, and on the reversal of an entry.
    """

    def key(entry: Entry) -> tuple[str, str, bool]:
        return entry.values["account"], entry.own_reference, entry.is_reversal

    seen = Counter(key(entry) for entry in entries)
    for entry in entries:
        own = entry.own_reference
        if own and seen[key(entry)] == 1:
            reference = f"{own}/reversal" if entry.is_reversal else own
        else:
            reference = "/".join(part for part in (own, entry.statement, str(entry.number)) if part)
        sink.row(entry.line, {**entry.values, "reference": reference})
