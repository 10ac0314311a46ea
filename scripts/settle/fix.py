"""Corrections of loaded rows: what stands there, whether it may be corrected, and the row that says who did.

A correction is written once and never changed; the loaded row stays what it was. Staging applies it from the batch
after the last one that was built.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from settle.decision_files import all_or_none, read_rows
from settle.errors import ColumnError, DecisionNeededError, InputError
from settle.explain.rows import Reader
from settle.load.datasets import Dataset, dataset_named
from settle.money import STORED_DECIMALS, amount_fault, amount_pattern
from settle.resolve import last_built
from settle.warehouse import Warehouse

# What may be corrected of a dataset. Its key may not: a row of another key is another row.
FIELDS = {
    "spv_reports": ("order_no", "product_code", "amount", "principal", "interest", "fee", "currency", "status"),
}
SPV_REPORTS = "spv_reports"
NEEDED = ("row_key", "field", "old", "new", "reason")
KNOWN = (*NEEDED, "by", "dataset")
COLUMNS = (
    "correction_seq", "correction_no", "dataset", "row_key", "field", "old_value", "new_value", "reason",
    "corrected_by", "corrected_at", "after_batch_id",
)  # fmt: skip
LINE_COLUMNS = (
    "batch_id", "spv_code", "report_kind", "spv_txn_no", "order_no", "currency", "report_amount", "error_code",
    "error_text", "result", "is_corrected",
)  # fmt: skip
FOUND_BY_RECONCILIATION = frozenset(
    {"missing_order", "unknown_order", "duplicate_line", "currency_differs", "amount_differs"}
)
NEAR = 5


@dataclass(frozen=True)
class Fix:
    """What somebody asks for: a field of a row, what stands there, what should."""

    row_key: str
    field: str
    old: str
    new: str
    reason: str
    by: str
    dataset: str = SPV_REPORTS


@dataclass
class Correction:
    """A correction as it is written. `correction_no` is empty in a dry run; `shown` is the value that it replaces."""

    fix: Fix
    after_batch_id: int
    shown: str
    correction_no: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The correction for a program."""
        return {
            "correction_no": self.correction_no,
            **asdict(self.fix),
            "old": self.shown,
            "effective_batch_id": self.after_batch_id + 1,
        }


class FixDesk:
    """Judges what is asked for against the rows as they stand; what it takes counts for the next one it is asked."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.last = last_built(reader)
        self.exponents = reader.exponents()
        self.taken: dict[tuple[str, str, str], str] = {}
        for row in reader.rows("raw.corrections", COLUMNS, order="correction_seq"):
            self.taken[row["dataset"], row["row_key"], row["field"]] = row["new_value"] or ""

    def correct(self, fix: Fix) -> Correction:
        """The correction that is asked for. Raises ColumnError with the reason why it cannot be made."""
        for column, value, hint in (
            ("reason", fix.reason, "Say why: --reason TEXT"),
            ("by", fix.by, "Say who corrects: --by NAME, or SETTLE_ACTOR"),
        ):
            if not value.strip():
                raise ColumnError(InputError(f"is missing. {hint}"), column)
        if fix.dataset not in FIELDS:
            raise ColumnError(InputError(f"cannot be corrected. Use {', '.join(FIELDS)}."), "dataset")
        if fix.field not in FIELDS[fix.dataset]:
            raise ColumnError(
                InputError(f"is no field that may be corrected. Use one of {', '.join(FIELDS[fix.dataset])}."), "field"
            )
        dataset = dataset_named(fix.dataset)
        row = self._row(fix, dataset)
        shown = self.standing(fix.dataset, fix.row_key, row, fix.field)
        if not same(dataset, fix.field, shown, fix.old):
            raise ColumnError(
                DecisionNeededError(
                    f"is not what stands there: {fix.field} of {fix.row_key} is {shown or 'empty'}. Look at the line "
                    "again before you correct it: settle fix --list"
                ),
                "old",
            )
        self._check_new(fix, dataset, row, shown)
        self.taken[fix.dataset, fix.row_key, fix.field] = fix.new
        return Correction(fix, self.last, shown)

    def standing(self, dataset: str, row_key: str, row: Mapping[str, Any], field: str) -> str:
        """What a field holds now: its last correction, waiting or not, else what was loaded."""
        taken = self.taken.get((dataset, row_key, field))
        return _text(row[field], self.exponents.get(row["currency"], 2)) if taken is None else taken

    def _row(self, fix: Fix, dataset: Dataset) -> dict[str, Any]:
        """The loaded row of this key, of a batch that is built. Raises ColumnError otherwise."""
        parts = fix.row_key.split("|")
        found = []
        if len(parts) == len(dataset.key):
            where = " and ".join(f"{name} = ?" for name in dataset.key)
            found = self.reader.rows(f"raw.{dataset.name}", (*dataset.column_names, "_batch_id"), where, parts)
        if not found:
            near = self._near(dataset, parts[-1], fix.row_key)
            hint = f" Did you mean {', '.join(near)}?" if near else ""
            raise ColumnError(
                InputError(f"is no row of {dataset.name}.{hint} A key is {'|'.join(dataset.key)}."), "row_key"
            )
        if int(found[0]["_batch_id"]) > self.last:
            raise ColumnError(
                InputError(
                    f"is of batch {found[0]['_batch_id']}, which is not built: what is wrong with it is not known yet. "
                    "Build it first: settle run"
                ),
                "row_key",
            )
        return found[0]

    def _near(self, dataset: Dataset, last_part: str, key: str) -> list[str]:
        where, params = f"{dataset.key[-1]} = ?", [last_part]
        rows = self.reader.rows(f"raw.{dataset.name}", dataset.key, where, params, order="1 limit 20")
        keys = ["|".join(str(row[name]) for name in dataset.key) for row in rows]
        return get_close_matches(key, [*keys, *(row["row_key"] for row in self.errors())], n=NEAR)

    def _check_new(self, fix: Fix, dataset: Dataset, row: Mapping[str, Any], shown: str) -> None:
        column = dataset.column(fix.field)
        if fix.new != fix.new.strip():
            raise ColumnError(InputError(f"has blanks around it. Write {fix.new.strip()}."), "new")
        if not fix.new and column.required:
            raise ColumnError(InputError(f"is empty, and {fix.field} must be filled."), "new")
        if column.allowed and fix.new not in column.allowed:
            raise ColumnError(InputError(f"is none of {', '.join(column.allowed)}."), "new")
        if column.kind == "amount" and fix.new:
            currency = self.standing(fix.dataset, fix.row_key, row, "currency")
            decimals = self.exponents.get(currency, STORED_DECIMALS)
            if not re.fullmatch(amount_pattern(decimals), fix.new):
                raise ColumnError(InputError(amount_fault(fix.new, decimals, currency)), "new")
            if not column.may_be_negative and Decimal(fix.new) < 0:
                raise ColumnError(InputError("is below zero. Write the amount without a sign."), "new")
        if fix.field == "currency" and fix.new not in self.exponents:
            raise ColumnError(InputError("is no configured currency. Add it to currencies.csv first."), "new")
        if same(dataset, fix.field, shown, fix.new):
            raise ColumnError(InputError("is what stands there already."), "new")

    def errors(self) -> list[dict[str, Any]]:
        """The lines of SPVs that still have an error, with `row_key` and `waits` (for a build)."""
        lines: dict[str, dict[str, Any]] = {}
        for row in self.reader.rows("spv.rpt_spv_in", LINE_COLUMNS, order="batch_id, spv_code, report_kind, line_no"):
            key = "|".join((row["spv_code"], row["report_kind"], row["spv_txn_no"]))
            lines[key] = {"row_key": key, **row}
        wrong = {key: row for key, row in lines.items() if row["error_code"]}
        open_items = self._open_items() if wrong else set()
        where = ("after_batch_id = ?", (self.last,))
        waiting = {row["row_key"] for row in self.reader.rows("raw.corrections", ("row_key",), *where)}
        return [
            {**row, "waits": key in waiting}
            for key, row in sorted(wrong.items())
            if row["error_code"] not in FOUND_BY_RECONCILIATION or keys_of_items(row) & open_items
        ]

    def _open_items(self) -> set[str]:
        found = self.reader.rows(
            "reconciliation.fct_open_items", ("item_key",), "batch_id = ? and relation = 'orders_spv'", (self.last,)
        )
        return {str(row["item_key"]) for row in found}


def keys_of_items(line: Mapping[str, Any]) -> set[str]:
    """The items that a line of an SPV may be (or be part of): the order's, or one of its own."""
    item = f"{line['spv_code']}|{line['order_no'] or ''}|{line['report_kind']}"
    own = {f"{item}|{mark}|{line['spv_txn_no']}" for mark in ("dup", "txn")}
    return own if line["error_code"] == "duplicate_line" else {item, f"{item}|dup|{line['currency']}", *own}


def same(dataset: Dataset, field: str, left: str, right: str) -> bool:
    """Whether two texts are one value: amounts by what they are worth, all else to the letter."""
    if dataset.column(field).kind == "amount" and left and right:
        pattern = amount_pattern(STORED_DECIMALS)
        if re.fullmatch(pattern, left) and re.fullmatch(pattern, right):
            return Decimal(left) == Decimal(right)
    return left == right


def correct_all(desk: FixDesk, path: Path, by: str) -> list[Correction]:
    """All corrections of a CSV or XLSX file, or none. Raises InputError or DecisionNeededError with every bad row."""
    rows = [(row.line, row.cells) for row in read_rows(path, NEEDED, KNOWN)]

    def taken(cells: Mapping[str, str]) -> Correction:
        wanted = {name: cells.get(name, "") for name in NEEDED}
        return desk.correct(
            Fix(**wanted, by=cells.get("by") or by, dataset=cells.get("dataset") or SPV_REPORTS),
        )

    return all_or_none(path, rows, taken)


def write(warehouse: Warehouse, corrections: Sequence[Correction]) -> None:
    """Append the corrections and give them their numbers; inside the caller's transaction."""
    table = f"{warehouse.schema('raw')}.corrections"
    first = 1 + int(warehouse.execute(f"select coalesce(max(correction_seq), 0) from {table}")[0][0])
    now = datetime.now(UTC).replace(tzinfo=None)
    for number, correction in enumerate(corrections, first):
        correction.correction_no = f"K-{number:06d}"
        fix = correction.fix
        warehouse.execute(
            f"insert into {table} ({', '.join(COLUMNS)}) values ({', '.join('?' * len(COLUMNS))})",
            (
                number, correction.correction_no, fix.dataset, fix.row_key, fix.field, correction.shown or None,
                fix.new or None, fix.reason, fix.by, now, correction.after_batch_id,
            ),
        )  # fmt: skip


def _text(value: Any, decimals: int) -> str:
    """A loaded value as text; an amount with the decimals of its currency, and more only where they say something."""
    if isinstance(value, Decimal):
        whole, _, fraction = f"{value:f}".partition(".")
        fraction = fraction.rstrip("0").ljust(decimals, "0")
        return f"{whole}.{fraction}" if fraction else whole
    return "" if value is None else str(value)
