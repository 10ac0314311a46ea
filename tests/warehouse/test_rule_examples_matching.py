"""Matching without a key and the daily controls by their examples; and each control by breaking it."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from tests.rules.examples import EXAMPLES, Example, prefix_of
from tests.rules.warehouse import Found
from tests.warehouse.by_example import Check, examples_of


@examples_of("REC-SUGGEST")
def test_rec_suggest(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("REC-CONTROLS")
def test_rec_controls(holds: Check, example: Example) -> None:
    holds(example)


ENTRIES = "settlement_internal.int_settlement__entries"
FEES = "clearing_internal.int_clearing__fees"
BILLS = "settlement_internal.int_settlement__bills_netted"
TOTALS = "reconciliation.fct_reconciliation_totals"
BOOKS, SHARES = "books_agree_and_money_differs_by_what_is_open", "fees_and_their_shares_with_a_refund"


@pytest.mark.parametrize(
    ("found", "example", "table", "column", "row", "control", "difference", "advice"),
    [
        ("duckdb", BOOKS, ENTRIES, "gross_minor", "order_no = '{p}A'", "entries_to_lines", 1, "Settle nothing of this"),
        ("duckdb", SHARES, FEES, "fee_minor", "original_fee_no is null and fee_no // 100 = {seq}", "fees_to_shares", -1,
         "Settle no fee"),
        ("duckdb", BOOKS, BILLS, "gross_minor", "participant_id = '{p}M' and row_kind = 'bill'", "entries_to_bills", 1,
         "Pay no bill"),
        ("duckdb", BOOKS, TOTALS, "unexplained_minor", "channel_code = '{p}C'", "orders_to_statement", 2000,
         "Look for what came in"),
        ("duckdb", BOOKS, TOTALS, "error_closing_minor", "channel_code = '{p}C'", "open_items_to_totals", 1,
         "Do not report"),
    ],
    ids=["entries", "fees", "bills", "unexplained", "totals"],
    indirect=["found"],
)  # fmt: skip
def test_rec_controls_notices_one_unit(
    found: Found,
    example: str,
    table: str,
    column: str,
    row: str,
    control: str,
    difference: int,
    advice: str,
    tmp_path: Path,
) -> None:
    # The views name their database, which is the name of the file.
    copy = tmp_path / Path(found.warehouse).name
    shutil.copyfile(found.warehouse, copy)
    prefix = prefix_of(next(number for number, each in enumerate(EXAMPLES) if each.name == example))
    sql = found.controls.replace("__batch_id__", "1").replace("__batch_date__", "date '2026-01-05'")
    query = f"select control, difference_minor, what_to_do from ({sql.replace('__batch_part__', '1')}) where not held"
    with duckdb.connect(str(copy)) as connection:
        assert connection.execute(query).fetchall() == []
        seq = connection.execute(
            "select clearing_seq from clearing_internal.int_clearing__lines_sorted where batch_id = 1 and order_no = ?",
            [prefix + "A"],
        ).fetchall()[0][0]
        where = row.format(p=prefix, seq=seq)
        changed = connection.execute(f"update {table} set {column} = {column} + 1 where batch_id = 1 and {where}")
        assert changed.fetchall() == [(1,)]
        broken = connection.execute(query).fetchall()
    assert [each[:2] for each in broken] == [(control, difference)]
    assert broken[0][2].startswith(advice)
