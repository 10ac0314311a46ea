"""Day after day: load, pair, sort, bill, allocate, judge, settle. Plain loops; no code of the warehouse."""

from collections import defaultdict
from datetime import date

from tests.oracle.allocation import Allocator, Grant
from tests.oracle.billing import fee_of, given_back, tiers_of
from tests.oracle.reconciliation import Reconciler
from tests.oracle.settlement import Settler
from tests.oracle.sorting import Billed, Book, ClearedLine, Order, Refunded, Sorter
from tests.oracle.world import Output, Results, Row, World, as_bool, bytes_key, minor_units


class Oracle:
    """Runs a world and keeps every row that the marts must hold."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.book = Book(world)
        self.sorter = Sorter(world, self.book)
        self.reconciler = Reconciler(world, self.book)
        self.allocator = Allocator(world.table("allocation_rules"), world.table("allocation_bearers"))
        self.settler = Settler(world)
        self.participants = {row["participant_id"] for row in world.table("participants")}
        self.clearing_seq = 0
        self.details: list[Output] = []
        self.exceptions: list[Output] = []
        self.reasons: dict[tuple[str, int], str] = {}
        self.expected_fees: dict[tuple[str, int], int] = {}

    def run(self) -> Results:
        """All batches in order."""
        dates: dict[int, date] = {}
        for batch_id, batch in enumerate(self.world.batches, start=1):
            dates[batch_id] = batch.batch_date
            arrived = self.book.take(batch.orders, batch.order_lines)
            touched = self.reconciler.take(batch_id, batch.payments)
            touched |= {(self.book.latest[order_no].direction, order_no) for order_no in arrived}
            filled = self.reconciler.fill(touched)
            self._clear(batch_id)
            self.allocator.close(batch_id)
            self.reconciler.judge(batch_id, dates, touched, filled, self.expected_fees.get)
            self.settler.bill(batch_id, batch.batch_date, self.reconciler.is_open)
        return Results(
            details=self.details,
            allocations=self.allocator.rows,
            accumulators=self.allocator.closings,
            exceptions=self.exceptions,
            items=self.reconciler.rows,
            open_items=self.reconciler.open_rows,
            entries=[
                {
                    "batch_id": entry.batch_id,
                    "order_no": entry.order.order_no,
                    "order_version": entry.order.version,
                    "participant_id": entry.participant_id,
                    "model_code": entry.model["model_code"],
                    "entry_kind": "refund" if entry.order.direction == "refund" else "new",
                    "currency": entry.order.currency,
                    "gross_minor": entry.gross,
                    "fee_minor": entry.fee,
                    "charge_minor": entry.charge,
                    "net_minor": entry.net,
                    "settlement_date": entry.settlement_date,
                    "is_settleable": entry.billed_batch is not None,
                    "billed_batch_id": entry.billed_batch,
                    "blocked_by": entry.blocked_by,
                }
                for entry in self.settler.entries
            ],
            bills=self.settler.bills,
        )

    def _clear(self, batch_id: int) -> None:
        outcome = self.sorter.sort()
        for order, reason in outcome.waiting:
            key = (order.order_no, order.version)
            if self.reasons.get(key) != reason:
                self.reasons[key] = reason
                self.exceptions.append(
                    {
                        "batch_id": batch_id,
                        "order_no": order.order_no,
                        "order_version": order.version,
                        "reason_code": reason,
                    }
                )
        for line in outcome.new:
            self._clear_new(batch_id, line)
        self._clear_refunds(batch_id, outcome.refunds)

    def _clear_new(self, batch_id: int, line: ClearedLine) -> None:
        self.clearing_seq += 1
        order = line.order
        entry = self.settler.entry(batch_id, order, line.line.participant_id, line.model)
        entry.gross += line.amount
        for rule in sorted(line.rules, key=lambda row: bytes_key(row["rule_code"])):
            base = self._base(rule, line)
            fee = fee_of(rule, tiers_of(self.world.table("billing_tiers"), rule["rule_code"]), base)
            where = self._detail(batch_id, order, line, rule, "new", base, fee)
            grants: list[Grant] = []
            code = rule["allocation_rule_code"]
            if code:
                grants = self.allocator.grant(where, code, fee, order.ordered_on, line.contract_no)
            line.billed.append(Billed(rule, base, fee, grants))
            parts = [(grant, grant.granted) for grant in grants]
            self._settle_fee(batch_id, order, line, rule, fee, parts)

    def _clear_refunds(self, batch_id: int, refunds: list[Refunded]) -> None:
        refunded_before: dict[int, int] = {}
        by_line: dict[int, list[int]] = defaultdict(list)
        for place, part in enumerate(refunds):
            line_id = id(part.original)
            refunded_before.setdefault(line_id, part.original.refunded)
            refunded_before[line_id] -= part.amount
            by_line[line_id].append(place)
        fees: dict[tuple[int, int], tuple[int, int]] = {}
        releases: dict[tuple[int, int], list[tuple[Grant, int]]] = {}
        for line_id, places in by_line.items():
            line = refunds[places[0]].original
            for number, billed in enumerate(line.billed):
                so_far = refunded_before[line_id]
                for place in places:
                    so_far += refunds[place].amount
                    fees[(place, number)] = _back(billed, so_far, line.amount)
                if billed.grants:
                    given = [fees[(place, number)][1] for place in places]
                    for place, parts in zip(places, self.allocator.release(billed.grants, given), strict=True):
                        releases[(place, number)] = parts
        for place, part in enumerate(refunds):
            self.clearing_seq += 1
            line = part.original
            self.settler.entry(batch_id, part.order, line.line.participant_id, line.model).gross -= part.amount
            for number, billed in enumerate(line.billed):
                base, fee = fees[(place, number)]
                where = self._detail(batch_id, part.order, line, billed.rule, "refund", -base, -fee)
                parts = releases.get((place, number), [])
                self.allocator.post_release(where, billed.rule["allocation_rule_code"], parts)
                signed = [(grant, -amount) for grant, amount in parts]
                self._settle_fee(batch_id, part.order, line, billed.rule, -fee, signed)

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
        where: Output = {
            "batch_id": batch_id,
            "clearing_seq": self.clearing_seq,
            "order_no": order.order_no,
            "order_version": order.version,
            "line_no": line.line.line_no,
            "rule_code": rule["rule_code"],
            "currency": order.currency,
        }
        self.details.append(
            {
                **where,
                "entry_kind": kind,
                "model_code": line.model["model_code"],
                "fee_type": rule["fee_type"],
                "participant_id": line.line.participant_id,
                "base_minor": base,
                "fee_minor": fee,
            }
        )
        if rule["fee_type"] == "channel_fee":
            key = (order.order_no, order.version)
            self.expected_fees[key] = self.expected_fees.get(key, 0) + fee
        return where

    def _settle_fee(
        self, batch_id: int, order: Order, line: ClearedLine, rule: Row, fee: int, parts: list[tuple[Grant, int]]
    ) -> None:
        own = line.line.participant_id
        if not rule["allocation_rule_code"]:
            if line.model["charge_bearer"] in ("", "payee"):
                self.settler.entry(batch_id, order, own, line.model).fee += fee
            return
        for grant, amount in parts:
            bearer = own if grant.bearer.name == "participant" else grant.bearer.name
            if amount and bearer in self.participants:
                self.settler.entry(batch_id, order, bearer, line.model).charge += amount


def _back(billed: Billed, refunded: int, line_amount: int) -> tuple[int, int]:
    """Base and fee that this refund gives back, once `refunded` of the line has been; remembers both."""
    base = given_back(billed.base, refunded, line_amount, "half_up") - billed.base_back
    billed.base_back += base
    if not as_bool(billed.rule["refund_fee"]):
        return base, 0
    fee = given_back(billed.fee, refunded, line_amount, billed.rule["rounding"]) - billed.fee_back
    billed.fee_back += fee
    return base, fee


def run_oracle(world: World) -> Results:
    """The rows every mart must hold after all batches of a world."""
    return Oracle(world).run()
