"""Decisions for a random world: taken batch by batch on what is open then, as people would."""

import random
from collections.abc import Callable
from dataclasses import replace

from tests.oracle.oracle import Oracle
from tests.oracle.reconciliation import OPEN_POOLS, Item, Reconciler, Sides
from tests.oracle.world import DECISION_COLUMNS, Row, World

THEIRS_ALONE = ("channel_only", "duplicate_channel")
Choice = tuple[str, str, str, Row]


class Decider:
    """Chooses decisions on the state at the close of a batch; every item has at most one."""

    def __init__(self, reconciler: Reconciler, rng: random.Random, taken: dict[str, Row]) -> None:
        self.reconciler, self.rng, self.taken = reconciler, rng, taken
        self.used: set[str] = set()

    def choices(self) -> list[Choice]:
        """(action, item, other item, further columns) of each decision."""
        found: list[Choice] = []
        # What fits every item comes last, or little else would be decided.
        kinds: list[Callable[[str, Item], Choice | None]] = [self._fill, self._reassign, self._write_off]
        for key, item in sorted(self.reconciler.items.items()):
            if key in self.used or self.rng.random() < 0.5:
                continue
            wanted: list[Callable[[str, Item], Choice | None]] = [self._reopen]
            if item.pool in OPEN_POOLS:
                wanted = [self._level_out] if self.rng.random() < 0.3 else [*kinds, self._level_out]
            choices = (kind(key, item) for kind in wanted)
            choice = next((choice for choice in choices if choice is not None), None)
            if choice is not None:
                found.append(choice)
                self.used |= {choice[1], choice[2]} - {""}
        return found

    def _side(self, key: str) -> Sides | None:
        numbers = self.reconciler.numbers[key]
        return next((side for side in self.reconciler.sides(*numbers) if side.key == key), None)

    def _level_out(self, key: str, item: Item) -> Choice | None:
        return None if item.result == "currency_mismatch" else ("level_out", key, "", {})

    def _write_off(self, key: str, item: Item) -> Choice | None:
        if item.result != "platform_only":
            return None
        direction = self.reconciler.numbers[key][0]
        for other, held in sorted(self.reconciler.items.items()):
            fits = held.result in THEIRS_ALONE and held.pool in OPEN_POOLS and held.currency == item.currency
            if fits and other not in self.used and self.reconciler.numbers[other][0] == direction:
                return ("write_off_match", key, other, {})
        return None

    def _reassign(self, key: str, item: Item) -> Choice | None:
        side = self._side(key)
        if item.result not in THEIRS_ALONE or side is None or len(side.lines) != 1:
            return None
        line = side.lines[0]
        under = self.reconciler.lines[(side.direction, side.order_no)]
        if not side.is_duplicate and side.order_no and len(under) > 1:
            return None
        orders = [
            order
            for order in self.reconciler.book.latest.values()
            if order.direction == side.direction
            and order.currency == line.currency
            and order.channel_code in ("", line.channel_code)
            and not self.reconciler.lines[(side.direction, order.order_no)]
        ]
        if not orders:
            return None
        order = self.rng.choice(sorted(orders, key=lambda order: order.order_no))
        suffix = "|refund" if order.direction == "refund" else ""
        target = f"{order.channel_code}|{order.order_no}{suffix}"
        if target in self.used:
            return None
        place = {"line_channel_code": line.channel_code, "line_txn_no": line.txn_no, "other_order_no": order.order_no}
        return ("reassign", key, target, place)

    def _fill(self, key: str, item: Item) -> Choice | None:
        side = self._side(key)
        is_pending = side is not None and side.order is not None and side.order.status == "pending"
        return ("auto_fill", key, "", {}) if is_pending and item.result == "status_mismatch" else None

    def _reopen(self, key: str, item: Item) -> Choice | None:
        row = self.taken.get(item.decision_no or "")
        if row is None or row["action"] in ("auto_fill", "reopen"):
            return None
        keys = {row["item_key"], row["other_item_key"]} - {""}
        back = {name: row[name] for name in ("other_order_no",)} | {"takes_back_no": row["decision_no"]}
        return None if keys & self.used else ("reopen", row["item_key"], row["other_item_key"], back)


def with_decisions(world: World) -> World:
    """The world with decisions in every batch but the first; the same world gives the same decisions."""
    rng = random.Random(f"decisions {world.seed}")
    batches, taken, undone = list(world.batches), dict[str, Row](), set[str]()
    for place in range(1, len(batches)):
        oracle = Oracle(replace(world, batches=batches[:place]))
        oracle.run()
        left = {number: row for number, row in taken.items() if number not in undone}
        rows = []
        for action, key, other, columns in Decider(oracle.reconciler, rng, left).choices():
            number = f"{world.prefix}D{len(taken) + 1}"
            row = dict.fromkeys(DECISION_COLUMNS, "") | columns
            row |= {
                "relation": "orders_channel",
                "decision_no": number,
                "action": action,
                "item_key": key,
                "other_item_key": other,
            }
            numbers = oracle.reconciler.numbers
            row["order_no"] = numbers[key][1]
            row["other_order_no"] = row["other_order_no"] or (numbers[other][1] if other else "")
            undone |= {row["takes_back_no"]} - {""}
            taken[number] = row
            rows.append(row)
        batches[place] = replace(batches[place], decisions=rows)
    return replace(world, batches=batches)
