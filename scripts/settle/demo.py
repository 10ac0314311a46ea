"""`settle demo` beneath the command: the ten days made, loaded, built, and compared with what they must give."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from settle.dbt import DbtOutcome, run_dbt
from settle.errors import InputError
from settle.generate.demo import DEMO_DAYS, make_demo
from settle.generate.world import major
from settle.load.loader import FileJob, LoadReport, Rejecting, load_files
from settle.output import Reporter, SilentReporter
from settle.settings import Settings
from settle.warehouse import Warehouse, open_warehouse

# What the demo of the shipped seed and configuration gives; the tests derive the same from an independent calculation.
EXPECTED = {
    "orders cleared": 760,
    "orders excepted at least once": 16,
    "fees CNY": 1_353_210,
    "fees JPY": 24_694,
    "fees borne by BRAND1": 55_200,
    "fees borne by PLAT": 224_004,
    "fees borne by SPV1": 40_000,
    "fees borne by participant": 71_465,
    "items amount_mismatch": 6,
    "items channel_only": 2,
    "items currency_mismatch": 2,
    "items duplicate_channel": 2,
    "items fee_mismatch": 2,
    "items matched": 749,
    "items matched_late": 7,
    "items platform_only": 8,
    "items status_mismatch": 3,
    "open in the buffer pool": 2,
    "open in the error pool": 23,
    "bills": 183,
    "billed net CNY": 90_515_158,
    "billed net JPY": 424_536,
}

LATEST_ITEMS = """
    select items.result, items.pool, items.item_key, items.match_kind
    from {reconciliation}.fct_reconciliation_items as items
    inner join (
        select item_key, max(batch_id) as batch_id from {reconciliation}.fct_reconciliation_items group by item_key
    ) as latest on latest.item_key = items.item_key and latest.batch_id = items.batch_id
"""
NUMBERS = {
    "orders cleared": "select count(distinct order_no) from {clearing}.fct_clearing_details",
    "orders excepted at least once": "select count(distinct order_no) from {clearing}.fct_clearing_exceptions",
    "fees {0}": """
        select currency, sum(fee_minor) from {clearing}.fct_clearing_details group by currency order by currency
    """,
    "fees borne by {0}": """
        select bearer, sum(granted_minor) from {clearing}.fct_fee_allocations where is_valid
        group by bearer order by bearer
    """,
    "items {0}": f"select result, count(*) from ({LATEST_ITEMS}) as last_rows group by result order by result",
    "open in the {0} pool": f"""
        select pool, count(*) from ({LATEST_ITEMS}) as last_rows where pool <> 'none' group by pool order by pool
    """,
    "bills": "select count(*) from {settlement}.fct_settlement_bills",
    "billed net {0}": """
        select currency, sum(net_minor) from {settlement}.fct_settlement_bills group by currency order by currency
    """,
}


@dataclass(frozen=True)
class DemoReport:
    """What the demo gave. `differences` has one line for each number or answer that is not as known."""

    warehouse: Path
    folder: Path
    loaded: list[LoadReport]
    outcome: DbtOutcome
    numbers: dict[str, int]
    differences: list[str]


def demo_settings(settings: Settings, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of the demo: the shipped configuration and, on DuckDB, a new file of its own.

    Raises InputError when `--warehouse` names a file that exists: the demo never adds to data of others.
    """
    variables = os.environ if environment is None else environment
    shipped = replace(settings, config_dir=settings.project_dir / "seeds" / "config")
    if shipped.connection()["type"] == "postgres":
        return shipped
    if variables.get("SETTLE_WAREHOUSE"):
        if settings.warehouse_path.exists():
            raise InputError(
                f"{settings.warehouse_path}: exists already, and the demo only fills a new warehouse. "
                "Name another file with --warehouse, or leave it out."
            )
        return shipped
    return replace(shipped, warehouse_path=settings.warehouse_path.parent / "demo.duckdb")


def run_demo(settings: Settings, folder: Path, reporter: Reporter) -> DemoReport:
    """Make the ten days in `folder`, load them day by day into the fresh warehouse of `settings`, build and compare.

    Raises InputError when the warehouse holds data already.
    """
    if settings.connection()["type"] == "duckdb":
        for path in (settings.warehouse_path, Path(f"{settings.warehouse_path}.wal")):
            path.unlink(missing_ok=True)
    _check_fresh(settings)
    reporter.step("making ten days")
    make_demo(folder)
    loaded: list[LoadReport] = []
    for day in DEMO_DAYS:
        reporter.step(f"loading {day}")
        jobs = [FileJob(name, folder / f"{name}_{day}.csv") for name in ("orders", "order_lines", "payments")]
        load_files(settings, jobs, day, Rejecting(), SilentReporter(), loaded)
    reporter.step("building")
    outcome = run_dbt(settings, ["build"])
    if not outcome.success:
        return DemoReport(settings.warehouse_path, folder, loaded, outcome, {}, [])
    with open_warehouse(settings, read_only=True) as warehouse:
        numbers = numbers_of(warehouse)
        differences = [*number_differences(EXPECTED, numbers), *answer_differences(warehouse, folder / "answers.csv")]
    return DemoReport(settings.warehouse_path, folder, loaded, outcome, numbers, differences)


def _check_fresh(settings: Settings) -> None:
    with open_warehouse(settings) as warehouse:
        if warehouse.has_table("raw", "load_files"):
            rows = warehouse.execute(f"select count(*) from {warehouse.schema('raw')}.load_files")
            if rows[0][0]:
                raise InputError(
                    f"the warehouse of target {settings.connection()['target_name']!r} holds {rows[0][0]} loaded files "
                    "already, and the demo only fills a new one. Set SETTLE_SCHEMA_PREFIX=demo_ to put it beside them."
                )


def numbers_of(warehouse: Warehouse) -> dict[str, int]:
    """The demo's numbers as the marts give them: a count or minor units under each name."""
    schemas = {name: warehouse.schema(name) for name in ("clearing", "reconciliation", "settlement")}
    found: dict[str, int] = {}
    for name, sql in NUMBERS.items():
        for row in warehouse.execute(sql.format(**schemas)):
            found[name.format(row[0])] = int(row[-1] or 0)
    return found


def shown(name: str, value: int) -> str:
    """A number for a person: counts as they are, amounts in major units with their currency."""
    if not name.startswith(("fees ", "billed net ")):
        return f"{value:,}"
    # The rules whose fees are shared bill in CNY only.
    currency = "CNY" if name.startswith("fees borne by") else name.split()[-1]
    whole, _, cents = major(abs(value), currency).partition(".")
    return f"{'-' if value < 0 else ''}{int(whole):,}{'.' + cents if cents else ''} {currency}"


def number_differences(expected: Mapping[str, int], found: Mapping[str, int]) -> list[str]:
    """One line for each number that is not as expected, missing or new."""
    names = [*expected, *(name for name in found if name not in expected)]
    return [
        f"{name}: expected {expected.get(name, 'none')}, got {found.get(name, 'none')}"
        for name in names
        if expected.get(name) != found.get(name)
    ]


def answer_differences(warehouse: Warehouse, answers: Path) -> list[str]:
    """One line for each planted break that did not come to its answer."""
    schemas = {name: warehouse.schema(name) for name in ("clearing", "reconciliation")}
    items = {
        str(row[2]): (str(row[0]), str(row[1]), str(row[3] or ""))
        for row in warehouse.execute(LATEST_ITEMS.format(**schemas))
    }
    reasons = dict(
        warehouse.execute(
            "select order_no, reason_code from {clearing}.fct_clearing_exceptions order by batch_id".format(**schemas)
        )
    )
    cleared = {
        row[0]
        for row in warehouse.execute("select distinct order_no from {clearing}.fct_clearing_details".format(**schemas))
    }
    differences = []
    for answer in read_answers(answers):
        name = f"{answer['kind']} {answer['order_no']}"
        wanted = (answer["result"], answer["pool"], answer["match_kind"])
        found = items.get(answer["item_key"])
        if found != wanted:
            differences.append(f"{name}: item {answer['item_key']} expected {wanted}, got {found}")
        reason = None if answer["order_no"] in cleared and not answer["reason"] else reasons.get(answer["order_no"])
        if answer["reason"] and reason != answer["reason"]:
            differences.append(f"{name}: expected the exception {answer['reason']}, got {reason}")
    return differences


def read_answers(path: Path) -> list[dict[str, str]]:
    """The rows of answers.csv."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def examples(answers: Sequence[Mapping[str, str]]) -> list[tuple[str, str]]:
    """One order to look at for some of the kinds: (order_no, what is planted there)."""
    wanted = {
        "refund_split_over_lines": "a refund without lines, split over the three sellers of its basket",
        "duplicate_line": "paid twice at the channel: one line matches, the further one is an error",
        "pending_but_paid": "pending with us, paid at the channel: filled by the statement, cleared and settled",
        "late_line": "its statement line came a day late: in the buffer, then matched",
        "amount_off": "one cent less at the channel than with us",
    }
    first = {answer["kind"]: answer["order_no"] for answer in reversed(answers)}
    return [(first[kind], text) for kind, text in wanted.items() if kind in first]
