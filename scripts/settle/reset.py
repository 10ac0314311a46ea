"""Reset: take the clearing of the last batches out, keep what it said, and leave the rest to the next build."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from settle.errors import DecisionNeededError, InputError
from settle.explain.rows import Reader
from settle.explain.tree import money
from settle.standing import model_places
from settle.warehouse import Warehouse

# What is built before sorting and stays: which of our orders the channel has answered is no matter of clearing. Every
# other model that is built batch by batch reads what clears, directly or through others.
BUILT_BEFORE_SORTING = frozenset({"int_reconciliation__pairs"})
# What is built beside sorting and stays too: neither SPV reports nor bank deposits depend on what clears.
BUILT_BESIDE_SORTING = frozenset(
    {
        "int_reconciliation__channels_compared",
        "int_reconciliation__deposits_assigned",
        "int_reconciliation__deposit_pairs",
        "int_reconciliation__spv_pairs",
    }
)
# What is built after sorting and stays all the same: a report that an SPV has been sent is what it was.
KEPT_AS_SENT = frozenset({"int_spv__report_lines"})
SORTING = "int_clearing__lines_sorted"
KEPT_IN = "clearing_superseded"
BILLS_SHOWN = 20


@dataclass(frozen=True)
class BatchOfReset:
    """One batch that will be cleared again: orders that cleared in it, and their fees."""

    batch_id: int
    batch_date: date
    orders: int
    fees: int


@dataclass
class Reset:
    """What a reset takes out. `reset_no` is empty until it is done; `up_to_batch_id` is the last cleared batch."""

    from_batch_id: int
    up_to_batch_id: int
    reason: str
    by: str
    batches: list[BatchOfReset] = field(default_factory=list)
    reset_no: int | None = None

    @property
    def orders(self) -> int:
        """Orders that cleared, counted in each batch."""
        return sum(batch.orders for batch in self.batches)

    @property
    def fees(self) -> int:
        """Rows of fct_clearing_details that are superseded."""
        return sum(batch.fees for batch in self.batches)

    def as_dict(self) -> dict[str, Any]:
        """The reset for a program."""
        return {
            "reset_no": self.reset_no,
            "from_batch_id": self.from_batch_id,
            "up_to_batch_id": self.up_to_batch_id,
            "reason": self.reason,
            "by": self.by,
            "orders": self.orders,
            "fees": self.fees,
            "batches": [vars(batch) for batch in self.batches],
        }


def cleared_again(project_dir: Path) -> dict[str, str]:
    """The models that a reset takes batches out of, with their schemas without the prefix."""
    places = model_places(project_dir)
    stay = BUILT_BEFORE_SORTING | BUILT_BESIDE_SORTING | KEPT_AS_SENT
    return {
        name: place.schema
        for name, place in places.items()
        if place.materialized == "batch_by_batch" and name not in stay
    }


def first_batch(reader: Reader, from_batch: int | None, from_order: str | None) -> int:
    """RESET-ORDER: the batch to start from: the one named, or that in which the order first cleared.

    Raises InputError unless exactly one is given, for a batch that is not built, for an order unknown or never cleared.
    """
    if (from_batch is None) == (from_order is None):
        raise InputError("Say where to start, once: --from-batch N or --from-order ORDER_NO.")
    last = last_cleared(reader)
    if from_order is not None:
        table = f"{reader.warehouse.schema('clearing_internal')}.{SORTING}"
        found = reader.warehouse.execute(
            f"select min(batch_id) from {table} where order_no = ? and clearing_seq is not null", (from_order,)
        )
        if found[0][0] is None:
            raise _never_cleared(reader, from_order)
        return int(found[0][0])
    assert from_batch is not None
    check_batch(from_batch, last)
    return from_batch


def check_batch(batch_id: int, last: int) -> None:
    """Raises InputError unless the batch has been cleared."""
    if not 1 <= batch_id <= last:
        raise InputError(
            f"--from-batch {batch_id}: batches 1 to {last} are cleared. Name one of them; see settle status."
        )


def last_cleared(reader: Reader, model: str = SORTING) -> int:
    """The last batch that this model has built. Raises InputError when there is none."""
    marks = reader.rows("meta.model_batches", ("batch_id",), "model_name = ?", (model,))
    if not marks:
        raise InputError("No batch is cleared yet, so there is nothing to clear again. Build first: settle run")
    return max(int(row["batch_id"]) for row in marks)


def _never_cleared(reader: Reader, order_no: str) -> InputError:
    if reader.rows("raw.orders", ("order_no",), "order_no = ?", (order_no,), order="1 limit 1"):
        return InputError(
            f"--from-order {order_no}: the order has never cleared, so no batch can be named by it. "
            f"See why: settle explain {order_no}"
        )
    near = [number for number in reader.near_misses(order_no) if number != order_no]
    hint = f" Did you mean {', '.join(near)}?" if near else ""
    return InputError(f"--from-order {order_no}: there is no such order in this warehouse.{hint}")


def planned(reader: Reader, from_batch_id: int, reason: str, by: str) -> Reset:
    """What a reset from this batch would take out. Raises DecisionNeededError when a bill in it is paid."""
    refuse_paid_bills(reader, from_batch_id)
    last = last_cleared(reader)
    details = f"{reader.warehouse.schema('clearing')}.fct_clearing_details"
    counted = {
        int(batch_id): (int(orders), int(fees))
        for batch_id, orders, fees in reader.warehouse.execute(
            f"select batch_id, count(distinct order_no), count(*) from {details} where batch_id >= ? group by batch_id",
            (from_batch_id,),
        )
    }
    days = reader.batch_dates()
    batches = [
        BatchOfReset(batch_id, days[batch_id], *counted.get(batch_id, (0, 0)))
        for batch_id in range(from_batch_id, last + 1)
    ]
    return Reset(from_batch_id, last, reason, by, batches)


def refuse_paid_bills(reader: Reader, from_batch_id: int) -> None:
    """RESET-PAID: raises DecisionNeededError with the bills of these batches that the bank has paid."""
    missing = [
        name
        for schema, name in (("clearing", "fct_clearing_details"), ("settlement", "fct_settlement_bills"))
        if not reader.has(schema, name)
    ]
    if missing:
        raise InputError(
            f"{' and '.join(missing)}: not there, so it cannot be seen what is paid. "
            "Nothing was changed. Build first: settle run"
        )
    _refuse(
        reader, from_batch_id, ("paid", "PAID"), "paid", "what was paid for", "correct the orders by higher versions"
    )
    # AUDIT-FREEZE: a bill that somebody approved is not changed under their hands; rejected first, it may be.
    _refuse(
        reader, from_batch_id, ("APPROVED",), "approved", "what was approved", "have them rejected: settle audit reject"
    )
    refuse_filed_payouts(reader, from_batch_id)


def refuse_filed_payouts(reader: Reader, from_batch_id: int) -> None:
    """AUDIT-PAYOUTS: raises DecisionNeededError where bills of these batches are in payout files that stand."""
    files = sorted(
        {
            str(row["file_no"])
            for row in reader.rows(
                "settlement.fct_payout_instructions", ("file_no",), "file_no is not null and batch_id >= ?",
                (from_batch_id,),
            )
        }
    )  # fmt: skip
    if files:
        raise DecisionNeededError(
            f"From batch {from_batch_id} on, bills are in {', '.join(files)}; clearing again would change what goes to "
            "the bank. Nothing was changed. Have the files rejected first: settle audit reject payout_file"
        )


def _refuse(reader: Reader, from_batch_id: int, states: tuple[str, ...], are: str, what: str, instead: str) -> None:
    """Raises DecisionNeededError with the bills of these batches that are in one of the states."""
    columns = ("bill_no", "participant_id", "currency", "net_minor", "batch_id")
    where = f"state in ({', '.join('?' * len(states))}) and batch_id >= ?"
    bills = reader.rows(
        "settlement.fct_settlement_bills", columns, where, (*states, from_batch_id), order="batch_id, bill_no"
    )
    if not bills:
        return
    exponents = reader.exponents()
    lines = [
        f"  {row['bill_no']}  {row['participant_id']}  {money(row['net_minor'], row['currency'], exponents)}  "
        f"batch {row['batch_id']}"
        for row in bills[:BILLS_SHOWN]
    ]
    if len(bills) > BILLS_SHOWN:
        lines.append(f"  and {len(bills) - BILLS_SHOWN} more")
    last = max(int(row["batch_id"]) for row in bills)
    raise DecisionNeededError(
        "\n".join(
            [
                f"From batch {from_batch_id} on, {len(bills)} bill{'s are' if len(bills) > 1 else ' is'} {are}; "
                f"clearing again would change {what}. Nothing was changed.",
                *lines,
                f"Reset from batch {last + 1} on, or {instead}.",
            ]
        )
    )


def reset(warehouse: Warehouse, from_batch: int | None, from_order: str | None, reason: str, by: str) -> Reset:
    """RESET-FROM: supersede the clearing of the batches from one on, in one transaction.

    Raw rows and closed batches stay as they are; the next build clears again. Raises as `first_batch` and `planned` do,
    and TryAgainError while somebody loads or builds.
    """
    with warehouse.exclusive(), warehouse.transaction():
        reader = Reader(warehouse)
        plan = planned(reader, first_batch(reader, from_batch, from_order), reason, by)
        meta = warehouse.schema("meta")
        plan.reset_no = 1 + int(warehouse.execute(f"select coalesce(max(reset_no), 0) from {meta}.resets")[0][0])
        _keep(reader, plan)
        _take_out(reader, plan)
        warehouse.execute(
            f"insert into {meta}.resets (reset_no, from_batch_id, up_to_batch_id, reason, reset_by, reset_at) "
            "values (?, ?, ?, ?, ?, ?)",
            (plan.reset_no, plan.from_batch_id, plan.up_to_batch_id, reason, by, _now()),
        )
    return plan


def _keep(reader: Reader, plan: Reset) -> None:
    """RESET-KEPT: copy the rows that go; a model whose table is missing would lose them, so that is refused."""
    warehouse, places = reader.warehouse, model_places(reader.warehouse.settings.project_dir)
    kept_in = warehouse.schema(KEPT_IN)
    columns = _columns(warehouse, kept_in)
    if not columns:
        raise InputError(
            f"the tables of schema {kept_in} are missing: the warehouse was built by an earlier version. "
            "Nothing was changed. Let this version build once: settle run"
        )
    for table, names in columns.items():
        source = warehouse.schema(places[table].schema)
        there = _columns(warehouse, source, table).get(table, [])
        copied = ", ".join(name for name in names if name in there and name != "reset_no")
        valid = " and is_valid" if "is_valid" in there else ""
        warehouse.execute(
            f"insert into {kept_in}.{table} (reset_no, {copied}) "
            f"select {plan.reset_no}, {copied} from {source}.{table} where batch_id >= {plan.from_batch_id}{valid}"
        )


def _columns(warehouse: Warehouse, schema: str, table: str = "") -> dict[str, list[str]]:
    """Column names by table of one schema, or of one table of it."""
    found: dict[str, list[str]] = {}
    for name, column in warehouse.execute(
        "select table_name, column_name from information_schema.columns where table_schema = ? "
        "and (table_name = ? or ? = '') order by table_name, ordinal_position",
        (schema, table, table),
    ):
        found.setdefault(str(name), []).append(str(column))
    return found


def _take_out(reader: Reader, plan: Reset) -> None:
    """Remove the rows of these batches and their marks, so that the next build finds the batches unbuilt."""
    warehouse = reader.warehouse
    for name, schema in cleared_again(warehouse.settings.project_dir).items():
        if reader.has(schema, name):
            warehouse.execute(f"delete from {warehouse.schema(schema)}.{name} where batch_id >= {plan.from_batch_id}")
        warehouse.execute(
            f"delete from {warehouse.schema('meta')}.model_batches where model_name = ? and batch_id >= ?",
            (name, plan.from_batch_id),
        )
    warehouse.execute(
        f"delete from {warehouse.schema('meta')}.tested_batches where batch_id >= ?", (plan.from_batch_id,)
    )


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def reset_lines(plan: Reset) -> list[str]:
    """The reset for a person."""
    lines = [
        f"{'Reset ' + str(plan.reset_no) if plan.reset_no else 'A reset'} from batch {plan.from_batch_id} to "
        f"{plan.up_to_batch_id}: {plan.orders:,} orders and {plan.fees:,} fees "
        f"{'are' if plan.reset_no else 'would be'} cleared again."
    ]
    lines += [
        f"  batch {batch.batch_id} ({batch.batch_date})  {batch.orders:,} orders, {batch.fees:,} fees"
        for batch in plan.batches
    ]
    if plan.reset_no:
        return [*lines, "What they had cleared to is kept, not valid. Clear them again: settle run"]
    return [*lines, "Nothing was changed."]
