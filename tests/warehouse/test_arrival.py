"""Long runs: a hundred orders of arrival give one state, and thirty batches are known as they were shown."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from settle.settings import Settings
from settle.warehouse import Warehouse, open_warehouse
from tests.warehouse.company import build
from tests.warehouse.marts import Marts, assert_same, mart_rows, without
from tests.warehouse.planted import Arrival, arrivals, load, written

WORLDS, DAYS, SEED = 4, 3, 77
PERMUTATIONS, TOGETHER = 100, 25
MOST_PARTS = 4
# Files are numbered as they come, and other files have other names and hashes: their ledger is not compared.
LEDGER = "quality.rpt_load_batches"
CAME_FROM = ("file_id", "file_line_no")
MANY_DAYS = 30
KNOWN = "item_key, result, pool, left_minor, right_minor, difference_minor, currency, mismatched_fields, match_kind"
Snapshot = dict[str, list[str]]


def shuffled(files: Sequence[Arrival], draw: random.Random, folder: Path) -> list[Arrival]:
    """Each day's rows in another order, cut into one to four files that come in another order.

    Rows of one key keep their order: of two rows of one key the first to arrive counts, and that is meant.
    """
    folder.mkdir()
    found: list[Arrival] = []
    for day in sorted({day for day, _, _ in files}):
        parts: list[Arrival] = []
        for _, dataset, path in (file for file in files if file[0] == day):
            header, *rows = path.read_text(encoding="utf-8").splitlines()
            draw.shuffle(rows)
            count = draw.randint(1, MOST_PARTS)
            for part in range(count):
                piece = folder / f"{dataset}_{day}_{part}.csv"
                piece.write_text("\n".join([header, *rows[part::count], ""]), encoding="utf-8")
                parts.append((day, dataset, piece))
        draw.shuffle(parts)
        found += parts
    return found


def compared(home: Settings) -> Marts:
    """What must be the same however it came; where a line came from may not."""
    return {name: without(rows, CAME_FROM) for name, rows in mart_rows(home).items() if name != LEDGER}


@pytest.mark.campaign
@pytest.mark.parametrize("first", range(0, PERMUTATIONS, TOGETHER))
def test_a_hundred_orders_of_arrival_give_one_state(home: Settings, tmp_path: Path, first: int) -> None:
    here = replace(home, config_dir=tmp_path / "files" / "config")
    worlds = written(WORLDS, DAYS, SEED, tmp_path / "files")
    files = arrivals(worlds, tmp_path / "files")
    load(here, files)
    build(here)
    straight = compared(here)
    for number in range(first, first + TOGETHER):
        here.warehouse_path.unlink()
        load(here, shuffled(files, random.Random(number), tmp_path / f"arrival-{number}"))
        build(here)
        assert_same(straight, compared(here))


def shown(warehouse: Warehouse, batch: int) -> Snapshot:
    """What a reader of the marts sees at the close of a batch: how every item stands, the open items, the totals."""
    rows = {
        "known": warehouse.execute(
            f"select {KNOWN} from (select items.*, row_number() over (partition by relation, item_key "
            "order by batch_id desc) as place from reconciliation.fct_reconciliation_items as items) as items "
            "where place = 1"
        ),
        "open": warehouse.execute("select * from reconciliation.fct_open_items where batch_id = ?", (batch,)),
        "totals": warehouse.execute(
            "select * from reconciliation.fct_reconciliation_totals where batch_id = ?", (batch,)
        ),
    }
    return {name: sorted(map(str, found)) for name, found in rows.items()}


def known_later(warehouse: Warehouse, batch: int) -> Snapshot:
    """The same as of that batch, read at the end: by the periods in which items stood, and the rows of the batch."""
    known = warehouse.execute(
        f"select {KNOWN} from reconciliation.fct_item_periods "
        "where from_batch_id <= ? and (until_batch_id is null or until_batch_id > ?)",
        (batch, batch),
    )
    return {**shown(warehouse, batch), "known": sorted(map(str, known))}


@pytest.mark.campaign
def test_thirty_batches_are_known_as_they_were_shown(home: Settings, tmp_path: Path) -> None:
    here = replace(home, config_dir=tmp_path / "files" / "config")
    worlds = written(WORLDS, MANY_DAYS, SEED, tmp_path / "files")
    snapshots: dict[int, Snapshot] = {}
    for number, day in enumerate(worlds[0].rows.days, start=1):
        load(here, [file for file in arrivals(worlds, tmp_path / "files") if file[0] == day.batch_date])
        build(here)
        with open_warehouse(here, read_only=True) as warehouse:
            snapshots[number] = shown(warehouse, number)
    assert sum(len(snapshot["open"]) for snapshot in snapshots.values()) > 1_000
    for refresh in ((), ("--full-refresh",)):
        build(here, *refresh)
        with open_warehouse(here, read_only=True) as warehouse:
            for number, snapshot in snapshots.items():
                later = known_later(warehouse, number)
                for name, rows in snapshot.items():
                    assert rows == later[name], f"{name} of batch {number}"
