"""The same files give the same marts, however they are loaded, built, built again or built anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from settle.build import build as run
from settle.build import report_lines
from settle.load.loader import FileJob, LoadReport, Rejecting, load_files
from settle.output import SilentReporter
from settle.settings import Settings
from settle.warehouse import open_warehouse
from tests.oracle.compare import compare_worlds
from tests.oracle.world import World
from tests.oracle.worlds import calendar, make_world, with_late_lines, write_config, write_files
from tests.warehouse.company import DATASETS, DAYS, Demo, build, load_days
from tests.warehouse.marts import assert_same, every_row, mart_rows, without


def test_day_by_day_is_all_at_once_is_full_refresh(home: Settings, demo: Demo) -> None:
    # Each day by itself is what the campaign of test_arrival does, for thirty days.
    for days in (DAYS[:1], DAYS[1:]):
        load_days(home, demo.files, days)
        report = run(home, days[-1], with_tests=days[-1] == DAYS[-1], show_progress=False)
        assert [batch.batch_date for batch in report.batches] == list(days), report.outcome.failures
        assert report.outcome.success, report.outcome.failures
    assert_same(demo.marts, mart_rows(home))

    before = every_row(home)
    again = run(home, None, with_tests=True, show_progress=False)
    assert again.outcome.success, again.outcome.failures
    assert again.outcome.tests_passed > 0
    assert report_lines(again)[0] == "Nothing new: every loaded batch was built before. No row was changed."
    changed = [name for name, rows in every_row(home).items() if rows != before.get(name)]
    assert not changed

    build(home, "--full-refresh")
    assert_same(demo.marts, mart_rows(home))


@pytest.mark.campaign
def test_files_in_another_order_give_the_same_marts(home: Settings, demo: Demo) -> None:
    """The payments before the orders that they pay, and in each file the last row first.

    Days keep their order: of two rows of one key in two files the first to arrive counts.
    """
    turned = home.warehouse_path.parent / "turned"
    turned.mkdir()
    for path in sorted(demo.files.glob("*_2026-*.csv")):
        header, *rows = path.read_text(encoding="utf-8").splitlines()
        (turned / path.name).write_text("\n".join([header, *reversed(rows), ""]), encoding="utf-8")
    load_days(home, turned, DAYS, DATASETS[::-1])
    build(home)
    # Files are numbered as they come, and other bytes have another hash; all else of their ledger is the same.
    ledger, other = "quality.rpt_load_batches", ("file_id", "sha256")
    found = mart_rows(home)
    assert found[ledger] != demo.marts[ledger]
    assert_same(
        {**demo.marts, ledger: without(demo.marts[ledger], other)}, {**found, ledger: without(found[ledger], other)}
    )


@pytest.mark.campaign
def test_lines_that_come_after_their_order_change_nothing_however_days_are_loaded(home: Settings) -> None:
    """Loading rejects them whether the order's batch is built or still open, so both ways agree with the oracle."""
    base, days = home.warehouse_path.parent, calendar(0)[:2]
    worlds = [with_late_lines(make_world(seed, days)) for seed in range(30, 40)]
    here = replace(home, config_dir=base / "config")
    write_config(worlds, here.config_dir, leave_out=["business_days", "currencies"])
    files = write_files(worlds, base / "files")

    late = load_worlds(here, files)
    assert late > 20
    build(here)
    assert compared(here, worlds) == []
    at_once = mart_rows(here)

    here.warehouse_path.unlink()
    for day in days:
        load_worlds(here, [file for file in files if file[0] == day])
        build(here)
    assert_same(at_once, mart_rows(here))


def load_worlds(settings: Settings, files: Sequence[tuple[date, str, Path]]) -> int:
    """Load files of random worlds; returns how many rows were rejected."""
    reports: list[LoadReport] = []
    for day, dataset, path in files:
        load_files(settings, [FileJob(dataset, path, "canonical")], day, Rejecting(), SilentReporter(), reports)
    return sum(report.counts.rejected for report in reports)


def compared(settings: Settings, worlds: Sequence[World]) -> list[str]:
    """What the marts hold otherwise than the oracle says."""
    with open_warehouse(settings, read_only=True) as warehouse:
        return compare_worlds(worlds, warehouse.execute, settings.schema_prefix)
