"""Orders against the lines of SPV reports, one after the other in plain Python: what REC-SPV says, without SQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tests.oracle.items import Standing, Told, changes, minor, pooled, stands_now
from tests.oracle.world import Row, World

# Who pays in the borrower's place repays all the same.
KIND_OF = {
    "subscription": "subscription",
    "redemption": "redemption",
    "repayment": "repayment",
    "compensation": "repayment",
}
Key = tuple[str, str, str, str, bool]


@dataclass
class Unit:
    """What stands on the SPV's side of an item: one line, or the sum of those in one currency."""

    batch: int
    confirmed: str
    name: str
    currency: str
    amount: int


def spv_items(world: World) -> list[Told]:
    """Every change of an item: batch, key, result, pool, ours, theirs, difference, match kind, opened in batch."""
    rules = {row["channel_code"]: row for row in world.table("reconciliation_rules") if row["relation"] == "orders_spv"}
    spv_of = {row["product_code"]: row["spv_code"] for row in world.table("products") if row["spv_code"]}
    compared = set(rules)
    orders: dict[str, Row] = {}
    came: dict[str, tuple[int, Row]] = {}
    items: dict[Key, Standing] = {}
    alike: dict[Key, bool] = {}
    told: list[Told] = []
    for number, batch in enumerate(world.batches, 1):
        compared |= {line["spv_code"] for line in batch.spv_reports}
        for order in batch.orders:
            held = orders.get(order["order_no"])
            if held is None or int(order["version"]) > int(held["version"]):
                orders[order["order_no"]] = order
        replaced = _corrected(came, batch.corrections)
        arrived = {_row_key(line): (number, line) for line in batch.spv_reports}
        came |= arrived
        lines = [(place, line) for place, line in came.values() if _counts(line)]
        new = [line for key, (_, line) in came.items() if _counts(line) and (key in arrived or key in replaced)]
        known = {key[1] for key in items}
        touched = {
            order["order_no"]
            for order in batch.orders
            if spv_of.get(order["product_code"]) in compared or order["order_no"] in known
        } | {line["order_no"] for line in batch.spv_reports if line["order_no"]}
        touched |= {row["order_no"] for key in replaced for row in (replaced[key], came[key][1]) if row["order_no"]}
        sides = _sides(orders, lines, new, touched, spv_of, compared, rules)
        gone = [key for key in items if key[1] and key[1] in touched and key not in sides]
        gone += [key for key in map(_item_of_its_own, replaced.values()) if key in items and key not in sides]
        findings = {key: _finding(key, *sides[key], rules.get(key[0])) for key in sides}
        findings |= dict.fromkeys(gone, ("nothing", None, None, True))
        for key in sorted({*findings, *items}):
            before = items.get(key)
            finding, left, right, is_alike = findings.get(key, (None, None, None, alike.get(key, True)))
            if before is None and finding == "nothing":
                continue
            now = stands_now(before, finding, (left, right), number, batch.batch_date)
            now = pooled(now, int((rules.get(key[0]) or {}).get("buffer_days") or 3), batch.batch_date)
            told += changes(number, _name(key), before, now, is_alike)
            items[key], alike[key] = now, is_alike
    return told


def _corrected(came: dict[str, tuple[int, Row]], corrections: Sequence[Row]) -> dict[str, Row]:
    """Correct lines that came before, as people have said; what each of them was, by its key."""
    replaced: dict[str, Row] = {}
    for correction in corrections:
        key = correction["row_key"]
        place, line = came[key]
        replaced.setdefault(key, line)
        came[key] = (place, {**line, correction["field"]: correction["new_value"]})
    return replaced


def _row_key(line: Row) -> str:
    return f"{line['spv_code']}|{line['report_kind']}|{line['spv_txn_no']}"


def _counts(line: Row) -> bool:
    return line["status"] == "success" and line["report_kind"] in KIND_OF


def _item_of_its_own(line: Row) -> Key | None:
    """The item of a line without an order number."""
    is_alone = _counts(line) and not line["order_no"]
    return (line["spv_code"], "", line["report_kind"], line["spv_txn_no"], False) if is_alone else None


def _name(key: Key) -> str:
    spv, order_no, kind, own, is_further = key
    return f"{spv}|{order_no}|{kind}" + (f"|dup|{own}" if is_further else f"|txn|{own}" if own else "")


def _sides(
    orders: dict[str, Row],
    lines: list[tuple[int, Row]],
    new: list[Row],
    touched: set[str],
    spv_of: dict[str, str],
    compared: set[str],
    rules: dict[str, Row],
) -> dict[Key, tuple[Row | None, Unit | None]]:
    """Order and unit of every item of the numbers that the batch touched."""
    sides: dict[Key, tuple[Row | None, Unit | None]] = {}
    for number in touched & set(orders):
        order = orders[number]
        spv, kind = spv_of.get(order["product_code"], ""), KIND_OF.get(order["order_type"])
        if kind and spv in compared:
            sides[spv, number, kind, "", False] = (order, None)
    units: dict[tuple[str, str, str], dict[str, Unit]] = defaultdict(dict)
    for came, line in lines:
        if line["order_no"] not in touched:
            continue
        adds_up = (rules.get(line["spv_code"]) or {}).get("grouping") == "sum"
        name = line["currency"] if adds_up else line["spv_txn_no"]
        group = units[line["spv_code"], line["order_no"], line["report_kind"]]
        unit = group.setdefault(name, Unit(came, line["confirmed_on"], name, line["currency"], 0))
        unit.amount += minor(line["amount"], line["currency"])
        unit.confirmed = min(unit.confirmed, line["confirmed_on"])
    for (spv, number, kind), group in units.items():
        judged = orders.get(number)
        # The number's currency counts only where the order is one that this SPV or another reports on.
        has_order = judged is not None and KIND_OF.get(judged["order_type"]) is not None
        has_order = has_order and judged is not None and spv_of.get(judged["product_code"], "") in compared
        currency = judged["currency"] if has_order and judged is not None else None
        ranked = sorted(
            group.values(), key=lambda unit: (unit.currency != currency, unit.batch, unit.confirmed, unit.name)
        )
        first = (spv, number, kind, "", False)
        sides[first] = (sides.get(first, (None, None))[0], ranked[0])
        for unit in ranked[1:]:
            sides[spv, number, kind, unit.name, True] = (None, unit)
    for line in new:
        if not line["order_no"]:
            unit = Unit(0, "", "", line["currency"], minor(line["amount"], line["currency"]))
            sides[line["spv_code"], "", line["report_kind"], line["spv_txn_no"], False] = (None, unit)
    return sides


def _finding(
    key: Key, order: Row | None, unit: Unit | None, rule: Row | None
) -> tuple[str | None, int | None, int | None, bool]:
    """What is found, the amounts of both sides, and whether they have a difference."""
    is_paid = order is not None and order["status"] == "success"
    ours = minor(order["amount"], order["currency"]) if order is not None and (is_paid or unit is not None) else None
    theirs = unit.amount if unit is not None else None
    if unit is None:
        return ("platform_only" if is_paid else "nothing"), ours, theirs, True
    if key[4]:
        return "duplicate_channel", ours, theirs, True
    if order is None or ours is None:
        return "channel_only", ours, theirs, True
    if order["currency"] != unit.currency:
        return "currency_mismatch", ours, theirs, False
    if not is_paid:
        return "status_mismatch", ours, theirs, True
    gap = abs(unit.amount - ours)
    if gap > int((rule or {}).get("amount_tolerance_minor") or 0):
        return "amount_mismatch", ours, theirs, True
    return ("tolerance" if gap else "equal"), ours, theirs, True
