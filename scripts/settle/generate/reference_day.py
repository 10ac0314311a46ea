"""The reference day of the benchmark at any size, made by DuckDB from range(): no row passes through Python.

Every value follows from the row's number and the seed by integer arithmetic only, so any version of the engine makes
the same day.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

import duckdb

from settle.errors import InputError
from settle.generate.reference_config import (
    CHANNELS,
    LEAST_MINOR,
    MOST_MINOR,
    PARTICIPANTS,
    PRODUCTS,
    UNSUCCESSFUL,
    write_config,
)

FIRST_DATE = date(2026, 3, 2)
MEMORY_LIMIT = "4GB"
PRIME = 2_147_483_647
# Parts of 100,000 successful orders: no statement line; a line that differs in amount.
MISSING = 100
OFF = 50


@dataclass(frozen=True)
class DaySpec:
    """How big, how many consecutive business dates, which random numbers, which kind of file."""

    orders: int
    batches: int = 1
    seed: int = 1
    file_format: Literal["parquet", "csv"] = "parquet"


@dataclass(frozen=True)
class BatchFiles:
    """The two files of one batch date."""

    batch_date: date
    orders: Path
    payments: Path


def make_reference_days(spec: DaySpec, folder: Path, business_days: Path) -> list[BatchFiles]:
    """Write the files of each batch, the folder `config` and answers.json into `folder`; returns the files by date.

    `business_days` is the shipped calendar (CSV). Raises InputError when a number is out of range or the calendar
    ends before the last batch.
    """
    if spec.orders < 1 or spec.batches < 1:
        raise InputError(f"--orders {spec.orders} --batches {spec.batches}: both must be at least 1.")
    folder.mkdir(parents=True, exist_ok=True)
    dates = business_dates(business_days, spec.batches)
    write_config(spec.orders, folder / "config")
    batches = []
    answers = []
    with duckdb.connect() as connection:
        connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
        connection.execute("set timezone = 'UTC'")
        connection.execute("set enable_progress_bar = false")
        for batch_no, batch_date in enumerate(dates, start=1):
            files = _write_batch(connection, spec, batch_no, batch_date, folder)
            answers.append({"batch_date": batch_date.isoformat(), **_answers(connection, spec, batch_no)})
            batches.append(files)
    (folder / "answers.json").write_text(json.dumps(answers, indent=2) + "\n", encoding="utf-8")
    return batches


def batch_files(spec: DaySpec, folder: Path, business_days: Path) -> list[BatchFiles]:
    """The files that `make_reference_days` writes for this spec, whether they exist or not."""
    return [_names(folder, day, spec.file_format) for day in business_dates(business_days, spec.batches)]


def business_dates(calendar: Path, count: int) -> list[date]:
    """The first `count` business days of the calendar CN from FIRST_DATE on."""
    with calendar.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["calendar_code"] == "CN"]
    known = {row["calendar_date"]: row["is_business_day"].lower() == "true" for row in rows}
    found: list[date] = []
    day = FIRST_DATE
    while len(found) < count:
        if day.isoformat() not in known:
            raise InputError(
                f"{calendar.name} ends before {day}: only {len(found)} of {count} batches fit. Ask for fewer."
            )
        if known[day.isoformat()]:
            found.append(day)
        day += timedelta(days=1)
    return found


def draw(purpose: int, seed: int) -> str:
    """SQL of a number in [0, 2^31 - 1) that follows from the row number `i`; squaring breaks the linear pattern."""
    shift = (purpose * 7_919 + seed * 104_729) % PRIME
    factor = 1_103_515_245 + 2 * purpose
    # Remainders keep every product under 2^62, so bigint never overflows.
    linear = f"((i + {shift}) % {PRIME} * {factor} % {PRIME})"
    return f"({linear} * {linear} % {PRIME})"


def _rows_sql(spec: DaySpec, batch_no: int, batch_date: date) -> str:
    """SQL of one row per order with all that the two files need; `i` counts on over the batches."""
    first = (batch_no - 1) * spec.orders
    seed = spec.seed

    channels = ", ".join(f"'{code}'" for code in CHANNELS)
    # Orders come roughly in the order of their time, as platforms export them; the day is that of Asia/Shanghai.
    span_ms = 86_400_000 - 600_000
    return f"""
        select
            i,
            'RD{batch_date:%y%m%d}' || lpad(cast(i as varchar), 10, '0') as order_no,
            'P' || lpad(cast(1 + {draw(1, seed)} % {PRODUCTS} as varchar), 2, '0') as product_code,
            'M' || lpad(cast(1 + {draw(2, seed)} % {PARTICIPANTS} as varchar), 5, '0') as participant_id,
            'C' || lpad(cast({draw(3, seed)} % 1000000 as varchar), 7, '0') as customer_id,
            list_extract([{channels}], cast(1 + {draw(4, seed)} % {len(CHANNELS)} as integer)) as channel_code,
            {LEAST_MINOR} + {draw(5, seed)} % {MOST_MINOR - LEAST_MINOR + 1} as amount_minor,
            {draw(6, seed)} % 100000 < {UNSUCCESSFUL} as is_unsuccessful,
            {draw(7, seed)} % 100000 < {MISSING} as is_missing,
            {draw(8, seed)} % 100000 < {OFF} as is_off,
            timestamptz '{batch_date.isoformat()} 00:00:00+08'
                + to_milliseconds((i - {first}) * {span_ms} // {spec.orders} + {draw(9, seed)} % 600000) as ordered_at
        from range({first}, {first + spec.orders}) as numbers(i)
    """


def _write_batch(
    connection: duckdb.DuckDBPyConnection, spec: DaySpec, batch_no: int, batch_date: date, folder: Path
) -> BatchFiles:
    files = _names(folder, batch_date, spec.file_format)
    rows = _rows_sql(spec, batch_no, batch_date)
    if spec.file_format == "parquet":
        form, time_of = "format parquet, compression zstd", "{}"
    else:
        form, time_of = "format csv, header true", "strftime({}, '%Y-%m-%dT%H:%M:%S.%g+00:00')"
    connection.execute(f"""
        copy (
            select
                order_no, cast(1 as integer) as version, 'sale' as order_type, product_code, participant_id,
                customer_id, channel_code, 'CNY' as currency,
                cast(cast(amount_minor as decimal(18, 0)) * 0.01 as decimal(18, 2)) as amount,
                case when is_unsuccessful then 'failed' else 'success' end as status,
                {time_of.format("ordered_at")} as ordered_at,
                case when not is_unsuccessful then {time_of.format("ordered_at + interval 30 seconds")} end as paid_at,
                cast(null as varchar) as original_order_no, cast(null as varchar) as attributes
            from ({rows})
        ) to '{files.orders}' ({form})
    """)
    connection.execute(f"""
        copy (
            select
                channel_code, 'T' || order_no as channel_txn_no, order_no, 'payment' as txn_type,
                cast(cast(amount_minor + case when is_off then 1 else 0 end as decimal(18, 0)) * 0.01
                    as decimal(18, 2)) as amount,
                cast(cast((amount_minor * 6 + 500) // 1000 as decimal(18, 0)) * 0.01 as decimal(18, 2)) as fee,
                'CNY' as currency, 'success' as status, cast(null as varchar) as pay_method,
                cast(null as varchar) as account_no,
                {time_of.format("ordered_at + interval 31 seconds")} as completed_at,
                channel_code || '-{batch_date:%Y%m%d}' as settlement_batch_no
            from ({rows})
            where not is_unsuccessful and not is_missing
        ) to '{files.payments}' ({form})
    """)
    return files


def _answers(connection: duckdb.DuckDBPyConnection, spec: DaySpec, batch_no: int) -> dict[str, int]:
    rows = _rows_sql(spec, batch_no, FIRST_DATE)
    cursor = connection.execute(f"""
        select
            count(*) as orders,
            count(*) filter (where not is_unsuccessful) as cleared,
            count(*) filter (where not is_unsuccessful and not is_missing) as statement_lines,
            count(*) filter (where not is_unsuccessful and not is_missing and not is_off) as matched,
            count(*) filter (where not is_unsuccessful and not is_missing and is_off) as amount_mismatch,
            count(*) filter (where not is_unsuccessful and is_missing) as platform_only,
            cast(sum(amount_minor) filter (where not is_unsuccessful) as bigint) as cleared_minor
        from ({rows})
    """)
    names = [column[0] for column in cursor.description]
    values = cursor.fetchone()
    assert values is not None, "an aggregate without groups has one row"
    return dict(zip(names, values, strict=True))


def _names(folder: Path, day: date, file_format: str) -> BatchFiles:
    stem = day.isoformat()
    return BatchFiles(day, folder / f"orders_{stem}.{file_format}", folder / f"payments_{stem}.{file_format}")
