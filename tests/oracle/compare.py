"""Compares the marts of a warehouse that holds many worlds with what the oracle says of each."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from tests.oracle.oracle import run_oracle
from tests.oracle.world import Output, Results, World

Execute = Callable[[str], list[tuple[object, ...]]]
WORLD = re.compile(r"W(\d+)-")


@dataclass(frozen=True)
class Mart:
    """One mart: where it is, what of the oracle it answers to, the columns that name a row and those compared.

    `names` are the columns whose text tells the world. Rows whose `zero` columns are all 0 are left out on both sides.
    """

    name: str
    attribute: str
    key: tuple[str, ...]
    values: tuple[str, ...]
    names: tuple[str, ...]
    where: str = ""
    zero: tuple[str, ...] = ()


MARTS = (
    Mart(
        "clearing.fct_clearing_details",
        "details",
        ("order_no", "order_version", "line_no", "rule_code", "entry_kind"),
        (
            "clearing_seq",
            "batch_id",
            "model_code",
            "fee_type",
            "participant_id",
            "currency",
            "base_minor",
            "fee_minor",
        ),
        ("order_no",),
    ),
    Mart(
        "clearing.fct_fee_allocations",
        "allocations",
        ("clearing_seq", "rule_code", "level", "parent_bearer", "bearer"),
        ("batch_id", "order_no", "period_key", "demand_minor", "granted_minor", "accumulated_minor", "cap_minor"),
        ("order_no",),
        where="granted_minor <> 0 and is_valid",
    ),
    Mart(
        "clearing.fct_accumulator_balances",
        "accumulators",
        ("batch_id", "allocation_rule_code", "level", "parent_bearer", "bearer", "currency", "period_key"),
        ("opening_minor", "granted_minor", "released_minor", "closing_minor", "cap_minor"),
        ("allocation_rule_code",),
        where="cap_minor is not null",
        zero=("opening_minor", "granted_minor", "released_minor", "closing_minor"),
    ),
    Mart(
        "clearing.fct_clearing_exceptions",
        "exceptions",
        ("batch_id", "order_no", "order_version"),
        ("reason_code",),
        ("order_no",),
    ),
    Mart(
        "reconciliation.fct_reconciliation_items",
        "items",
        ("batch_id", "item_key"),
        (
            "channel_code",
            "order_no",
            "result",
            "pool",
            "previous_result",
            "left_minor",
            "right_minor",
            "difference_minor",
            "currency",
            "opened_batch_id",
            "match_kind",
            "decision_no",
        ),
        ("item_key",),
        where="relation = 'orders_channel'",
    ),
    Mart(
        "reconciliation.fct_open_items",
        "open_items",
        ("batch_id", "item_key"),
        ("pool", "result", "age_days"),
        ("item_key",),
        where="relation = 'orders_channel'",
    ),
    Mart(
        "settlement.fct_settlement_entries",
        "entries",
        ("order_no", "order_version", "participant_id", "model_code", "entry_kind"),
        (
            "batch_id",
            "currency",
            "gross_minor",
            "fee_minor",
            "charge_minor",
            "net_minor",
            "settlement_date",
            "is_settleable",
            "blocked_by",
        ),
        ("order_no",),
    ),
    Mart(
        "settlement.fct_settlement_bills",
        "bills",
        ("batch_id", "participant_id", "account_no", "currency", "model_code", "settlement_date"),
        (
            "entry_count",
            "gross_minor",
            "refund_minor",
            "fee_minor",
            "charge_minor",
            "carried_in_minor",
            "carried_out_minor",
            "net_minor",
        ),
        ("participant_id",),
    ),
)

# The marts of clearing in full: what each of these has beyond today's columns.
_DETAIL_COLUMNS = (
    "base_before_minor",
    "accumulate_period_key",
    "contract_currency",
    "contract_fee_minor",
    "contract_base_minor",
    "fx_rate_date",
)
FULL_MARTS = (
    replace(MARTS[0], values=MARTS[0].values + _DETAIL_COLUMNS),
    replace(MARTS[1], where="granted_minor <> 0 and is_valid"),
    # A cap that has ended leaves an accumulator without a cap.
    replace(MARTS[2], where="period_key <> 'none'"),
    *MARTS[3:],
)

RowKey = tuple[object, ...]
Rows = dict[RowKey, Output]


def compare_worlds(
    worlds: Sequence[World], execute: Execute, schema_prefix: str = "", marts: Iterable[Mart] = MARTS
) -> list[str]:
    """One sentence for each difference between the marts and the oracle; empty when they agree.

    `execute` takes SQL and returns the rows. clearing_seq is compared by rank within a world, as the worlds of one
    warehouse share its numbers.
    """
    expected = {world.seed: run_oracle(world) for world in worlds}
    ranks = _seq_ranks(execute, schema_prefix)
    differences: list[str] = []
    for mart in marts:
        found = _read(mart, execute, schema_prefix)
        for seed in sorted(set(found) - set(expected)):
            differences.append(f"world {seed}: {mart.name} has rows of a world that was not loaded")
        for seed, results in expected.items():
            theirs = [_ranked(row, ranks.get(seed, {})) for row in found.get(seed, [])]
            differences.extend(_differences(seed, mart, _expected_rows(mart, results), theirs))
    return differences


def _seq_ranks(execute: Execute, schema_prefix: str) -> dict[int, dict[object, int]]:
    rows = execute(f"select distinct clearing_seq, order_no from {schema_prefix}clearing.fct_clearing_details")
    numbers: dict[int, set[int]] = defaultdict(set)
    for clearing_seq, order_no in rows:
        numbers[_world_of([order_no])].add(int(str(clearing_seq)))
    return {seed: {number: rank for rank, number in enumerate(sorted(found), 1)} for seed, found in numbers.items()}


def _expected_rows(mart: Mart, results: Results) -> list[Output]:
    rows: list[Output] = getattr(results, mart.attribute)
    numbers = sorted({int(str(row["clearing_seq"])) for row in results.details})
    ranks: dict[object, int] = {number: rank for rank, number in enumerate(numbers, 1)}
    return [_ranked(row, ranks) for row in rows]


def _ranked(row: Output, ranks: dict[object, int]) -> Output:
    return {**row, "clearing_seq": ranks.get(row["clearing_seq"])} if "clearing_seq" in row else row


def _read(mart: Mart, execute: Execute, schema_prefix: str) -> dict[int, list[Output]]:
    columns = mart.key + mart.values
    where = f" where {mart.where}" if mart.where else ""
    rows = execute(f"select {', '.join(columns)} from {schema_prefix}{mart.name}{where}")
    found: dict[int, list[Output]] = defaultdict(list)
    for values in rows:
        row: Output = dict(zip(columns, values, strict=True))
        found[_world_of([row[name] for name in mart.names])].append(row)
    return found


def _world_of(names: Sequence[object]) -> int:
    match = WORLD.search(" ".join(str(name) for name in names))
    return int(match.group(1)) if match else -1


def _plain(value: object) -> object:
    """Values of both sides in one form: empty text is no value, dates are text, whole decimals are integers."""
    if value == "":
        return None
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    return value


def _keyed(mart: Mart, rows: Iterable[Output]) -> tuple[Rows, list[RowKey]]:
    keyed: Rows = {}
    repeated = []
    for row in rows:
        if mart.zero and not any(row[column] for column in mart.zero):
            continue
        key = tuple(_plain(row[column]) for column in mart.key)
        if key in keyed:
            repeated.append(key)
        keyed[key] = {column: _plain(row[column]) for column in mart.values}
    return keyed, repeated


def _differences(seed: int, mart: Mart, expected: list[Output], found: list[Output]) -> list[str]:
    ours, _ = _keyed(mart, expected)
    theirs, repeated = _keyed(mart, found)

    def place(key: RowKey) -> str:
        named = ", ".join(f"{name}={value}" for name, value in zip(mart.key, key, strict=True))
        return f"world {seed}: {mart.name} [{named}]"

    differences = [f"{place(key)}: the row is there twice" for key in repeated]
    for key in sorted(ours.keys() | theirs.keys(), key=str):
        if key not in theirs:
            differences.append(f"{place(key)}: missing, expected {ours[key]}")
        elif key not in ours:
            differences.append(f"{place(key)}: not expected, got {theirs[key]}")
        else:
            differences.extend(
                f"{place(key)}: {column} expected {ours[key][column]!r}, got {theirs[key][column]!r}"
                for column in mart.values
                if ours[key][column] != theirs[key][column]
            )
    return differences
