"""Worlds with planted breaks in warehouses: written, loaded whole or as they come."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from settle.generate.break_worlds import BreakWorld, write_break_worlds
from settle.generate.planted import make_break_worlds
from settle.generate.reference_day import business_dates
from settle.load.loader import FileJob, LoadReport, Rejecting, load_files
from settle.output import SilentReporter
from settle.settings import Settings
from tests.warehouse.company import CHECKOUT

CALENDAR = CHECKOUT / "seeds" / "packages" / "defaults" / "seeds" / "business_days.csv"
DATASETS = ("orders", "payments", "bank_deposits", "spv_reports", "bank_returns")
Arrival = tuple[date, str, Path]


def written(count: int, days: int, seed: int, folder: Path) -> list[BreakWorld]:
    """So many worlds, written into `folder`."""
    worlds = make_break_worlds(count, business_dates(CALENDAR, days), seed)
    write_break_worlds(worlds, folder)
    return worlds


def arrivals(worlds: list[BreakWorld], folder: Path) -> list[Arrival]:
    """The files of written worlds, day by day."""
    days = [day.batch_date for day in worlds[0].rows.days]
    files = [(day, dataset, folder / f"{dataset}_{day}.csv") for day in days for dataset in DATASETS]
    return [file for file in files if file[2].exists()]


def load(settings: Settings, files: Iterable[Arrival]) -> None:
    """Load files in this order, each into its day; none of their rows may be rejected."""
    reports: list[LoadReport] = []
    for day, dataset, path in files:
        load_files(settings, [FileJob(dataset, path, "canonical")], day, Rejecting(), SilentReporter(), reports)
    assert not any(report.counts.rejected for report in reports)
