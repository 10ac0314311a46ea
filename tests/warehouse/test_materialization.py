"""The batch-by-batch materialization on a small project of its own, on both engines."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from settle.cli import app
from settle.dbt import DbtOutcome, run_dbt, state_folder
from settle.settings import Settings
from settle.warehouse import open_warehouse
from tests.warehouse.company import CHECKOUT

FIRST_DAY = date(2026, 1, 5)
PROJECT = """
name: settlement_warehouse
version: "1.0.0"
config-version: 2
profile: settlement
model-paths: [models]
macro-paths: [macros]
test-paths: []
seed-paths: []
on-run-start: ["{{ create_warehouse_tables() }}"]
flags: {send_anonymous_usage_stats: false}
models: {settlement_warehouse: {+schema: tiny}}
"""
# A running balance: each batch reads the closing row that the batch before wrote. `customer_id` must be a number.
BALANCES = """
{{ config(materialized='batch_by_batch') }}
with before as (
    select coalesce(max(closing), 0) as closing from {{ this }} where batch_id = {{ batch_id() }} - 1
),
today as (
    select cast(sum(cast(amount as bigint) + cast(customer_id as bigint) - 7) as bigint) as amount
    from {{ source('raw', 'orders') }} where _batch_id = {{ batch_id() }}
)
select
    cast({{ batch_id() }} as bigint) as batch_id, {{ batch_date() }} as batch_date,
    before.closing as opening, before.closing + coalesce(today.amount, 0) as closing
from before cross join today
"""
LOOKED_AT = """
{{ config(materialized='view') }}
select * from {{ ref('balances') }}
"""
BELOW = """
{{ config(materialized='batch_by_batch') }}
select batch_id, closing from {{ ref('looked_at') }} where batch_id = {{ batch_id() }}
"""
# `counted` runs twice and counts the rows that the parts before it wrote for the same batch; `numbers` fails on poison.
PARTS = """
{{ config(materialized='batch_by_batch', batch_parts=['first', 'counted:2', 'counted:3', 'numbers:4']) }}
with final as (
    {{ part('numbers') }}
    select _batch_id as batch_id, cast({{ batch_part() }} as bigint) as part, cast(customer_id as bigint) as seen
    from {{ source('raw', 'orders') }} where _batch_id = {{ batch_id() }}
    union all
    {{ part('first') }}
    select
        cast({{ batch_id() }} as bigint) as batch_id, cast({{ batch_part() }} as bigint) as part,
        cast(null as bigint) as seen
    union all
    {{ part('counted') }}
    select cast({{ batch_id() }} as bigint) as batch_id, cast({{ batch_part() }} as bigint) as part, count(*) as seen
    from {{ this }} where batch_id = {{ batch_id() }}
    {{ parts_end() }}
)
select * from final
"""
# What each batch then holds: (part, seen). A part without a value has 1.
OF_A_BATCH = [(1, None), (2, 1), (3, 2), (4, 7)]
SCHEMA = """
sources: [{name: raw, schema: raw, tables: [{name: orders}]}]
models:
  - name: balances
    config: {contract: {enforced: true}}
    columns:
      - {name: batch_id, data_type: bigint}
      - {name: batch_date, data_type: date}
      - {name: opening, data_type: bigint}
      - {name: closing, data_type: bigint}
  - name: below
    config: {contract: {enforced: true}}
    columns: [{name: batch_id, data_type: bigint}, {name: closing, data_type: bigint}]
  - name: parts
    config: {contract: {enforced: true}}
    columns: [{name: batch_id, data_type: bigint}, {name: part, data_type: bigint}, {name: seen, data_type: bigint}]
"""
AMOUNTS = (100, 20, 3, 4000, 50000)
CLOSINGS = (100, 120, 123, 4123, 54123)


@dataclass(frozen=True)
class Tiny:
    """A dbt project of four models, and a warehouse with one order in each of five batches."""

    settings: Settings
    folder: Path

    def run(self, *arguments: str) -> DbtOutcome:
        return run_dbt(self.settings, ["run", *arguments], show_progress=False)

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with open_warehouse(self.settings) as warehouse:
            return warehouse.execute(sql, params)

    def balances(self) -> list[tuple[Any, ...]]:
        return self.rows("select batch_id, batch_date, opening, closing from tiny.balances order by batch_id")

    def marks(self, model: str) -> list[int]:
        sql = "select batch_id from meta.model_batches where model_name = ? order by batch_id"
        return [int(row[0]) for row in self.rows(sql, (model,))]

    def poison(self, batch_id: int, customer_id: str = "poison") -> None:
        """Make the models fail in one batch, or mend it with a number."""
        self.rows("update raw.orders set customer_id = ? where _batch_id = ?", (customer_id, batch_id))

    def write(self, name: str, text: str) -> None:
        (self.folder / "models" / name).write_text(text, encoding="utf-8")


@pytest.fixture
def tiny(any_home: Settings) -> Tiny:
    folder = any_home.warehouse_path.parent / "tiny"
    for part in (
        "macros/batches",
        "macros/cross_db",
        "macros/raw",
        "macros/schema/generate_schema_name.sql",
        "macros/schema/view.sql",
    ):
        (shutil.copytree if (CHECKOUT / part).is_dir() else _copy)(CHECKOUT / part, folder / part)
    (folder / "models").mkdir()
    (folder / "dbt_project.yml").write_text(PROJECT, encoding="utf-8")
    (folder / "config").mkdir()
    settings = replace(any_home, project_dir=folder, config_dir=folder / "config")
    project = Tiny(settings, folder)
    for name, text in (("balances", BALANCES), ("looked_at", LOOKED_AT), ("below", BELOW), ("parts", PARTS)):
        project.write(f"{name}.sql", text)
    project.write("schema.yml", SCHEMA)
    with open_warehouse(settings) as warehouse:
        warehouse.ensure_raw_tables()
    add_batches(project, AMOUNTS)
    return project


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def add_batches(tiny: Tiny, amounts: Sequence[int], first: int = 1) -> None:
    """One batch for each amount, with one order of it."""
    with open_warehouse(tiny.settings) as warehouse:
        for batch_id, amount in enumerate(amounts, first):
            day = FIRST_DAY + timedelta(days=batch_id - 1)
            warehouse.execute("insert into raw.batches values (?, ?, timestamp '2026-01-01', null)", (batch_id, day))
            warehouse.execute(
                "insert into raw.orders (order_no, version, order_type, customer_id, currency, amount, status, "
                "ordered_at, _file_id, _line_no, _batch_id) "
                "values (?, 1, 'sale', '7', 'CNY', ?, 'success', timestamp '2026-01-05', 0, 0, ?)",
                (f"O{batch_id}", amount, batch_id),
            )


def expected(amounts: Sequence[int]) -> list[tuple[Any, ...]]:
    rows, closing = [], 0
    for place, amount in enumerate(amounts):
        rows.append((place + 1, FIRST_DAY + timedelta(days=place), closing, closing + amount))
        closing += amount
    return rows


def test_a_failure_in_the_middle_keeps_what_was_built_and_the_next_run_goes_on_there(tiny: Tiny) -> None:
    tiny.poison(3)
    outcome = tiny.run("--select", "balances")
    assert not outcome.success
    assert outcome.exit_code == 1
    assert "poison" in outcome.failures[0]
    assert tiny.balances() == expected(AMOUNTS[:2])
    assert tiny.marks("balances") == [1, 2]

    # It closed batch 3 before it failed there; a later batch is still open.
    closed = tiny.rows("select batch_id from raw.batches where closed_at is not null order by batch_id")
    assert closed == [(1,), (2,), (3,)]
    first_two = tiny.rows("select * from meta.model_batches order by batch_id")

    tiny.poison(3, "7")
    assert tiny.run("--select", "balances").success
    assert tiny.balances() == expected(AMOUNTS)
    assert tiny.marks("balances") == [1, 2, 3, 4, 5]
    assert tiny.rows("select * from meta.model_batches order by batch_id")[:2] == first_two, "1 and 2 were built again"


def test_full_refresh_is_batch_by_batch(tiny: Tiny) -> None:
    tiny.rows("delete from raw.orders where _batch_id > 2")
    tiny.rows("delete from raw.batches where batch_id > 2")
    assert tiny.run("--select", "balances").success
    for batch_id in (3, 4, 5):
        add_batches(tiny, AMOUNTS[batch_id - 1 : batch_id], batch_id)
        assert tiny.run("--select", "balances").success
    one_by_one = tiny.balances()
    assert one_by_one == expected(AMOUNTS)
    assert [row[3] for row in one_by_one] == list(CLOSINGS)
    runs = {row[0] for row in tiny.rows("select invocation_id from meta.model_batches")}
    assert len(runs) == 4

    assert tiny.run("--select", "balances", "--full-refresh").success
    assert tiny.balances() == one_by_one
    marks = tiny.rows("select batch_id, invocation_id from meta.model_batches order by batch_id")
    assert [row[0] for row in marks] == [1, 2, 3, 4, 5]
    assert not {row[1] for row in marks} & runs


def test_a_model_waits_for_the_batches_of_the_models_above_it(tiny: Tiny) -> None:
    """Also where only a view stands between them."""
    tiny.poison(4)
    assert not tiny.run("--select", "balances").success
    assert tiny.run("--select", "looked_at", "below").success
    assert tiny.marks("below") == [1, 2, 3]
    assert tiny.rows("select * from tiny.below order by batch_id") == [(1, 100), (2, 120), (3, 123)]

    tiny.poison(4, "7")
    assert tiny.run("--select", "below").success
    assert tiny.marks("below") == [1, 2, 3], "batch 4 is mended, but not built above"
    assert tiny.run("--select", "balances+").success
    assert tiny.rows("select * from tiny.below order by batch_id")[3:] == [(4, 4123), (5, 54123)]


def test_nothing_new_changes_no_row_and_says_so(tiny: Tiny) -> None:
    assert tiny.run().success
    before = [tiny.balances(), tiny.rows("select * from meta.model_batches order by 1, 2")]
    closed = tiny.rows("select * from raw.batches order by batch_id")
    outcome = tiny.run()
    assert outcome.success
    said = {node.name: node.message for node in outcome.nodes if node.kind == "model"}
    assert said["balances"] == said["below"] == said["parts"] == "NOTHING NEW"
    assert [tiny.balances(), tiny.rows("select * from meta.model_batches order by 1, 2")] == before
    assert tiny.rows("select * from raw.batches order by batch_id") == closed


def parts(tiny: Tiny) -> list[tuple[Any, ...]]:
    return tiny.rows("select batch_id, part, seen from tiny.parts order by batch_id, part, seen")


def test_the_parts_of_a_batch_run_in_the_order_of_the_list_and_are_all_or_nothing(tiny: Tiny) -> None:
    tiny.poison(3)
    outcome = tiny.run("--select", "parts")
    assert not outcome.success
    assert parts(tiny) == [(batch_id, *row) for batch_id in (1, 2) for row in OF_A_BATCH], "batch 3 must be gone"
    assert tiny.marks("parts") == [1, 2]
    tiny.poison(3, "7")
    assert tiny.run("--select", "parts").success
    assert parts(tiny) == [(batch_id, *row) for batch_id in range(1, 6) for row in OF_A_BATCH]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (
            "'numbers:4'|'numbrs:4'",
            "parts of the SQL are numbers, first, counted, parts to run are first, counted, counted, numbrs;",
        ),
        (
            "part('numbers')|part('first')",
            "parts of the SQL are first, first, counted, parts to run are first, counted, counted, numbers;",
        ),
        ("batch_parts=|unasked=", "parts of the SQL are numbers, first, counted, parts to run are ;"),
    ],
    ids=["no such part", "twice", "no list"],
)
def test_a_list_of_parts_that_does_not_fit_the_sql_is_an_error_that_names_the_part(
    tiny: Tiny, wrong: str, told: str
) -> None:
    old, new = wrong.split("|")
    tiny.write("parts.sql", PARTS.replace(old, new))
    outcome = tiny.run("--select", "parts")
    assert (outcome.success, outcome.exit_code) == (False, 1)
    assert outcome.failures[0].startswith("model parts (models/parts.sql): Compilation Error")
    assert told in outcome.failures[0]
    assert parts(tiny) == []
    assert tiny.marks("parts") == []
    tiny.write("parts.sql", PARTS)
    assert tiny.run("--select", "parts").success
    assert parts(tiny) == [(batch_id, *row) for batch_id in range(1, 6) for row in OF_A_BATCH]


STEPS = {
    "low": "{{ config(materialized='ephemeral') }} select 1 as seen",
    "lowest": "{{ config(materialized='ephemeral') }} select 2 as seen",
    "lower": "{{ config(materialized='ephemeral') }} select seen + 1 as seen from {{ ref('lowest') }}",
    "batches": "{{ config(materialized='ephemeral') }} select cast({{ batch_id() }} as bigint) as batch_id",
    "parts": """
{{ config(materialized='batch_by_batch', batch_parts=['high', 'deep']) }}
-- depends_on: {{ ref('low') }}, {{ ref('lower') }}
with of_batch as (
    select batch_id from {{ ref('batches') }}
),
final as (
    {{ part('high') }}
    select batch_id, cast(1 as bigint) as part, cast(seen as bigint) as seen from of_batch cross join {{ ref('low') }}
    union all
    {{ part('deep') }}
    select batch_id, cast(2 as bigint) as part, cast(seen as bigint) as seen from of_batch cross join {{ ref('lower') }}
    {{ parts_end() }}
)
select * from final
""",
}


def test_a_part_is_run_with_the_steps_that_it_reads_and_no_others(tiny: Tiny) -> None:
    """Of `low` only the letters stand in the part `deep`, which reads `lower`, and that reads `lowest`."""
    for name, text in STEPS.items():
        tiny.write(f"{name}.sql", text)
    assert tiny.run("--select", "parts").success
    assert parts(tiny) == [(batch_id, *row) for batch_id in range(1, 6) for row in ((1, 1), (2, 3))]
    run = state_folder(tiny.settings) / "target" / "run" / "settlement_warehouse" / "models" / "parts.sql"
    last = run.read_text(encoding="utf-8")
    assert re.findall(r"__dbt__cte__(\w+) as \(", last) == ["lowest", "lower", "batches"]


@pytest.mark.parametrize(
    ("wrong", "column"),
    [
        ("before.closing as opening,|cast(before.closing as integer) as opening,", "opening"),
        ("before.closing as opening,|before.closing as opening, 1 as unasked,", "unasked"),
        ("before.closing as opening,|", "opening"),
    ],
)
def test_columns_that_break_the_contract_are_an_error(tiny: Tiny, wrong: str, column: str) -> None:
    assert tiny.run("--select", "balances").success
    add_batches(tiny, [1], 6)
    old, new = wrong.split("|")
    tiny.write("balances.sql", BALANCES.replace(old, new))
    outcome = tiny.run("--select", "balances")
    assert not outcome.success
    assert "contract" in outcome.failures[0]
    assert column in outcome.failures[0]
    assert tiny.balances() == expected(AMOUNTS)
    assert tiny.marks("balances") == [1, 2, 3, 4, 5]


def test_a_batch_that_was_begun_takes_no_more_files(tiny: Tiny, tmp_path: Path) -> None:
    tiny.poison(3)
    assert not tiny.run("--select", "balances").success
    file = tmp_path / "late.csv"
    file.write_text(
        "order_no,order_type,currency,amount,status,ordered_at\nL1,sale,CNY,1.00,success,2026-01-05T10:00:00+08:00\n"
    )
    for day, last in (("2026-01-06", "2026-01-07"), ("2026-01-07", "2026-01-07")):
        refused = CliRunner().invoke(app, ["load", "orders", str(file), "--batch-date", day])
        assert refused.exit_code == 2, refused.output
        assert f"the last batch that was built is {last} (batch 3); it is closed for good" in refused.stderr
    assert tiny.rows("select count(*) from raw.orders") == [(5,)]
    taken = CliRunner().invoke(app, ["load", "orders", str(file), "--batch-date", "2026-01-08"])
    assert taken.exit_code == 0, taken.output
    assert tiny.rows("select _batch_id from raw.orders where order_no = 'L1'") == [(4,)]


def test_a_view_takes_the_place_of_what_had_its_name(tiny: Tiny) -> None:
    assert tiny.run("--select", "balances", "looked_at").success
    tiny.write("looked_at.sql", LOOKED_AT.replace("select *", "select closing, 'new' as kind"))
    assert tiny.run("--select", "looked_at").success
    assert tiny.rows("select * from tiny.looked_at order by closing")[-1] == (54123, "new")
    tiny.write("looked_at.sql", LOOKED_AT.replace("select *", "select no_such_column"))
    assert not tiny.run("--select", "looked_at").success
    assert tiny.rows("select count(*) from tiny.looked_at where kind = 'new'") == [(5,)], (
        "a view that fails is not lost"
    )
    tiny.write("looked_at.sql", LOOKED_AT.replace("'view'", "'table'"))
    assert tiny.run("--select", "looked_at").success
    tiny.write("looked_at.sql", LOOKED_AT)
    assert tiny.run("--select", "looked_at").success
    assert tiny.rows("select closing from tiny.looked_at order by closing") == [
        (closing,) for closing in sorted(CLOSINGS)
    ]
    tables = (
        "select table_type from information_schema.tables where table_schema = 'tiny' and table_name like 'looked%'"
    )
    assert tiny.rows(tables) == [("VIEW",)]
