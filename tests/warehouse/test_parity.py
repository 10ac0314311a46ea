"""DuckDB and PostgreSQL give the same rows in every mart: for the demo, for Olist and for random worlds."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from settle.settings import Settings
from settle.warehouse import Warehouse, open_warehouse
from tests.oracle.worlds import write_config
from tests.warehouse.company import DAYS, Demo, build, load_days
from tests.warehouse.marts import assert_same, mart_rows
from tests.warehouse.olist import FILES, load_olist, write_olist_config
from tests.warehouse.test_oracle_agrees import assert_none, differences_in, load, worlds_of

FIRST_WORLD, WORLDS = 8_000_001, 20


def test_the_demo_on_postgresql_in_two_builds_and_built_anew(postgres_home: Settings, demo: Demo) -> None:
    for days in (DAYS[:3], DAYS[3:]):
        load_days(postgres_home, demo.files, days)
        build(postgres_home)
    assert engine(postgres_home) == "postgres"
    assert_same(demo.marts, mart_rows(postgres_home))
    build(postgres_home, "--full-refresh")
    assert_same(demo.marts, mart_rows(postgres_home))


def test_random_worlds(home: Settings, postgres_home: Settings) -> None:
    print(f"worlds with the seeds {FIRST_WORLD} to {FIRST_WORLD + WORLDS - 1}")
    worlds = worlds_of(FIRST_WORLD, WORLDS)
    config = home.warehouse_path.parent / "config"
    write_config(worlds, config, leave_out=["business_days", "currencies"])
    found = []
    for settings in (home, postgres_home):
        here = replace(settings, config_dir=config)
        load(here, worlds, home.warehouse_path.parent / "files", has_late_lines=True)
        build(here)
        found.append(mart_rows(here))
        # Both engines hold the same, so the oracle need not be asked twice.
        if here.target == "duckdb":
            assert_none(differences_in(here, worlds), worlds)
    assert [engine(home), engine(postgres_home)] == ["duckdb", "postgres"]
    assert_same(*found)
    assert sum(map(len, found[0].values())) > 1000, "the worlds have next to no rows"


@pytest.fixture
def olist(home: Settings, real_data: Path) -> Iterator[tuple[Settings, Warehouse]]:
    """The real marketplace, loaded and built on DuckDB."""
    config = home.warehouse_path.parent / "olist-config"
    write_olist_config(config, real_data / "olist")
    here = load_olist(home, real_data / "olist", config)
    build(here, with_tests=True)
    with open_warehouse(here, read_only=True) as warehouse:
        yield here, warehouse


@pytest.mark.real_data
def test_olist(olist: tuple[Settings, Warehouse], postgres_home: Settings, real_data: Path) -> None:
    here, warehouse = olist
    check_amount_classes(warehouse)
    check_sellers(warehouse, real_data / "olist")
    check_cancelled_orders(warehouse, real_data / "olist")
    warehouse.close()
    there = load_olist(postgres_home, real_data / "olist", here.config_dir)
    build(there)
    assert [engine(here), engine(there)] == ["duckdb", "postgres"]
    assert_same(mart_rows(here), mart_rows(there))


def check_amount_classes(warehouse: Warehouse) -> None:
    """The items by amount, whatever their status, as they are known from the files themselves."""
    rows = warehouse.execute(
        "select items.left_minor, items.right_minor from reconciliation.fct_reconciliation_items as items "
        "inner join (select item_key, max(batch_id) as batch_id from reconciliation.fct_reconciliation_items "
        "group by item_key) as latest on latest.item_key = items.item_key and latest.batch_id = items.batch_id"
    )
    classes: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for left, right in rows:
        if left is None:
            name = "no items"
        elif right is None:
            name = "no payment"
        elif left == right:
            name = "matched"
        elif abs(right - left) == 1:
            name = "off by 0.01"
        else:
            name = "over" if right > left else "under"
        classes[name].append((left or 0, right or 0))
    found = {
        name: (len(items), sum(right - left for left, right in items), sum(right for _, right in items))
        for name, items in classes.items()
    }
    assert {name: numbers[:2] for name, numbers in found.items()} == {
        "matched": (2954, 0),
        "off by 0.01": (9, -9),
        "over": (11, 7972),
        "under": (2, -1495 - 490),
        "no items": (24, 670365),
    }
    assert found["matched"][2] == 45527592
    assert sorted(right - left for left, right in classes["under"]) == [-1495, -490]
    assert sum(left for items in classes.values() for left, _ in items) == 46132394
    assert sum(right for items in classes.values() for _, right in items) == 46808737


def check_sellers(warehouse: Warehouse, olist: Path) -> None:
    """Every successful order settles to each of its sellers what that seller's items come to."""
    items = read(olist / FILES["order_lines"])
    wanted: dict[tuple[str, str], int] = defaultdict(int)
    good = {row["order_id"] for row in read(olist / FILES["orders"]) if row["order_status"] not in CLOSED | {"created"}}
    for row in items:
        if row["order_id"] in good:
            wanted[row["order_id"], row["seller_id"]] += cents(row["price"]) + cents(row["freight_value"])
    found = warehouse.execute("select order_no, participant_id, gross_minor from settlement.fct_settlement_entries")
    assert {(row[0], row[1]): row[2] for row in found} == dict(wanted)
    assert len(found) == len(wanted)
    sellers = defaultdict(set)
    for order_no, seller in wanted:
        sellers[order_no].add(seller)
    several = sum(len(each) > 1 for each in sellers.values())
    assert several > 10, "the files must have orders of several sellers, or this shows nothing"
    # Entries that settle are in exactly one bill of their seller.
    billed = warehouse.execute(
        "select participant_id, sum(gross_minor), sum(entry_count) from settlement.fct_settlement_bills group by 1"
    )
    settled = warehouse.execute(
        "select participant_id, sum(gross_minor), count(*) from settlement.fct_settlement_entries "
        "where is_settleable group by 1"
    )
    assert sorted(billed) == sorted(settled)


CLOSED = {"canceled", "unavailable"}


def check_cancelled_orders(warehouse: Warehouse, olist: Path) -> None:
    """Cancelled and paid: an error of status, and nothing of it is settled."""
    paid = {row["order_id"] for row in read(olist / FILES["payments"])}
    cancelled = {row["order_id"] for row in read(olist / FILES["orders"]) if row["order_status"] in CLOSED} & paid
    assert cancelled
    items = warehouse.execute("select order_no, result, pool from reconciliation.fct_reconciliation_items")
    assert {row[1:] for row in items if row[0] in cancelled} == {("status_mismatch", "error")}
    assert cancelled <= {row[0] for row in items}
    entries = warehouse.execute("select distinct order_no from settlement.fct_settlement_entries")
    assert not cancelled & {row[0] for row in entries}
    details = warehouse.execute("select distinct order_no from clearing.fct_clearing_details")
    assert not cancelled & {row[0] for row in details}


def engine(settings: Settings) -> str:
    """The engine that these settings lead to."""
    with open_warehouse(settings, read_only=True) as warehouse:
        return warehouse.engine


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, as text."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def cents(text: str) -> int:
    """Minor units of a plain decimal."""
    return int(Decimal(text) * 100)
