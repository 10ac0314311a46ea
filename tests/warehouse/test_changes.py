"""What was known at each batch, and what changed between two: by the periods, and by the rows as they came."""

from __future__ import annotations

import json
from itertools import combinations
from typing import Any

import pytest
from typer.testing import CliRunner

from settle.changes import Changes, change_lines, changes, kinds
from settle.cli import app
from settle.explain.rows import Reader
from settle.settings import Settings
from settle.warehouse import Warehouse, open_warehouse
from tests.warehouse.company import Demo, copied

COLUMNS = ("result", "pool", "left_minor", "right_minor", "currency")
State = dict[str, tuple[Any, ...]]


def known_by_rows(warehouse: Warehouse, batch: int) -> State:
    """How each item stood at the close of a batch: its last row of then, item by item."""
    state: State = {}
    for key, *values in warehouse.execute(
        f"select item_key, {', '.join(COLUMNS)} from reconciliation.fct_reconciliation_items "
        "where batch_id <= ? order by batch_id",
        (batch,),
    ):
        state[key] = tuple(values)
    return state


def known_by_periods(warehouse: Warehouse, batch: int) -> State:
    rows = warehouse.execute(
        f"select item_key, {', '.join(COLUMNS)} from reconciliation.fct_item_periods "
        "where from_batch_id <= ? and (until_batch_id is null or until_batch_id > ?)",
        (batch, batch),
    )
    assert len({row[0] for row in rows}) == len(rows), "an item stands in one way at a time"
    return {row[0]: tuple(row[1:]) for row in rows}


def batches(warehouse: Warehouse) -> list[int]:
    return [row[0] for row in warehouse.execute("select batch_id from raw.batches order by 1")]


def test_what_was_known_at_each_batch_is_what_its_rows_said_then(here: Settings) -> None:
    with open_warehouse(here, read_only=True) as warehouse:
        assert len(batches(warehouse)) > 2
        for batch in batches(warehouse):
            known = known_by_periods(warehouse, batch)
            assert known == known_by_rows(warehouse, batch)
            shown = warehouse.execute(
                "select item_key, result, pool from reconciliation.fct_open_items where batch_id = ?", (batch,)
            )
            stood = {(key, value[0], value[1]) for key, value in known.items() if value[1] != "none"}
            assert stood == {tuple(row) for row in shown}, f"the open items that batch {batch} showed"


def test_what_changed_between_two_batches_is_the_difference_of_both(here: Settings) -> None:
    assert "opened" in kinds_of_all_changes(here)


def test_what_changed_in_the_demo_is_the_difference_too(home: Settings, demo: Demo) -> None:
    assert {"opened", "moved", "resolved"} <= kinds_of_all_changes(copied(demo.built, home))


def kinds_of_all_changes(settings: Settings) -> set[str]:
    """Compare every two batches; the kinds of change that were met."""
    met: set[str] = set()
    with open_warehouse(settings, read_only=True) as warehouse:
        reader, numbers = Reader(warehouse), [0, *batches(warehouse)]
        for before, after in combinations(numbers, 2):
            was, stands = known_by_rows(warehouse, before), known_by_rows(warehouse, after)
            differing = {key for key in stands if was.get(key) != stands[key]}
            found = changes(reader, before, after)
            at_once = {key for key in differing if key not in was and stands[key][1] == "none"}
            assert {item.item_key for item in found.items} == differing - at_once
            assert sum(row["count"] for row in found.counts) == len(differing)
            for item in found.items:
                assert (item.was_result, item.was_pool) == was.get(item.item_key, (None, None))[:2]
                assert (item.result, item.pool) == stands[item.item_key][:2]
                met.add(item.kind)
    assert met <= set(kinds())
    return met


def test_the_command_tells_both_and_refuses_what_is_not_built(here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in here.environment().items():
        monkeypatch.setenv(name, value)
    with open_warehouse(here, read_only=True) as warehouse:
        last = batches(warehouse)[-1]
        found = changes(Reader(warehouse), 0, last)
    arguments = ["diff", "--from-batch", "0", "--to-batch", str(last)]
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.output) == json.loads(json.dumps(found.as_dict()))
    text = CliRunner().invoke(app, arguments)
    assert text.exit_code == 0
    assert text.output.splitlines()[0] == f"From the close of batch 0 to the close of batch {last}"
    for wrong in ((last, last), (last, 1), (0, last + 1), (-1, last)):
        refused = CliRunner().invoke(app, ["diff", "--from-batch", str(wrong[0]), "--to-batch", str(wrong[1])])
        assert refused.exit_code == 2, refused.output


def test_lines_tell_what_needs_a_person_first() -> None:
    counts: list[dict[str, Any]] = [
        {"kind": "matched at once", "currency": "CNY", "was_result": None, "was_pool": None, "result": "matched",
         "pool": "none", "count": 2, "left_minor": 30000, "right_minor": 30000},
        {"kind": "regressed", "currency": "JPY", "was_result": "matched", "was_pool": "none",
         "result": "amount_mismatch", "pool": "error", "count": 1, "left_minor": 100, "right_minor": 90},
    ]  # fmt: skip
    assert change_lines(Changes(1, 2, counts, []), {"CNY": 2, "JPY": 0}) == [
        "From the close of batch 1 to the close of batch 2",
        "regressed: 1 (was matched or closed by a decision, and is open now)",
        "          1  matched → amount_mismatch (error pool), ours 100 JPY, theirs 90 JPY",
        "matched at once: 2 (came and is matched)",
        "          2  matched, ours 300.00 CNY, theirs 300.00 CNY",
    ]
    assert change_lines(Changes(1, 2, [], []), {})[1:] == ["  nothing changed"]
