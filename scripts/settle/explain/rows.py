"""Reads what an explanation needs from the warehouse: plain selects, one function per question."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from settle.warehouse import Warehouse

FILE_COLUMNS = ("file_id", "file_name", "archive_path", "file_path", "template", "template_hash")

ORDER_COLUMNS = (
    "version", "order_type", "product_code", "participant_id", "customer_id", "channel_code", "currency", "amount",
    "status", "ordered_at", "paid_at", "original_order_no", "attributes",
)  # fmt: skip
LINE_COLUMNS = ("version", "line_no", "participant_id", "product_code", "amount", "attributes")
PAYMENT_COLUMNS = (
    "channel_code", "channel_txn_no", "order_no", "txn_type", "amount", "fee", "currency", "status", "completed_at",
    "pay_method",
)  # fmt: skip
DETAIL_COLUMNS = (
    "batch_id", "batch_date", "clearing_seq", "order_no", "order_version", "line_no", "entry_kind", "model_code",
    "rule_code", "fee_type", "participant_id", "currency", "base_minor", "fee_minor", "rule_key", "refund_fee",
    "allocation_rule_code", "ordered_date", "fee_no", "original_fee_no", "base_before_minor", "accumulate_period_key",
    "contract_currency", "contract_base_minor", "contract_fee_minor", "fx_rate", "fx_rate_date",
)  # fmt: skip
COMPUTATION_COLUMNS = (
    "fee_no", "level", "parent_bearer", "bearer", "method", "base_minor", "tier_no", "tier_from_minor", "tier_to_minor",
    "slice_minor", "ppm", "flat_minor", "step_millionths", "exact_millionths", "rounded_minor", "min_minor",
    "max_minor", "fee_minor",
)  # fmt: skip
GRANT_COLUMNS = (
    "batch_id", "clearing_seq", "rule_code", "level", "parent_bearer", "bearer", "period_key", "demand_minor",
    "granted_minor", "accumulated_minor", "cap_minor",
)  # fmt: skip
# Under which terms a bearer bears; what a reset superseded has none of them.
TERM_COLUMNS = ("priority", "is_residual", "method", "overflow")
SORTED_COLUMNS = (
    "batch_id", "batch_date", "clearing_seq", "entry_kind", "order_version", "line_no", "participant_id", "currency",
    "amount_minor", "model_no", "contract_no", "reason_code", "reason_detail", "is_reason_new", "ordered_date",
    "original_order_no", "original_clearing_seq",
)  # fmt: skip
ITEM_COLUMNS = (
    "batch_id", "relation", "item_key", "channel_code", "order_no", "result", "pool", "previous_result", "left_minor",
    "right_minor", "difference_minor", "currency", "mismatched_fields", "opened_batch_id", "match_kind", "decision_no",
)  # fmt: skip
DECISION_COLUMNS = (
    "decision_no", "batch_id", "item_key", "action", "other_item_key", "line_channel_code", "line_txn_no", "state",
    "takes_back_no", "taken_back_by", "currency", "adjusted_minor", "adjusted_fee_minor", "residual_minor", "reason",
    "decided_by", "decided_at",
)  # fmt: skip
OPEN_COLUMNS = ("batch_id", "item_key", "pool", "result", "age_days", "age_bucket", "owner", "next_action")
ENTRY_COLUMNS = (
    "batch_id", "order_no", "order_version", "participant_id", "entry_kind", "model_code", "currency", "gross_minor",
    "fee_minor", "charge_minor", "net_minor", "settlement_date", "is_settleable", "blocked_by", "bill_no",
)  # fmt: skip
BILL_COLUMNS = (
    "bill_no", "batch_id", "participant_id", "account_no", "currency", "model_code", "settlement_date", "entry_count",
    "gross_minor", "refund_minor", "fee_minor", "charge_minor", "adjustment_minor", "carried_in_minor",
    "carried_out_minor", "net_minor", "state",
)  # fmt: skip
SPV_LINE_COLUMNS = (
    "batch_id", "report_no", "state", "direction", "line_no", "line_kind", "spv_code", "report_kind", "spv_txn_no",
    "currency", "amount_minor", "told_minor", "difference_minor", "result", "error_code", "error_text", "is_corrected",
)  # fmt: skip
CORRECTION_COLUMNS = (
    "correction_no", "dataset", "row_key", "field", "old_value", "new_value", "reason", "corrected_by", "corrected_at",
    "after_batch_id",
)  # fmt: skip
RULE_COLUMNS = (
    "rule_code", "fee_type", "method", "base", "ppm", "fixed_minor", "package_size_minor", "package_price_minor",
    "min_minor", "max_minor", "rounding", "accumulate_period", "refund_fee", "allocation_rule_code", "currency",
    "valid_from", "valid_to", "is_split", "rule_key", "rule_no",
)  # fmt: skip
TIER_COLUMNS = (
    "rule_code", "set_from", "set_to", "tier_no", "from_minor", "to_minor", "ppm", "flat_minor",
)  # fmt: skip
MODEL_COLUMNS = (
    "model_no", "model_key", "model_code", "billing_rule_codes", "combination", "allocation_rule_code", "cycle",
    "calendar_code", "roll", "charge_bearer", "requires_channel_match",
)  # fmt: skip

NEAR_MISSES = 5
CANDIDATES = 20_000


class Reader:
    """Selects rows of one warehouse as dictionaries; a mart that is not built yet has no rows."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        found = warehouse.execute("select table_schema, table_name from information_schema.tables")
        self.tables = {(str(schema), str(name)) for schema, name in found}

    def has(self, schema: str, table: str) -> bool:
        """Whether the table or view is there."""
        return (self.warehouse.schema(schema), table) in self.tables

    def rows(
        self, table: str, columns: Sequence[str], where: str = "true", params: Sequence[Any] = (), order: str = "1"
    ) -> list[dict[str, Any]]:
        """`select columns from table where … order by …` (table: schema.name); each row a dictionary."""
        schema, name = table.split(".")
        if not self.has(schema, name):
            return []
        sql = f"select {', '.join(columns)} from {self.warehouse.schema(schema)}.{name} where {where} order by {order}"
        return [dict(zip(columns, row, strict=True)) for row in self.warehouse.execute(sql, params)]

    def loaded(self, table: str, columns: Sequence[str], where: str, params: Sequence[Any]) -> list[dict[str, Any]]:
        """Rows of a raw table with the file, line and batch they came in by, oldest first."""
        if not self.has("raw", table):
            return []
        raw = self.warehouse.schema("raw")
        wanted = [f"loaded.{column}" for column in columns] + [f"files.{column}" for column in FILE_COLUMNS]
        sql = (
            f"select {', '.join(wanted)}, loaded._line_no, loaded._batch_id, batches.batch_date "
            f"from {raw}.{table} as loaded "
            f"left join {raw}.load_files as files on files.file_id = loaded._file_id "
            f"left join {raw}.batches as batches on batches.batch_id = loaded._batch_id "
            f"where {where} order by loaded._batch_id, loaded._file_id, loaded._line_no"
        )
        names = [*columns, *FILE_COLUMNS, "file_line_no", "batch_id", "batch_date"]
        return [dict(zip(names, row, strict=True)) for row in self.warehouse.execute(sql, params)]

    def exponents(self) -> dict[str, int]:
        """Decimals of each currency that the configuration knows."""
        return {
            row["currency"]: row["exponent"] for row in self.rows("config.currencies", ("currency", "exponent"))
        } or {
            row["currency"]: row["exponent"]
            for row in self.rows("config_defaults.currencies", ("currency", "exponent"))
        }

    def batch_dates(self) -> dict[int, Any]:
        """The accounting date of each batch."""
        return {row["batch_id"]: row["batch_date"] for row in self.rows("raw.batches", ("batch_id", "batch_date"))}

    def rejected_with(self, key: str) -> list[dict[str, Any]]:
        """Lines that were set aside at loading and mention the key."""
        if not self.has("raw", "rejected_rows"):
            return []
        raw = self.warehouse.schema("raw")
        escaped = key.replace("!", "!!").replace("%", "!%").replace("_", "!_")
        found = self.warehouse.execute(
            "select rejected.dataset, rejected.line_no, rejected.column_name, rejected.column_value, "
            "rejected.reason_code, rejected.reason, rejected.batch_id, files.file_name "
            f"from {raw}.rejected_rows as rejected "
            f"left join {raw}.load_files as files on files.file_id = rejected.file_id "
            "where rejected.raw_text like ? escape '!' order by rejected.file_id, rejected.line_no",
            (f"%{escaped}%",),
        )
        names = ("dataset", "line_no", "column_name", "column_value", "reason_code", "reason", "batch_id", "file_name")
        return [dict(zip(names, row, strict=True)) for row in found]

    def near_misses(self, key: str) -> list[str]:
        """Known order, bill and statement numbers that look like the key, best first."""
        found: set[str] = set()
        for table, column in (
            ("raw.orders", "order_no"),
            ("raw.payments", "order_no"),
            ("raw.payments", "channel_txn_no"),
            ("settlement.fct_settlement_bills", "bill_no"),
        ):
            for where, param in _like(column, key):
                rows = self.rows(table, (column,), where, (param,), order=f"1 limit {CANDIDATES}")
                found.update(str(row[column]) for row in rows if row[column])
        same = sorted(number for number in found if number.lower() == key.strip().lower())
        close = get_close_matches(key, sorted(found), n=NEAR_MISSES, cutoff=0.6)
        return list(dict.fromkeys([*same, *close]))[:NEAR_MISSES]


def _like(column: str, key: str) -> list[tuple[str, str]]:
    """Conditions that find look-alikes without reading every number: same start, same end, same text."""

    def escaped(text: str) -> str:
        return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")

    text = key.strip()
    half = max(3, len(text) // 2)
    return [
        (f"lower({column}) like lower(?) escape '!'", f"%{escaped(text)}%"),
        (f"{column} like ? escape '!'", f"{escaped(text[:half])}%"),
        (f"{column} like ? escape '!'", f"%{escaped(text[-half:])}"),
    ]
