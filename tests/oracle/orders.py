"""Orders and their lines as they arrive; the highest version of each counts (DOMAIN section 3)."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from tests.oracle.world import Row, World, exponents, instant, json_texts, minor_total, minor_units, own_date


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
    line_total: int | None
    status: str
    ordered_at: datetime
    ordered_on: date
    original_order_no: str
    lines: tuple[Line, ...]

    @property
    def amount(self) -> int | None:
        """The sum of its lines if it has any, converted once, else the header amount."""
        return self.line_total if self.has_own_lines else self.header

    @property
    def direction(self) -> str:
        """Which side of the statement it is compared with."""
        return "refund" if self.order_type == "refund" else "payment"


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
            minor_total([line["amount"] for line in own], exponent),
            row["status"],
            instant(row["ordered_at"]),
            own_date(row["ordered_at"]),
            row["original_order_no"],
            lines,
        )
