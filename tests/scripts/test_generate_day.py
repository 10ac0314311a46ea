"""The reference day: size, shares, known answers and configuration."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from settle.errors import InputError
from settle.generate.reference_config import BINDING_PRODUCTS, taken_in_a_batch
from settle.generate.reference_day import DaySpec, business_dates, make_reference_days

PROJECT = Path(__file__).resolve().parents[2]
CALENDAR = PROJECT / "seeds" / "packages" / "defaults" / "seeds" / "business_days.csv"
ORDERS = 60_000


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("day")
    make_reference_days(DaySpec(orders=ORDERS), folder, CALENDAR)
    return folder


def test_the_files_hold_what_the_answers_say(day: Path) -> None:
    (answers,) = json.loads((day / "answers.json").read_text())
    found = duckdb.execute(f"""
        with ours as (select * from '{day}/orders_*.parquet' where status = 'success'),
        theirs as (select * from '{day}/payments_*.parquet')
        select
            (select count(*) from '{day}/orders_*.parquet'),
            (select count(*) from ours),
            (select count(*) from theirs),
            (select count(*) from ours join theirs using (order_no, channel_code) where ours.amount = theirs.amount),
            (select count(*) from ours join theirs using (order_no, channel_code) where ours.amount <> theirs.amount),
            (select count(*) from ours anti join theirs using (order_no)),
            (select cast(sum(amount) * 100 as bigint) from ours)
    """).fetchone()
    names = ["orders", "cleared", "statement_lines", "matched", "amount_mismatch", "platform_only", "cleared_minor"]
    assert dict(zip(names, found or (), strict=True)) == {name: answers[name] for name in names}


def test_the_shares_are_those_of_the_reference_day(day: Path) -> None:
    (answers,) = json.loads((day / "answers.json").read_text())
    assert answers["orders"] == ORDERS
    assert answers["cleared"] / ORDERS == pytest.approx(0.97, abs=0.003)
    assert answers["platform_only"] / ORDERS == pytest.approx(0.001, abs=0.0005)
    assert answers["amount_mismatch"] / ORDERS == pytest.approx(0.0005, abs=0.0003)


def test_values_are_spread_evenly_and_keys_are_unique(day: Path) -> None:
    counts = duckdb.execute(f"""
        select count(distinct order_no), count(distinct participant_id), count(distinct channel_code),
            count(distinct product_code), min(amount), max(amount)
        from '{day}/orders_*.parquet'
    """).fetchone()
    assert counts is not None
    assert counts[:4] == (ORDERS, 5_000, 6, 20)
    assert counts[4] >= 1 and counts[5] <= 2_000
    per_product = duckdb.execute(f"select count(*) from '{day}/orders_*.parquet' group by product_code").fetchall()
    assert min(per_product)[0] > ORDERS / 20 * 0.9
    assert max(per_product)[0] < ORDERS / 20 * 1.1


def test_every_order_is_of_the_batch_date_in_the_business_zone(day: Path) -> None:
    dates = duckdb.execute(f"""
        select distinct cast(timezone('Asia/Shanghai', ordered_at) as date) from '{day}/orders_*.parquet'
    """).fetchall()
    assert dates == [(date(2026, 3, 2),)]


def test_the_configuration_is_whole_and_two_rules_have_caps_that_bind(day: Path) -> None:
    def rows(name: str) -> list[dict[str, str]]:
        with (day / "config" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    assert [len(rows(name)) for name in ("participants", "channels", "products", "billing_rules")] == [5_000, 6, 20, 20]
    bearers = rows("allocation_bearers")
    assert len(bearers) == 60
    daily = {row["allocation_rule_code"] for row in bearers if row["cap_period"] == "day"}
    assert daily == {f"SPLIT{product:02d}" for product in BINDING_PRODUCTS}
    assert {sum(int(row["ppm"]) for row in bearers[start : start + 3]) for start in range(0, 60, 3)} == {1_000_000}


def test_a_cap_is_about_half_of_what_the_bearer_would_take() -> None:
    # 60,000 orders: 2,910 successful ones of 1,000.50 on average per product; 1.1 % of that; half of it; half again.
    assert taken_in_a_batch(ORDERS, 1, 500_000) == pytest.approx(2_910 * 100_050 * 0.011 / 2, rel=0.01)


def test_batches_are_consecutive_business_days_with_numbers_that_never_repeat(tmp_path: Path) -> None:
    files = make_reference_days(DaySpec(orders=500, batches=25, file_format="csv"), tmp_path, CALENDAR)
    dates = [batch.batch_date for batch in files]
    assert dates[0] == date(2026, 3, 2)
    assert dates[5] == date(2026, 3, 9)
    # Qingming: Saturday 4 April to Monday 6 April 2026 are no business days.
    assert dates[24] == date(2026, 4, 3)
    assert business_dates(CALENDAR, 26)[-1] == date(2026, 4, 7)
    found = duckdb.execute(f"select count(distinct order_no), count(*) from '{tmp_path}/orders_*.csv'").fetchone()
    assert found == (12_500, 12_500)


def test_a_calendar_that_ends_too_early_is_named(tmp_path: Path) -> None:
    calendar = tmp_path / "business_days.csv"
    calendar.write_text("calendar_code,calendar_date,is_business_day\nCN,2026-03-02,true\n")
    with pytest.raises(InputError, match=r"business_days.csv ends before 2026-03-03: only 1 of 2 batches fit"):
        business_dates(calendar, 2)


def test_the_command_refuses_a_file_as_folder(tmp_path: Path) -> None:
    from settle.cli import app

    file = tmp_path / "taken"
    file.write_text("")
    result = CliRunner().invoke(app, ["generate", "day", "--orders", "10", "--out", str(file)])
    assert result.exit_code == 2
    assert "is a file. Name a folder" in result.output
