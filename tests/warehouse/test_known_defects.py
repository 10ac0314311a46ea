"""What is known to go wrong in other systems, one test each, named after it.

Most are examples of tests/rules/defects, built together once per engine; the order of rows and files is among them.
"""

from __future__ import annotations

import csv
import random
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from settle.dbt import run_dbt
from settle.load.batches import batch_of
from settle.load.loader import FileJob, LoadReport, Rejecting, load_files
from settle.output import SilentReporter
from settle.settings import Settings
from settle.warehouse import open_warehouse
from tests.oracle import hand
from tests.oracle.compare import compare_worlds
from tests.oracle.world import Batch, World
from tests.oracle.worlds import write_config, write_files
from tests.rules.examples import DATES, Example, prefix_of, read_examples, world_of
from tests.rules.warehouse import WITHOUT_TESTS, Found, from_json, rows_of_examples, to_json
from tests.warehouse.company import CHECKOUT, configured, emptied, isolated, on_postgres, once, shared_base

pytestmark = pytest.mark.postgres_in_campaign

FOLDER = CHECKOUT / "tests" / "rules" / "defects"
AMBIGUOUS = "whoever_came_first_decides_nothing"
# How often the ambiguous example is built, each time with other rows first and in other files.
ARRANGEMENTS = 8
DEFECTS = [example for example in read_examples(FOLDER) if example.name != AMBIGUOUS]
ARRANGED = [example for example in read_examples(FOLDER) if example.name == AMBIGUOUS] * ARRANGEMENTS
ALL = [*DEFECTS, *ARRANGED]
LEFT_OUT = ["business_days", "currencies"]


def opened(settings: Settings, days: Sequence[date] = DATES) -> None:
    """Open the batches of an empty warehouse."""
    with open_warehouse(settings) as warehouse:
        warehouse.ensure_raw_tables()
        for day in days:
            with warehouse.transaction():
                batch_of(warehouse, day)


def load(settings: Settings, files: Sequence[tuple[date, str, Path]]) -> None:
    """Load files in the order given; every row of them must be taken."""
    reports: list[LoadReport] = []
    for day, dataset, path in files:
        load_files(settings, [FileJob(dataset, path, "canonical")], day, Rejecting(), SilentReporter(), reports)
    assert all(report.status == "loaded" and not report.counts.rejected for report in reports), [
        report.summary() for report in reports
    ]


def run(settings: Settings) -> list[str]:
    """Build what is due; returns what failed."""
    outcome = run_dbt(settings, ["build", "--exclude-resource-type", *WITHOUT_TESTS], show_progress=False)
    return [] if outcome.success else list(outcome.failures)


def files_of(worlds: Sequence[World], folder: Path) -> list[tuple[date, str, Path]]:
    """The files of the worlds that have rows."""
    return [job for job in write_files(worlds, folder) if len(job[2].read_text(encoding="utf-8").splitlines()) > 1]


def arranged(world: World, number: int, folder: Path) -> list[tuple[date, str, Path]]:
    """The rows of a world shuffled and dealt to two files each, the files in any order."""
    chance = random.Random(number)
    halves: list[list[Batch]] = [[], []]
    for batch in world.batches:
        dealt: list[dict[str, list[dict[str, str]]]] = [{}, {}]
        for dataset in ("orders", "order_lines", "payments"):
            rows = list(getattr(batch, dataset))
            chance.shuffle(rows)
            cut = chance.randint(0, len(rows))
            dealt[0][dataset], dealt[1][dataset] = rows[:cut], rows[cut:]
        for half, rows_of in zip(halves, dealt, strict=True):
            half.append(Batch(batch.batch_date, rows_of["orders"], rows_of["order_lines"], rows_of["payments"]))
    files = [
        job
        for place, half in enumerate(halves)
        for job in files_of([replace(world, batches=half)], folder / f"{world.prefix}{place}")
    ]
    chance.shuffle(files)
    # Lines find their orders only in what is loaded already.
    return sorted(files, key=lambda job: (job[0], job[1] == "order_lines"))


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def defects(
    request: pytest.FixtureRequest,
    own_folder: Path,
    own_postgres_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Found:
    """What the marts hold of all defects, on one engine; invariants that are broken are told among the differences."""

    def make(kept: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            if request.param == "postgres":
                emptied(own_postgres_folder)
                server = request.getfixturevalue("postgres_server")
                base = on_postgres(patch, own_postgres_folder, server, "known_defects")
            else:
                emptied(own_folder)
                base = isolated(patch, own_folder)
            folder = base.warehouse_path.parent
            here = replace(configured(base), archive_dir=folder / "archive")
            worlds = [world_of(number, example) for number, example in enumerate(ALL)]
            write_config(worlds, here.config_dir, leave_out=LEFT_OUT)
            opened(here)
            load(here, files_of(worlds[: len(DEFECTS)], folder / "files"))
            for world in worlds[len(DEFECTS) :]:
                load(here, arranged(world, world.seed, folder / "files"))
            failures = run(here)
            assert not failures, "\n".join(failures)
            with open_warehouse(here, read_only=True) as warehouse:
                told = compare_worlds(worlds, warehouse.execute, here.schema_prefix)
                broken = warehouse.execute("select distinct invariant from quality.rpt_invariants where not held")
                told += [f"invariant {name} is broken" for (name,) in broken]
                found = Found(rows_of_examples(warehouse, ALL), told, "", "")
            (kept / "found.json").write_text(to_json(found), encoding="utf-8")

    folder = once(shared_base(tmp_path_factory), f"known-defects-{request.param}", make)
    return from_json((folder / "found.json").read_text(encoding="utf-8"))


def assert_holds(found: Found, *names: str) -> None:
    """The examples with these names hold."""
    numbers = [number for number, example in enumerate(ALL) if example.name in names]
    assert len({ALL[number].name for number in numbers}) == len(names), f"no such example among {names}"
    problems = [text for number in numbers for text in found.problems(number, ALL[number])]
    assert not problems, "\n".join(problems)


def test_a_buffer_row_that_differs_in_amount_is_not_counted_twice(defects: Found) -> None:
    assert_holds(defects, "a_buffer_row_that_differs_is_counted_once")


def test_the_buffer_is_not_searched_across_channels(defects: Found) -> None:
    assert_holds(defects, "the_buffer_is_searched_in_the_same_channel_only")


def test_one_record_is_not_matched_by_many(defects: Found) -> None:
    assert_holds(defects, "one_line_matches_one_order")


def test_a_surplus_does_not_pass_as_fine(defects: Found) -> None:
    assert_holds(defects, "a_surplus_is_an_error_like_a_shortfall")


def test_totals_do_not_double_when_a_second_account_appears(defects: Found) -> None:
    assert_holds(defects, "one_account", "a_second_account_doubles_nothing")


def test_ambiguity_is_not_settled_by_whichever_came_first(defects: Found) -> None:
    """The same rows in eight orders, over other files each time: the same items, amounts and names."""
    assert_holds(defects, AMBIGUOUS)


def test_a_payout_that_its_rows_do_not_explain_is_a_difference(defects: Found) -> None:
    assert_holds(defects, "a_payout_is_held_against_its_rows_and_not_against_itself")


def test_none_of_them_breaks_an_invariant_and_the_oracle_agrees(defects: Found) -> None:
    assert not defects.differences, "\n".join(defects.differences[:20])


def packed(home: Settings, example: Example) -> tuple[Settings, World]:
    """An empty warehouse with the batches and the configuration of one example."""
    folder = home.warehouse_path.parent
    here = replace(configured(home), archive_dir=folder / "archive")
    world = world_of(0, example)
    write_config([world], here.config_dir, leave_out=LEFT_OUT)
    opened(here)
    load(here, files_of([world], folder / "files"))
    return here, world


def example_of(config: dict[str, list[dict[str, str]]], batches: dict[str, dict[str, list[dict[str, str]]]]) -> Example:
    """An example that expects nothing by itself."""
    return Example("REC-FILL", "written_here", config, batches, {}, {}, "")


def test_a_failed_day_is_tried_again_until_it_is_mended(home: Settings) -> None:
    """The second day holds an order that settles beyond the calendar. No later day is built before it."""
    late = {"order_no": "B", "amount": "50.00", "channel_code": "C", "ordered_at": "2027-01-04T10:00:00+08:00"}
    example = example_of(
        {"settlement_models": [{"cycle": "T1", "requires_channel_match": "true"}]},
        {
            "2026-01-05": {
                "orders": [{"order_no": "A", "amount": "100.00", "channel_code": "C"}],
                "payments": [{"order_no": "A", "amount": "100.00"}],
            },
            "2026-01-06": {"orders": [late], "payments": [{"order_no": "B", "amount": "50.00"}]},
            "2026-01-08": {
                "orders": [{"order_no": "D", "amount": "70.00", "channel_code": "C"}],
                "payments": [{"order_no": "D", "amount": "70.00"}],
            },
        },
    )
    here, _ = packed(home, example)
    entries = "select order_no, batch_id, count(*) from settlement_internal.int_settlement__entries group by 1, 2"
    for _ in range(2):
        failures = run(here)
        assert any("extend business_days for calendar CN and build again" in text for text in failures), failures
        with open_warehouse(here, read_only=True) as warehouse:
            assert warehouse.execute(entries) == [(f"{prefix_of(0)}A", 1, 1)]
    shipped = CHECKOUT / "seeds" / "packages" / "defaults" / "seeds" / "business_days.csv"
    shutil.copyfile(shipped, here.config_dir / "business_days.csv")
    with (here.config_dir / "business_days.csv").open("a", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(("CN", f"2027-01-{day:02}", "true") for day in range(1, 15))
    assert run(here) == []
    with open_warehouse(here, read_only=True) as warehouse:
        assert sorted(warehouse.execute(entries)) == [(f"{prefix_of(0)}{name}", batch, 1) for name, batch in
                                                      (("A", 1), ("B", 2), ("D", 3))]  # fmt: skip
        matched = "select order_no, count(*), max(result) from reconciliation.fct_reconciliation_items group by 1"
        assert sorted(warehouse.execute(matched)) == [(f"{prefix_of(0)}{name}", 1, "matched") for name in "ABD"]


def test_a_decision_is_stored_and_outlives_the_rule_that_took_it(home: Settings) -> None:
    """A pending order is filled; then the channel loses its rule, and another line touches the order."""
    example = example_of(
        {"reconciliation_rules": [{"auto_fill": "true"}]},
        {
            "2026-01-05": {
                "orders": [{"order_no": "A", "amount": "100.00", "channel_code": "C", "status": "pending"}],
                "payments": [{"order_no": "A", "amount": "100.00"}],
            }
        },
    )
    here, world = packed(home, example)
    assert run(here) == []
    unruled = world_of(0, replace(example, config={"reconciliation_rules": [{"auto_fill": "false"}]}))
    write_config([unruled], here.config_dir, leave_out=LEFT_OUT)
    day = date(2026, 2, 25)
    opened(here, [day])
    further = hand.payment(
        f"{prefix_of(0)}A", "100.00", channel_code=f"{prefix_of(0)}C", channel_txn_no=f"{prefix_of(0)}T2"
    )
    load(here, files_of([replace(world, batches=[Batch(day, payments=[further])])], here.archive_dir / "files"))
    assert run(here) == []
    with open_warehouse(here, read_only=True) as warehouse:
        items = warehouse.execute(
            "select batch_id, result, match_kind from reconciliation.fct_reconciliation_items order by batch_id"
        )
        assert items == [(1, "matched", "auto_fill"), (7, "duplicate_channel", None)]
        periods = warehouse.execute(
            "select from_batch_id, until_batch_id, match_kind from reconciliation.fct_item_periods "
            "where result = 'matched'"
        )
        assert periods == [(1, None, "auto_fill")]
        cleared = "select batch_id, base_minor, fee_minor from clearing.fct_clearing_details"
        assert warehouse.execute(cleared) == [(1, 10_000, 100)]
