"""What a bill was paid with: its payout instruction, what the bank answered, and how the two compare."""

from __future__ import annotations

from typing import Any

from settle.explain import rows
from settle.explain.rows import Reader

COLUMNS = (
    "instruction_no", "batch_id", "account_no", "currency", "amount_minor", "attempt_no", "status",
    "file_no", "file_state",
)  # fmt: skip
ANSWER_COLUMNS = (
    "file_no", "instruction_no", "bank_txn_no", "amount", "currency", "status", "failure_code", "failure_reason",
    "processed_at",
)  # fmt: skip


def bill_of_instruction(reader: Reader, instruction_no: str) -> str:
    """The bill that an instruction pays; empty where it is none of ours."""
    found = reader.rows(
        "settlement.fct_payout_instructions", ("bill_no",), "instruction_no = ?", (instruction_no,), order="bill_no"
    )
    return str(found[0]["bill_no"]) if found else ""


def payouts_of(reader: Reader, bill_no: str) -> list[dict[str, Any]]:
    """The instruction of a bill with `answers` and `items`; none where the bill pays nothing."""
    payouts = reader.rows("settlement.fct_payout_instructions", COLUMNS, "bill_no = ?", (bill_no,), order="attempt_no")
    for payout in payouts:
        number = payout["instruction_no"]
        payout["answers"] = reader.loaded("bank_returns", ANSWER_COLUMNS, "loaded.instruction_no = ?", (number,))
        payout["items"] = reader.rows(
            "reconciliation.fct_reconciliation_items",
            rows.ITEM_COLUMNS,
            "relation = 'instructions_bank' and order_no = ?",
            (number,),
            order="batch_id, item_key",
        )
    return payouts
