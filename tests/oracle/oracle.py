"""Day after day: load, pair, sort, bill, allocate, judge, settle. Plain loops; no code of the warehouse."""

from datetime import date

from tests.oracle.clearing import Clearer
from tests.oracle.orders import Book
from tests.oracle.reconciliation import Reconciler
from tests.oracle.settlement import Settler
from tests.oracle.sorting import Sorted, Sorter
from tests.oracle.world import Output, Results, World


class Oracle:
    """Runs a world and keeps every row that the marts must hold."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.book = Book(world)
        self.sorter = Sorter(world, self.book)
        self.reconciler = Reconciler(world, self.book)
        self.settler = Settler(world)
        self.clearer = Clearer(world, self.book, self.settler)
        self.exceptions: list[Output] = []
        self.reasons: dict[tuple[str, int], str] = {}

    def run(self) -> Results:
        """All batches in order."""
        dates: dict[int, date] = {}
        for batch_id, batch in enumerate(self.world.batches, start=1):
            dates[batch_id] = batch.batch_date
            arrived = self.book.take(batch.orders, batch.order_lines)
            touched = self.reconciler.take(batch_id, batch.payments)
            touched |= {(direction, order_no) for order_no in arrived for direction in ("payment", "refund")}
            touched |= self.reconciler.decide(batch.decisions)
            filled = self.reconciler.fill(touched)
            outcome = self.sorter.sort()
            self._except(batch_id, outcome)
            self.clearer.clear(batch_id, outcome)
            self.clearer.allocator.close(batch_id, batch.batch_date)
            self.reconciler.judge(batch_id, dates, touched, filled, self.clearer.expected_fees.get)
            self.settler.bill(batch_id, batch.batch_date, self.reconciler.is_open)
        return Results(
            details=self.clearer.details,
            allocations=self.clearer.allocator.rows,
            accumulators=self.clearer.allocator.closings,
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
                    "entry_kind": entry.kind,
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

    def _except(self, batch_id: int, outcome: Sorted) -> None:
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


def run_oracle(world: World) -> Results:
    """The rows every mart must hold after all batches of a world."""
    return Oracle(world).run()
