"""The benchmark of the reconciliation: the day it plants, the join it compares with, and what it calls a difference."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from settle.bench.child import NodeCpu, run_counting
from settle.bench.measure import Measured
from settle.bench.reconciliation import (
    COUNTING,
    MATCHED,
    ReconciliationBench,
    breaks_figures,
    reconciliation_figures,
    results_of,
    run_breaks,
    run_reconciliation,
    strangers,
)
from settle.bench.run import BUILD
from settle.errors import InputError, SettleError
from settle.generate.differences_day import DifferencesSpec, make_breaks_day, make_differences_day
from settle.generate.reference_day import DaySpec
from settle.settings import Settings

CALENDAR = Path(__file__).resolve().parents[2] / "seeds" / "packages" / "defaults" / "seeds" / "business_days.csv"
RESULTS = {"amount_mismatch", "channel_only", "currency_mismatch", "duplicate_channel", "fee_mismatch"}
RESULTS |= {"matched", "matched_late", "platform_only", "status_mismatch"}


def loaded(folder: Path, spec: DifferencesSpec) -> Path:
    """A file with the raw tables of both days, as loading would number their batches."""
    path = folder / "loaded.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema raw")
        for batch_id, files in enumerate(make_differences_day(spec, folder / "day", CALENDAR), start=1):
            for table, file in (("orders", files.orders), ("payments", files.payments)):
                verb = f"create table raw.{table} as" if batch_id == 1 else f"insert into raw.{table}"
                connection.execute(f"{verb} select *, {batch_id} as _batch_id from '{file}'")
    return path


@pytest.mark.parametrize(("orders", "lines"), [(20_000, 20_000), (60_000, 59_700)])
def test_the_join_counts_what_was_planted_and_the_day_is_as_big_as_asked_for(
    tmp_path: Path, orders: int, lines: int
) -> None:
    warehouse = loaded(tmp_path, DifferencesSpec(orders, lines))
    known: dict[str, int] = json.loads((tmp_path / "day" / "answers.json").read_text(encoding="utf-8"))
    assert run_counting(warehouse, {})["counts"] == known
    assert set(known) == RESULTS
    different = sum(known.values()) - known["matched"] - known["platform_only"]
    assert different == pytest.approx(orders * 0.008, rel=0.25)
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        for table, rows in (("orders", orders), ("payments", lines)):
            found = connection.execute(f"select count(*) from raw.{table} where _batch_id = 2").fetchone()
            assert found == (rows,), table
        keys = connection.execute(f"""
            select count(*), count(distinct item_key) from '{tmp_path}/day/answers.parquet'
        """).fetchone()
    assert keys == (sum(known.values()) - known["matched"],) * 2


def test_breaks_have_no_number_in_common_and_differ_by_what_is_allowed(tmp_path: Path) -> None:
    files, entries = make_breaks_day(5_000, 1, tmp_path, CALENDAR)
    with duckdb.connect() as connection:
        found = connection.execute(f"""
            select
                count(*), count(distinct lines.settlement_batch_no || lines.channel_code),
                count(*) filter (where lines.order_no in (select order_no from '{files.orders}')),
                max(abs(lines.amount - orders.amount))
            from '{files.payments}' as lines
            inner join '{files.orders}' as orders on substr(orders.order_no, 3) = substr(lines.order_no, 3)
        """).fetchone()
        apart = connection.execute(f"""
            select count(*), max(abs(entries.amount - batches.amount)), max(date '{files.batch_date}' - booked_on)
            from '{entries}' as entries
            inner join (
                select settlement_batch_no, sum(amount) as amount from '{files.payments}' group by settlement_batch_no
            ) as batches on batches.settlement_batch_no = 'S' || substr(entries.bank_ref_no, 2)
        """).fetchone()
    assert found == (2_000, 1_000, 0, Decimal("0.05"))
    assert apart == (1_000, Decimal("0.05"), 3)
    assert "channel_bank,BANK,single,5,3" in (tmp_path / "config" / "reconciliation_rules.csv").read_text()
    with pytest.raises(InputError, match="--breaks 4: must be at least 5"):
        make_breaks_day(4, 1, tmp_path, CALENDAR)


def test_a_day_without_orders_or_lines_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--orders 1 --lines 0: both must be at least 1"):
        make_differences_day(DifferencesSpec(1, 0), tmp_path, CALENDAR)


def test_an_item_that_stands_otherwise_is_named_from_both_sides(tmp_path: Path) -> None:
    warehouse, answers = tmp_path / "warehouse.duckdb", tmp_path / "answers.parquet"
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create schema reconciliation")
        connection.execute("""
            create table reconciliation.fct_reconciliation_items as
            select * from (values
                (2, 'C|A', 'matched', 100, 100), (2, 'C|B', 'amount_mismatch', 100, 101),
                (1, 'C|E', 'platform_only', 100, null), (2, 'C|F', 'channel_only', null, 70)
            ) as items (batch_id, item_key, result, left_minor, right_minor)
        """)
        connection.execute("""
            create table reconciliation.fct_reconciliation_totals as
            select * from (values (1, 9, 9), (2, 3, 0), (2, 4, 0)) as t (batch_id, matched_count, channel_only_count)
        """)
        connection.execute(f"""
            copy (select 'C|B' as item_key, 'amount_mismatch' as result, 100 as left_minor, 102 as right_minor
                  union all select 'C|F', 'channel_only', null, 70) to '{answers}' (format parquet)
        """)
    assert strangers(warehouse, answers) == [
        "planted, not found: C|B, amount_mismatch, 100, 102",
        "found, not planted: C|B, amount_mismatch, 100, 101",
    ]
    assert results_of(warehouse, {"matched": 1, "channel_only": 1}) == {"matched": 7}


def test_both_days_are_loaded_and_what_differs_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = ReconciliationBench(Settings.from_environment(), DaySpec(400), tmp_path, lambda text: None, lines=400)
    steps: list[str] = []

    def step(self: ReconciliationBench, name: str, arguments: list[str], warehouse: Path) -> Measured:
        warehouse.touch()
        (self.runs / f"target-{warehouse.stem}").mkdir(exist_ok=True)
        steps.append(f"{name}: {warehouse.stem}")
        self.measured.append(Measured(name, 1.0, 1.0, 1, {"counts": {"matched": 400}}))
        return self.measured[-1]

    monkeypatch.setattr(ReconciliationBench, "step", step)
    monkeypatch.setattr("settle.bench.reconciliation.results_of", lambda warehouse, results: {"matched": 399})
    monkeypatch.setattr("settle.bench.reconciliation.strangers", lambda warehouse, answers: ["C|X"])
    with pytest.raises(SettleError, match=r"(?s)join and warehouse: matched: 400 and 399.*planted and warehouse.*C\|X"):
        run_reconciliation(bench, 1)
    both = ["load orders: loaded", "load payments: loaded"]
    assert steps == [*both, f"{BUILD} the day before: loaded", *both, f"{BUILD}: warehouse", f"{COUNTING}: loaded"]


def test_breaks_are_loaded_with_their_bank_entries_and_something_must_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = ReconciliationBench(Settings.from_environment(), DaySpec(1), tmp_path, lambda text: None)
    steps: list[str] = []

    def step(self: ReconciliationBench, name: str, arguments: list[str], warehouse: Path) -> Measured:
        steps.append(f"{name}, {self.variables(warehouse)['SETTLE_CONFIG'].rsplit('/', 2)[1]}")
        if name.startswith(BUILD):
            with duckdb.connect(str(warehouse)) as connection:
                connection.execute("create schema reconciliation")
                for place, table in enumerate(MATCHED.values()):
                    connection.execute(f"create table {table} as select 1 as one from range({2 - place})")
        groups = {"intermediate/reconciliation": 2.0, "marts/reconciliation": 1.0}
        self.measured.append(Measured(name, 9.0, 9.0, 1, {"group_seconds": groups, "group_cpu_seconds": groups}))
        return self.measured[-1]

    monkeypatch.setattr(ReconciliationBench, "step", step)
    run_breaks(bench, 10)
    loads = [f"load {dataset}, breaks-10-seed1" for dataset in ("orders", "payments", "bank_deposits")]
    assert steps == [*loads, f"{BUILD} breaks, breaks-10-seed1"]
    assert bench.totals == {"open items": 2, "suggested": 1, "bank entries assigned": 0}
    assert breaks_figures(bench)["lines"][0] == "reconciliation of breaks: 3.0 s, 3.0 s of CPU, 0.00 GiB"
    with pytest.raises(SettleError, match="bank entries assigned: none of 1,000 breaks"):
        run_breaks(bench, 1_000)


def test_the_figures_are_medians_of_the_reconciliation_alone() -> None:
    measured = []
    for seconds in (3.0, 6.0, 30.0):
        groups = {
            "intermediate/reconciliation": seconds - 1,
            "marts/reconciliation": 1.0,
            "intermediate/clearing": 99.0,
        }
        build = Measured(BUILD, 99.0, 99.0, 5, {"group_seconds": groups, "group_cpu_seconds": groups})
        query = {"query_seconds": 4.0, "query_cpu_seconds": 3.0}
        measured += [build, replace(build, step=COUNTING, details=query, peak_bytes=2)]
    figures = reconciliation_figures(measured)
    assert figures["ratios"] == {"wall": 1.5, "cpu": 2.0}
    assert figures["peak_bytes"] == {"reconciliation": 5, COUNTING: 2}
    assert figures["lines"][-1] == "reconciliation / join: 1.50 in wall seconds, 2.00 in CPU seconds"


def test_cpu_seconds_are_kept_by_node(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter((10.0, 12.5, 20.0, 20.25))
    monkeypatch.setattr("settle.bench.child.time.process_time", lambda: next(clock))
    watch = NodeCpu()
    for node in ("pairs", "items"):
        for name in ("NodeStart", "LogStartLine", "NodeFinished"):
            watch(an_event(name, node))
    assert watch.seconds == {"pairs": 2.5, "items": 0.25}


def an_event(name: str, node: str) -> Any:
    class Thing:
        pass

    event: Any = Thing()
    event.info, event.data = Thing(), Thing()
    event.data.node_info = Thing()
    event.info.name, event.data.node_info.node_name = name, node
    return event
