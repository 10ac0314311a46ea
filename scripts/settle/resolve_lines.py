"""What a decision needs of the raw rows: the statement line that an item is, and an order as it counts now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from settle.errors import InputError
from settle.explain.rows import Reader

ORDERS_CHANNEL = "orders_channel"
LINE_COLUMNS = ("channel_code", "channel_txn_no", "txn_type", "currency")
ORDER_COLUMNS = ("version", "order_type", "channel_code", "currency", "status")
ASSIGNED = ("decision_no", "line_channel_code", "line_txn_no", "other_order_no", "action", "takes_back_no")


def order_for(reader: Reader, order_no: str, last_batch_id: int) -> dict[str, Any] | None:
    """The highest version of an order among the batches that are built."""
    where = "order_no = ? and _batch_id <= ?"
    rows = reader.rows("raw.orders", ORDER_COLUMNS, where, (order_no, last_batch_id), order="version")
    return rows[-1] if rows else None


def line_of_item(reader: Reader, item: Mapping[str, Any]) -> dict[str, Any]:
    """The one successful statement line of an item of theirs alone. Raises InputError where it has several."""
    channel, number = str(item["channel_code"]), str(item["order_no"])
    own = str(item["item_key"]).removeprefix(f"{channel}|{number}").removeprefix("|refund")
    direction = "=" if str(item["item_key"]).removeprefix(f"{channel}|{number}").startswith("|refund") else "<>"
    if own:
        _, _, txn_no = own[1:].partition("|")
        if not channel:
            # Where the lines of all channels meet, the channel stands before the number.
            channel, _, txn_no = txn_no.partition("|")
        where, params = "channel_code = ? and channel_txn_no = ?", (channel, txn_no)
        return reader.rows("raw.payments", LINE_COLUMNS, where, params)[0]
    lines = _lines_under(reader, number, channel, direction)
    if len(lines) != 1:
        raise InputError(
            f"has {len(lines)} lines. Reassign the further ones first (their items end in |dup| and the line's "
            "number); lines that add up cannot be told apart: write them off instead."
        )
    return lines[0]


def _lines_under(reader: Reader, number: str, channel: str, direction: str) -> list[dict[str, Any]]:
    """The successful lines of a number and channel, those assigned to it by decisions among them."""
    places = assigned_lines(reader)
    where = f"order_no = ? and status = 'success' and txn_type {direction} 'refund'"
    named = reader.rows("raw.payments", LINE_COLUMNS, where, (number,), order="channel_code, channel_txn_no")
    found = [line for line in named if (line["channel_code"], line["channel_txn_no"]) not in places]
    for place, assigned_to in places.items():
        if assigned_to == number:
            found += reader.rows(
                "raw.payments",
                LINE_COLUMNS,
                f"channel_code = ? and channel_txn_no = ? and txn_type {direction} 'refund'",
                place,
            )
    return [line for line in found if not channel or line["channel_code"] == channel]


def assigned_lines(reader: Reader) -> dict[tuple[str, str], str]:
    """The order number that each reassigned line (channel, number) counts under."""
    rows = reader.rows("raw.decisions", ASSIGNED, order="decision_seq")
    undone = {row["takes_back_no"] for row in rows if row["takes_back_no"]}
    return {
        (str(row["line_channel_code"]), str(row["line_txn_no"])): str(row["other_order_no"])
        for row in rows
        if row["action"] == "reassign" and row["decision_no"] not in undone
    }
