"""What is changed in a built warehouse, and which invariant must notice it."""

from __future__ import annotations

from dataclasses import dataclass

SORTED = "clearing_internal.int_clearing__lines_sorted"
GRANTS = "clearing_internal.int_clearing__grants"
ITEMS = "reconciliation_internal.int_reconciliation__items"
TOTALS = "reconciliation.fct_reconciliation_totals"
ENTRIES = "settlement_internal.int_settlement__entries"
DUE = "settlement_internal.int_settlement__entries_due"
BILLS = "settlement_internal.int_settlement__bills_netted"
FILES = "raw.load_files"
DECISIONS = "raw.decisions"


@dataclass(frozen=True)
class Break:
    """The first row of a table that meets `where` is changed: deleted, written twice, or again in the next batch.

    `change` is `delete`, `twice`, `again` or an assignment; `invariant` is the name in quality.rpt_invariants.
    """

    invariant: str
    table: str
    change: str
    where: str

    def statement(self) -> str:
        """The SQL that changes the row, for DuckDB."""
        row = f"rowid = (select min(rowid) from {self.table} where {self.where})"
        if self.change == "delete":
            return f"delete from {self.table} where {row}"
        if self.change == "twice":
            return f"insert into {self.table} select * from {self.table} where {row}"
        if self.change == "again":
            later = f"select * replace (batch_id + 1 as batch_id) from {self.table} where {row}"
            return f"insert into {self.table} {later}"
        return f"update {self.table} set {self.change} where {row}"


WHOLE_ORDER = "entry_kind = 'new' and clearing_seq is not null and not is_part_of_order"
GRANTED = "fee_no is not null"
CLOSING = "fee_no is null and batch_id = 2"
CAPPED = "fee_no is not null and granted_minor > 0 and accumulated_minor is not null"
BREAKS = {
    "INV-ORDERS": (
        Break("orders_accounted_for", SORTED, "delete", WHOLE_ORDER),
        Break("clearing_numbers_without_gaps", SORTED, "clearing_seq = 1000000", "clearing_seq is not null"),
    ),
    "INV-GRANTS": (
        Break("fee_equals_its_grants", GRANTS, "granted_minor = granted_minor + 1", GRANTED),
        Break("fee_equals_its_grants", GRANTS, "delete", f"{GRANTED} and granted_minor <> 0"),
    ),
    "INV-CAPS": (
        Break("grants_within_caps", GRANTS, "accumulated_minor = 1000000000000000000", CAPPED),
        Break("grants_within_caps", GRANTS, "accumulated_minor = -1", CAPPED),
        Break("grants_within_caps", GRANTS, "granted_minor = -granted_minor", CAPPED),
    ),
    "INV-BALANCES": (
        Break("accumulators_roll_forward", GRANTS, "accumulated_minor = accumulated_minor + 1", CLOSING),
        Break("accumulators_roll_forward", GRANTS, "delete", CLOSING),
    ),
    "INV-POOLS": (
        Break(
            "pools_roll_forward",
            TOTALS,
            "buffer_closing_minor = buffer_closing_minor + 1",
            "buffer_closing_count > 0",
        ),
        Break("pools_roll_forward", TOTALS, "error_opening_count = 0", "error_opening_count > 0"),
        Break("reconciliation_totals_explained", TOTALS, "unexplained_minor = 1", "batch_id = 1"),
    ),
    "INV-SUCCESSFUL": (Break("successful_orders_judged", ITEMS, "delete", "result = 'matched'"),),
    "INV-DECISIONS": (
        Break("closed_by_hand_as_decided", ITEMS, "decision_no = null", "match_kind = 'manual'"),
        Break("closed_by_hand_as_decided", DECISIONS, "after_batch_id = 4", "action = 'level_out'"),
        Break("closed_by_hand_as_decided", DECISIONS, "twice", "action = 'level_out'"),
    ),
    "INV-ONCE": (Break("entries_settle_once", DUE, "again", "blocked_by = '' and batch_id = 1"),),
    "INV-BILLS": (
        Break("bill_equals_its_entries", BILLS, "net_minor = net_minor + 1", "row_kind = 'bill'"),
        Break("bill_equals_its_entries", BILLS, "gross_minor = gross_minor + 1", "row_kind = 'bill'"),
        Break("bill_equals_its_entries", BILLS, "delete", "row_kind = 'bill'"),
    ),
    "INV-RETURNED": (
        Break("returned_payouts_are_billed", BILLS, "adjustment_minor = adjustment_minor - 1", "adjustment_minor > 0"),
        Break("returned_payouts_are_billed", BILLS, "adjustment_minor = adjustment_minor + 1", "adjustment_minor = 0"),
    ),
    "INV-ENTRIES": (Break("entries_equal_what_cleared", ENTRIES, "gross_minor = gross_minor + 1", "batch_id = 1"),),
    "INV-FILES": (Break("file_rows_accounted_for", FILES, "rows_loaded = rows_loaded - 1", "rows_rejected = 1"),),
}
