"""One `settle run`: open the batch, build, and say what came out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from settle.audit.desk import anchor_head
from settle.dbt import DbtOutcome, run_dbt
from settle.explain.rows import Reader
from settle.explain.tree import money
from settle.load.batches import batch_of, choose_batch_date
from settle.load.inbox import inbox_jobs
from settle.load.loader import LoadReport, Rejecting, load_files
from settle.output import progress
from settle.settings import Settings
from settle.standing import built_batches
from settle.warehouse import Warehouse, open_warehouse

WITHOUT_TESTS = ["--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"]


@dataclass
class BatchSummary:
    """What one batch gave. Amounts are minor units by currency; counts by reason, result or pool."""

    batch_id: int
    batch_date: date
    orders_cleared: int = 0
    exceptions: dict[str, int] = field(default_factory=dict)
    results: dict[str, int] = field(default_factory=dict)
    bills: dict[str, tuple[int, int]] = field(default_factory=dict)


@dataclass
class RunReport:
    """The outcome of a run: dbt's own, and a summary for each batch that this run built."""

    outcome: DbtOutcome
    batches: list[BatchSummary]
    exponents: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """The report for a program."""
        return {
            "success": self.outcome.success,
            "failures": self.outcome.failures,
            "models_built": self.outcome.models_built,
            "tests_passed": self.outcome.tests_passed,
            "batches": [
                {
                    "batch_id": batch.batch_id,
                    "batch_date": batch.batch_date,
                    "orders_cleared": batch.orders_cleared,
                    "exceptions": batch.exceptions,
                    "results": batch.results,
                    "bills": [
                        {"currency": currency, "count": count, "net_minor": net}
                        for currency, (count, net) in batch.bills.items()
                    ],
                }
                for batch in self.batches
            ],
        }


def build(settings: Settings, batch_date: date | None, with_tests: bool, show_progress: bool = True) -> RunReport:
    """Open the batch of `batch_date` if it is given and missing, build all pending batches, summarise them.

    Raises InputError for a date before the last batch, TryAgainError when the warehouse is locked or unreachable.
    """
    with open_warehouse(settings) as warehouse:
        warehouse.ensure_raw_tables()
        if batch_date is not None:
            open_batch(settings, warehouse, batch_date)
        before = built_batches(Reader(warehouse))
    outcome = run_dbt(settings, ["build"] if with_tests else ["build", *WITHOUT_TESTS], show_progress)
    with open_warehouse(settings, read_only=True) as warehouse:
        anchor_head(warehouse)
        reader = Reader(warehouse)
        new = sorted(built_batches(reader) - before)
        dates = reader.batch_dates()
        summaries = [summarise(reader, batch_id, dates[batch_id]) for batch_id in new]
        return RunReport(outcome, summaries, reader.exponents())


def load_inbox(settings: Settings, inbox: Path, batch_date: date | None) -> list[LoadReport]:
    """Load the files of a folder that are not loaded yet; the reports of all of them.

    Raises InputError when a file is refused. The same call a second time is no error, although its batch is closed by
    then: every file is loaded already, so nothing is asked of that batch.
    """
    jobs = inbox_jobs(settings, inbox)
    reports: list[LoadReport] = []
    with open_warehouse(settings) as warehouse:
        warehouse.ensure_raw_tables()
        seen = set(warehouse.execute(f"select sha256, dataset from {warehouse.schema('raw')}.load_files"))
    if all((_sha256(job.path), job.dataset) in seen for job in jobs):
        batch_date = None
    with progress("loading", steps=4 * len(jobs)) as reporter:
        load_files(settings, jobs, batch_date, Rejecting(), reporter, reports)
    return reports


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def open_batch(settings: Settings, warehouse: Warehouse, batch_date: date) -> None:
    """Make sure a batch of this date exists; it may be empty, and it may be built already.

    Raises InputError when the date has no batch of its own and comes before one that is built.
    """
    raw = warehouse.schema("raw")
    with warehouse.transaction():
        if not warehouse.execute(f"select 1 from {raw}.batches where batch_date = ?", (batch_date,)):
            batch_of(warehouse, choose_batch_date(settings, warehouse, batch_date))


def summarise(reader: Reader, batch_id: int, batch_date: date) -> BatchSummary:
    """Count what the batch gave, from the marts."""
    summary = BatchSummary(batch_id, batch_date)
    schema, execute = reader.warehouse.schema, reader.warehouse.execute
    if reader.has("clearing_internal", "int_clearing__lines_sorted"):
        table = f"{schema('clearing_internal')}.int_clearing__lines_sorted"
        cleared = execute(
            f"select count(distinct order_no) from {table} where batch_id = ? and clearing_seq is not null", (batch_id,)
        )
        summary.orders_cleared = int(cleared[0][0])
        found = execute(
            f"select reason_code, count(*) from {table} where batch_id = ? and clearing_seq is null "
            "group by reason_code order by reason_code",
            (batch_id,),
        )
        summary.exceptions = {str(reason): int(count) for reason, count in found}
    if reader.has("reconciliation", "fct_reconciliation_items"):
        found = execute(
            f"select result, count(*) from {schema('reconciliation')}.fct_reconciliation_items where batch_id = ? "
            "group by result order by result",
            (batch_id,),
        )
        summary.results = {str(result): int(count) for result, count in found}
    if reader.has("settlement", "fct_settlement_bills"):
        found = execute(
            f"select currency, count(*), sum(net_minor) from {schema('settlement')}.fct_settlement_bills "
            "where batch_id = ? group by currency order by currency",
            (batch_id,),
        )
        summary.bills = {str(currency): (int(count), int(net)) for currency, count, net in found}
    return summary


def report_lines(report: RunReport) -> list[str]:
    """The report for a person."""
    lines: list[str] = []
    for batch in report.batches:
        lines.append(f"Batch {batch.batch_id} ({batch.batch_date})")
        lines.append(f"  cleared         {batch.orders_cleared:,} orders")
        if batch.exceptions:
            counts = ", ".join(f"{count:,} {reason}" for reason, count in batch.exceptions.items())
            lines.append(f"  exceptions      {counts}")
        if batch.results:
            counts = ", ".join(f"{count:,} {result}" for result, count in batch.results.items())
            lines.append(f"  reconciliation  {counts}")
        for currency, (count, net) in batch.bills.items():
            lines.append(f"  bills           {count:,}, net {money(net, currency, report.exponents)}")
    if not report.batches and report.outcome.success:
        lines.append("Nothing new: every loaded batch was built before. No row was changed.")
    if report.outcome.failures:
        lines.append(f"Failed: {len(report.outcome.failures)}")
        lines += [f"  {failure}" for failure in report.outcome.failures]
        lines.append(
            "Nothing of a failed batch is half written. Mend the cause and run again; it goes on where it failed."
        )
    elif report.outcome.tests_passed:
        lines.append(f"{report.outcome.tests_passed} tests held. See: settle status, settle explain ORDER_NO")
    return lines
