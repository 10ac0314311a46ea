"""What the report tells, read from the marts: plain selects, one function per section."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from settle.explain.rows import Reader
from settle.quality.results import findings_of, publication_stops
from settle.standing import built_batches

Row = dict[str, Any]
ITEMS_SHOWN = 20
BATCHES_SHOWN = 30
AGES = ("0", "1-3", "4-7", "8-30", "31+")


@dataclass(frozen=True)
class Flow:
    """One step of the money's way in one currency: how many, and how much in minor units.

    Of a currency that the configuration does not know, `as_written` is the amount, and there are no minor units.
    """

    step: str
    currency: str
    count: int
    minor: int
    as_written: str = ""


@dataclass(frozen=True)
class Facts:
    """Everything the page shows of one batch."""

    batch_id: int
    batch_date: date
    last_batch_id: int
    exponents: dict[str, int]
    flow: list[Flow]
    exceptions: list[Row]
    open_items: list[Row]
    at_risk: list[Row]
    totals: list[Row]
    history: list[Row]
    blocked: list[Row]
    invariants: list[Row]
    controls: list[Row]
    loaded: list[Row]
    expected: list[Row]
    findings: list[Row]
    stops: list[Row]

    @property
    def broken(self) -> list[Row]:
        """Invariants and controls of the batch that did not hold."""
        return [row for row in [*self.invariants, *self.controls] if not row["held"]]


def facts_of(reader: Reader, batch_id: int) -> Facts:
    """Read all that the page shows of a batch. What is not built has no rows."""
    exponents = reader.exponents()
    return Facts(
        batch_id=batch_id,
        batch_date=reader.batch_dates()[batch_id],
        last_batch_id=max(built_batches(reader)),
        exponents=exponents,
        flow=[*_orders(reader, batch_id, exponents), *_cleared(reader, batch_id), *_billed(reader, batch_id)],
        exceptions=_grouped(
            reader, "clearing.fct_clearing_exceptions", ("reason_code",), "count(*) as order_count", batch_id
        ),
        open_items=_open_items(reader, batch_id),
        at_risk=_at_risk(reader, batch_id),
        totals=_totals(reader, batch_id),
        history=_history(reader, batch_id),
        blocked=_blocked(reader),
        invariants=reader.rows(
            "quality.rpt_invariants",
            ("invariant", "held", "failing_rows", "difference_minor"),
            "batch_id = ?",
            (batch_id,),
            "held, invariant",
        ),
        controls=_controls(reader, batch_id),
        loaded=reader.rows(
            "quality.rpt_load_batches",
            ("file_name", "dataset", "template", "rows_read", "rows_loaded", "rows_rejected", "rows_repeated"),
            "batch_id = ?",
            (batch_id,),
            "file_id",
        ),
        expected=_expected(reader, batch_id),
        findings=findings_of(reader, "batch_id = ?", (batch_id,)),
        stops=publication_stops(reader),
    )


def _orders(reader: Reader, batch_id: int, exponents: dict[str, int]) -> list[Flow]:
    """Order versions that came in, and those that wait as exceptions of the batch (some of them came in earlier)."""
    if not reader.has("staging", "stg_orders__orders"):
        return []
    schema = reader.warehouse.schema("staging")
    exceptions = f"{reader.warehouse.schema('clearing')}.fct_clearing_exceptions"
    chosen = {"orders_in": "orders.batch_id = ?"}
    if reader.has("clearing", "fct_clearing_exceptions"):
        chosen["excepted"] = (
            f"exists (select 1 from {exceptions} as waiting where waiting.batch_id = ? "
            "and waiting.order_no = orders.order_no and waiting.order_version = orders.order_version)"
        )
    flows = []
    for step, where in chosen.items():
        # An order without an amount of its own is the sum of its lines.
        found = reader.warehouse.execute(
            f"""
            select wanted.currency, count(*), sum(coalesce(wanted.header_amount, line_sums.line_amount))
            from (select orders.* from {schema}.stg_orders__orders as orders where {where}) as wanted
            left join (
                select order_no, order_version, sum(line_amount) as line_amount from {schema}.stg_orders__order_lines
                group by order_no, order_version
            ) as line_sums on line_sums.order_no = wanted.order_no and line_sums.order_version = wanted.order_version
            group by wanted.currency order by wanted.currency
            """,
            (batch_id,),
        )
        flows += [
            _flow(step, str(currency), int(count), Decimal(amount or 0), exponents) for currency, count, amount in found
        ]
    return flows


def _flow(step: str, currency: str, count: int, amount: Decimal, exponents: dict[str, int]) -> Flow:
    if currency in exponents:
        return Flow(step, currency, count, int(amount.scaleb(exponents[currency])))
    return Flow(step, currency, count, 0, f"{amount.normalize():f}")


def _cleared(reader: Reader, batch_id: int) -> list[Flow]:
    flows = []
    if reader.has("clearing_internal", "int_clearing__lines_sorted"):
        found = reader.warehouse.execute(
            f"""
            select case when entry_kind = 'new' then 'cleared' else 'given_back' end as step, currency,
                count(distinct order_no), sum(amount_minor)
            from {reader.warehouse.schema("clearing_internal")}.int_clearing__lines_sorted
            where batch_id = ? and clearing_seq is not null group by 1, 2 order by 1, 2
            """,
            (batch_id,),
        )
        flows += [Flow(str(step), str(currency), int(count), int(minor or 0)) for step, currency, count, minor in found]
    rows = _grouped(
        reader,
        "clearing.fct_clearing_details",
        ("currency",),
        "count(*) as count, sum(fee_minor) as minor",
        batch_id,
    )
    return flows + [Flow("fees", str(row["currency"]), int(row["count"]), int(row["minor"] or 0)) for row in rows]


def _billed(reader: Reader, batch_id: int) -> list[Flow]:
    columns = "count(*) as count, sum(net_minor) as minor"
    flows = []
    for row in _grouped(reader, "settlement.fct_settlement_bills", ("currency",), columns, batch_id):
        flows.append(Flow("billed", str(row["currency"]), int(row["count"]), int(row["minor"] or 0)))
    rows = _grouped(
        reader,
        "staging.stg_bank__returns",
        ("status", "currency"),
        "count(*) as count, sum(amount_minor) as minor",
        batch_id,
    )
    for row in rows:
        step = "paid" if row["status"] == "success" else "not_paid"
        flows.append(Flow(step, str(row["currency"]), int(row["count"]), int(row["minor"] or 0)))
    return flows


def _grouped(reader: Reader, table: str, keys: Sequence[str], columns: str, batch_id: int) -> list[Row]:
    schema, name = table.split(".")
    if not reader.has(schema, name):
        return []
    names = [*keys, *(part.split(" as ")[1].strip() for part in columns.split(", "))]
    by = ", ".join(keys)
    found = reader.warehouse.execute(
        f"select {by}, {columns} from {reader.warehouse.schema(schema)}.{name} "
        f"where batch_id = ? group by {by} order by {by}",
        (batch_id,),
    )
    return [dict(zip(names, row, strict=True)) for row in found]


def _open_items(reader: Reader, batch_id: int) -> list[Row]:
    columns = (
        "relation", "item_key", "channel_code", "order_no", "pool", "result", "currency", "difference_minor",
        "differences", "is_regressed", "age_days", "age_bucket", "owner", "next_action",
    )  # fmt: skip
    order = "case pool when 'error' then 0 else 1 end, age_days desc, relation, item_key"
    return reader.rows("reconciliation.fct_open_items", columns, "batch_id = ?", (batch_id,), order)


def _at_risk(reader: Reader, batch_id: int) -> list[Row]:
    return [
        row
        for row in _grouped(
            reader,
            "reconciliation.rpt_reconciliation_measures",
            ("currency",),
            "sum(open_count) as open_count, sum(at_risk_minor) as at_risk_minor",
            batch_id,
        )
        if row["open_count"]
    ]


def _totals(reader: Reader, batch_id: int) -> list[Row]:
    columns = (
        "relation", "channel_code", "currency", "left_count", "left_minor", "right_count", "right_minor",
        "matched_count", "buffer_opening_count", "buffer_in_count", "buffer_out_count", "buffer_closing_count",
        "error_opening_count", "error_in_count", "error_resolved_count", "error_closing_count", "unexplained_minor",
    )  # fmt: skip
    order = "relation, channel_code, currency"
    return reader.rows("reconciliation.fct_reconciliation_totals", columns, "batch_id = ?", (batch_id,), order)


def _history(reader: Reader, batch_id: int) -> list[Row]:
    """Open differences at the close of the last batches, oldest first."""
    if not reader.has("reconciliation", "fct_reconciliation_totals"):
        return []
    found = reader.warehouse.execute(
        f"""
        select batch_id, batch_date, sum(buffer_closing_count), sum(error_closing_count)
        from {reader.warehouse.schema("reconciliation")}.fct_reconciliation_totals
        where batch_id between ? and ? group by batch_id, batch_date order by batch_id
        """,
        (batch_id - BATCHES_SHOWN + 1, batch_id),
    )
    names = ("batch_id", "batch_date", "buffer", "error")
    return [dict(zip(names, row, strict=True)) for row in found]


def _blocked(reader: Reader) -> list[Row]:
    """What keeps entries from settling, as it stands now; an entry counts under each of its conditions."""
    if not reader.has("settlement", "fct_settlement_entries"):
        return []
    found = reader.warehouse.execute(
        f"""
        select blocked_by, currency, count(*), sum(net_minor)
        from {reader.warehouse.schema("settlement")}.fct_settlement_entries
        where not is_settleable and blocked_by <> '' group by blocked_by, currency
        """
    )
    counts: Counter[tuple[str, str]] = Counter()
    sums: Counter[tuple[str, str]] = Counter()
    for conditions, currency, count, minor in found:
        for condition in str(conditions).split(";"):
            counts[condition, str(currency)] += int(count)
            sums[condition, str(currency)] += int(minor or 0)
    return [
        {
            "condition": condition,
            "currency": currency,
            "count": counts[condition, currency],
            "minor": sums[condition, currency],
        }
        for condition, currency in sorted(counts)
    ]


def _controls(reader: Reader, batch_id: int) -> list[Row]:
    columns = (
        "agreement", "control", "relation", "scope", "currency", "left_minor", "right_minor", "difference_minor",
        "explained_minor", "held", "what_to_do",
    )  # fmt: skip
    order = "held, agreement, control, relation, scope, currency"
    return reader.rows("reconciliation.rpt_daily_controls", columns, "batch_id = ?", (batch_id,), order)


def _expected(reader: Reader, batch_id: int) -> list[Row]:
    """The files expected for the batch, and those of earlier batches that have still not come."""
    columns = ("batch_date", "dataset", "name_pattern", "due_date", "came_date", "is_missing", "days_late")
    where = "batch_id = ? or (batch_id < ? and is_missing)"
    return reader.rows(
        "reconciliation.rpt_expected_files",
        columns,
        where,
        (batch_id, batch_id),
        "is_missing desc, due_date, name_pattern",
    )
