"""The comparison sees every kind of difference, and the files of worlds hold what the worlds hold."""

import csv
import re
from pathlib import Path

import pytest

from tests.oracle.compare import FULL_MARTS, MARTS, Execute, Mart, compare_worlds
from tests.oracle.oracle import run_oracle
from tests.oracle.world import SEED_COLUMNS, Output, World
from tests.oracle.worlds import calendar, make_world, write_config, write_files

WORLDS = [make_world(seed, calendar(0)) for seed in (3, 21)]
FULL_WORLDS = [make_world(seed, calendar(0), full=True) for seed in (3, 21)]


def warehouse_of(worlds: list[World]) -> dict[str, list[Output]]:
    """Mart → the rows of all worlds as a faultless warehouse would hold them, with one numbering for all."""
    tables: dict[str, list[Output]] = {mart.name: [] for mart in MARTS}
    for place, world in enumerate(worlds):
        results = run_oracle(world)
        for mart in MARTS:
            for row in getattr(results, mart.attribute):
                shifted = dict(row)
                if "clearing_seq" in row:
                    shifted["clearing_seq"] = 1_000 * place + int(str(row["clearing_seq"]))
                tables[mart.name].append(shifted)
    return tables


def executed(tables: dict[str, list[Output]]) -> Execute:
    """Answers the comparison's own queries from rows in memory."""

    def execute(sql: str) -> list[tuple[object, ...]]:
        match = re.match(r"select (?:distinct )?(.+) from (\S+)", sql)
        assert match is not None, sql
        columns = match.group(1).split(", ")
        rows = tables[match.group(2)]
        if "cap_minor is not null" in sql:
            rows = [row for row in rows if row["cap_minor"] is not None]
        return [tuple(row[column] for column in columns) for row in rows]

    return execute


def test_a_faultless_warehouse_agrees() -> None:
    tables = warehouse_of(WORLDS)
    assert all(tables[mart.name] for mart in MARTS), "the worlds must put rows into every mart"
    assert compare_worlds(WORLDS, executed(tables)) == []


def test_a_faultless_warehouse_of_full_worlds_agrees_and_a_changed_column_of_theirs_is_named() -> None:
    tables = warehouse_of(FULL_WORLDS)
    assert compare_worlds(FULL_WORLDS, executed(tables), marts=FULL_MARTS) == []
    details = tables["clearing.fct_clearing_details"]
    for column in ("base_before_minor", "contract_fee_minor", "entry_kind"):
        changed = [*details[:-1], {**details[-1], column: "other"}]
        found = compare_worlds(
            FULL_WORLDS, executed({**tables, "clearing.fct_clearing_details": changed}), marts=FULL_MARTS
        )
        assert found and all("clearing.fct_clearing_details" in line for line in found)


def test_optional_columns_are_written_only_where_a_row_fills_them(tmp_path: Path) -> None:
    write_config(WORLDS, tmp_path / "plain")
    write_config([*WORLDS, *FULL_WORLDS], tmp_path / "full")
    for name, column in (("settlement_models", "ordered"), ("contracts", "currency"), ("billing_tiers", "valid_to")):
        files = [tmp_path / kind / f"{name}.csv" for kind in ("plain", "full")]
        headers = [file.read_text(encoding="utf-8").split("\n")[0] for file in files]
        assert [column in header.split(",") for header in headers] == [False, True]


@pytest.mark.parametrize("mart", MARTS, ids=lambda mart: mart.attribute)
def test_a_changed_missing_or_extra_row_is_named(mart: Mart) -> None:
    name = mart.name
    column = mart.values[-1]
    tables = warehouse_of(WORLDS)
    last = tables[name][-1]
    tables[name][-1] = {**last, column: "other"}
    changed = compare_worlds(WORLDS, executed(tables))
    assert len(changed) == 1
    assert re.match(r"world (3|21): " + re.escape(name), changed[0])
    assert f"{column} expected" in changed[0]
    tables[name][-1:] = []
    assert any("missing, expected" in line for line in compare_worlds(WORLDS, executed(tables)))
    tables[name].extend([last, last])
    assert any("the row is there twice" in line for line in compare_worlds(WORLDS, executed(tables)))


def test_another_clearing_order_is_seen() -> None:
    tables = warehouse_of(WORLDS)
    details = tables["clearing.fct_clearing_details"]
    first, second = details[0]["clearing_seq"], details[-1]["clearing_seq"]
    for row in details:
        if row["clearing_seq"] in (first, second):
            row["clearing_seq"] = second if row["clearing_seq"] == first else first
    assert any("clearing_seq expected" in line for line in compare_worlds(WORLDS, executed(tables)))


def test_files_hold_what_the_worlds_hold(tmp_path: Path) -> None:
    for day, dataset, path in write_files(WORLDS, tmp_path):
        place = [batch.batch_date for batch in WORLDS[0].batches].index(day)
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert rows == [row for world in WORLDS for row in getattr(world.batches[place], dataset)]
    write_config(WORLDS, tmp_path / "config", leave_out=["business_days"])
    assert {path.stem for path in (tmp_path / "config").iterdir()} == set(SEED_COLUMNS) - {"business_days"}
    with (tmp_path / "config" / "currencies.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file)) == WORLDS[0].table("currencies")
