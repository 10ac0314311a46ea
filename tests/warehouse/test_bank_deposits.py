"""Entries of bank statements as the staging view shows them, on both engines."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from settle.load.loader import FileJob, LoadReport, Rejecting, load_files
from settle.output import SilentReporter
from settle.settings import Settings
from settle.warehouse import open_warehouse
from tests.warehouse.company import build


def test_deposits_are_staged_in_minor_units(any_home: Settings, tmp_path: Path) -> None:
    path = tmp_path / "statement.csv"
    path.write_text(
        "account_no,bank_ref_no,booked_on,direction,amount,currency,settlement_batch_no,narrative,balance\n"
        "A,1,2026-01-05,credit,10.50,EUR,PO-7,payout,-3.25\n"
        "A,2,2026-01-06,debit,700,JPY,,,\n"
        "A,3,2026-01-06,debit,1,XXQ,,,\n",
        encoding="utf-8",
    )
    reports: list[LoadReport] = []
    job = FileJob("bank_deposits", path, None)
    load_files(any_home, [job], date(2026, 1, 6), Rejecting(), SilentReporter(), reports)
    build(any_home, "--select", "+stg_bank__deposits")
    with open_warehouse(any_home, read_only=True) as warehouse:
        found = warehouse.execute(
            "select batch_id, account_no, bank_ref_no, booked_date, direction, currency, amount_minor, balance_minor, "
            f"settlement_batch_no, narrative, file_line_no from {warehouse.schema('staging')}.stg_bank__deposits "
            "order by file_line_no"
        )
    assert found == [
        (1, "A", "1", date(2026, 1, 5), "credit", "EUR", 1050, -325, "PO-7", "payout", 2),
        (1, "A", "2", date(2026, 1, 6), "debit", "JPY", 700, None, None, None, 3),
        (1, "A", "3", date(2026, 1, 6), "debit", "XXQ", None, None, None, None, 4),
    ]
