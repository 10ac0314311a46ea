"""`settle export` from a warehouse: what stands in the marts stands in the sheets."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from settle.settings import Settings
from settle.warehouse import open_warehouse
from tests.warehouse.company import DAYS, Demo
from tests.warehouse.shop import select, told


def sheet(path: Path, name: str) -> list[list[Any]]:
    return CalamineWorkbook.from_path(str(path)).get_sheet_by_name(name).to_python()


def test_export_of_bills_and_breaks_is_what_the_marts_hold(home: Settings, demo: Demo, tmp_path: Path) -> None:
    shutil.copyfile(demo.built, home.warehouse_path)
    day = DAYS[1]
    code, out, err = told("export", "bills", "--batch-date", str(day), "--to", str(tmp_path / "b.xlsx"), "--json")
    assert code == 0, err
    rows = sheet(tmp_path / "b.xlsx", "Bills")
    kept: list[tuple[Any, ...]] = select(
        home,
        "select bill_no, currency, gross_minor, net_minor from settlement.fct_settlement_bills "
        f"where batch_date = date '{day}'",
    )
    assert json.loads(out)["rows"] == len(kept) > 3
    at = {title: place for place, title in enumerate(rows[0])}
    shown = [(row[0], row[at["Currency"]], row[at["Gross"]], row[at["Net to pay"]]) for row in rows[1 : len(kept) + 1]]
    places = {"CNY": 2, "JPY": 0, "KWD": 3}
    assert sorted(shown) == sorted(
        (bill, currency, float(Decimal(gross).scaleb(-places[currency])), float(Decimal(net).scaleb(-places[currency])))
        for bill, currency, gross, net in kept
    )
    assert [(row[1], row[5], row[4]) for row in rows[1 : len(kept) + 1]] == sorted(
        (row[1], row[5], row[4]) for row in rows[1 : len(kept) + 1]
    )
    sums = {row[0]: row[at["Net to pay"]] for row in rows[len(kept) + 1 :]}
    for currency in {row[1] for row in kept}:
        total = sum(net for _, each, _, net in kept if each == currency)
        assert sums[f"Total {currency}"] == float(Decimal(total).scaleb(-places[currency]))

    code, out, err = told("export", "breaks", "--language", "zh", "--to", str(tmp_path / "breaks.xlsx"))
    assert code == 0, err
    kept = select(home, f"select item_key from reconciliation.fct_open_items where batch_date = date '{DAYS[-1]}'")
    found = sheet(tmp_path / "breaks.xlsx", "未平差异")
    assert found[0][:2] == ["对账类型", "差异标识"] and out.strip().endswith(f"{len(kept)} rows of {DAYS[-1]}.")
    assert sorted(str(row[1]) for row in found[1 : len(kept) + 1]) == sorted(str(key) for (key,) in kept)

    for words, message in (
        (("bills", "--batch-date", "2020-01-01"), "--batch-date 2020-01-01: is no batch that is built. The last ones"),
        (("bills", "--to", "bills.csv"), "bills.csv: is no name of an Excel file."),
        (("bills", "--language", "fr"), "--language fr: titles are in en or zh."),
    ):
        code, _, err = told("export", *words)
        assert code == 2 and message in err, err


def test_export_of_what_is_not_built_says_what_to_do(home: Settings) -> None:
    with open_warehouse(home) as warehouse:
        warehouse.ensure_raw_tables()
    code, _, err = told("export", "bills")
    assert (
        code == 2 and "settlement.fct_settlement_bills: is not in the warehouse yet. Build it first: settle run" in err
    )


@pytest.mark.parametrize("engine", ["duckdb_settings", "postgres_settings"])
def test_a_stream_gives_every_row_of_any_size_in_order(engine: str, request: pytest.FixtureRequest) -> None:
    here: Settings = request.getfixturevalue(engine)
    with open_warehouse(here) as warehouse:
        warehouse.ensure_raw_tables()
        sql = "select n, date '2026-01-05', '100%' from generate_series(1, ?) as numbers (n) order by n"
        found = list(warehouse.stream(sql.replace("?", "25000")))
        assert found == [(n, date(2026, 1, 5), "100%") for n in range(1, 25_001)]
        wanted = "select cast(? as date) + 1 from generate_series(1, 3) as numbers (n)"
        assert [row[0] for row in warehouse.stream(wanted, (date(2026, 1, 5),))] == [
            date(2026, 1, 5) + timedelta(days=1)
        ] * 3


MILLION = """
    create schema reconciliation;
    create table reconciliation.fct_open_items as
    select
        date '2026-01-05' as batch_date, 'orders_channel' as relation, 'ALIPAY|A-' || n as item_key,
        'ALIPAY' as channel_code, 'A-' || n as order_no, 'error' as pool,
        'amount_mismatch' as result, 'CNY' as currency, n as difference_minor,
        'amount' as mismatched_fields, 'amount 100.00 / 99.99' as differences, false as is_regressed, 3 as age_days,
        2 as age_business_days, '1-3' as age_bucket, 'operations' as owner, 'ask the channel' as next_action
    from generate_series(1, 1000000) as numbers (n)
"""
WRITE_ALL = """
import resource, sys
from pathlib import Path
from settle.export.layouts import layout_named
from settle.export.sheets import rows_of
from settle.export.workbook import Workbook
from settle.settings import Settings
from settle.warehouse import open_warehouse
here = Settings.from_environment()
layout = layout_named(here, "breaks", None)
with open_warehouse(here, read_only=True) as warehouse:
    book = Workbook(Path(sys.argv[1]), layout, "en", {"CNY": 2}, here.zone)
    book.write(rows_of(warehouse, layout, "reconciliation.fct_open_items where true", []), [("CNY", 1)], "")
print(book.count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.campaign
def test_a_million_rows_stay_below_one_gibibyte(duckdb_settings: Settings, tmp_path: Path) -> None:
    with open_warehouse(duckdb_settings) as warehouse:
        for statement in MILLION.split(";"):
            warehouse.execute(statement)
    path = tmp_path / "breaks.xlsx"
    words = [sys.executable, "-c", WRITE_ALL, str(path)]
    ran = subprocess.run(words, capture_output=True, text=True, check=True)
    count, megabytes = map(int, ran.stdout.split())
    assert count == 1_000_000
    assert megabytes < 1024, f"{megabytes} MiB"
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
