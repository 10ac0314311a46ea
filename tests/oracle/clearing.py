"""Billing, allocation and accumulation of what sorting lets through: one row of the clearing order after the other."""

from collections import defaultdict
from collections.abc import Sequence

from tests.oracle.allocation import Allocator, Grant, leaves
from tests.oracle.billing import fee_of, given_back, is_cumulative, tiers_of
from tests.oracle.fx import Converter
from tests.oracle.orders import Book, Order
from tests.oracle.settlement import Settler
from tests.oracle.sorting import Billed, ClearedLine, Refunded, Reversed, Share, Sorted
from tests.oracle.world import Output, Row, World, as_bool, bytes_key, minor_units, period_of

BaseKey = tuple[str, str, str, str]  # rule, participant, currency, period
NEGATED = ("base_minor", "fee_minor", "contract_base_minor", "contract_fee_minor")


class Clearer:
    """What has been billed and allocated so far, and the accumulated bases."""

    def __init__(self, world: World, book: Book, settler: Settler) -> None:
        self.world = world
        self.book = book
        self.settler = settler
        self.converter = Converter(world)
        self.allocator = Allocator(world.table("allocation_rules"), world.table("allocation_bearers"))
        self.participants = {row["participant_id"] for row in world.table("participants")}
        self.clearing_seq = 0
        self.bases: dict[BaseKey, int] = {}
        self.details: list[Output] = []
        self.expected_fees: dict[tuple[str, int], int] = {}

    def clear(self, batch_id: int, outcome: Sorted) -> None:
        """New business, then refunds, reversals and corrections as they come in the clearing order."""
        for line in outcome.new:
            self._clear_line(batch_id, line)
        refunds = [row for row in outcome.adjustments if isinstance(row, Refunded)]
        given = dict(zip(map(id, refunds), Returns(self.allocator, refunds).rows, strict=True))
        for row in outcome.adjustments:
            if isinstance(row, Refunded):
                self._clear_refund(batch_id, row, given[id(row)])
            elif isinstance(row, Reversed):
                self._reverse(batch_id, row)
            else:
                self._clear_line(batch_id, row)
        causes = {(row.line.order.order_no, row.line.order.version): row for row in _reversals(outcome)}
        for row in causes.values():
            self.settler.reverse(batch_id, row.line.order, row.cause.ordered_on)

    def _clear_line(self, batch_id: int, line: ClearedLine) -> None:
        self.clearing_seq += 1
        self.settler.entry(batch_id, line.order, line.line.participant_id, line.model).gross += line.amount
        split: Billed | None = None
        if line.combination in ("allocate", "allocate_bill"):
            split = self._split_amount(batch_id, line)
        if line.combination == "allocate":
            return
        for rule in sorted(line.rules, key=lambda row: bytes_key(row["rule_code"])):
            if split is not None:
                self._bill_shares(batch_id, line, rule, split)
            else:
                self._bill(batch_id, line, rule)

    def _bill(self, batch_id: int, line: ClearedLine, rule: Row) -> None:
        on, base = line.order.ordered_on, self._base(rule, line)
        tiers = tiers_of(self.world.table("billing_tiers"), rule["rule_code"], on)
        key, before = None, None
        if is_cumulative(rule):
            key = (
                rule["rule_code"],
                line.line.participant_id,
                line.order.currency,
                period_of(rule["accumulate_period"], on),
            )
            before = self.bases.get(key, 0)
            self.bases[key] = before + base
        fee = fee_of(rule, tiers, base, before or 0)
        detail = self._detail(batch_id, line.order, line, rule, "new", base, fee)
        detail.update(base_before_minor=before, accumulate_period_key=key[3] if key else None)
        billed = Billed(rule, base, fee, detail)
        line.billed.append(billed)
        if _is_allocated(line, rule):
            where, code = _where(detail), rule["allocation_rule_code"]
            billed.grants = self.allocator.grant(where, code, fee, on, line.contract_no)
        parts = [(grant, grant.granted) for grant in leaves(billed.grants)]
        self._settle_fee(batch_id, line.order, line, rule, fee, parts)

    def _split_amount(self, batch_id: int, line: ClearedLine) -> Billed:
        """The line's amount itself, split by the model's allocation rule."""
        code = line.model["allocation_rule_code"]
        rule = {
            "rule_code": code,
            "fee_type": "amount",
            "rounding": "",
            "refund_fee": "true",
            "allocation_rule_code": code,
        }
        detail = self._detail(batch_id, line.order, line, rule, "new", line.amount, line.amount)
        billed = Billed(rule, line.amount, line.amount, detail)
        line.billed.append(billed)
        billed.grants = self.allocator.grant(_where(detail), code, line.amount, line.order.ordered_on, line.contract_no)
        parts = [(grant, grant.granted) for grant in leaves(billed.grants)]
        self._charge(batch_id, line.order, line, parts)
        return billed

    def _bill_shares(self, batch_id: int, line: ClearedLine, rule: Row, split: Billed) -> None:
        """One fee for each leaf share of the amount; the detail is their sum."""
        tiers = tiers_of(self.world.table("billing_tiers"), rule["rule_code"], line.order.ordered_on)
        shares, base = [], 0
        for grant in leaves(split.grants):
            if grant.granted > 0:
                share_base = 1 if rule["base"] == "count" else grant.granted
                shares.append(Share(grant, fee_of(rule, tiers, share_base)))
                base += share_base
        fee = sum(share.fee for share in shares)
        detail = self._detail(batch_id, line.order, line, rule, "new", base, fee)
        line.billed.append(Billed(rule, base, fee, detail, shares=shares))
        self._post_shares(batch_id, line.order, line, detail, [(share.grant, share.fee) for share in shares])

    def _clear_refund(self, batch_id: int, row: Refunded, back: "Back") -> None:
        self.clearing_seq += 1
        line = row.original
        self.settler.entry(batch_id, row.order, line.line.participant_id, line.model).gross -= row.amount
        for number, billed in enumerate(line.billed):
            base, fee = back.amounts[number]
            detail = self._detail(batch_id, row.order, line, billed.rule, "refund", -base, -fee)
            self._take_base(billed, detail, -base)
            parts = back.parts.get(number, [])
            if billed.shares:
                self._post_shares(batch_id, row.order, line, detail, [(grant, -part) for grant, part in parts])
                continue
            self.allocator.post_release(_where(detail), parts)
            signed = [(grant, -part) for grant, part in parts if not grant.children]
            self._settle_fee(batch_id, row.order, line, billed.rule, -fee, signed)

    def _reverse(self, batch_id: int, row: Reversed) -> None:
        """The negative of everything recorded of a line; its entries are taken back with its order."""
        self.clearing_seq += 1
        for billed in row.line.billed:
            negated = {name: _negative(billed.detail[name]) for name in NEGATED}
            detail = {
                **billed.detail,
                **negated,
                "batch_id": batch_id,
                "clearing_seq": self.clearing_seq,
                "entry_kind": "reversal",
            }
            self.details.append(detail)
            self._take_base(billed, detail, -billed.base)
            self.allocator.reverse(_where(detail), billed.grants)
            for share in billed.shares:
                self.allocator.post_share(_where(detail), share.grant, -share.fee)

    def _take_base(self, billed: Billed, detail: Output, base: int) -> None:
        """Take a base out of the period it was accumulated in, and record what was there before."""
        period = billed.detail["accumulate_period_key"]
        if period is None:
            return
        recorded = billed.detail
        key = (
            str(recorded["rule_code"]),
            str(recorded["participant_id"]),
            str(recorded["currency"]),
            str(period),
        )
        detail.update(base_before_minor=self.bases[key], accumulate_period_key=period)
        self.bases[key] += base

    def _base(self, rule: Row, line: ClearedLine) -> int:
        if rule["base"] == "count":
            return 1
        if rule["base"] in ("principal", "interest"):
            exponent = self.book.exponents[line.order.currency]
            base = minor_units(line.line.attributes[rule["base"]], exponent)
            assert base is not None, "sorting has checked the attribute"
            return base
        return line.amount

    def _detail(
        self, batch_id: int, order: Order, line: ClearedLine, rule: Row, kind: str, base: int, fee: int
    ) -> Output:
        detail: Output = {
            "batch_id": batch_id,
            "clearing_seq": self.clearing_seq,
            "order_no": order.order_no,
            "order_version": order.version,
            "line_no": line.line.line_no,
            "rule_code": rule["rule_code"],
            "currency": order.currency,
            "entry_kind": kind,
            "model_code": line.model["model_code"],
            "fee_type": rule["fee_type"],
            "participant_id": line.line.participant_id,
            "base_minor": base,
            "fee_minor": fee,
            "base_before_minor": None,
            "accumulate_period_key": None,
            **self.converter.shown(line.contract_currency, order.currency, base, fee, order.ordered_on),
        }
        self.details.append(detail)
        if rule["fee_type"] == "channel_fee":
            key = (order.order_no, order.version)
            self.expected_fees[key] = self.expected_fees.get(key, 0) + fee
        return detail

    def _post_shares(
        self, batch_id: int, order: Order, line: ClearedLine, detail: Output, fees: Sequence[tuple[Grant, int]]
    ) -> None:
        for grant, fee in fees:
            self.allocator.post_share(_where(detail), grant, fee)
        self._charge(batch_id, order, line, fees)

    def _settle_fee(
        self,
        batch_id: int,
        order: Order,
        line: ClearedLine,
        rule: Row,
        fee: int,
        parts: Sequence[tuple[Grant, int]],
    ) -> None:
        if _is_allocated(line, rule):
            self._charge(batch_id, order, line, parts)
        elif line.model["charge_bearer"] in ("", "payee"):
            self.settler.entry(batch_id, order, line.line.participant_id, line.model).fee += fee

    def _charge(self, batch_id: int, order: Order, line: ClearedLine, parts: Sequence[tuple[Grant, int]]) -> None:
        """Charge those leaf bearers that are participants; `participant` stands for the line's own."""
        for grant, amount in parts:
            bearer = line.line.participant_id if grant.bearer.name == "participant" else grant.bearer.name
            if amount and bearer in self.participants:
                self.settler.entry(batch_id, order, bearer, line.model).charge += amount


class Back:
    """What one refund row gives back: base and fee of each billed rule, and the parts of its grants or shares."""

    def __init__(self) -> None:
        self.amounts: list[tuple[int, int]] = []
        self.parts: dict[int, list[tuple[Grant, int]]] = {}


class Returns:
    """What the refunds of one batch give back, in clearing order; each line's refunds are released together."""

    def __init__(self, allocator: Allocator, refunds: Sequence[Refunded]) -> None:
        self.allocator = allocator
        self.rows = [Back() for _ in refunds]
        by_line: dict[int, list[int]] = defaultdict(list)
        for place, row in enumerate(refunds):
            by_line[id(row.original)].append(place)
        for places in by_line.values():
            self._line([refunds[place] for place in places], [self.rows[place] for place in places])

    def _line(self, refunds: list[Refunded], rows: list[Back]) -> None:
        line = refunds[0].original
        before = line.refunded - sum(row.amount for row in refunds)
        split: list[list[tuple[Grant, int]]] = []
        for number, billed in enumerate(line.billed):
            so_far = before
            for place, (refund, row) in enumerate(zip(refunds, rows, strict=True)):
                so_far += refund.amount
                base = _base_back(billed, so_far, line.amount)
                if billed.shares:
                    row.parts[number] = _shares_back(billed, _by_grant(split[place]))
                    row.amounts.append((base, sum(part for _, part in row.parts[number])))
                else:
                    row.amounts.append((base, _fee_back(billed, so_far, line.amount)))
            if billed.grants:
                released = self.allocator.release(billed.grants, [row.amounts[number][1] for row in rows])
                for row, parts in zip(rows, released, strict=True):
                    row.parts[number] = parts
                if number == 0:
                    split = released


def _by_grant(parts: Sequence[tuple[Grant, int]]) -> dict[int, int]:
    """Released amounts by the identity of their grant."""
    return {id(grant): part for grant, part in parts}


def _base_back(billed: Billed, refunded: int, line_amount: int) -> int:
    base = given_back(billed.base, refunded, line_amount, "half_up") - billed.base_back
    billed.base_back += base
    return base


def _fee_back(billed: Billed, refunded: int, line_amount: int) -> int:
    """The fee that this refund gives back, once `refunded` of the line has been; remembers it."""
    if not as_bool(billed.rule["refund_fee"]):
        return 0
    fee = given_back(billed.fee, refunded, line_amount, billed.rule["rounding"]) - billed.fee_back
    billed.fee_back += fee
    return fee


def _shares_back(billed: Billed, released: dict[int, int]) -> list[tuple[Grant, int]]:
    """The fees of leaf shares that this refund gives back, by what of each share has been released."""
    parts = []
    for share in billed.shares:
        share.released += released[id(share.grant)]
        fee = 0
        if as_bool(billed.rule["refund_fee"]):
            whole = given_back(share.fee, share.released, share.grant.granted, billed.rule["rounding"])
            fee = whole - share.fee_back
            share.fee_back += fee
        parts.append((share.grant, fee))
    return parts


def _is_allocated(line: ClearedLine, rule: Row) -> bool:
    return bool(rule["allocation_rule_code"]) and line.combination != "bill"


def _reversals(outcome: Sorted) -> list[Reversed]:
    return [row for row in outcome.adjustments if isinstance(row, Reversed)]


def _where(detail: Output) -> Output:
    names = ("batch_id", "clearing_seq", "order_no", "order_version", "line_no", "rule_code", "currency")
    return {name: detail[name] for name in names}


def _negative(value: object) -> int | None:
    if value is None:
        return None
    assert isinstance(value, int)
    return -value
