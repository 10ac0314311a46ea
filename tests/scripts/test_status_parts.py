"""What `settle status` and `settle run` say, on hand-made rows."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from settle.build import BatchSummary, RunReport, report_lines
from settle.commands.status import status_lines
from settle.dbt import DbtOutcome, NodeOutcome
from settle.explain.rows import Reader
from settle.standing import Standing, next_step, resets

SHANGHAI = ZoneInfo("Asia/Shanghai")


def state(**changes: Any) -> Standing:
    batch = {
        "batch_id": 1,
        "batch_date": date(2026, 1, 5),
        "state": "built",
        "models_built": 8,
        "models_all": 8,
    }
    file = {
        "file_name": "orders.csv", "dataset": "orders", "template": "canonical", "batch_id": 1, "rows_loaded": 1200,
        "rows_rejected": 2, "rows_repeated": 1,
    }  # fmt: skip
    base: Standing = {
        "batches": [batch],
        "files": [file],
        "resets": [],
        "open_items": [],
        "decisions_waiting": [],
        "exceptions": [],
        "invariants_broken": [],
        "quality": [],
        "audit": [],
        "untested_batches": [],
        "next_step": "…",
    }
    return {**base, **changes}


ERROR_ITEM = {"pool": "error", "result": "amount_mismatch", "count": 3, "oldest_days": 4}
DECISION = {"decision_no": "D-000002", "action": "write_off_match", "item_key": "C|V", "batch_id": 2,
            "decided_by": "Li"}  # fmt: skip
EXCEPTION = {"reason_code": "no_model", "count": 2}
BROKEN = {"invariant": "fee_is_sum_of_grants", "batch_id": 1, "failing_rows": 5}
CHECKED = {"batch_id": 1, "checked": 31, "stopping": 2, "warnings": 1, "accepted": 0}
AUDITED = {"object_kind": "bill", "state": "CHECKED", "count": 3}
RESET = {
    "reset_no": 1, "from_batch_id": 2, "up_to_batch_id": 3, "reason": "rate of R", "reset_by": "Li",
    "reset_at": datetime(2026, 1, 7, 17, 30), "waiting_batches": [],
}  # fmt: skip
LATER = {
    "reset_no": 2, "from_batch_id": 3, "up_to_batch_id": 4, "reason": "", "reset_by": "Wu", "waiting_batches": [3, 4],
}  # fmt: skip
OPEN = {"batch_id": 2, "batch_date": date(2026, 1, 6), "state": "open", "models_built": 0, "models_all": 8}


class Rows:
    """Stands in for a reader: gives copies of the same rows whatever is asked."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.kept = rows

    def rows(self, *_: Any, **__: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in self.kept]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"batches": []}, "Nothing is loaded. Load a file: settle load orders FILE"),
        ({}, "All is built, tested and agreed. Load the next day."),
        ({"quality": [CHECKED], "batches": [OPEN]}, "Stop: quality forbids to publish batch 1."),
        ({"quality": [{**CHECKED, "stopping": 0}]}, "All is built, tested and agreed. Load the next day."),
        ({"batches": [OPEN]}, "Build what is loaded (2026-01-06): settle run"),
        ({"untested_batches": [1]}, "Some batches are built and not tested: settle run"),
        (
            {"open_items": [ERROR_ITEM], "exceptions": [EXCEPTION]},
            "Somebody should look at 3 items in the error pool and 2 orders in the exceptions: settle explain ORDER_NO",
        ),
        ({"open_items": [{**ERROR_ITEM, "pool": "buffer"}]}, "All is built, tested and agreed. Load the next day."),
    ],
)
def test_the_next_step(changes: dict[str, Any], said: str) -> None:
    assert next_step(state(**changes)).startswith(said)


def test_a_broken_invariant_comes_before_everything_else() -> None:
    step = next_step(state(invariants_broken=[BROKEN], batches=[OPEN], open_items=[ERROR_ITEM]))
    assert step.startswith("Stop: fee_is_sum_of_grants broken. Pay nothing")


def test_the_status_is_told_line_by_line() -> None:
    result = state(
        open_items=[ERROR_ITEM], decisions_waiting=[DECISION], exceptions=[EXCEPTION], invariants_broken=[BROKEN],
        resets=[RESET, {**RESET, **LATER}], audit=[AUDITED],
        quality=[CHECKED, {**CHECKED, "batch_id": 2, "stopping": 0, "warnings": 0}],
    )  # fmt: skip
    assert status_lines(result, SHANGHAI) == [
        "Batches",
        "     1  2026-01-05  built  1 file, 1,200 rows, 2 set aside, 1 repeated",
        "Files",
        "  orders.csv  orders by canonical, batch 1: 1,200 rows, 2 set aside, 1 repeated",
        "Resets",
        "     1  from batch 2 to 3, 2026-01-08 01:30 by Li: rate of R; cleared again",
        "     2  from batch 3 to 4, 2026-01-08 01:30 by Wu; not cleared again yet: batch 3, 4",
        "Open items",
        "  error: 3 amount_mismatch, oldest 4 days",
        "Decisions that wait",
        "  D-000002 write_off_match of C|V by Li, for batch 2",
        "Exceptions",
        "  2 no_model",
        "Invariants broken",
        "  fee_is_sum_of_grants in batch 1: 5 rows",
        "Quality",
        "  batch 1: 31 expectations, 2 stopping, 1 warnings",
        "  batch 2: 31 expectations, all held",
        "Under audit",
        "  3 bill CHECKED",
        "Next: …",
    ]


def test_an_empty_warehouse_is_told_too() -> None:
    lines = status_lines(state(batches=[], files=[]), SHANGHAI)
    assert lines.count("  none") == 9


def test_a_reset_waits_for_what_no_build_has_cleared_again_since() -> None:
    rows = [
        {**RESET, "reset_no": number, "from_batch_id": first, "up_to_batch_id": last}
        for number, first, last in ((1, 1, 4), (2, 3, 3), (3, 3, 4))
    ]
    found = resets(cast(Reader, Rows(rows)), {1, 2})
    # What a later reset took out again had been built in between.
    assert [row["waiting_batches"] for row in found] == [[], [], [3, 4]]
    assert [row["waiting_batches"] for row in resets(cast(Reader, Rows(rows)), {1, 3, 4})] == [[2], [], []]


def test_a_run_is_summed_up_batch_by_batch() -> None:
    batch = BatchSummary(
        3, date(2026, 1, 7), 1500, {"no_model": 2}, {"matched": 1490, "platform_only": 8}, {"CNY": (12, -12345)}
    )
    node = NodeOutcome("t", "test", "pass", "", 0, 0.1, "models/t.yml")
    assert report_lines(RunReport(DbtOutcome(True, 0, nodes=[node]), [batch], {"CNY": 2})) == [
        "Batch 3 (2026-01-07)",
        "  cleared         1,500 orders",
        "  exceptions      2 no_model",
        "  reconciliation  1,490 matched, 8 platform_only",
        "  bills           12, net -123.45 CNY",
        "1 tests held. See: settle status, settle explain ORDER_NO",
    ]


def test_a_run_with_nothing_new_says_so() -> None:
    assert report_lines(RunReport(DbtOutcome(True, 0), [], {})) == [
        "Nothing new: every loaded batch was built before. No row was changed."
    ]


def test_a_failed_run_names_what_failed_and_never_says_nothing_new() -> None:
    lines = report_lines(RunReport(DbtOutcome(False, 1, ["test x (models/x.yml): 1 failing row"]), [], {}))
    assert lines[:2] == ["Failed: 1", "  test x (models/x.yml): 1 failing row"]
    assert not any("Nothing new" in line for line in lines)
