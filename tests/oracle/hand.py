"""Small worlds written by hand: short calls that fill in every column nobody cares about."""

from collections.abc import Sequence
from datetime import date

from tests.oracle.oracle import run_oracle
from tests.oracle.world import (
    CORRECTION_COLUMNS,
    DECISION_COLUMNS,
    DEPOSIT_COLUMNS,
    LINE_COLUMNS,
    ORDER_COLUMNS,
    PAYMENT_COLUMNS,
    REPORT_COLUMNS,
    RETURN_COLUMNS,
    SEED_COLUMNS,
    Batch,
    Output,
    Results,
    Row,
    World,
)
from tests.oracle.world_rules import china_days

MONDAY = "2026-01-05"


def _row(columns: Sequence[str], defaults: Row, values: dict[str, object]) -> Row:
    unknown = set(values) - set(columns)
    if unknown:
        raise KeyError(f"no such column: {sorted(unknown)}")
    return {column: str(values.get(column, defaults.get(column, ""))) for column in columns}


def order(order_no: str, amount: object, **values: object) -> Row:
    """A successful sale of merchant M through no channel, ordered on Monday 2026-01-05 at ten."""
    defaults = {
        "version": "1",
        "order_type": "sale",
        "product_code": "P",
        "participant_id": "M",
        "currency": "CNY",
        "status": "success",
        "ordered_at": f"{MONDAY}T10:00:00+08:00",
    }
    return _row(ORDER_COLUMNS, defaults, {"order_no": order_no, "amount": amount, **values})


def refund(order_no: str, original: str, amount: object, **values: object) -> Row:
    """A successful refund of an order."""
    return order(order_no, amount, order_type="refund", original_order_no=original, **values)


def order_line(order_no: str, line_no: int, amount: object, **values: object) -> Row:
    """One line of the first version of an order."""
    return _row(LINE_COLUMNS, {"version": "1"}, {"order_no": order_no, "line_no": line_no, "amount": amount, **values})


def payment(order_no: str, amount: object, **values: object) -> Row:
    """A successful statement line of channel C."""
    defaults = {
        "channel_code": "C",
        "channel_txn_no": f"T-{order_no}",
        "txn_type": "payment",
        "currency": "CNY",
        "status": "success",
        "completed_at": f"{MONDAY}T10:00:05+08:00",
    }
    return _row(PAYMENT_COLUMNS, defaults, {"order_no": order_no, "amount": amount, **values})


def deposit(bank_ref_no: str, amount: object, **values: object) -> Row:
    """A credit on our bank account."""
    defaults = {"account_no": "BANK", "booked_on": MONDAY, "direction": "credit", "currency": "CNY"}
    return _row(DEPOSIT_COLUMNS, defaults, {"bank_ref_no": bank_ref_no, "amount": amount, **values})


def answer(instruction_no: str, amount: object, **values: object) -> Row:
    """The bank's answer that it paid this instruction, in return file F1."""
    defaults = {"file_no": "F1", "bank_txn_no": f"T-{instruction_no}", "currency": "CNY", "status": "success"}
    return _row(RETURN_COLUMNS, defaults, {"instruction_no": instruction_no, "amount": amount, **values})


def report(spv_txn_no: str, order_no: str, amount: object, **values: object) -> Row:
    """A line of the subscription report of SPV V."""
    defaults = {"spv_code": "V", "report_kind": "subscription", "currency": "CNY", "status": "success"}
    return _row(REPORT_COLUMNS, defaults, {"spv_txn_no": spv_txn_no, "order_no": order_no, "amount": amount, **values})


def decision(decision_no: str, action: str, item_key: str, other_item_key: str = "", **values: object) -> Row:
    """A decision about an item of the item's own number; the line of `reassign` is of channel C."""
    values |= {"decision_no": decision_no, "action": action, "item_key": item_key, "other_item_key": other_item_key}
    numbers = {"order_no": item_key, "other_order_no": other_item_key}
    values |= {column: key.split("|")[1] for column, key in numbers.items() if key}
    defaults = {"relation": "orders_channel", "line_channel_code": "C" if "line_txn_no" in values else ""}
    return _row(DECISION_COLUMNS, defaults, values)


def correction(row_key: str, field: str, old_value: str, new_value: str, **values: object) -> Row:
    """A correction of a field of a loaded row, a line of an SPV's report."""
    values |= {"row_key": row_key, "field": field, "old_value": old_value, "new_value": new_value}
    return _row(CORRECTION_COLUMNS, {"dataset": "spv_reports"}, values)


def seed(name: str, **values: object) -> Row:
    """One row of a configuration table."""
    return _row(SEED_COLUMNS[name], {}, values)


def rule(**values: object) -> Row:
    """Billing rule R: 1 % of the amount, given back with refunds."""
    defaults: dict[str, object] = {
        "rule_code": "R",
        "fee_type": "commission",
        "method": "rate",
        "base": "amount",
        "ppm": 10_000,
        "refund_fee": "true",
    }
    return seed("billing_rules", **{**defaults, **values})


def model(**values: object) -> Row:
    """Settlement model S: rule R, same day, no channel match asked."""
    defaults: dict[str, object] = {
        "model_code": "S",
        "priority": 1,
        "product_code": "P",
        "cycle": "D0",
        "calendar_code": "CN",
        "roll": "none",
        "billing_rule_codes": "R",
        "settle_account_kind": "cash",
    }
    return seed("settlement_models", **{**defaults, **values})


def bearer(name: str, priority: int, **values: object) -> Row:
    """A bearer of allocation rule A."""
    defaults: dict[str, object] = {
        "allocation_rule_code": "A",
        "level": 1,
        "bearer": name,
        "priority": priority,
        "is_residual": "false",
    }
    return seed("allocation_bearers", **{**defaults, **values})


def child(parent: str, name: str, priority: int, **values: object) -> Row:
    """A bearer of the second level of allocation rule A, under `parent`."""
    return bearer(name, priority, **{"level": 2, "parent_bearer": parent, **values})


def split(method: str = "sequence", **values: object) -> Row:
    """Allocation rule A of the first level."""
    return seed("allocation_rules", **{"allocation_rule_code": "A", "level": 1, "method": method, **values})


def pick(rows: list[Output], *columns: str) -> list[tuple[object, ...]]:
    """Some columns of all rows."""
    return [tuple(row[column] for column in columns) for row in rows]


def config(**tables: list[Row]) -> dict[str, list[Row]]:
    """Merchants M and N, product P, channel C, rule R, model S, unless given."""
    base = {
        "participants": [seed("participants", participant_id=name) for name in ("M", "N")],
        "products": [seed("products", product_code="P")],
        "channels": [seed("channels", channel_code="C")],
        "settlement_models": [model()],
        "billing_rules": [rule()],
        "currencies": [seed("currencies", currency=c, exponent=e) for c, e in (("CNY", 2), ("JPY", 0), ("KWD", 3))],
        "business_days": china_days(),
    }
    return {**base, **tables}


def batch(day: str, *rows: Row) -> Batch:
    """Rows of one date, told apart by their columns."""
    return Batch(
        date.fromisoformat(day),
        [row for row in rows if "order_type" in row],
        [row for row in rows if "line_no" in row],
        [row for row in rows if "txn_type" in row],
        [row for row in rows if "decision_no" in row],
        [row for row in rows if "bank_ref_no" in row],
        [row for row in rows if "spv_txn_no" in row],
        [row for row in rows if "instruction_no" in row],
        [row for row in rows if "row_key" in row],
    )


def results(batches: Sequence[Batch], tables: dict[str, list[Row]] | None = None) -> Results:
    """What the oracle says of these batches."""
    return run_oracle(World(0, "", batches, tables if tables is not None else config()))
