"""Collects everything known about one key: what it is, and all rows that belong to it."""

from __future__ import annotations

from typing import Any

from settle.errors import InputError
from settle.explain import rows
from settle.explain.lines import line_texts, place_of
from settle.explain.payouts import bill_of_instruction, payouts_of
from settle.explain.recorded import clearing_facts, models_of
from settle.explain.rows import Reader

Facts = dict[str, Any]


def facts_of(reader: Reader, key: str) -> Facts:
    """Everything known about an order number, the number of a bill or of its payout, or a statement line number.

    The result has `kind` (order, bill or payment) and lists of rows by name. Raises InputError with near misses when
    nothing carries the key.
    """
    story: Facts = {"key": key, "kind": None, "orders": [], "bill": None, "payments": []}
    if not reader.has("raw", "orders"):
        raise InputError(
            "the warehouse is empty: nothing has been loaded yet. Load a file first: settle load orders FILE"
        )
    bills = reader.rows("settlement.fct_settlement_bills", rows.BILL_COLUMNS, "bill_no = ?", (key,))
    if bills:
        return {**story, "kind": "bill", **_bill_facts(reader, bills[0])}
    bill_no = bill_of_instruction(reader, key)
    if bill_no:
        return facts_of(reader, bill_no)
    numbers = _order_numbers(reader, key)
    payments = reader.loaded("payments", rows.PAYMENT_COLUMNS, "loaded.channel_txn_no = ?", (key,))
    if not numbers and payments:
        story["kind"] = "payment"
        story["payments"] = _with_text(reader, payments)
        story["items"] = _items_of_lines(reader, payments)
        story["decisions"] = _decisions(reader, story["items"])
        numbers = sorted({str(row["order_no"]) for row in payments if row["order_no"]})
    if numbers:
        story["kind"] = story["kind"] or "order"
        story["orders"] = [order_facts(reader, number) for number in numbers]
    rejected = reader.rejected_with(key)
    if story["kind"] is None and not rejected:
        raise _unknown(reader, key)
    return {**story, "kind": story["kind"] or "rejected", "rejected": rejected}


def _unknown(reader: Reader, key: str) -> InputError:
    near = reader.near_misses(key)
    hint = f" Did you mean {', '.join(near)}?" if near else " Nothing loaded looks like it."
    return InputError(f"{key!r} is no order number, bill number or statement line number in this warehouse.{hint}")


def _order_numbers(reader: Reader, key: str) -> list[str]:
    if reader.rows("raw.orders", ("order_no",), "order_no = ?", (key,), order="1 limit 1"):
        return [key]
    others = ("raw.payments", "raw.spv_reports")
    named = any(reader.rows(table, ("order_no",), "order_no = ?", (key,), order="1 limit 1") for table in others)
    return [key] if named else []


def order_facts(reader: Reader, number: str) -> Facts:
    """All rows of one order number: what was loaded, how it was sorted, billed, shared, compared and settled."""
    by_order = ("order_no = ?", (number,))
    versions = reader.loaded("orders", rows.ORDER_COLUMNS, "loaded.order_no = ?", (number,))
    items = reader.rows(
        "reconciliation.fct_reconciliation_items", rows.ITEM_COLUMNS, *by_order, order="batch_id, item_key"
    )
    entries = reader.rows(
        "settlement.fct_settlement_entries", rows.ENTRY_COLUMNS, *by_order, order="participant_id, batch_id"
    )
    return {
        "order_no": number,
        "versions": _with_text(reader, versions),
        "lines": _with_text(reader, reader.loaded("order_lines", rows.LINE_COLUMNS, "loaded.order_no = ?", (number,))),
        "refunds": reader.loaded(
            "orders", ("order_no", *rows.ORDER_COLUMNS), "loaded.original_order_no = ?", (number,)
        ),
        "payments": _with_text(
            reader, reader.loaded("payments", rows.PAYMENT_COLUMNS, "loaded.order_no = ?", (number,))
        ),
        **clearing_facts(reader, number),
        "items": items,
        "open_items": _open_now(reader, items),
        "decisions": _decisions(reader, items),
        "entries": entries,
        "bills": _bills(reader, entries),
        **_spv_facts(reader, number),
        "holds": _holds(reader, number, entries),
    }


def _spv_facts(reader: Reader, number: str) -> Facts:
    """Lines of SPV reports that name the order, and what people corrected in them."""
    lines = reader.rows(
        "spv.fct_spv_report_lines",
        rows.SPV_LINE_COLUMNS,
        "order_no = ?",
        (number,),
        order="batch_id, direction desc, report_kind, line_no",
    )
    named = ("spv_code", "report_kind", "spv_txn_no")
    keys = sorted({"|".join(row[name] for name in named) for row in lines if row["spv_txn_no"]})
    corrections = (
        reader.rows("raw.corrections", rows.CORRECTION_COLUMNS, _in("row_key", keys), keys, order="correction_seq")
        if keys
        else []
    )
    return {"spv_lines": lines, "corrections": corrections}


def _bill_facts(reader: Reader, bill: dict[str, Any]) -> Facts:
    entries = reader.rows(
        "settlement.fct_settlement_entries",
        rows.ENTRY_COLUMNS,
        "bill_no = ?",
        (bill["bill_no"],),
        order="order_no, order_version, entry_kind",
    )
    payouts = payouts_of(reader, bill["bill_no"])
    for payout in payouts:
        payout["answers"] = _with_text(reader, payout["answers"])
    return {
        "bill": bill,
        "bill_entries": entries,
        "payouts": payouts,
        "open_items": _open_now(reader, [item for payout in payouts for item in payout["items"]]),
        "models": models_of(reader, bill["model_code"]),
        "rejected": [],
    }


def _in(column: str, values: list[Any]) -> str:
    return f"{column} in ({', '.join('?' * len(values))})"


def _open_now(reader: Reader, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    keys = sorted({row["item_key"] for row in items})
    if not keys:
        return []
    marks = f"{reader.warehouse.schema('meta')}.model_batches"
    latest = f"batch_id = (select max(batch_id) from {marks} where model_name = 'int_reconciliation__items')"
    return reader.rows(
        "reconciliation.fct_open_items", rows.OPEN_COLUMNS, f"{_in('item_key', keys)} and {latest}", keys
    )


def _decisions(reader: Reader, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What people decided about these items, waiting or not."""
    keys = sorted({row["item_key"] for row in items})
    if not keys:
        return []
    where = _in("item_key", keys)
    table = "reconciliation.fct_reconciliation_decisions"
    return reader.rows(table, rows.DECISION_COLUMNS, where, keys, order="decision_no, item_key")


def _items_of_lines(reader: Reader, payments: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Items that are a statement line of their own: further lines, and lines without an order number."""
    found: list[dict[str, Any]] = []
    for payment in payments:
        found += reader.rows(
            "reconciliation.fct_reconciliation_items",
            rows.ITEM_COLUMNS,
            "channel_code = ? and item_key like ? escape '!'",
            (payment["channel_code"], "%|" + str(payment["channel_txn_no"]).replace("_", "!_").replace("%", "!%")),
            order="batch_id",
        )
    return found


def _bills(reader: Reader, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    numbers = sorted({row["bill_no"] for row in entries if row["bill_no"]})
    if not numbers:
        return []
    return reader.rows("settlement.fct_settlement_bills", rows.BILL_COLUMNS, _in("bill_no", numbers), numbers)


def _holds(reader: Reader, number: str, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if not any("risk_hold" in str(row["blocked_by"] or "") for row in entries):
        return []
    targets = [number, *sorted({row["participant_id"] for row in entries})]
    columns = ("hold_no", "scope", "target", "valid_from", "valid_to", "reason")
    return reader.rows("config.risk_holds", columns, _in("target", targets), targets, order="hold_no")


def _with_text(reader: Reader, loaded: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The loaded rows with `line_text`, the line as it stands in the file, and `place`, the file and where in it."""
    hashes = sorted({row["template_hash"] for row in loaded if row["template_hash"]})
    bodies = (
        {
            row["template_hash"]: row["body"]
            for row in reader.rows("raw.templates", ("template_hash", "body"), _in("template_hash", hashes), hashes)
        }
        if hashes
        else {}
    )
    texts = line_texts(loaded, bodies)
    return [{**row, "line_text": text, "place": place_of(row, bodies)} for row, text in zip(loaded, texts, strict=True)]
