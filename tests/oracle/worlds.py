"""Random worlds from a seed, several of them together, and the files they are loaded from."""

import csv
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from tests.oracle.oracle import run_oracle
from tests.oracle.world import (
    DEPOSIT_COLUMNS,
    LINE_COLUMNS,
    OPTIONAL_COLUMNS,
    ORDER_COLUMNS,
    PAYMENT_COLUMNS,
    REPORT_COLUMNS,
    RETURN_COLUMNS,
    SEED_COLUMNS,
    Batch,
    Row,
    World,
)
from tests.oracle.world_full import enrich
from tests.oracle.world_rules import make_setting
from tests.oracle.world_traffic import StatementMaker, Traffic, TrafficMaker

# Days around which periods end, holidays lie and make-up working days fall.
CALENDARS: tuple[tuple[str, ...], ...] = (
    ("2026-01-05", "2026-01-06", "2026-01-07", "2026-01-09", "2026-01-13"),
    ("2026-01-30", "2026-01-31", "2026-02-02", "2026-02-14", "2026-02-24"),
    ("2026-03-30", "2026-03-31", "2026-04-01", "2026-04-03", "2026-04-10"),
    ("2026-09-29", "2026-09-30", "2026-10-01", "2026-10-10", "2026-10-12"),
    ("2025-12-30", "2025-12-31", "2026-01-01", "2026-01-04", "2026-01-05"),
)
SCOPE = ("allocation_rule_code", "level", "parent_bearer", "bearer")
Seen = Callable[[World], World]
SHARED_SEEDS = ("currencies", "business_days", "fx_rates")


def calendar(number: int) -> list[date]:
    """The batch dates of one warehouse."""
    return [date.fromisoformat(text) for text in CALENDARS[number % len(CALENDARS)]]


def make_world(seed: int, dates: Sequence[date], full: bool = False) -> World:
    """The world of a seed on the given batch dates; the same arguments give the same world.

    A plain world has no corrections on purpose, one level, no dated tiers or caps; a full one has all of clearing.
    """
    rng = random.Random(seed)
    prefix = f"W{seed}-"
    setting = make_setting(rng, prefix, list(dates), full)
    if full:
        enrich(setting)
    maker = TrafficMaker(setting)
    traffic = maker.orders()
    world = World(seed, prefix, [], setting.config)
    drawn_from = (lambda world: world) if full else _uncorrected
    fees = _expected_fees(drawn_from, _with_traffic(world, dates, traffic))
    StatementMaker(maker, fees, traffic).lines()
    if rng.random() < 0.2:
        draft = rng.choice(maker.drafts)
        hold = {
            "hold_no": f"{prefix}H2",
            "scope": "order",
            "target": draft.order_no,
            "max_amount_minor": "",
            "max_count_per_day": "",
            "valid_from": dates[0].isoformat(),
            "valid_to": rng.choice(("", dates[-1].isoformat())),
            "reason": "asked by the bank",
        }
        setting.config.setdefault("risk_holds", []).append(hold)
    return with_early_lines(_tune_caps(drawn_from, _with_traffic(world, dates, traffic), rng))


def with_early_lines(world: World) -> World:
    """The world with some order lines in an earlier batch than their order; they wait for it, and nothing changes."""
    rng = random.Random(f"early {world.seed}")
    lines: list[list[Row]] = [[] for _ in world.batches]
    for place, batch in enumerate(world.batches):
        for row in batch.order_lines:
            lines[rng.randint(0, place) if rng.random() < 0.1 else place].append(row)
    return _with_lines(world, lines)


def with_late_lines(world: World) -> World:
    """The world with order lines in a later batch than their order; loading rejects each, and nothing changes.

    None is equal to a line that the order has, so none is a repeat.
    """
    rng = random.Random(f"late {world.seed}")
    lines = [list(batch.order_lines) for batch in world.batches]
    for place, batch in enumerate(world.batches[:-1]):
        for order in batch.orders:
            if rng.random() < 0.3:
                late = dict.fromkeys(LINE_COLUMNS, "")
                late |= {"order_no": order["order_no"], "version": order["version"], "attributes": '{"late": true}'}
                late |= {"line_no": rng.choice(("1", "50")), "amount": order["amount"] or "1"}
                lines[rng.randrange(place + 1, len(lines))].append(late)
    return _with_lines(world, lines)


def _with_lines(world: World, lines: Sequence[Sequence[Row]]) -> World:
    batches = [replace(batch, order_lines=own) for batch, own in zip(world.batches, lines, strict=True)]
    return replace(world, batches=batches)


def _with_traffic(world: World, dates: Sequence[date], traffic: Traffic) -> World:
    batches = [
        Batch(day, traffic.orders[place], traffic.order_lines[place], traffic.payments[place])
        for place, day in enumerate(dates)
    ]
    return replace(world, batches=batches)


def _uncorrected(world: World) -> World:
    """Without the versions that would correct what has cleared: plain worlds are drawn as if there were none."""
    cleared: dict[str, int] = {}
    for row in run_oracle(world).entries:
        if row["entry_kind"] == "new":
            cleared.setdefault(str(row["order_no"]), int(str(row["order_version"])))
    batches = []
    for batch in world.batches:
        kept = [row for row in batch.orders if int(row["version"] or "1") <= cleared.get(row["order_no"], 10**6)]
        batches.append(replace(batch, orders=kept))
    return replace(world, batches=batches)


def _expected_fees(drawn_from: Seen, world: World) -> dict[str, int]:
    """Channel fees of all orders, were every pending one paid: what an honest statement says."""
    paid = [
        replace(
            batch,
            orders=[
                {**row, "status": "success" if row["status"] == "pending" else row["status"]} for row in batch.orders
            ],
        )
        for batch in world.batches
    ]
    fees: dict[str, int] = {}
    for row in run_oracle(drawn_from(replace(world, batches=paid))).details:
        if row["fee_type"] == "channel_fee":
            order_no, fee = str(row["order_no"]), row["fee_minor"]
            assert isinstance(fee, int)
            fees[order_no] = fees.get(order_no, 0) + fee
    return fees


def _tune_caps(drawn_from: Seen, world: World, rng: random.Random) -> World:
    """Move some caps to what was accumulated at some row, or one unit beside it: caps hit exactly or by one."""
    seen: dict[tuple[str, ...], list[int]] = {}
    for row in run_oracle(drawn_from(world)).allocations:
        accumulated = row["accumulated_minor"]
        if isinstance(accumulated, int):
            seen.setdefault(tuple(str(row[name]) for name in SCOPE), []).append(accumulated)
    bearers = []
    for bearer in world.table("allocation_bearers"):
        values = seen.get(tuple(bearer[name] for name in SCOPE))
        # An uncapped row stays uncapped: the values are those of its capped days.
        if values and bearer["cap_minor"] and rng.random() < 0.6:
            bearer = {**bearer, "cap_minor": str(max(0, rng.choice(values) + rng.choice((-1, 0, 0, 1))))}
        bearers.append(bearer)
    return replace(world, config={**world.config, "allocation_bearers": bearers})


def write_files(worlds: Sequence[World], folder: Path) -> list[tuple[date, str, Path]]:
    """Write canonical CSV files of worlds with the same batch dates; returns (batch date, dataset, file) in order."""
    written = []
    for place, day in enumerate(batch.batch_date for batch in worlds[0].batches):
        for dataset, columns in (
            ("orders", ORDER_COLUMNS),
            ("order_lines", LINE_COLUMNS),
            ("payments", PAYMENT_COLUMNS),
            ("bank_deposits", DEPOSIT_COLUMNS),
            ("spv_reports", REPORT_COLUMNS),
            ("bank_returns", RETURN_COLUMNS),
        ):
            rows = [row for world in worlds for row in getattr(world.batches[place], dataset)]
            if rows or dataset == "orders":
                path = folder / f"{dataset}_{day.isoformat()}.csv"
                _write_csv(path, columns, rows)
                written.append((day, dataset, path))
    return written


def write_config(worlds: Sequence[World], folder: Path, leave_out: Sequence[str] = ()) -> None:
    """Write the seeds of all worlds together; currencies and calendars are the same in each."""
    for name, all_columns in SEED_COLUMNS.items():
        if name in leave_out:
            continue
        sources = worlds[:1] if name in SHARED_SEEDS else worlds
        rows = [row for world in sources for row in world.table(name)]
        optional = OPTIONAL_COLUMNS.get(name, set())
        columns = [name for name in all_columns if name not in optional or any(row.get(name) for row in rows)]
        _write_csv(folder / f"{name}.csv", columns, [{name: row.get(name, "") for name in columns} for row in rows])


def _write_csv(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
