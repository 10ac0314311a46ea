"""The datasets that files load into: their columns, what must be filled, and what may stand there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from settle.errors import InputError

Kind = Literal["text", "integer", "amount", "date", "time", "json"]

ORDER_TYPES = (
    "subscription",
    "disbursement",
    "repayment",
    "compensation",
    "redemption",
    "sale",
    "recharge",
    "withdrawal",
    "refund",
)
ORDER_STATUSES = ("pending", "success", "failed", "closed")
PAYMENT_STATUSES = ("success", "failed", "pending", "refunded")
TXN_TYPES = ("payment", "refund", "payout")
RETURN_STATUSES = ("success", "failed", "unknown")
DIRECTIONS = ("credit", "debit")
REPORT_KINDS = ("subscription", "redemption", "repayment", "distribution")
REPORT_STATUSES = ("success", "failed", "pending")


@dataclass(frozen=True)
class Column:
    """A canonical column. `default` fills it where the file has no value; `allowed` is exact, lower case."""

    name: str
    kind: Kind = "text"
    required: bool = False
    allowed: tuple[str, ...] = ()
    default: str | None = None
    may_be_negative: bool = True


@dataclass(frozen=True)
class Dataset:
    """A raw table: its columns in the order of the table, its key, and what to do about a modified row."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    modified_advice: str

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.required)

    @property
    def has_currency(self) -> bool:
        return "currency" in self.column_names


DATASETS = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            name="orders",
            columns=(
                Column("order_no", required=True),
                Column("version", "integer", default="1"),
                Column("order_type", required=True, allowed=ORDER_TYPES),
                Column("product_code"),
                Column("participant_id"),
                Column("customer_id"),
                Column("channel_code"),
                Column("currency", required=True),
                Column("amount", "amount"),
                Column("status", required=True, allowed=ORDER_STATUSES),
                Column("ordered_at", "time", required=True),
                Column("paid_at", "time"),
                Column("original_order_no"),
                Column("attributes", "json"),
            ),
            key=("order_no", "version"),
            modified_advice="To correct the order, send it again with a higher version.",
        ),
        Dataset(
            name="order_lines",
            columns=(
                Column("order_no", required=True),
                Column("version", "integer", default="1"),
                Column("line_no", "integer", required=True),
                Column("participant_id"),
                Column("product_code"),
                Column("amount", "amount", required=True),
                Column("attributes", "json"),
            ),
            key=("order_no", "version", "line_no"),
            modified_advice="To correct a line, send the order and all its lines again with a higher version.",
        ),
        Dataset(
            name="payments",
            columns=(
                Column("channel_code", required=True),
                Column("channel_txn_no", required=True),
                Column("order_no"),
                Column("txn_type", required=True, allowed=TXN_TYPES),
                Column("amount", "amount", required=True, may_be_negative=False),
                Column("fee", "amount"),
                Column("currency", required=True),
                Column("status", required=True, allowed=PAYMENT_STATUSES),
                Column("pay_method"),
                Column("account_no"),
                Column("completed_at", "time"),
                Column("settlement_batch_no"),
            ),
            key=("channel_code", "channel_txn_no"),
            modified_advice="The line loaded first stands. Ask the channel which one is right.",
        ),
        Dataset(
            name="bank_returns",
            columns=(
                Column("file_no", required=True),
                Column("instruction_no", required=True),
                Column("bank_txn_no", required=True),
                Column("amount", "amount", required=True, may_be_negative=False),
                Column("currency", required=True),
                Column("status", required=True, allowed=RETURN_STATUSES),
                Column("failure_code"),
                Column("failure_reason"),
                Column("processed_at", "time"),
            ),
            key=("file_no", "instruction_no", "bank_txn_no"),
            modified_advice="The line loaded first stands. Ask the bank which one is right.",
        ),
        Dataset(
            name="bank_deposits",
            columns=(
                Column("account_no", required=True),
                Column("bank_ref_no", required=True),
                Column("booked_on", "date", required=True),
                Column("direction", required=True, allowed=DIRECTIONS),
                Column("amount", "amount", required=True, may_be_negative=False),
                Column("currency", required=True),
                Column("settlement_batch_no"),
                Column("narrative"),
                Column("balance", "amount"),
            ),
            key=("account_no", "bank_ref_no"),
            modified_advice="The entry loaded first stands. Ask the bank which one is right.",
        ),
        Dataset(
            name="spv_reports",
            columns=(
                Column("spv_code", required=True),
                Column("report_kind", required=True, allowed=REPORT_KINDS),
                Column("spv_txn_no", required=True),
                Column("order_no"),
                Column("product_code"),
                Column("amount", "amount", required=True, may_be_negative=False),
                Column("principal", "amount"),
                Column("interest", "amount"),
                Column("fee", "amount"),
                Column("currency", required=True),
                Column("status", required=True, allowed=REPORT_STATUSES),
                Column("confirmed_on", "date"),
            ),
            key=("spv_code", "report_kind", "spv_txn_no"),
            modified_advice="The line loaded first stands. Ask the SPV which one is right.",
        ),
    )
}


def dataset_named(name: str) -> Dataset:
    """The dataset of this name; raises InputError with the names there are."""
    if name not in DATASETS:
        raise InputError(f"{name!r} is no dataset. Use {', '.join(DATASETS)}, or inbox with a folder.")
    return DATASETS[name]
