"""Days for the benchmark of the reconciliation, at any size: one of orders and statement lines that differ in all ways,
with an answer for each difference, and one in which nothing has a number in common.

Made by DuckDB from range(), as the reference day is: every value follows from the row's number and the seed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from settle.errors import InputError
from settle.generate.reference_config import (
    CHANNELS,
    LEAST_MINOR,
    MOST_MINOR,
    PARTICIPANTS,
    PRODUCTS,
    write_parties,
    write_seed,
)
from settle.generate.reference_day import MEMORY_LIMIT, BatchFiles, business_dates, draw

# Parts of 100,000 orders of the day. Two kinds more have no order of the day: an order of the day before whose line
# comes now (as many as line_first), and lines without any order (as many as make the lines the number asked for).
PARTS = {
    "missing": 200,
    "amount": 200,
    "currency": 100,
    "status": 100,
    "duplicate": 100,
    "line_first": 50,
    "fee": 100,
    "fee_told": 100,
}
ORDER_FIRST, NO_ORDER = "order_first", "no_order"
WHOLE = 100_000
# What the channel charges for orders of this product; only their lines tell a fee.
FEE_PRODUCT = f"P{PRODUCTS:02d}"
FEE_PPM = 6_000
LINES_OF_THE_DAY = "kind not in ('missing', 'line_first')"


@dataclass(frozen=True)
class DifferencesSpec:
    """Orders and statement lines of the day, and which random numbers."""

    orders: int
    lines: int
    seed: int = 1


def make_differences_day(spec: DifferencesSpec, folder: Path, business_days: Path) -> list[BatchFiles]:
    """Write the files of the day and of a small day before, `config`, answers.parquet and answers.json into `folder`.

    answers.parquet has a row for each item of the day that is not simply matched; answers.json counts the results.
    Raises InputError when a number is out of range.
    """
    if spec.orders < 1 or spec.lines < 1:
        raise InputError(f"--orders {spec.orders} --lines {spec.lines}: both must be at least 1.")
    folder.mkdir(parents=True, exist_ok=True)
    _write_config(folder / "config")
    before, day = differences_files(folder, business_days)
    with duckdb.connect() as connection:
        connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
        connection.execute("set timezone = 'UTC'")
        connection.execute("set enable_progress_bar = false")
        alone = max(0, spec.lines - _count_lines(connection, spec))
        rows = _rows_sql(spec, alone, day.batch_date)
        _write_orders(connection, f"from ({rows}) where kind = '{ORDER_FIRST}'", before.orders)
        _write_orders(connection, f"from ({rows}) where kind not in ('{ORDER_FIRST}', '{NO_ORDER}')", day.orders)
        _write_lines(connection, f"from ({rows}) where kind = 'line_first'", before.payments)
        _write_lines(connection, f"from ({rows}) where {LINES_OF_THE_DAY}", day.payments)
        counts = _write_answers(connection, rows, folder / "answers.parquet")
    (folder / "answers.json").write_text(json.dumps(counts, indent=2) + "\n", encoding="utf-8")
    return [before, day]


def make_breaks_day(breaks: int, seed: int, folder: Path, business_days: Path) -> tuple[BatchFiles, Path]:
    """Write a day of so many open items without a number in common; returns its files, and that of bank entries.

    Two fifths are orders without a line, two fifths lines without an order, a few units apart, and a fifth settlement
    batches of two lines each, for which the bank has entries without a number, a few units and days apart. The
    configuration allows five units and three days. Raises InputError when there are fewer than five.
    """
    if breaks < 5:
        raise InputError(f"--breaks {breaks}: must be at least 5.")
    folder.mkdir(parents=True, exist_ok=True)
    _write_config(folder / "config", amount_tolerance_minor=5, date_window_days=3)
    (day,) = business_dates(business_days, 1)
    files = BatchFiles(day, folder / f"orders_{day}.parquet", folder / f"payments_{day}.parquet")
    entries = folder / f"bank_deposits_{day}.parquet"
    pairs = breaks // 5
    channels = ", ".join(f"'{code}'" for code in CHANNELS)
    # A settlement batch is of one channel, so the two rows of a pair are.
    rows = f"""
        select
            i, 'plain' as kind, 'RB' || lpad(cast(i as varchar), 10, '0') as order_no, 'P01' as product_code,
            'M' || lpad(cast(1 + {draw(2, seed)} % {PARTICIPANTS} as varchar), 5, '0') as participant_id,
            'C' || lpad(cast(i as varchar), 10, '0') as customer_id,
            list_extract([{channels}], cast(1 + i // 2 % {len(CHANNELS)} as integer)) as channel_code,
            {LEAST_MINOR} + {draw(5, seed)} % {MOST_MINOR - LEAST_MINOR + 1} as order_minor,
            order_minor + {draw(6, seed)} % 11 - 5 as line_minor, cast(null as bigint) as fee_minor,
            'S' || cast(i // 2 as varchar) as settlement_batch_no,
            timestamptz '{day.isoformat()} 00:00:00+08' + to_milliseconds(i * 86000000 // {2 * pairs}) as ordered_at
        from range(0, {2 * pairs}) as numbers(i)
    """
    with duckdb.connect() as connection:
        connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
        connection.execute("set timezone = 'UTC'")
        connection.execute("set enable_progress_bar = false")
        _write_orders(connection, f"from ({rows})", files.orders)
        lines = f"select * replace ('QB' || substr(order_no, 3) as order_no) from ({rows})"
        _write_lines(connection, f"from ({lines})", files.payments, "settlement_batch_no")
        net = f"sum(line_minor) + {draw(8, seed)} % 11 - 5"
        connection.execute(f"""
            copy (
                select
                    'OURS' as account_no, 'B' || cast(i as varchar) as bank_ref_no,
                    date '{day}' - cast(i % 4 as integer) as booked_on, 'credit' as direction,
                    {_major(f"cast({net} as bigint)")} as amount, 'CNY' as currency,
                    cast(null as varchar) as settlement_batch_no, 'payout' as narrative,
                    cast(null as varchar) as balance
                from (select i // 2 as i, line_minor from ({rows})) group by i
            ) to '{entries}' (format parquet, compression zstd)
        """)
    return files, entries


def differences_files(folder: Path, business_days: Path) -> list[BatchFiles]:
    """The files that `make_differences_day` writes, whether they exist or not: the day before, and the day."""
    return [
        BatchFiles(day, folder / f"orders_{day}.parquet", folder / f"payments_{day}.parquet")
        for day in business_dates(business_days, 2)
    ]


def _kind_sql(spec: DifferencesSpec) -> str:
    """SQL of what is different about an order of the day."""
    parts = dict(PARTS)
    # Fewer lines than orders: so many more orders have none.
    parts["missing"] += max(0, spec.orders - spec.lines) * WHOLE // spec.orders
    upper = 0
    cases = []
    for kind, part in parts.items():
        upper += part
        cases.append(f"when {draw(7, spec.seed)} % {WHOLE} < {upper} then '{kind}'")
    return f"case {' '.join(cases)} else 'plain' end"


def _order_first(spec: DifferencesSpec) -> int:
    return spec.orders * PARTS["line_first"] // WHOLE


def _count_lines(connection: duckdb.DuckDBPyConnection, spec: DifferencesSpec) -> int:
    found = connection.execute(f"""
        select sum(case kind when 'missing' then 0 when 'line_first' then 0 when 'duplicate' then 2 else 1 end)
        from (select {_kind_sql(spec)} as kind from range(0, {spec.orders}) as numbers(i))
    """).fetchone()
    assert found is not None, "an aggregate without groups has one row"
    return int(found[0]) + _order_first(spec)


def _rows_sql(spec: DifferencesSpec, alone: int, day: date) -> str:
    """SQL of one row per order or line without one, with all that the files need."""
    seed, first_late = spec.seed, spec.orders
    first_alone = first_late + _order_first(spec)
    channels = ", ".join(f"'{code}'" for code in CHANNELS)
    span_ms = 86_400_000 - 600_000
    return f"""
        select
            i, kind,
            'RD{day:%y%m%d}' || lpad(cast(i as varchar), 10, '0') as order_no,
            case
                when kind in ('fee', 'fee_told') then '{FEE_PRODUCT}'
                else 'P' || lpad(cast(1 + {draw(1, seed)} % {PRODUCTS - 1} as varchar), 2, '0')
            end as product_code,
            'M' || lpad(cast(1 + {draw(2, seed)} % {PARTICIPANTS} as varchar), 5, '0') as participant_id,
            'C' || lpad(cast({draw(3, seed)} % 1000000 as varchar), 7, '0') as customer_id,
            list_extract([{channels}], cast(1 + {draw(4, seed)} % {len(CHANNELS)} as integer)) as channel_code,
            {LEAST_MINOR} + {draw(5, seed)} % {MOST_MINOR - LEAST_MINOR + 1} as order_minor,
            order_minor + case when kind = 'amount' then 1 - 2 * (i % 2) else 0 end as line_minor,
            case
                when kind in ('fee', 'fee_told')
                    then (order_minor * {FEE_PPM} + 500000) // 1000000 + case when kind = 'fee' then 1 else 0 end
            end as fee_minor,
            timestamptz '{day.isoformat()} 00:00:00+08'
                + to_milliseconds(i * {span_ms} // {first_alone + alone} + {draw(9, seed)} % 600000) as ordered_at
        from (
            select
                i,
                case
                    when i >= {first_alone} then '{NO_ORDER}' when i >= {first_late} then '{ORDER_FIRST}'
                    else {_kind_sql(spec)}
                end as kind
            from range(0, {first_alone + alone}) as numbers(i)
        )
    """


def _major(minor: str) -> str:
    return f"cast(cast({minor} as decimal(18, 0)) * 0.01 as decimal(18, 2))"


def _write_orders(connection: duckdb.DuckDBPyConnection, rows: str, path: Path) -> None:
    connection.execute(f"""
        copy (
            select
                order_no, cast(1 as integer) as version, 'sale' as order_type, product_code, participant_id,
                customer_id, channel_code, 'CNY' as currency, {_major("order_minor")} as amount,
                case when kind = 'status' then 'closed' else 'success' end as status, ordered_at,
                ordered_at + interval 30 seconds as paid_at, cast(null as varchar) as original_order_no,
                cast(null as varchar) as attributes
            {rows}
        ) to '{path}' (format parquet, compression zstd)
    """)


def _write_lines(
    connection: duckdb.DuckDBPyConnection, rows: str, path: Path, settlement_batch_no: str = "cast(null as varchar)"
) -> None:
    connection.execute(f"""
        copy (
            select
                channel_code, case when copy_no = 1 then 'T' else 'U' end || order_no as channel_txn_no, order_no,
                'payment' as txn_type, {_major("line_minor")} as amount, {_major("fee_minor")} as fee,
                case when kind = 'currency' then 'USD' else 'CNY' end as currency, 'success' as status,
                cast(null as varchar) as pay_method, cast(null as varchar) as account_no,
                ordered_at + to_seconds(30 + copy_no) as completed_at,
                {settlement_batch_no} as settlement_batch_no
            from (select *, unnest(case when kind = 'duplicate' then [1, 2] else [1] end) as copy_no {rows})
        ) to '{path}' (format parquet, compression zstd)
    """)


def _write_answers(connection: duckdb.DuckDBPyConnection, rows: str, path: Path) -> dict[str, int]:
    connection.execute(f"""
        copy (
            select
                channel_code || '|' || order_no || case when kind = 'duplicate' then '|dup|U' || order_no else '' end
                    as item_key,
                case kind
                    when 'missing' then 'platform_only' when '{NO_ORDER}' then 'channel_only'
                    when 'duplicate' then 'duplicate_channel'
                    when 'line_first' then 'matched_late' when '{ORDER_FIRST}' then 'matched_late'
                    else kind || '_mismatch'
                end as result,
                case when kind not in ('duplicate', '{NO_ORDER}') then order_minor end as left_minor,
                case when kind <> 'missing' then line_minor end as right_minor
            from ({rows}) where kind not in ('plain', 'fee_told')
        ) to '{path}' (format parquet, compression zstd)
    """)
    counts = dict(connection.execute(f"select result, count(*) from '{path}' group by result order by 1").fetchall())
    plain = connection.execute(f"select count(*) from ({rows}) where kind in ('plain', 'fee_told', 'duplicate')")
    return {"matched": int(plain.fetchall()[0][0]), **counts}


def _write_config(folder: Path, amount_tolerance_minor: int = 0, date_window_days: int = 0) -> None:
    """Every order clears without a fee, but for those of one product: their channel's fee is known beforehand.

    Channels are held against the bank where something may be apart.
    """
    write_parties(folder)
    write_seed(
        folder,
        "settlement_models",
        "model_code,priority,order_type,product_code,cycle,calendar_code,roll,billing_rule_codes,charge_bearer,"
        "requires_channel_match,requires_spv_match,requires_approval,settle_account_kind,valid_from",
        [
            (
                code,
                priority,
                "sale",
                product,
                "T1",
                "CN",
                "none",
                rule,
                "payee",
                "true",
                "false",
                "false",
                "bank",
                since,
            )
            for code, priority, product, rule, since in (
                ("WITH_FEE", 10, FEE_PRODUCT, "CHANNEL_FEE", "2025-01-01"),
                ("WITHOUT_FEE", 20, "", "", "2025-01-01"),
            )
        ],
    )
    write_seed(
        folder,
        "billing_rules",
        "rule_code,fee_type,method,base,ppm,rounding,refund_fee,valid_from",
        [("CHANNEL_FEE", "channel_fee", "rate", "amount", FEE_PPM, "half_up", "true", "2025-01-01")],
    )
    write_seed(
        folder,
        "reconciliation_rules",
        "relation,channel_code,grouping,amount_tolerance_minor,date_window_days,buffer_days,auto_fill",
        [
            (relation, code, "single", amount_tolerance_minor, date_window_days, 3, "false")
            for relation in ("orders_channel", "channel_bank")[: 2 if date_window_days else 1]
            for code in CHANNELS
        ],
    )
