"""Answers of the bank to payout instructions: loaded like any other file."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from settle.settings import Settings
from tests.scripts.loading import loaded, refused, rows, write

HEADER = "file_no,instruction_no,bank_txn_no,amount,currency,status,failure_code,failure_reason,processed_at"
GOOD = "F1,PAY-B1,T1,99.50,CNY,success,,,2026-01-06T09:00:00+08:00"


def test_bank_returns_load_by_file_instruction_and_bank_number(any_settings: Settings) -> None:
    write("bank_returns_1.csv", HEADER, GOOD, "F1,PAY-B2,T2,1,CNY,failed,E7,account closed,")
    assert "2 rows read = 2 loaded" in loaded("bank_returns", "bank_returns_1.csv")
    # The same answer in another file of the bank is another row; the same row again is a repeat.
    write("bank_returns_2.csv", HEADER, GOOD, GOOD.replace("F1", "F2"), GOOD.replace("99.50", "99.51"))
    summary = loaded("bank_returns", "bank_returns_2.csv")
    assert "3 rows read = 1 loaded + 1 rejected + 1 repeated" in summary, summary
    assert rows(
        any_settings,
        "select file_no, instruction_no, amount, status, failure_reason, processed_at, _line_no, _batch_id "
        "from raw.bank_returns order by file_no, instruction_no",
    ) == [
        ("F1", "PAY-B1", Decimal("99.5000"), "success", None, datetime(2026, 1, 6, 1), 2, 1),
        ("F1", "PAY-B2", Decimal("1.0000"), "failed", "account closed", None, 3, 1),
        ("F2", "PAY-B1", Decimal("99.5000"), "success", None, datetime(2026, 1, 6, 1), 3, 1),
    ]


def test_bank_returns_that_cannot_be(duckdb_settings: Settings) -> None:
    for line, told in (
        (GOOD.replace("success", "paid"), "column \"status\": 'paid' is none of success, failed, unknown."),
        (GOOD.replace("99.50", "-99.50"), "column \"amount\": '-99.50'"),
        (GOOD.replace("T1", ""), 'column "bank_txn_no"'),
    ):
        write("bank_returns.csv", HEADER, line)
        assert refused("bank_returns", "bank_returns.csv").startswith(f"bank_returns.csv:2: {told}")
    assert rows(duckdb_settings, "select count(*) from raw.bank_returns") == [(0,)]
