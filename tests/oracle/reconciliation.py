"""Orders against channel statements (DOMAIN section 6): one judgement of each item after the other."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from tests.oracle.orders import Book, Order
from tests.oracle.world import Output, Row, World, as_bool, as_int, bytes_key, instant, minor_units

OPEN_POOLS = ("buffer", "error")


@dataclass(frozen=True)
class Statement:
    """One successful line of a channel's statement."""

    batch_id: int
    channel_code: str
    txn_no: str
    order_no: str
    direction: str
    currency: str
    amount: int | None
    fee: int | None
    completed_at: str

    @property
    def place(self) -> tuple[int, str, bytes, bytes]:
        """Its place among the lines of one item."""
        moment = instant(self.completed_at).isoformat() if self.completed_at else "9999"
        return (self.batch_id, moment, bytes_key(self.txn_no), bytes_key(self.channel_code))


@dataclass(frozen=True)
class Rule:
    """How the lines of a channel are read."""

    grouping: str = "single"
    tolerance: int = 0
    buffer_days: int = 3
    auto_fill: bool = False


@dataclass(frozen=True)
class Sides:
    """One item as it stands: its order, its lines, and whether it is a further line of a matched one."""

    key: str
    channel_code: str
    order_no: str
    direction: str
    order: Order | None
    lines: tuple[Statement, ...]
    is_duplicate: bool = False


@dataclass
class Item:
    """What is known of an item after its last judgement."""

    result: str
    pool: str
    left: int | None
    right: int | None
    currency: str
    opened: int
    match_kind: str | None
    fees: tuple[int | None, int | None] = (None, None)
    decision_no: str | None = None

    @property
    def is_closed_by_decision(self) -> bool:
        """Closed, though its sides are not equal."""
        return self.pool == "none" and self.result not in ("matched", "matched_late")


@dataclass
class Reconciler:
    """Judges items batch by batch and remembers what is open."""

    world: World
    book: Book
    lines: dict[tuple[str, str], list[Statement]] = field(default_factory=lambda: defaultdict(list))
    items: dict[str, Item] = field(default_factory=dict)
    numbers: dict[str, tuple[str, str]] = field(default_factory=dict)
    rows: list[Output] = field(default_factory=list)
    open_rows: list[Output] = field(default_factory=list)
    assigned: dict[str, tuple[Statement, Statement]] = field(default_factory=dict)
    due: dict[str, Row] = field(default_factory=dict)
    closing: set[str] = field(default_factory=set)

    def rule(self, channel_code: str) -> Rule:
        """The channel's rule; a channel without one, and no channel, are strict."""
        for row in self.world.table("reconciliation_rules"):
            if row["relation"] == "orders_channel" and channel_code and row["channel_code"] == channel_code:
                buffer_days = as_int(row["buffer_days"])
                return Rule(
                    row["grouping"] or "single",
                    as_int(row["amount_tolerance_minor"]) or 0,
                    3 if buffer_days is None else buffer_days,
                    as_bool(row["auto_fill"]),
                )
        return Rule()

    def take(self, batch_id: int, payments: Sequence[Row]) -> set[tuple[str, str]]:
        """Take in a batch of statement lines; returns the (direction, order number) pairs they touch."""
        touched: set[tuple[str, str]] = set()
        for row in payments:
            if row["status"] != "success" or (row["txn_type"] == "payout" and not row["order_no"]):
                continue
            direction = "refund" if row["txn_type"] == "refund" else "payment"
            exponent = self.book.exponents.get(row["currency"])
            line = Statement(
                batch_id,
                row["channel_code"],
                row["channel_txn_no"],
                row["order_no"],
                direction,
                row["currency"],
                minor_units(row["amount"], exponent),
                minor_units(row["fee"], exponent),
                row["completed_at"],
            )
            self.lines[(direction, line.order_no)].append(line)
            touched |= {("payment", line.order_no), ("refund", line.order_no)}
        return touched

    def sides(self, direction: str, order_no: str) -> list[Sides]:
        """The items of one order number and direction, as they stand now."""
        suffix = "|refund" if direction == "refund" else ""
        if not order_no:
            return [
                Sides(
                    f"{line.channel_code}|{suffix}|txn|{line.txn_no}", line.channel_code, "", direction, None, (line,)
                )
                for line in self.lines.get((direction, ""), [])
            ]
        order = self.book.latest.get(order_no)
        if order is not None and order.direction != direction:
            order = None
        by_channel: dict[str, list[Statement]] = defaultdict(list)
        for line in self.lines.get((direction, order_no), []):
            by_channel["" if order is not None and not order.channel_code else line.channel_code].append(line)
        channels = set(by_channel) | ({order.channel_code} if order is not None else set())
        found = []
        for channel in sorted(channels):
            lines = sorted(by_channel.get(channel, []), key=lambda line: line.place)
            own = order if order is not None and order.channel_code == channel else None
            main = lines if self.rule(channel).grouping == "sum" else lines[:1]
            key = f"{channel}|{order_no}"
            found.append(Sides(key + suffix, channel, order_no, direction, own, tuple(main)))
            for line in lines[len(main) :]:
                txn_no = line.txn_no if channel else f"{line.channel_code}|{line.txn_no}"
                further = f"{key}{suffix}|dup|{txn_no}"
                found.append(Sides(further, channel, order_no, direction, None, (line,), True))
        return found

    def decide(self, decisions: Sequence[Row]) -> set[tuple[str, str]]:
        """Take in the decisions of a batch and move the lines they are about; returns the numbers they touch."""
        self.due, touched = {}, set()
        for row in (row for row in decisions if row["relation"] == "orders_channel"):
            keys = [key for key in (row["item_key"], row["other_item_key"]) if key]
            self.due |= dict.fromkeys(keys, row)
            if row["action"] == "reassign":
                line = next(
                    line
                    for lines in self.lines.values()
                    for line in lines
                    if (line.channel_code, line.txn_no) == (row["line_channel_code"], row["line_txn_no"])
                )
                moved = replace(line, order_no=row["other_order_no"])
                self._move(line, moved)
                self.assigned[row["decision_no"]] = (line, moved)
            elif row["action"] == "reopen" and row["takes_back_no"] in self.assigned:
                line, moved = self.assigned.pop(row["takes_back_no"])
                self._move(moved, line)
            if row["action"] in ("auto_fill", "reassign", "reopen"):
                numbers = (key.split("|")[1] for key in keys)
                touched |= {(direction, number) for number in numbers for direction in ("payment", "refund")}
        return touched

    def _move(self, line: Statement, moved: Statement) -> None:
        self.lines[(line.direction, line.order_no)].remove(line)
        self.lines[(moved.direction, moved.order_no)].append(moved)

    def fill(self, touched: set[tuple[str, str]]) -> set[tuple[str, str]]:
        """Count pending orders as paid where their channel proves it; returns which were filled."""
        filled = set()
        for direction, order_no in touched:
            order = self.book.latest.get(order_no)
            if order is None or order.status != "pending" or self.book.successful(order):
                continue
            for side in self.sides(direction, order_no):
                decided = self.due.get(side.key, {}).get("action") == "auto_fill"
                if side.order is None or not side.lines or not (decided or self.rule(side.channel_code).auto_fill):
                    continue
                right = _sum(side.lines)
                same_currency = {line.currency for line in side.lines} == {order.currency}
                if same_currency and right is not None and right == order.amount:
                    filled.add((direction, order_no))
                    self.book.filled.add((order_no, order.version))
        return filled

    def judge(
        self,
        batch_id: int,
        dates: dict[int, date],
        touched: set[tuple[str, str]],
        filled: set[tuple[str, str]],
        expected_fee: Callable[[tuple[str, int]], int | None],
    ) -> None:
        """Judge every item that is touched or open, and write what changed and what stays open."""
        self.closing = self._closing(expected_fee)
        still_open = {self.numbers[key] for key, item in self.items.items() if item.pool in OPEN_POOLS}
        decided = {self.numbers[key] for key in self.due if key in self.numbers}
        for number in sorted(touched | still_open | decided):
            sides = {side.key: side for side in self.sides(*number)}
            for key in self.items:
                if self.numbers[key] == number and key not in sides:
                    channel = key.split("|", 1)[0]
                    sides[key] = Sides(key, channel, number[1], number[0], None, ())
            for side in sides.values():
                item = self.items.get(side.key)
                if number in touched or side.key in self.due or (item is not None and item.pool in OPEN_POOLS):
                    is_filled = number in filled and side.order is not None
                    self._judge_one(batch_id, dates, side, item, is_filled, expected_fee)
        for key, item in sorted(self.items.items()):
            if item.pool in OPEN_POOLS:
                age = (dates[batch_id] - dates[item.opened]).days
                self.open_rows.append(
                    {
                        "batch_id": batch_id,
                        "item_key": key,
                        "pool": item.pool,
                        "result": item.result,
                        "age_days": age,
                    }
                )

    def _closing(self, expected_fee: Callable[[tuple[str, int]], int | None]) -> set[str]:
        """The items that decisions close now: those whose every item is open and stands as it did."""
        found: set[str] = set()
        for row in self.due.values():
            if row["action"] in ("level_out", "write_off_match"):
                keys = {key for key in (row["item_key"], row["other_item_key"]) if key}
                known = [self.items.get(key) for key in keys]
                if all(item is not None and item.pool in OPEN_POOLS for item in known) and all(
                    self._stands(key, expected_fee) for key in keys
                ):
                    found |= keys
        return found

    def _stands(self, key: str, expected_fee: Callable[[tuple[str, int]], int | None]) -> bool:
        """Whether judging the item now finds what is known of it."""
        known = self.items[key]
        side = next((side for side in self.sides(*self.numbers[key]) if side.key == key), None)
        if side is None:
            return False
        found, left, right = self._found(side, expected_fee)
        return (found, left, right, self._currency(side, known), self._fees(side, expected_fee)) == (
            known.result,
            known.left,
            known.right,
            known.currency,
            known.fees,
        )

    def _found(
        self, side: Sides, expected_fee: Callable[[tuple[str, int]], int | None]
    ) -> tuple[str, int | None, int | None]:
        """The result and both amounts of an item, whatever was known before."""
        left_order = side.order if side.order is not None and self.book.successful(side.order) else None
        shown = side.order if side.lines else left_order
        left = shown.amount if shown is not None else None
        right = _sum(side.lines) if side.lines else None
        return self._result(side, left_order, self.rule(side.channel_code), expected_fee), left, right

    def _fees(
        self, side: Sides, expected_fee: Callable[[tuple[str, int]], int | None]
    ) -> tuple[int | None, int | None]:
        """The fee that we expect and the one they took."""
        is_paid = side.order is not None and self.book.successful(side.order) and side.direction == "payment"
        ours = expected_fee((side.order_no, side.order.version)) if is_paid and side.order and side.lines else None
        fees = [line.fee for line in side.lines if line.fee is not None]
        return ours, sum(fees) if fees else None

    def is_open(self, order: Order) -> bool:
        """Whether the order's own item is in a pool."""
        suffix = "|refund" if order.direction == "refund" else ""
        item = self.items.get(f"{order.channel_code}|{order.order_no}{suffix}")
        return item is not None and item.pool in OPEN_POOLS

    def _judge_one(
        self,
        batch_id: int,
        dates: dict[int, date],
        side: Sides,
        known: Item | None,
        filled: bool,
        expected_fee: Callable[[tuple[str, int]], int | None],
    ) -> None:
        rule = self.rule(side.channel_code)
        result, left, right = self._found(side, expected_fee)
        due = self.due.get(side.key, {})
        action = due.get("action")
        taken_back = action == "reopen" and known is not None and known.decision_no == due["takes_back_no"]
        if (
            known is not None
            and known.is_closed_by_decision
            and not taken_back
            and self._stands(side.key, expected_fee)
        ):
            return
        is_known_open = known is not None and known.pool in OPEN_POOLS
        if result == "":
            if known is None:
                return
            result, left, right = (known.result if known.result == "matched" else "matched_late"), None, None
        if result == "matched" and not filled and known is not None:
            # What was matched and still is keeps its result; what differed is matched late.
            result = known.result if known.result == "matched" else "matched_late"
        opened = batch_id
        if is_known_open and known is not None:
            opened = known.opened
        if result in ("matched", "matched_late") or side.key in self.closing:
            pool = "none"
        elif result == "platform_only":
            pool = "error" if (dates[batch_id] - dates[opened]).days > rule.buffer_days else "buffer"
        else:
            pool = "error"
        currency = self._currency(side, known)
        fees = self._fees(side, expected_fee)
        if known is not None and (known.result, known.pool, known.left, known.right, known.currency) == (
            result,
            pool,
            left,
            right,
            currency,
        ):
            known.fees = fees
            return
        match_kind = _match_kind(result, left, right, filled, known if not is_known_open else None)
        decision_no = None
        is_by_decision = side.key in self.closing or action in ("reassign", "reopen")
        if is_by_decision or (action == "auto_fill" and filled):
            decision_no = due["decision_no"]
            if pool == "none" and action != "reopen":
                match_kind = "manual"
        self.rows.append(
            {
                "batch_id": batch_id,
                "item_key": side.key,
                "channel_code": side.channel_code,
                "order_no": side.order_no,
                "result": result,
                "pool": pool,
                "previous_result": known.result if known is not None else None,
                "left_minor": left,
                "right_minor": right,
                "difference_minor": None if result == "currency_mismatch" else (right or 0) - (left or 0),
                "currency": currency,
                "opened_batch_id": opened,
                "match_kind": match_kind,
                "decision_no": decision_no,
            }
        )
        self.items[side.key] = Item(result, pool, left, right, currency, opened, match_kind, fees, decision_no)
        self.numbers[side.key] = (side.direction, side.order_no)

    def _result(
        self, side: Sides, left_order: Order | None, rule: Rule, expected_fee: Callable[[tuple[str, int]], int | None]
    ) -> str:
        if side.is_duplicate and side.lines:
            return "duplicate_channel"
        if not side.lines:
            return "platform_only" if left_order is not None else ""
        if side.order is None:
            return "channel_only"
        currencies = {line.currency for line in side.lines} | {side.order.currency}
        if len(currencies) > 1 or not currencies <= set(self.book.exponents):
            return "currency_mismatch"
        if left_order is None:
            return "status_mismatch"
        right = _sum(side.lines)
        if right is None or left_order.amount is None or abs(right - left_order.amount) > rule.tolerance:
            return "amount_mismatch"
        expected = expected_fee((left_order.order_no, left_order.version)) if side.direction == "payment" else None
        fees = [line.fee for line in side.lines if line.fee is not None]
        if expected is not None and fees and sum(fees) != expected:
            return "fee_mismatch"
        return "matched"

    def _currency(self, side: Sides, known: Item | None) -> str:
        if side.order is not None:
            return side.order.currency
        currencies = {line.currency for line in side.lines}
        if currencies:
            return currencies.pop() if len(currencies) == 1 else ""
        return known.currency if known is not None else ""


def _sum(lines: Sequence[Statement]) -> int | None:
    """The sum of the lines; None where one can't be told or they are in several currencies."""
    amounts = [line.amount for line in lines]
    if None in amounts or len({line.currency for line in lines}) > 1:
        return None
    return sum(amount for amount in amounts if amount is not None)


def _match_kind(result: str, left: int | None, right: int | None, filled: bool, kept: Item | None) -> str | None:
    if result not in ("matched", "matched_late"):
        return None
    if filled:
        return "auto_fill"
    if left != right:
        return "tolerance"
    if kept is not None and kept.match_kind == "auto_fill":
        return "auto_fill"
    return "late" if result == "matched_late" else "auto"
