"""Helpers of the loading tests: small files, the command, and what is in the warehouse afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from settle.cli import app
from settle.settings import Settings
from settle.warehouse import open_warehouse

ORDER_HEADER = "order_no,order_type,currency,amount,status,ordered_at"
GOOD_ORDER = "A1,sale,CNY,10.00,success,2026-01-05T10:00:00+08:00"
PAYMENT_HEADER = "channel_code,channel_txn_no,order_no,txn_type,amount,currency,status,completed_at"
GOOD_PAYMENT = "WECHAT,T1,A1,payment,10.00,CNY,success,2026-01-05T10:00:00+08:00"


def write(name: str, *lines: str, newline: str = "\n", last: bool = True) -> str:
    """Write a text file into the current folder; its name."""
    Path(name).write_bytes((newline.join(lines) + (newline if last else "")).encode())
    return name


def load(*words: str) -> Result:
    """`settle load` as a user calls it."""
    return CliRunner().invoke(app, ["load", *words])


def loaded(*words: str) -> str:
    """The summary of a load that must succeed."""
    result = load(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*words: str, code: int = 2) -> str:
    """What a load that must fail says, without the lines that tell where it is."""
    result = load(*words)
    assert result.exit_code == code, (result.exit_code, result.output, result.exception)
    return said(result)


def said(result: Result) -> str:
    """What stands on stderr besides progress."""
    lines = result.stderr.splitlines()
    return "\n".join(line for line in lines if not line.startswith(("loading ", "reading ")))


def rows(settings: Settings, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Rows of the warehouse; tables are written `raw.orders`."""
    with open_warehouse(settings) as warehouse:
        warehouse.ensure_raw_tables()
        return warehouse.execute(sql, params)


def counts(settings: Settings) -> tuple[int, int, int]:
    """Files, rejected rows and rows of all datasets: (0, 0, 0) means nothing was loaded."""
    tables = ("orders", "order_lines", "payments", "bank_returns", "bank_deposits", "spv_reports")
    total = " + ".join(f"(select count(*) from raw.{table})" for table in tables)
    found = rows(
        settings, f"select (select count(*) from raw.load_files), (select count(*) from raw.rejected_rows), {total}"
    )
    return int(found[0][0]), int(found[0][1]), int(found[0][2])
