"""The reconciliation part of the build beside a full outer join that only counts, on the same loaded tables."""

from __future__ import annotations

import json
import shutil
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from settle.bench.measure import Measured
from settle.bench.run import BUILD, BUSINESS_DAYS, LOAD, WITHOUT_TESTS, Bench, gib
from settle.bench.totals import Totals, differences
from settle.errors import SettleError
from settle.generate.differences_day import (
    DifferencesSpec,
    differences_files,
    make_breaks_day,
    make_differences_day,
)
from settle.generate.reference_day import BatchFiles

# What says how every item stands, and all that it is made of; the controls of the books need bills and are left out.
JUDGED = (
    "+fct_reconciliation_items",
    "+fct_open_items",
    "+fct_reconciliation_totals",
    "+fct_suggested_matches",
    "+rpt_reconciliation_measures",
    "+fct_deposit_assignments",
)
MODELS = ("intermediate/reconciliation", "marts/reconciliation")
COUNTING = "counting join"
MATCHED = {
    "open items": "reconciliation.fct_open_items",
    "suggested": "reconciliation.fct_suggested_matches",
    "bank entries assigned": "reconciliation.fct_deposit_assignments",
}
# Of fewer breaks it may be that none is near another.
LEAST_TOLD = 1_000
TOLD = """
    select item_key, result, left_minor, right_minor from main_warehouse.reconciliation.fct_reconciliation_items
    where batch_id = 2 and result <> 'matched'
"""


@dataclass
class ReconciliationBench(Bench):
    """A bench of two batches: a small day before, and the day that is measured, with so many statement lines."""

    lines: int = 0
    config_used: Path | None = None

    @property
    def data(self) -> Path:
        """The folder of the generated days; kept, so that another run need not make them again."""
        return self.folder / f"differences-{self.spec.orders}x{self.lines}-seed{self.spec.seed}"

    @property
    def config(self) -> Path:
        """The configuration of the day."""
        return self.config_used or self.data / "config"

    @property
    def files(self) -> list[BatchFiles]:
        """The files of the day before and of the day."""
        return differences_files(self.data, self.settings.project_dir / BUSINESS_DAYS)

    def make_data(self) -> None:
        """Make the two days."""
        spec = DifferencesSpec(self.spec.orders, self.lines, self.spec.seed)
        self.say(f"making {spec.orders:,} orders and {spec.lines:,} statement lines in {self.data}")
        make_differences_day(spec, self.data, self.settings.project_dir / BUSINESS_DAYS)

    def judge(self, name: str, warehouse: Path) -> None:
        """Build the reconciliation and what it reads, without tests."""
        self.build(name, warehouse, "--select", *JUDGED, *WITHOUT_TESTS)

    def count(self, warehouse: Path) -> None:
        """The join that only counts, with the engine options of the profile."""
        options = self.engine_options(warehouse)
        self.step(COUNTING, ["-m", "settle.bench.child", "counting", str(warehouse), options], warehouse)


def run_reconciliation(bench: ReconciliationBench, repeat: int) -> None:
    """Load both days, then measure build and join in turns, `repeat` times each.

    Raises SettleError when the counts differ, or when an item stands otherwise than it was planted.
    """
    bench.prepare()
    before, day = bench.files
    loaded, warehouse = bench.runs / "loaded.duckdb", bench.runs / "warehouse.duckdb"
    bench.load(before, loaded)
    bench.judge(f"{BUILD} the day before", loaded)
    bench.load(day, loaded)
    for turn in range(repeat):
        if turn % 2 == 1:
            bench.count(loaded)
        shutil.copyfile(loaded, warehouse)
        # dbt keeps what it has read beside the warehouse of the day before.
        shutil.copytree(bench.runs / "target-loaded", bench.runs / "target-warehouse", dirs_exist_ok=True)
        bench.judge(BUILD, warehouse)
        if turn % 2 == 0:
            bench.count(loaded)
        counts: Totals = next(step for step in reversed(bench.measured) if step.step == COUNTING).details["counts"]
        known: Totals = json.loads((bench.data / "answers.json").read_text(encoding="utf-8"))
        found = results_of(warehouse, counts)
        bench.totals = found
        wrong = [f"join and warehouse: {line}" for line in differences(counts, found)]
        wrong += [f"planted and warehouse: {line}" for line in differences(known, found)]
        wrong += strangers(warehouse, bench.data / "answers.parquet")
        if wrong:
            raise SettleError("the results differ:\n" + "\n".join(wrong))
        bench.say(
            f"{sum(found.values()):,} items, {sum(found.values()) - found['matched']:,} planted ones found exactly"
        )


def run_breaks(bench: ReconciliationBench, breaks: int) -> None:
    """Build a day of so many open items without a number in common: suggestions and assigned bank entries.

    Raises SettleError when nothing is suggested or assigned.
    """
    bench.empty_runs()
    folder = bench.folder / f"breaks-{breaks}-seed{bench.spec.seed}"
    shutil.rmtree(folder, ignore_errors=True)
    bench.say(f"making {breaks:,} breaks in {folder}")
    day, entries = make_breaks_day(breaks, bench.spec.seed, folder, bench.settings.project_dir / BUSINESS_DAYS)
    bench.config_used = folder / "config"
    warehouse = bench.runs / "warehouse.duckdb"
    bench.load(day, warehouse)
    arguments = ["-m", "settle", "load", "bank_deposits", str(entries), "--batch-date", day.batch_date.isoformat()]
    bench.step(f"{LOAD} bank_deposits", arguments, warehouse)
    bench.judge(f"{BUILD} breaks", warehouse)
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        for name, table in MATCHED.items():
            bench.totals[name] = int(connection.execute(f"select count(*) from {table}").fetchall()[0][0])
            if breaks >= LEAST_TOLD and not bench.totals[name]:
                raise SettleError(f"{name}: none of {breaks:,} breaks; there must be some")


def breaks_figures(bench: ReconciliationBench) -> dict[str, Any]:
    """Seconds of the reconciliation of breaks, wall and CPU, its peak, what was open and what was found."""
    step = bench.measured[-1]
    seconds = {key: judged_seconds(step, key) for key in GROUP_KEYS}
    wall, cpu = seconds.values()
    lines = [f"reconciliation of breaks: {wall:.1f} s, {cpu:.1f} s of CPU, {gib(step.peak_bytes)} GiB"]
    lines += [f"{name}: {count:,}" for name, count in bench.totals.items()]
    return {"seconds": seconds, "peak_bytes": step.peak_bytes, "lines": lines}


def results_of(warehouse: Path, results: Totals) -> Totals:
    """How many items of the day have each of these results, as the totals of the warehouse say."""
    sums = ", ".join(f"sum({result}_count)" for result in results)
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        row = connection.execute(f"select {sums} from reconciliation.fct_reconciliation_totals where batch_id = 2")
        return {name: int(count) for name, count in zip(results, row.fetchall()[0], strict=True) if count}


def strangers(warehouse: Path, answers: Path, most: int = 5) -> list[str]:
    """The first items that stand otherwise than planted, with result and both amounts; of either side."""
    planted = f"select item_key, result, left_minor, right_minor from '{answers}'"
    lines = []
    with duckdb.connect() as connection:
        connection.execute(f"attach '{warehouse}' as main_warehouse (read_only)")
        for name, one, other in (("planted, not found", planted, TOLD), ("found, not planted", TOLD, planted)):
            rows = connection.execute(f"{one} except all {other} order by 1 limit {most}").fetchall()
            lines += [f"{name}: {', '.join(str(value) for value in row)}" for row in rows]
    return lines


def judged_seconds(step: Measured, what: str = "group_seconds") -> float:
    """The seconds that a build spent on the models of the reconciliation; `what` may be group_cpu_seconds."""
    return sum(float(step.details[what].get(name, 0.0)) for name in MODELS)


def reconciliation_figures(measured: list[Measured]) -> dict[str, Any]:
    """Median seconds of the reconciliation and of the join, wall and CPU, their ratios, and the peaks."""
    builds = [step for step in measured if step.step == BUILD]
    joins = [step for step in measured if step.step == COUNTING]
    seconds = {
        "reconciliation": [statistics.median(judged_seconds(step, key) for step in builds) for key in GROUP_KEYS],
        COUNTING: [statistics.median(float(step.details[key]) for step in joins) for key in QUERY_KEYS],
    }
    peaks = {
        "reconciliation": max(step.peak_bytes for step in builds),
        COUNTING: max(step.peak_bytes for step in joins),
    }
    lines = [f"{'step':<24}{'seconds':>10}{'CPU s':>10}{'peak GiB':>10}"]
    lines += [f"{name:<24}{wall:>10.1f}{cpu:>10.1f}{gib(peaks[name]):>10}" for name, (wall, cpu) in seconds.items()]
    ratios = {
        name: ours / theirs
        for name, ours, theirs in zip(("wall", "cpu"), seconds["reconciliation"], seconds[COUNTING], strict=True)
    }
    lines.append(f"reconciliation / join: {ratios['wall']:.2f} in wall seconds, {ratios['cpu']:.2f} in CPU seconds")
    return {"seconds": seconds, "ratios": ratios, "peak_bytes": peaks, "lines": lines}


GROUP_KEYS = ("group_seconds", "group_cpu_seconds")
QUERY_KEYS = ("query_seconds", "query_cpu_seconds")
