"""An audit journal with good and bad decisions, and what the marts must say of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from settle.audit.chain import JournalRow, linked

NAMES = {-1: "REJECTED", 0: "CREATED", 1: "CHECKED", 2: "APPROVED", 3: "PAID"}
# Object, action, from, to, who. The bills of the shop are named by their batch: B1 is that of the first.
STEPS = (
    ("B1", "CREATE", None, 0, "Li"),
    ("B1", "APPROVE", 0, 1, "Wang"),
    ("B1", "APPROVE", 1, 2, "Zhao"),
    ("B2", "CREATE", None, 0, "Li"),
    ("B2", "REJECT", 0, -1, "Wang"),
    ("B2", "CREATE", -1, 0, "Wang"),
    ("B2", "APPROVE", 0, 1, "Li"),
    ("own", "CREATE", None, 0, "Li"),
    ("own", "APPROVE", 0, 1, "Li"),
    ("twice", "CREATE", None, 0, "Li"),
    ("twice", "APPROVE", 0, 1, "Wang"),
    ("twice", "APPROVE", 1, 2, "Wang"),
    ("nowhere", "APPROVE", None, 1, "Wang"),
    ("jump", "CREATE", None, 0, "Li"),
    ("jump", "APPROVE", 1, 2, "Wang"),
    ("anew", "CREATE", None, 0, "Li"),
    ("anew", "CREATE", 0, 0, "Zhao"),
    # Of another kind: its number is that of a bill all the same.
    ("B3", "CREATE", None, 2, "Li"),
)
CONTROLS = "select failing_rows, first_seq from audit.rpt_audit_controls where control = '{}'"
# Name of the check: what is asked, and the rows that must come out.
CHECKS: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
    "audit AUDIT_STATES_objects_as_they_stand": (
        "select object_kind, substr(object_id, 1, 2), state, created_by, approval_count from audit.fct_audit_objects "
        "where object_id like 'B%'",
        [
            ("bill", "B1", "APPROVED", "Li", 2),
            ("bill", "B2", "CHECKED", "Wang", 1),
            ("spv_report_out", "B3", "APPROVED", "Li", 0),
        ],
    ),
    "audit AUDIT_STATES_steps_follow": (CONTROLS.format("steps_follow_each_other"), [(3, 13)]),
    "audit AUDIT_EYES_of_one_round": (CONTROLS.format("four_eyes"), [(2, 9)]),
    "audit INV_AUDIT_linked": (CONTROLS.format("journal_is_linked"), [(2, 15)]),
    "audit AUDIT_BILLS_state_and_payable": (
        "select batch_id, state, is_payable from settlement.fct_settlement_bills where participant_id = 'M'",
        [(1, "APPROVED", True), (2, "CHECKED", False), (3, "CREATED", False)],
    ),
    # The bill of batch 1 is approved after it, the others are not; the bank answers nothing.
    "audit REC_PAYOUT_waits_for_approval": (
        "select batch_id, result from reconciliation.fct_reconciliation_items where relation = 'instructions_bank'",
        [(2, "platform_only")],
    ),
}


def journal(bills: dict[str, str]) -> list[JournalRow]:
    """The rows of STEPS with the shop's own bill numbers; row 15 follows no other, and 18 is called 19."""
    rows: list[JournalRow] = []
    for number, (name, action, before, after, actor) in enumerate(STEPS, 1):
        row = JournalRow(
            0, "spv_report_out" if name == "B3" else "bill", bills.get(name, name), before,
            None if before is None else NAMES[before], action, after, NAMES[after], actor, "any", "",
            datetime(2026, 1, 8) + timedelta(minutes=number), f"{number:064x}", 1,
        )  # fmt: skip
        rows.append(linked(row, rows[-1] if rows else None))
    rows[14] = replace(rows[14], prev_hash="f" * 64)
    rows[17] = replace(rows[17], seq=19)
    return rows


def differing(execute: Callable[[str], list[tuple[Any, ...]]]) -> list[str]:
    """The checks that find something else, with what they find."""
    found = {name: sorted(execute(sql), key=str) for name, (sql, _) in CHECKS.items()}
    return [name for name, (_, expected) in CHECKS.items() if found[name] != expected]
