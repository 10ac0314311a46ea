"""All examples in one warehouse: packed, loaded, built once, and what the marts then hold of each."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from settle.dbt import run_dbt, state_folder
from settle.load.batches import batch_of
from settle.load.loader import FileJob, LoadReport, Rejecting, load_files
from settle.output import SilentReporter
from settle.settings import Settings
from settle.warehouse import Warehouse, open_warehouse
from tests.oracle.compare import compare_worlds
from tests.oracle.world import CORRECTION_COLUMNS, DECISION_COLUMNS, Row, World
from tests.oracle.worlds import write_config, write_files
from tests.rules.examples import DATES, Example, prefix_of, with_instructions, worlds_of

PREFIX = re.compile(r"W(\d+)-")
DECIDED_AT = datetime(2026, 1, 1)
# The column that tells whose row it is. Only these marts can be expected of an example.
NAMED_BY = {
    "clearing.fct_clearing_details": "order_no",
    "clearing.fct_fee_allocations": "order_no",
    "clearing.fct_accumulator_balances": "allocation_rule_code",
    "clearing.fct_clearing_exceptions": "order_no",
    "reconciliation.fct_reconciliation_items": "item_key",
    "reconciliation.fct_item_periods": "item_key",
    "reconciliation.fct_reconciliation_decisions": "item_key",
    "reconciliation.fct_open_items": "item_key",
    "reconciliation.fct_reconciliation_totals": "channel_code",
    "reconciliation.rpt_reconciliation_measures": "channel_code",
    "reconciliation.fct_suggested_matches": "left_item_key",
    "reconciliation.fct_deposit_assignments": "item_key",
    "reconciliation.rpt_daily_controls": "scope",
    "settlement.fct_settlement_entries": "order_no",
    "settlement.fct_settlement_bills": "participant_id",
    "settlement.fct_payout_instructions": "participant_id",
    "settlement.rpt_settlement_summary": "participant_id",
    "quality.rpt_load_batches": "file_name",
    "spv.rpt_spv_out": "order_no",
    "spv.rpt_spv_in": "spv_txn_no",
}
# Batches are expected by their date: batch numbers say nothing to a reader.
BATCH_COLUMNS = {
    "batch": "batch_id",
    "opened_on": "opened_batch_id",
    "settled_on": "settled_batch_id",
    "from": "from_batch_id",
    "until": "until_batch_id",
    "answered_on": "answered_batch_id",
}
# One bank pays for all examples: once it answers in one of them, the payouts of all are compared. They are left out
# unless they are asked for.
PAYOUTS = "instructions_bank"
OF_ALL_RELATIONS = (
    "reconciliation.fct_reconciliation_items",
    "reconciliation.fct_item_periods",
    "reconciliation.fct_open_items",
)
# Marts without a batch of their own.
WITHOUT_BATCH = ("settlement.rpt_settlement_summary", "reconciliation.fct_item_periods")


@dataclass(frozen=True)
class Found:
    """What the marts hold: by example number and mart, the rows as text; and what the oracle says otherwise.

    `warehouse` is the built file (on DuckDB), `invariants` the SQL of quality.rpt_invariants with its batch markers,
    `controls` that of reconciliation.rpt_daily_controls.
    """

    rows: dict[str, dict[str, list[Row]]]
    differences: list[str]
    warehouse: str
    invariants: str
    controls: str = ""

    def problems(self, number: int, example: Example) -> list[str]:
        """One text for each mart of the example that does not hold what is expected; empty when all do."""
        held = self.rows.get(str(number), {})
        told = []
        for heading, named in example.expect.items():
            expected = [
                {column: PREFIX.sub("", with_instructions(value, prefix_of(number))) for column, value in row.items()}
                for row in named
            ]
            rest, _, day = heading.partition(" @ ")
            mart, _, relation = rest.partition(" / ")
            rows = [row for row in held.get(mart, []) if not day or row["batch"] == day]
            rows = [row for row in rows if _is_of(row, relation)]
            columns = list(expected[0]) if expected else sorted(rows[0]) if rows else []
            uneven = [row for row in expected if list(row) != columns]
            assert not uneven, f"{example.id}: {heading}: every row needs the columns {columns}, not {uneven}"
            wanted, got = _counted(expected, columns), _counted(rows, columns)
            if wanted != got:
                told.append(
                    f"{example.id}: {heading}\n  missing:      {_shown(wanted - got, columns)}"
                    f"\n  not expected: {_shown(got - wanted, columns)}"
                )
        return told


def _is_of(row: Row, relation: str) -> bool:
    return row["relation"] == relation if relation else row.get("relation") != PAYOUTS


def _counted(rows: Sequence[Row], columns: Sequence[str]) -> Counter[tuple[str, ...]]:
    return Counter(tuple(row[column] for column in columns) for row in rows)


def _shown(rows: Counter[tuple[str, ...]], columns: Sequence[str]) -> str:
    return "; ".join(str(dict(zip(columns, row, strict=True))) for row in sorted(rows.elements())) or "nothing"


# dbt's own tests hold on the examples too; they run once, with all of them.
WITHOUT_TESTS = ("test", "unit_test")


def build(
    base: Settings, examples: Sequence[Example], folder: Path, leave_out: Sequence[str] = ("unit_test",)
) -> Found:
    """Pack, load and build all examples in the empty warehouse of `base`, and read the marts."""
    worlds = worlds_of(examples)
    here = replace(base, config_dir=folder / "config", archive_dir=folder / "archive")
    # Calendar and currencies are the shipped ones: the examples are about the days users get.
    write_config(worlds, here.config_dir, leave_out=["business_days", "currencies"])
    load_examples(here, worlds, examples, folder / "files")
    outcome = run_dbt(here, ["build", "--exclude-resource-type", *leave_out], show_progress=False)
    assert outcome.success, "\n".join(outcome.failures)
    with open_warehouse(here, read_only=True) as warehouse:
        differences = compare_worlds(worlds, warehouse.execute, here.schema_prefix)
        untold = tuple(f"world {number}: " for number, example in enumerate(examples) if example.not_in_oracle)
        told = [text for text in differences if not text.startswith(untold)]
        invariants, controls = (
            next((state_folder(here) / "target" / "compiled").rglob(name)).read_text(encoding="utf-8")
            for name in ("rpt_invariants.sql", "rpt_daily_controls.sql")
        )
        rows = rows_of_examples(warehouse, examples)
        return Found(rows, told, str(here.warehouse_path), invariants, controls)


def build_after_mending(built: Settings, examples: Sequence[Example], folder: Path, day: date) -> Found:
    """Give the examples that `build` built in `folder` their mended configuration, and build one more, empty batch."""
    worlds = worlds_of(examples)
    here = replace(built, config_dir=folder / "config", archive_dir=folder / "archive")
    write_config(worlds, here.config_dir, leave_out=["business_days", "currencies"])
    with open_warehouse(here) as warehouse, warehouse.transaction():
        batch_of(warehouse, day)
    outcome = run_dbt(here, ["build", "--exclude-resource-type", *WITHOUT_TESTS], show_progress=False)
    assert outcome.success, "\n".join(outcome.failures)
    with open_warehouse(here, read_only=True) as warehouse:
        return Found(rows_of_examples(warehouse, examples), [], "", "")


def load_examples(here: Settings, worlds: Sequence[World], examples: Sequence[Example], folder: Path) -> None:
    """Open the batches and load the files: those of all worlds, and the whole files that examples bring."""
    with open_warehouse(here) as warehouse:
        warehouse.ensure_raw_tables()
        for day in DATES:
            with warehouse.transaction():
                batch_of(warehouse, day)
    reports: list[LoadReport] = []
    for day, dataset, path in write_files(worlds, folder):
        load_files(here, [FileJob(dataset, path, "canonical")], day, Rejecting(), SilentReporter(), reports)
    for report in reports:
        assert report.counts.rejected == 0, report.summary()
    write_decisions(here, worlds)
    write_corrections(here, worlds)
    for number, example in enumerate(examples):
        for name, text in example.files.items():
            path = folder / f"{prefix_of(number)}{name}"
            path.write_text(text.replace("{p}", prefix_of(number)), encoding="utf-8")
            job = FileJob("orders", path, "canonical")
            load_files(here, [job], DATES[0], Rejecting(bad=True), SilentReporter(), reports)


def write_decisions(here: Settings, worlds: Sequence[World]) -> None:
    """The worlds' decisions as if each had been taken when the batch before its own was the last one built."""
    with open_warehouse(here) as warehouse, warehouse.transaction():
        raw, sequence = warehouse.schema("raw"), itertools.count(1)
        columns = ", ".join(DECISION_COLUMNS)
        places = ", ".join("?" * len(DECISION_COLUMNS))
        for place in range(len(worlds[0].batches)):
            for row in (row for world in worlds for row in world.batches[place].decisions):
                warehouse.execute(
                    f"insert into {raw}.decisions (decision_seq, reason, decided_by, decided_at, "
                    f"after_batch_id, {columns}) values (?, 'as agreed', 'Li', ?, ?, {places})",
                    (next(sequence), DECIDED_AT, place, *_nulls(row)),
                )


def write_corrections(here: Settings, worlds: Sequence[World]) -> None:
    """The worlds' corrections as if each had been made when the batch before its own was the last one built."""
    with open_warehouse(here) as warehouse, warehouse.transaction():
        sequence = itertools.count(1)
        columns = ", ".join(CORRECTION_COLUMNS)
        for place in range(len(worlds[0].batches)):
            for row in (row for world in worlds for row in world.batches[place].corrections):
                number = next(sequence)
                warehouse.execute(
                    f"insert into {warehouse.schema('raw')}.corrections (correction_seq, correction_no, reason, "
                    f"corrected_by, corrected_at, after_batch_id, {columns}) "
                    "values (?, ?, 'as agreed', 'Li', ?, ?, ?, ?, ?, ?, ?)",
                    (number, f"K-{number}", DECIDED_AT, place, *(row[name] or None for name in CORRECTION_COLUMNS)),
                )


def _nulls(decision: Row) -> list[str | None]:
    """Its values; only the order number may be an empty text, that of a line without one."""
    return [decision[column] or ("" if column == "order_no" else None) for column in DECISION_COLUMNS]


def rows_of_examples(warehouse: Warehouse, examples: Sequence[Example]) -> dict[str, dict[str, list[Row]]]:
    """Rows of the marts by example and mart: codes without their prefix, batches by date, numbers in clearing order."""
    found: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    days = {int(number): day.isoformat() for number, day in _batches(warehouse)}
    for mart, columns in _columns(examples).items():
        read = ", ".join([NAMED_BY[mart], *(BATCH_COLUMNS.get(column, column) for column in columns)])
        schema, table = mart.split(".")
        for name, *values in warehouse.execute(f"select {read} from {warehouse.schema(schema)}.{table}"):
            number = PREFIX.search(str(name))
            if number is None:
                continue
            row = {
                column: days.get(int(value), "") if column in BATCH_COLUMNS and value is not None else _text(value)
                for column, value in zip(columns, values, strict=True)
            }
            # A bearer that takes nothing may have a row or none.
            if mart != "clearing.fct_fee_allocations" or row["granted_minor"] != "0":
                found[number[1]][mart].append(row)
    for marts in found.values():
        _number_from_one([row for rows in marts.values() for row in rows if "clearing_seq" in row])
    return {number: dict(marts) for number, marts in found.items()}


def _batches(warehouse: Warehouse) -> list[tuple[int, date]]:
    return [(int(row[0]), row[1]) for row in warehouse.execute("select batch_id, batch_date from raw.batches")]


def _columns(examples: Sequence[Example]) -> dict[str, list[str]]:
    """Every column that some example expects, by mart; `batch` always where there is one."""
    wanted: dict[str, dict[str, None]] = {}
    for example in examples:
        for heading, rows in example.expect.items():
            mart, _, relation = heading.partition(" @ ")[0].partition(" / ")
            assert mart in NAMED_BY, f"{example.id}: no such mart: {mart}"
            first = {} if mart in WITHOUT_BATCH else {"batch": None}
            wanted.setdefault(mart, first)
            if relation or mart in OF_ALL_RELATIONS:
                wanted[mart]["relation"] = None
            for row in rows:
                wanted[mart].update(dict.fromkeys(row))
    wanted.setdefault("clearing.fct_clearing_details", {"batch": None})["clearing_seq"] = None
    return {mart: list(columns) for mart, columns in wanted.items()}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return PREFIX.sub("", str(value))


def _number_from_one(rows: Sequence[Row]) -> None:
    numbers = sorted({int(row["clearing_seq"]) for row in rows})
    for row in rows:
        row["clearing_seq"] = str(numbers.index(int(row["clearing_seq"])) + 1)


def to_json(found: Found) -> str:
    """For the other test process, which must not build the same again."""
    return json.dumps(asdict(found))


def from_json(text: str) -> Found:
    """What `to_json` wrote."""
    return Found(**json.loads(text))
