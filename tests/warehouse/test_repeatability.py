"""The same files give the same marts, however they are loaded, built, built again or built anew."""

from __future__ import annotations

from settle.build import build as run
from settle.build import report_lines
from settle.generate.demo import DEMO_DAYS
from settle.load.loader import FileJob, LoadReport, Rejecting, load_files
from settle.output import SilentReporter
from settle.settings import Settings
from tests.warehouse.company import DATASETS, Demo, build, load_days
from tests.warehouse.marts import assert_same, every_row, mart_rows


def test_day_by_day_is_all_at_once_is_full_refresh(home: Settings, demo: Demo) -> None:
    for day in DEMO_DAYS:
        load_days(home, demo.files, [day])
        report = run(home, day, with_tests=False, show_progress=False)
        assert [batch.batch_date for batch in report.batches] == [day], report.outcome.failures
    assert_same(demo.marts, mart_rows(home))

    before = every_row(home)
    again = run(home, None, with_tests=True, show_progress=False)
    assert again.outcome.success, again.outcome.failures
    assert again.outcome.tests_passed > 0
    assert report_lines(again)[0] == "Nothing new: every loaded batch was built before. No row was changed."
    # The tests of the second run are the first ones of this warehouse; what they write down is that they were run.
    changed = [name for name, rows in every_row(home).items() if rows != before.get(name)]
    assert changed == ["meta.tested_batches"]
    before = every_row(home)
    assert run(home, None, with_tests=True, show_progress=False).outcome.success
    assert every_row(home) == before

    build(home, "--full-refresh")
    assert_same(demo.marts, mart_rows(home))


def test_files_in_another_order_give_the_same_marts(home: Settings, demo: Demo) -> None:
    """The payments before the orders that they pay. (Days keep their order: of two rows of one key the first counts.)"""
    load_days(home, demo.files, DEMO_DAYS, DATASETS[::-1])
    build(home)
    found = mart_rows(home, leave_out=["file_id"])
    # Files are numbered as they come; all else of their ledger is the same.
    ledger = "quality.rpt_load_batches"
    assert_same({**demo.marts, ledger: _without_file_id(demo.marts[ledger])}, found)


def _without_file_id(rows: list[str]) -> list[str]:
    place = [column.split()[0] for column in rows[0].split("\t")].index("file_id")
    cut = ["\t".join(part for at, part in enumerate(row.split("\t")) if at != place) for row in rows]
    return [cut[0], *sorted(cut[1:])]


def test_a_file_in_parts_and_backwards_gives_the_same_marts(home: Settings, demo: Demo) -> None:
    """Rows have no order: each file is cut in two, its rows turned round, the later half loaded first."""
    reports: list[LoadReport] = []
    for day in DEMO_DAYS:
        for dataset in DATASETS:
            header, *rows = (demo.files / f"{dataset}_{day}.csv").read_text(encoding="utf-8").splitlines()
            middle = len(rows) // 2
            for place, part in enumerate((rows[:middle:-1], rows[middle::-1])):
                if part:
                    path = home.warehouse_path.parent / f"{dataset}_{day}_{place}.csv"
                    path.write_text("\n".join([header, *part, ""]), encoding="utf-8")
                    job = FileJob(dataset, path)
                    load_files(home, [job], day, Rejecting(), SilentReporter(), reports)
    assert sum(report.counts.loaded for report in reports) > 1000
    build(home)
    ledger = "quality.rpt_load_batches"
    assert_same({**demo.marts, ledger: []}, {**mart_rows(home), ledger: []})
