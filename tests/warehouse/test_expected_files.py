"""Files that should have come: which have not, and which came late by how many days; on both engines."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from settle.dbt import run_dbt
from settle.load.batches import batch_of
from settle.load.loader import FileJob, LoadReport, Rejecting, load_files
from settle.output import SilentReporter
from settle.settings import Settings
from settle.warehouse import open_warehouse

HEADER = "channel_code,channel_txn_no,order_no,txn_type,amount,fee,currency,status,pay_method,account_no,completed_at\n"
EXPECTED = """dataset,template,name_pattern,calendar_code,due_days
payments,canonical,a_*_{date}.csv,,1
payments,,b{yyyymmdd}.csv,CN,0
payments,,c.csv,XX,0
orders,,,,0
"""
# XX has no Tuesday; CN has neither Saturday 2026-01-10 nor Sunday 2026-01-11.
CALENDAR = (
    "calendar_code,calendar_date,is_business_day\nXX,2026-01-05,true\nXX,2026-01-06,false\nXX,2026-01-07,true\n"
    + "".join(f"CN,2026-01-{day:02},{'false' if day in (10, 11) else 'true'}\n" for day in range(5, 13))
)
MONDAY, TUESDAY, FRIDAY, SATURDAY = (date(2026, 1, day) for day in (5, 6, 9, 10))
# By the batch that it was loaded into. The underscore of the pattern is one: aX... is another file.
FILES = {
    MONDAY: ["a_one_2026-01-05.csv", "aXone_2026-01-06.csv", "c.csv", "b20260105.csv"],
    TUESDAY: ["a_two_2026-01-05.csv", "b20260105b.csv"],
    FRIDAY: ["a_one_2026-01-06.csv", "b20260106.csv"],
    SATURDAY: ["b20260110.csv"],
}


@pytest.fixture
def rows(any_home: Settings) -> dict[tuple[str, date], tuple[Any, ...]]:
    """What the mart says, by the pattern of the name and the batch's date."""
    folder = any_home.warehouse_path.parent
    here = replace(any_home, config_dir=folder / "config", archive_dir=folder / "archive")
    shutil.copytree(any_home.project_dir / "seeds" / "config", here.config_dir)
    (here.config_dir / "expected_files.csv").write_text(EXPECTED, encoding="utf-8")
    (here.config_dir / "business_days.csv").write_text(CALENDAR, encoding="utf-8")
    load(here, folder / "files")
    outcome = run_dbt(here, ["build", "--select", "+rpt_expected_files"], show_progress=False)
    assert outcome.success, "\n".join(outcome.failures)
    with open_warehouse(here, read_only=True) as warehouse:
        found = warehouse.execute(
            "select name_pattern, batch_date, due_date, file_count, came_date, is_missing, days_late "
            "from reconciliation.rpt_expected_files"
        )
    assert len({row[:2] for row in found}) == len(found)
    return {(row[0], row[1]): tuple(row[2:]) for row in found}


def load(here: Settings, folder: Path) -> None:
    """Open the four batches and load a file of one line under each name."""
    folder.mkdir()
    reports: list[LoadReport] = []
    with open_warehouse(here) as warehouse:
        warehouse.ensure_raw_tables()
        for day in FILES:
            with warehouse.transaction():
                batch_of(warehouse, day)
    for day, names in FILES.items():
        for name in names:
            line = f"C,T-{day}-{name},,payment,1.00,,CNY,success,,,2026-01-05T10:00:00+08:00\n"
            (folder / name).write_text(HEADER + line, encoding="utf-8")
            job = FileJob("payments", folder / name, "canonical")
            load_files(here, [job], day, Rejecting(), SilentReporter(), reports)
    assert all(report.status == "loaded" for report in reports), [report.summary() for report in reports]


def test_rec_expected(rows: dict[tuple[str, date], tuple[Any, ...]]) -> None:
    a, b, c, every = "a_*_{date}.csv", "b{yyyymmdd}.csv", "c.csv", "*"
    wednesday, sunday = date(2026, 1, 7), date(2026, 1, 11)
    assert rows == {
        # Two came, the first in time; that of Tuesday two days after it was due; the others are not there.
        (a, MONDAY): (TUESDAY, 2, MONDAY, False, 0),
        (a, TUESDAY): (wednesday, 1, FRIDAY, False, 2),
        (a, FRIDAY): (SATURDAY, 0, None, True, 0),
        (a, SATURDAY): (sunday, 0, None, False, 0),
        # On business days only: nobody expects one on Saturday.
        (b, MONDAY): (MONDAY, 1, MONDAY, False, 0),
        (b, TUESDAY): (TUESDAY, 1, FRIDAY, False, 3),
        (b, FRIDAY): (FRIDAY, 0, None, True, 1),
        # A name without a date counts in its own batch; a calendar that ends hides nothing.
        (c, MONDAY): (MONDAY, 1, MONDAY, False, 0),
        (c, FRIDAY): (FRIDAY, 0, None, True, 1),
        (c, SATURDAY): (SATURDAY, 0, None, True, 0),
        # Any name of the dataset.
        (every, MONDAY): (MONDAY, 0, None, True, 5),
        (every, TUESDAY): (TUESDAY, 0, None, True, 4),
        (every, FRIDAY): (FRIDAY, 0, None, True, 1),
        (every, SATURDAY): (SATURDAY, 0, None, True, 0),
    }
