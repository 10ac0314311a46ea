"""Panels: one line a loan, a block of columns for each month. Every month is a row, and its faults name the column."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from settle.errors import InputError
from settle.load.faults import Place
from settle.load.template_files import read_template
from settle.settings import Settings
from tests.conftest import CHECKOUT
from tests.scripts.loading import loaded, refused, rows, write

HEADER = "loan,until,open,paid0,BAL1,PMT1,BAL2,PMT2,rest"
FIRST = "L1,03-31-2026,100.00,10.00,90.00,10.00,80.00,10.00,x"
SECOND = "L2,03-31-2026,50.00,0,50.00,0,NA,NA,x"
THIRD = "L3,12-31-2025,9.00,9.00,0,0,0,5.00,x"
TEMPLATE = """
template: tape
dataset: spv_reports
formats: [csv]
null_values: [NA]
panel:
  period: month
  columns: {balance: "BAL{}", paid: "PMT{}"}
  before: {opening: balance}
  first: {opening: open, balance: open, paid: paid0}
  month_end: {name: due, from: until, format: "%m-%d-%Y"}
  not_empty: [balance]
  above_zero: [opening]
  not_zero: [paid]
fields:
  spv_code: {constant: V}
  report_kind: {constant: repayment}
  spv_txn_no: {columns: [loan, month], join: "-"}
  order_no: {column: loan}
  amount: {column: paid}
  currency: {constant: USD}
  status: {constant: success}
  confirmed_on: {column: due}
ignored_columns: [rest]
"""
FOUND = "select spv_txn_no, amount, confirmed_on, _line_no from raw.spv_reports order by _line_no"


@pytest.fixture
def template(any_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = Path.cwd() / "templates"
    folder.mkdir()
    monkeypatch.setenv("SETTLE_TEMPLATES", str(folder))
    file = folder / "tape.yml"
    file.write_text(TEMPLATE, encoding="utf-8")
    return file


@pytest.mark.usefixtures("template")
def test_load_panel_every_month_with_a_payment_is_a_row(any_settings: Settings) -> None:
    """LOAD-PANEL. L2 never paid; L3 had no balance left, so what it paid in month 2 is no row."""
    told = loaded("spv_reports", write("tape.csv", HEADER, FIRST, SECOND, THIRD))
    assert "4 rows read = 4 loaded + 0 rejected + 0 repeated" in told and "template tape" in told
    found = [(number, amount, str(day), line) for number, amount, day, line in rows(any_settings, FOUND)]
    assert found == [
        ("L1-0", Decimal("10.0000"), "2026-03-31", 2000),
        ("L1-1", Decimal("10.0000"), "2026-04-30", 2001),
        ("L1-2", Decimal("10.0000"), "2026-05-31", 2002),
        ("L3-0", Decimal("9.0000"), "2025-12-31", 4000),
    ]
    # Next month's tape has all of it again, and one month more; rows of one line stand for themselves.
    longer = f"{FIRST.removesuffix(',x')},70.00,10.00,x"
    told = loaded("spv_reports", write("next.csv", HEADER.replace(",rest", ",BAL3,PMT3,rest"), longer))
    assert "4 rows read = 1 loaded + 0 rejected + 3 repeated" in told
    assert rows(any_settings, FOUND)[-1][0] == "L3-0" and len(rows(any_settings, FOUND)) == 5
    changed = refused("spv_reports", write("other.csv", HEADER, FIRST.replace("80.00,10.00", "80.00,x10")))
    assert "other.csv:2 (period 2): column \"PMT2\": 'x10' is no amount" in changed


@pytest.mark.usefixtures("template")
def test_a_fault_names_line_period_and_the_files_own_column(any_settings: Settings) -> None:
    bad = SECOND.replace("50.00,0,NA,NA", "49.00,1.005,50.00,1.00")
    file = write("tape.csv", HEADER, FIRST, bad, THIRD.replace("12-31", "13-31"))
    told = refused("spv_reports", file)
    assert "tape.csv:3 (period 1): column \"PMT1\": '1.005' has more than two decimals" in told
    assert "tape.csv:4 (period 0): column \"until\": '13-31-2025' is no day of the calendar" in told
    assert "--reject 3001 --reject 4000" in told
    assert rows(any_settings, FOUND) == []
    told = loaded("spv_reports", file, "--reject", "3001", "--reject", "4000")
    assert "6 rows read = 4 loaded + 2 rejected" in told
    assert [row[0] for row in rows(any_settings, FOUND)] == ["L1-0", "L1-1", "L1-2", "L2-2"]
    aside = "select line_no, column_name, column_value, raw_text from raw.rejected_rows order by line_no"
    assert rows(any_settings, aside)[0] == (3001, "PMT1", "1.005", bad)


@pytest.mark.usefixtures("template")
def test_a_block_with_a_column_missing_and_a_damaged_line_are_told(any_settings: Settings) -> None:
    told = refused("spv_reports", write("a.csv", HEADER.replace("PMT2", "PMX2"), FIRST), "--template", "tape")
    assert 'a.csv:1: column "PMT2" is missing; the closest in the file is "PMX2"' in told
    told = refused("spv_reports", write("b.csv", HEADER, FIRST, "L2,03-31-2026"))
    assert told.startswith("b.csv:3 (period 0): ")
    assert rows(any_settings, FOUND) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"BAL{}"', '"BAL"', "panel.columns.balance: needs {} once"),
        ("{opening: balance}", "{opening: rest}", "panel.before: 'rest' is none of balance, paid"),
        ("first: {opening", "first: {due", "panel.first: 'due' is none of balance, paid, opening"),
        ("not_zero: [paid]", "not_zero: [payed]", "panel.not_zero: 'payed' is none of"),
        ("period: month", "period: paid", "panel: 'paid' comes twice"),
        ("  period: month\n", "", "panel: needs period and columns"),
        ('format: "%m-%d-%Y"', "unit: month", "unknown key 'unit'"),
        ("formats: [csv]", "formats: [parquet]", "only csv and xlsx files"),
        ("order_no: {column: loan}", "order_no: {object: {a: loan}}", "only attributes are an object"),
    ],
)
def test_a_panel_that_cannot_be_read_so_is_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    file = tmp_path / "tape.yml"
    assert old in TEMPLATE
    file.write_text(TEMPLATE.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_template(file)
    assert told in str(error.value) and str(file) in str(error.value)


def test_the_place_of_a_row_says_line_and_period() -> None:
    assert Place("tape.csv", periods=1000).of(2014) == "tape.csv:2 (period 14)"
    assert Place("t.zip", ((0, "a.csv"), (5, "b.csv")), 1000).of(7001) == "t.zip:7 (b.csv:2) (period 1)"


def test_templates_of_the_docs_are_panels() -> None:
    for name in ("abs_ee_plan", "abs_ee_payments"):
        assert read_template(CHECKOUT / "docs" / "examples" / "templates" / f"{name}.yml").panel is not None


def test_postgresql_knows_the_size_of_what_was_loaded(postgres_settings: Settings) -> None:
    """A build right after a load must not take the table for small and join it row by row."""
    lines = [f"A{number},sale,CNY,10.00,success,2026-01-05T10:00:00+08:00" for number in range(3)]
    loaded("orders", write("orders.csv", "order_no,order_type,currency,amount,status,ordered_at", *lines))
    counted = "select reltuples from pg_class where oid = cast('raw.orders' as regclass)"
    assert rows(postgres_settings, counted) == [(3.0,)]
