"""Payout files: the instructions that go to the bank together, written down once and put under audit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from settle.audit.chain import JournalRow
from settle.audit.desk import Desk, refuse_unapproved
from settle.audit.desk import write as write_journal
from settle.audit.machine import CREATE, Wanted, decided, read_rules
from settle.errors import DecisionNeededError, InputError
from settle.explain.rows import Reader
from settle.quality.start import refuse_stopped
from settle.warehouse import Warehouse

KIND = "payout_file"
TABLE = "payout_files"
INSTRUCTIONS = "fct_payout_instructions"
COPIED = ("instruction_no", "bill_no", "participant_id", "account_no", "currency", "amount_minor")
COLUMNS = ("row_no", "file_no", *COPIED, "made_by", "made_at")
TO_PAY = "status = 'created' and is_payable and file_no is null"


@dataclass(frozen=True)
class PayoutFile:
    """A file of one currency: how many instructions, and what they add up to in minor units."""

    file_no: str
    currency: str
    instruction_count: int
    amount_minor: int


@dataclass(frozen=True)
class Collected:
    """The files to make, and the instructions that cannot be in one because their bill names no account."""

    files: list[PayoutFile]
    without_account: list[dict[str, Any]]


def collect(reader: Reader, currency: str | None = None) -> Collected:
    """AUDIT-PAYOUTS: everything that may be paid and stands in no file, one file a currency.

    Raises InputError where nothing is built, DecisionNeededError (QUAL-STOP) where a critical expectation has stopped a
    batch that an instruction is of, or one before it.
    """
    if not reader.has("settlement", INSTRUCTIONS):
        raise InputError(f"settlement.{INSTRUCTIONS}: is not in the warehouse yet. Build it first: settle run")
    warehouse = reader.warehouse
    source = f"{warehouse.schema('settlement')}.{INSTRUCTIONS} where {TO_PAY}"
    wanted = () if currency is None else (currency,)
    source += " and currency = ?" * len(wanted)
    refuse_stopped(reader, newest_day(warehouse, source, wanted))
    # As text, and read as whole numbers: the sum of many amounts may be wider than a column.
    sums = warehouse.execute(
        f"select currency, count(*), cast(sum(amount_minor) as varchar) from {source} and account_no <> '' "
        "group by currency order by currency",
        wanted,
    )
    table = f"{warehouse.schema('raw')}.{TABLE}"
    last = warehouse.execute(f"select count(distinct file_no) from {table}")[0][0] if reader.has("raw", TABLE) else 0
    files = [
        PayoutFile(f"PF-{number:06d}", str(each), int(count), int(total))
        for number, (each, count, total) in enumerate(sums, start=int(last) + 1)
    ]
    named = ("instruction_no", "participant_id", "batch_id")
    left_out = warehouse.execute(f"select {', '.join(named)} from {source} and account_no = '' order by 1", wanted)
    return Collected(files, [dict(zip(named, row, strict=True)) for row in left_out])


def refuse_unsendable(reader: Reader, file_no: str) -> None:
    """AUDIT-PAYOUTS: raises DecisionNeededError unless the file is approved, unchanged, and all of it may be paid."""
    refuse_unapproved(reader, KIND, file_no)
    rows = reader.rows(
        f"settlement.{INSTRUCTIONS}", ("instruction_no",), "file_no = ? and not is_payable", (file_no,), order="1"
    )
    if rows:
        raise DecisionNeededError(
            f"{rows[0]['instruction_no']} of {file_no} may not be paid any more: its bill is not approved. Nothing was "
            f"written. Have the file made anew without it: settle audit reject {KIND} {file_no}"
        )


def newest_day(warehouse: Warehouse, source: str, params: Sequence[Any]) -> date | None:
    """The last batch date among rows; none where there are none. `source` is a table and its where."""
    return warehouse.execute(f"select max(batch_date) from {source}", params)[0][0]  # type: ignore[no-any-return]


def judged(reader: Reader, files: Sequence[PayoutFile], by: str, comment: str) -> None:
    """Whether this person may put the files under audit; nothing is written. Raises ColumnError."""
    rules = read_rules(reader.warehouse.settings)
    for file in files:
        decided(_wanted(file, by, comment), [], "", rules, datetime.now(UTC).replace(tzinfo=None))


def write(warehouse: Warehouse, files: Sequence[PayoutFile], by: str, comment: str) -> list[JournalRow]:
    """Write the files down and put each under audit, inside the caller's transaction; the decisions.

    Raises ColumnError where the person may not.
    """
    reader = Reader(warehouse)
    judged(reader, files, by, comment)
    now = datetime.now(UTC).replace(tzinfo=None)
    table = f"{warehouse.schema('raw')}.{TABLE}"
    source = f"{warehouse.schema('settlement')}.{INSTRUCTIONS}"
    for file in files:
        warehouse.execute(
            f"insert into {table} ({', '.join(COLUMNS)}) select row_number() over (order by instruction_no) + "
            f"(select coalesce(max(row_no), 0) from {table}), cast(? as varchar), {', '.join(COPIED)}, "
            f"cast(? as varchar), cast(? as timestamp) from {source} "
            f"where {TO_PAY} and account_no <> '' and currency = ?",
            (file.file_no, by, now, file.currency),
        )
    wanted = [_wanted(file, by, comment) for file in files]
    desk = Desk(reader, wanted)
    rows = [desk.decide(each) for each in wanted]
    write_journal(warehouse, rows)
    return rows


def _wanted(file: PayoutFile, by: str, comment: str) -> Wanted:
    return Wanted(KIND, file.file_no, CREATE, by, comment)
