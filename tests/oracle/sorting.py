"""Which lines clear in a batch, which are taken back, and what waits (DOMAIN section 3)."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date

from tests.oracle.allocation import Grant
from tests.oracle.orders import Book, Line, Order
from tests.oracle.world import Output, Row, World, bytes_key, in_force, largest_remainder, minor_units, overlaps

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
    "correction_after_refund",
)


@dataclass
class Share:
    """A leaf share of an amount, the fee of one rule on it, and what refunds have taken of both."""

    grant: Grant
    fee: int
    released: int = 0
    fee_back: int = 0


@dataclass
class Billed:
    """One rule's fee on a cleared line, what of base and fee has been given back, and the detail that records it."""

    rule: Row
    base: int
    fee: int
    detail: Output
    grants: list[Grant] = field(default_factory=list)
    shares: list[Share] = field(default_factory=list)
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
    contract_currency: str
    amount: int
    refunded: int = 0
    billed: list[Billed] = field(default_factory=list)

    @property
    def combination(self) -> str:
        """What the model does with the amount; empty for plain billing and allocation."""
        return self.model.get("combination", "")


@dataclass(frozen=True)
class Refunded:
    """A part of a refund, laid on one line of its original."""

    order: Order
    amount: int
    original: ClearedLine


@dataclass(frozen=True)
class Reversed:
    """A cleared line that a higher version of its order takes back."""

    cause: Order
    line: ClearedLine


Adjustment = Refunded | Reversed | ClearedLine


@dataclass
class Sorted:
    """What one batch clears, in clearing order, and what waits."""

    new: list[ClearedLine]
    adjustments: list[Adjustment]
    waiting: list[tuple[Order, str]]


class Sorter:
    """Decides batch by batch which orders clear."""

    def __init__(self, world: World, book: Book) -> None:
        self.world = world
        self.book = book
        self.products = {row["product_code"] for row in world.table("products")}
        self.participants = {row["participant_id"] for row in world.table("participants")}
        self.channels = {row["channel_code"] for row in world.table("channels")}
        self.contracted = {row["model_code"] for row in world.table("contracts")}
        # Lines that no reversal has taken back; the version of every refund that cleared; every number that ever did.
        self.live: dict[str, list[ClearedLine]] = {}
        self.refunds: dict[str, int] = {}
        self.ever: set[str] = set()

    def sort(self) -> Sorted:
        """Sort what has not cleared: new business first, then adjustments; a correction takes back what it corrects."""
        result = Sorted([], [], [])
        refunds: list[Order] = []
        ever_before = set(self.ever)
        arriving: dict[str, list[ClearedLine]] = {}
        for order in self.book.latest.values():
            live = self.live.get(order.order_no, [])
            if (live and live[0].order.version == order.version) or self.refunds.get(order.order_no) == order.version:
                continue
            finds_cleared = bool(live) or order.order_no in self.refunds
            refused = (
                order.order_no in self.refunds
                or any(line.refunded for line in live)
                or (order.order_type == "refund" and order.order_no in ever_before)
            )
            if live and not refused:
                result.adjustments.extend(Reversed(order, line) for line in live)
                del self.live[order.order_no]
            if not self.book.successful(order):
                if finds_cleared and refused:
                    result.waiting.append((order, "correction_after_refund"))
                continue
            if order.order_type == "refund":
                refunds.append(order)
                continue
            lines, reasons = self._new_business(order)
            if refused:
                reasons.add("correction_after_refund")
            if reasons:
                result.waiting.append((order, first_reason(reasons)))
            elif order.order_no in ever_before:
                result.adjustments.extend(lines)
                arriving[order.order_no] = lines
            else:
                result.new.extend(lines)
                self.live[order.order_no] = lines
                self.ever.add(order.order_no)
        result.new.sort(key=_new_place)
        self._sort_refunds(refunds, ever_before, result)
        # Only now: what is cleared again by a correction takes refunds from the next batch on.
        self.live.update(arriving)
        result.adjustments.sort(key=_adjustment_place)
        return result

    def _new_business(self, order: Order) -> tuple[list[ClearedLine], set[str]]:
        reasons = self._amount_reasons(order)
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
            contract: Row = {}
            if model["model_code"] in self.contracted:
                contract = self._contract(model["model_code"], line.participant_id, order.ordered_on)
                if not contract:
                    reasons.add("no_contract")
            rules = []
            for code in _billing_codes(model):
                versions = self._rule_versions(code, order)
                if any(self._lacks_base(order, line, rule) for rule in versions):
                    reasons.add("bad_amount")
                if len(versions) != 1:
                    reasons.add("no_rule")
                    continue
                rules.append(versions[0])
            if line.amount is not None:
                number, currency = contract.get("contract_no", ""), contract.get("currency", "")
                lines.append(ClearedLine(order, line, model, rules, number, currency, line.amount))
        return lines, reasons

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

    def _contract(self, model_code: str, participant_id: str, on: date) -> Row:
        found = [
            row
            for row in self.world.table("contracts")
            if row["model_code"] == model_code and row["participant_id"] == participant_id and in_force(row, on)
        ]
        return min(found, key=lambda row: bytes_key(row["contract_no"]), default={})

    def _rule_versions(self, code: str, order: Order) -> list[Row]:
        return [
            row
            for row in self.world.table("billing_rules")
            if row["rule_code"] == code
            and in_force(row, order.ordered_on)
            and (not row["currency"] or row["currency"] == order.currency)
        ]

    def _sort_refunds(self, refunds: list[Order], ever_before: set[str], result: Sorted) -> None:
        refunds.sort(key=lambda order: (order.ordered_at, bytes_key(order.order_no)))
        accepted: dict[str, list[Order]] = defaultdict(list)
        for order in refunds:
            reasons = self._amount_reasons(order)
            originals = self.live.get(order.original_order_no, [])
            if order.order_no in ever_before:
                reasons.add("correction_after_refund")
            lines_named = {line.line_no for line in order.lines} if order.has_own_lines else set()
            is_other = not originals or originals[0].order.currency != order.currency
            if is_other or not lines_named <= _numbers(originals):
                reasons.add("refund_without_original")
            elif order.order_no not in ever_before:
                reasons |= _fit(order, originals, accepted[order.original_order_no])
            if reasons:
                result.waiting.append((order, first_reason(reasons)))
                continue
            accepted[order.original_order_no].append(order)
            self.refunds[order.order_no] = order.version
            self.ever.add(order.order_no)
        for original_no, orders in accepted.items():
            result.adjustments.extend(_lay(orders, self.live[original_no]))


def _numbers(lines: list[ClearedLine]) -> set[int]:
    return {line.line.line_no for line in lines}


def _billing_codes(model: Row) -> list[str]:
    """The billing rules of a model, each once; one that only splits amounts bills nothing."""
    if model.get("combination") == "allocate":
        return []
    return list(dict.fromkeys(code.strip() for code in model["billing_rule_codes"].split(";") if code.strip()))


def _new_place(line: ClearedLine) -> tuple[object, ...]:
    """Time, number, line; lines of models that are not ordered come after all others, by number and line only."""
    number = bytes_key(line.order.order_no)
    if (line.model.get("ordered") or "true").lower() == "true":
        return (0, line.order.ordered_at, number, line.line.line_no)
    return (1, number, line.line.line_no)


def _adjustment_place(row: Adjustment) -> tuple[object, ...]:
    """Time, number, reversal before new, line; a reversal has the time of the version that causes it."""
    if isinstance(row, Reversed):
        return (row.cause.ordered_at, bytes_key(row.cause.order_no), 0, row.line.line.line_no)
    line = row.original.line if isinstance(row, Refunded) else row.line
    return (row.order.ordered_at, bytes_key(row.order.order_no), 1, line.line_no)


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
    if order.has_own_lines and any((line.amount or 0) > left[line.line_no] for line in order.lines):
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
