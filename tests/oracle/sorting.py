"""Orders as of a batch, and which of their lines clear (DOMAIN section 3)."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from tests.oracle.allocation import Grant
from tests.oracle.world import (
    Row,
    World,
    bytes_key,
    exponents,
    in_force,
    instant,
    json_texts,
    largest_remainder,
    minor_units,
    overlaps,
    own_date,
)

REASONS = (
    "unknown_currency",
    "unknown_product",
    "unknown_participant",
    "unknown_channel",
    "bad_amount",
    "line_total_mismatch",
    "no_model",
    "several_models",
    "no_contract",
    "no_rule",
    "refund_without_original",
    "refund_exceeds_original",
    "correction_pending",
)


@dataclass(frozen=True)
class Line:
    """One line of an order; an order without lines is one line of its own, line 1."""

    line_no: int
    participant_id: str
    product_code: str
    amount: int | None
    attributes: dict[str, str]
    asked_attributes: dict[str, str]


@dataclass(frozen=True)
class Order:
    """One version of an order with its lines; amounts in minor units, None where they can't be told."""

    order_no: str
    version: int
    order_type: str
    channel_code: str
    currency: str
    has_exponent: bool
    has_own_lines: bool
    has_header_amount: bool
    header: int | None
    status: str
    ordered_at: datetime
    ordered_on: date
    original_order_no: str
    lines: tuple[Line, ...]

    @property
    def amount(self) -> int | None:
        """The sum of its lines if it has any, else the header amount."""
        if not self.has_own_lines:
            return self.header
        amounts = [line.amount for line in self.lines]
        return None if None in amounts else sum(amount for amount in amounts if amount is not None)

    @property
    def direction(self) -> str:
        """Which side of the statement it is compared with."""
        return "refund" if self.order_type == "refund" else "payment"


@dataclass
class Billed:
    """One rule's fee on a cleared line, and what of base and fee has been given back."""

    rule: Row
    base: int
    fee: int
    grants: list[Grant]
    base_back: int = 0
    fee_back: int = 0


@dataclass
class ClearedLine:
    """A line of new business that has cleared, with what refunds have taken of it."""

    order: Order
    line: Line
    model: Row
    rules: list[Row]
    contract_no: str
    amount: int
    refunded: int = 0
    billed: list[Billed] = field(default_factory=list)


@dataclass(frozen=True)
class Refunded:
    """A part of a refund, laid on one line of its original."""

    order: Order
    amount: int
    original: ClearedLine


@dataclass
class Sorted:
    """What one batch clears, in clearing order, and what waits."""

    new: list[ClearedLine]
    refunds: list[Refunded]
    waiting: list[tuple[Order, str]]


class Book:
    """All orders that have arrived; the highest version of each counts."""

    def __init__(self, world: World) -> None:
        self.exponents = exponents(world.table("currencies"))
        self.latest: dict[str, Order] = {}
        self.lines: dict[tuple[str, int], list[Row]] = defaultdict(list)
        self.filled: set[tuple[str, int]] = set()

    def take(self, orders: Sequence[Row], lines: Sequence[Row]) -> set[str]:
        """Take in a batch; returns the numbers of the orders of which a version came."""
        for row in lines:
            self.lines[(row["order_no"], int(row["version"] or "1"))].append(row)
        for row in orders:
            order = self._order(row)
            known = self.latest.get(order.order_no)
            if known is None or known.version < order.version:
                self.latest[order.order_no] = order
        return {row["order_no"] for row in orders}

    def successful(self, order: Order) -> bool:
        """Paid by its own status, or by auto_fill in this or an earlier batch."""
        return order.status == "success" or (order.order_no, order.version) in self.filled

    def _order(self, row: Row) -> Order:
        exponent = self.exponents.get(row["currency"])
        version = int(row["version"] or "1")
        own = sorted(self.lines.get((row["order_no"], version), []), key=lambda line: int(line["line_no"]))
        header = minor_units(row["amount"], exponent)
        order_attributes = json_texts(row["attributes"])
        if own:
            lines = tuple(
                Line(
                    int(line["line_no"]),
                    line["participant_id"] or row["participant_id"],
                    line["product_code"] or row["product_code"],
                    minor_units(line["amount"], exponent),
                    json_texts(line["attributes"])
                    if line["attributes"]
                    else (order_attributes if len(own) == 1 else {}),
                    {**order_attributes, **(json_texts(line["attributes"]) if line["attributes"] else {})},
                )
                for line in own
            )
        else:
            lines = (Line(1, row["participant_id"], row["product_code"], header, order_attributes, order_attributes),)
        return Order(
            row["order_no"],
            version,
            row["order_type"],
            row["channel_code"],
            row["currency"],
            exponent is not None,
            bool(own),
            bool(row["amount"]),
            header,
            row["status"],
            instant(row["ordered_at"]),
            own_date(row["ordered_at"]),
            row["original_order_no"],
            lines,
        )


class Sorter:
    """Decides batch by batch which orders clear."""

    def __init__(self, world: World, book: Book) -> None:
        self.world = world
        self.book = book
        self.products = {row["product_code"] for row in world.table("products")}
        self.participants = {row["participant_id"] for row in world.table("participants")}
        self.channels = {row["channel_code"] for row in world.table("channels")}
        self.contracted = {row["model_code"] for row in world.table("contracts")}
        self.cleared: dict[str, list[ClearedLine]] = {}
        self.cleared_versions: dict[str, int] = {}

    def sort(self) -> Sorted:
        """Sort everything that is successful and has not cleared; new business first, then refunds."""
        result = Sorted([], [], [])
        refunds = []
        for order in self.book.latest.values():
            if not self.book.successful(order) or self.cleared_versions.get(order.order_no) == order.version:
                continue
            if order.order_type == "refund":
                refunds.append(order)
                continue
            lines, reason = self._new_business(order)
            if reason:
                result.waiting.append((order, reason))
                continue
            result.new.extend(lines)
            self.cleared[order.order_no] = lines
            self.cleared_versions[order.order_no] = order.version
        result.new.sort(
            key=lambda line: (line.order.ordered_at, bytes_key(line.order.order_no), line.line.line_no),
        )
        self._sort_refunds(refunds, result)
        return result

    def _new_business(self, order: Order) -> tuple[list[ClearedLine], str]:
        reasons = self._amount_reasons(order)
        if order.order_no in self.cleared_versions:
            reasons.add("correction_pending")
        lines = []
        for line in order.lines:
            if line.product_code and line.product_code not in self.products:
                reasons.add("unknown_product")
            if line.participant_id not in self.participants:
                reasons.add("unknown_participant")
            if order.channel_code and order.channel_code not in self.channels:
                reasons.add("unknown_channel")
            model, reason = self._model(order, line)
            if model is None:
                reasons.add(reason)
                continue
            contract_no = ""
            if model["model_code"] in self.contracted:
                contract = self._contract(model["model_code"], line.participant_id, order.ordered_on)
                if contract is None:
                    reasons.add("no_contract")
                else:
                    contract_no = contract
            rules = []
            for code in filter(None, model["billing_rule_codes"].split(";")):
                versions = self._rule_versions(code, order)
                if any(self._lacks_base(order, line, rule) for rule in versions):
                    reasons.add("bad_amount")
                if len(versions) != 1:
                    reasons.add("no_rule")
                    continue
                rules.append(versions[0])
            if line.amount is not None:
                lines.append(ClearedLine(order, line, model, rules, contract_no, line.amount))
        return lines, first_reason(reasons)

    def _lacks_base(self, order: Order, line: Line, rule: Row) -> bool:
        """Whether the attribute a rule counts from is missing or no amount of the currency."""
        if rule["base"] not in ("principal", "interest"):
            return False
        base = minor_units(line.attributes.get(rule["base"]), self.book.exponents.get(order.currency))
        return base is None or base < 0

    def _amount_reasons(self, order: Order) -> set[str]:
        reasons = set()
        if not order.has_exponent:
            reasons.add("unknown_currency")
        if order.amount is None or order.amount <= 0:
            reasons.add("bad_amount")
        if any(line.amount is None or line.amount <= 0 for line in order.lines):
            reasons.add("bad_amount")
        if order.has_own_lines and order.has_header_amount and order.header != order.amount:
            reasons.add("line_total_mismatch")
        return reasons

    def _model(self, order: Order, line: Line) -> tuple[Row | None, str]:
        found = [row for row in self.world.table("settlement_models") if _matches(row, order, line)]
        if not found:
            return None, "no_model"
        smallest = min(int(row["priority"]) for row in found)
        best = [row for row in found if int(row["priority"]) == smallest]
        return (best[0], "") if len(best) == 1 else (None, "several_models")

    def _contract(self, model_code: str, participant_id: str, on: date) -> str | None:
        numbers = [
            row["contract_no"]
            for row in self.world.table("contracts")
            if row["model_code"] == model_code and row["participant_id"] == participant_id and in_force(row, on)
        ]
        return min(numbers, key=bytes_key) if numbers else None

    def _rule_versions(self, code: str, order: Order) -> list[Row]:
        return [
            row
            for row in self.world.table("billing_rules")
            if row["rule_code"] == code
            and in_force(row, order.ordered_on)
            and (not row["currency"] or row["currency"] == order.currency)
        ]

    def _sort_refunds(self, refunds: list[Order], result: Sorted) -> None:
        refunds.sort(key=lambda order: (order.ordered_at, bytes_key(order.order_no)))
        accepted: dict[str, list[Order]] = defaultdict(list)
        for order in refunds:
            reasons = self._amount_reasons(order)
            originals = self.cleared.get(order.original_order_no, [])
            if not originals or originals[0].order.currency != order.currency:
                reasons.add("refund_without_original")
            elif order.order_no in self.cleared_versions:
                reasons.add("correction_pending")
            else:
                reasons |= _fit(order, originals, accepted[order.original_order_no])
            reason = first_reason(reasons)
            if reason:
                result.waiting.append((order, reason))
                continue
            accepted[order.original_order_no].append(order)
            self.cleared_versions[order.order_no] = order.version
        laid: list[Refunded] = []
        for original_no, orders in accepted.items():
            laid.extend(_lay(orders, self.cleared[original_no]))
        laid.sort(
            key=lambda part: (
                part.order.ordered_at,
                bytes_key(part.order.order_no),
                part.original.line.line_no,
            )
        )
        result.refunds.extend(laid)


def first_reason(reasons: set[str]) -> str:
    """The reason that comes first in the list; empty when there is none."""
    return next((reason for reason in REASONS if reason in reasons), "")


def _matches(row: Row, order: Order, line: Line) -> bool:
    for column, value in (
        ("order_type", order.order_type),
        ("product_code", line.product_code),
        ("participant_id", line.participant_id),
        ("channel_code", order.channel_code),
    ):
        if row[column] and row[column] != value:
            return False
    if row["attribute_name"] and line.asked_attributes.get(row["attribute_name"]) != row["attribute_value"]:
        return False
    return in_force(row, order.ordered_on)


def _fit(order: Order, originals: list[ClearedLine], accepted: list[Order]) -> set[str]:
    """Why a refund does not fit after those accepted before it in this batch; empty when it does."""
    left = {line.line.line_no: line.amount - line.refunded for line in originals}
    total = sum(left.values()) - sum(earlier.amount or 0 for earlier in accepted)
    for earlier in accepted:
        if earlier.has_own_lines:
            for line in earlier.lines:
                left[line.line_no] -= line.amount or 0
    if order.has_own_lines:
        if any(line.line_no not in left for line in order.lines):
            return {"refund_without_original"}
        if any((line.amount or 0) > left[line.line_no] for line in order.lines):
            return {"refund_exceeds_original"}
    return {"refund_exceeds_original"} if (order.amount or 0) > total else set()


def _lay(orders: list[Order], originals: list[ClearedLine]) -> list[Refunded]:
    """Which amounts the accepted refunds of one original take from its lines, and takes them."""
    lines = {line.line.line_no: line for line in originals}
    parts = []
    for order in orders:
        if order.has_own_lines:
            for line in order.lines:
                amount = line.amount or 0
                parts.append(Refunded(order, amount, lines[line.line_no]))
                lines[line.line_no].refunded += amount
    shared = [order for order in orders if not order.has_own_lines]
    amounts = [order.amount or 0 for order in shared]
    in_order = [lines[number] for number in sorted(lines)]
    shares = largest_remainder(sum(amounts), [line.amount - line.refunded for line in in_order])
    for order, row in zip(shared, overlaps(amounts, shares), strict=True):
        for original, amount in zip(in_order, row, strict=True):
            if amount:
                parts.append(Refunded(order, amount, original))
                original.refunded += amount
    return parts
