"""Reset: cleared again is cleared as if it were the first time; what was superseded stays; what is paid is left alone.

The tables of docs/rules/reset.md are read here and must be what the warehouse holds.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import yaml

from settle.dbt import run_dbt, state_folder
from settle.reset import BUILT_BEFORE_SORTING, BUILT_BESIDE_SORTING, KEPT_AS_SENT, cleared_again
from settle.settings import Settings
from settle.shadow import MARTS as SHADOW_MARTS
from settle.shadow import clearing_models
from settle.warehouse import open_warehouse
from tests.oracle.worlds import calendar, make_world, write_config
from tests.warehouse.company import CHECKOUT, Demo, build, start
from tests.warehouse.marts import Marts, assert_same, every_row, mart_rows
from tests.warehouse.shop import configure, load_returns, run_reset, select, shop_config, table_of, told
from tests.warehouse.test_oracle_agrees import load
from tests.warehouse.test_recovery import kill, wait_for_commits, wait_for_log

FIRST_WORLD, WORLDS = 9_000_001, 4
SUPERSEDED = "clearing.fct_superseded_details"
ALLOCATIONS = "clearing.fct_fee_allocations"


def valid(marts: Marts) -> Marts:
    """The marts without what resets superseded."""
    header, *rows = marts[ALLOCATIONS]
    kept = [row for row in rows if cell(header, row, "is_valid") == "true"]
    return {name: rows for name, rows in marts.items() if name != SUPERSEDED} | {ALLOCATIONS: [header, *kept]}


def cell(header: str, row: str, column: str) -> str:
    """One value of a mart's row."""
    return row.split("\t")[[name.split()[0] for name in header.split("\t")].index(column)]


SHARES = """
    select batches.batch_date, allocations.order_no, details.fee_minor, allocations.bearer, allocations.granted_minor,
        allocations.accumulated_minor
    from clearing.fct_fee_allocations as allocations
    inner join {details} as details on details.clearing_seq = allocations.clearing_seq and {same}
    inner join raw.batches as batches on batches.batch_id = allocations.batch_id
    where {which} and allocations.granted_minor <> 0
"""
NOW = SHARES.format(details="clearing.fct_clearing_details", same="true", which="allocations.is_valid")
BEFORE = SHARES.format(
    details="clearing.fct_superseded_details", same="details.reset_no = allocations.reset_no", which="not is_valid"
)


# B as it was before the reset, as `settle explain` tells it.
WAS_OF_B = [
    "  line 1 cleared in batch 2 (2026-01-06) as number 2: new, 100.00 CNY for M, model S",
    "    commission by rule R (all orders, version KEY, changed since): 1 % of the amount, rounded half_up; "
    "base 100.00 CNY → fee 1.00 CNY",
    "      N bears 0.50 CNY of 1.00 CNY asked; 1.00 → 1.50 of its cap 1.50 CNY (lifetime) used, room 0.50 → 0.00 CNY",
    "      M, the participant, bears 0.50 CNY: 0.50 CNY that N could not take",
]


def without_clock(text: str) -> str:
    """The text with the times and keys in it named only."""
    return re.sub(r"version [0-9a-f]{8}", "version KEY", re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "TIME", text))


def told_of(order_no: str) -> list[str]:
    """What `settle explain` tells of the clearing of an order."""
    code, out, err = told("explain", order_no)
    assert code == 0, err
    part = out.partition("  Clearing 清分清算\n")[2].splitlines()
    return [without_clock(line).removeprefix("    ") for line in takewhile(lambda line: line.startswith("    "), part)]


def resets_told() -> list[str]:
    """The resets that `settle status` lists."""
    code, out, err = told("status")
    assert code == 0, err
    return without_clock(out.partition("Resets\n")[2].partition("\nOpen items")[0]).splitlines()


def as_page(rows: list[tuple[object, ...]]) -> list[dict[str, str]]:
    names = ("batch", "order", "fee_minor", "bearer", "granted_minor", "accumulated_minor")
    return [dict(zip(names, ("" if value is None else str(value) for value in row), strict=True)) for row in rows]


@pytest.mark.postgres_in_campaign
def test_reset_from_clears_again_by_todays_configuration_and_reset_kept_shows_what_was(here: Settings) -> None:
    """The examples of the page: the rate falls, and the room under the cap is that of the batch before."""
    page = table_of("RESET-FROM")
    first = [row for row in page if row["batch"] == "2026-01-05"]
    straight = select(here, NOW)
    configure(here.config_dir, shop_config(ppm=3_000))
    code, out, err = told("reset", "--from-batch", "2", "--reason", "rate of R", "--by", "Li")
    assert code == 0, err
    assert out.splitlines() == [
        "Reset 1 from batch 2 to 3: 2 orders and 2 fees are cleared again.",
        "  batch 2 (2026-01-06)  1 orders, 1 fees",
        "  batch 3 (2026-01-07)  1 orders, 1 fees",
        "What they had cleared to is kept, not valid. Clear them again: settle run",
    ]
    assert as_page(select(here, NOW)) == first
    superseded = "superseded by reset 1 of TIME, from batch 2 to 3, by Li: rate of R"
    # The configuration is that of the last build until the next one.
    was = [text.replace(" (all orders, version KEY, changed since)", "") for text in WAS_OF_B]
    assert told_of("B") == [superseded, *was, "  not cleared again yet (batch 2): settle run"]
    assert resets_told() == ["     1  from batch 2 to 3, TIME by Li: rate of R; not cleared again yet: batch 2, 3"]
    build(here, with_tests=True)
    now, text = told_of("B")[:3], told_of("B")[3:]
    assert now == [
        "line 1 cleared in batch 2 (2026-01-06) as number 2: new, 100.00 CNY for M, model S",
        "  commission by rule R (all orders, version KEY): 0.3 % of the amount, rounded half_up; "
        "base 100.00 CNY → fee 0.30 CNY",
        "    N bears 0.30 CNY; 1.00 → 1.30 of its cap 1.50 CNY (lifetime) used, room 0.50 → 0.20 CNY",
    ]
    replaced = "      replaced by a fee of 0.30 CNY in batch 2 (2026-01-06)"
    assert text == [superseded, *WAS_OF_B, replaced]
    assert resets_told() == ["     1  from batch 2 to 3, TIME by Li: rate of R; cleared again"]
    assert as_page(select(here, NOW)) == page
    assert as_page(select(here, BEFORE)) == table_of("RESET-KEPT")
    assert [row for row in straight if str(row[0]) > "2026-01-05"] == select(here, BEFORE)
    assert select(here, "select reset_no, from_batch_id, up_to_batch_id, reason, reset_by from meta.resets") == [
        (1, 2, 3, "rate of R", "Li")
    ]
    # What was billed by is kept as well: the version of the rule that no live batch from 2 on has used.
    assert select(here, "select distinct batch_id, ppm from clearing_superseded.int_clearing__rules_used") == [
        (2, 10_000), (3, 10_000),
    ]  # fmt: skip
    reasons = "select batch_id, order_no, reason_code from clearing_superseded.int_clearing__lines_sorted"
    assert (3, "XC", "unknown_product") in select(here, reasons)

    # A second reset keeps the first one's rows, and a full refresh touches neither.
    assert select(here, "select batch_id from meta.tested_batches") == [(1,), (2,), (3,)]
    run_reset(here, 3)
    assert select(here, "select batch_id from meta.tested_batches") == [(1,), (2,)]
    build(here)
    counted = "select reset_no, count(*) from clearing.fct_superseded_details group by reset_no"
    assert select(here, counted) == [(1, 2), (2, 1)]
    counted = "select reset_no, count(*) from clearing.fct_fee_allocations where not is_valid and granted_minor <> 0"
    assert select(here, f"{counted} group by reset_no") == [(1, 3), (2, 2)]
    before = mart_rows(here)
    assert as_page(select(here, NOW)) == page
    configure(here.config_dir, shop_config())
    build(here, "--full-refresh")
    after = mart_rows(here)
    assert select(here, NOW) == straight
    assert after[SUPERSEDED] == before[SUPERSEDED]
    assert [row for row in after[ALLOCATIONS] if "\tfalse" in row] == [
        row for row in before[ALLOCATIONS] if "\tfalse" in row
    ]


def test_reset_order_starts_where_the_order_first_cleared(here: Settings) -> None:
    before = every_row(here)
    code, out, _ = told("reset", "--from-order", "B", "--dry-run", "--json")
    assert code == 0
    plan = json.loads(out)
    assert (plan["from_batch_id"], plan["up_to_batch_id"], plan["reset_no"], plan["dry_run"]) == (2, 3, None, True)
    assert (plan["orders"], plan["fees"]) == (2, 2)
    for words, code, said in (
        (("--from-order", "XB"), 2, "--from-order XB: the order has never cleared, so no batch can be named by it"),
        (("--from-order", "b"), 2, "--from-order b: there is no such order in this warehouse. Did you mean B"),
        (("--from-batch", "0"), 2, "--from-batch 0: batches 1 to 3 are cleared. Name one of them"),
        (("--from-batch", "4"), 2, "--from-batch 4: batches 1 to 3 are cleared. Name one of them"),
        ((), 2, "Say where to start, once: --from-batch N or --from-order ORDER_NO."),
        (("--from-batch", "1", "--from-order", "A"), 2, "Say where to start, once"),
    ):
        found, _, err = told("reset", *words)
        assert found == code, err
        assert said in err
    assert every_row(here) == before


def test_reset_paid_bills_stop_a_reset(here: Settings, tmp_path: Path) -> None:
    bills = {str(row[0]): row[1:] for row in select(
        here, "select batch_id, bill_no, net_minor, currency, state from settlement.fct_settlement_bills "
        "where participant_id = 'M'"
    )}  # fmt: skip
    second = bills["2"][0]
    assert bills["2"][1:] == (9950, "CNY", "CREATED")
    load_returns(
        here, tmp_path,
        f"F1,PAY-{bills['1'][0]},T1,100.00,CNY,failed",
        f"F1,PAY-{second},T2,99.49,CNY,success",
        f"F1,PAY-{second},T3,99.50,USD,success",
        f"F1,PAY-{bills['3'][0]},T4,99.00,CNY,unknown",
        f"F1,{bills['3'][0]},T5,99.00,CNY,success",
    )  # fmt: skip
    states = "select distinct state from settlement.fct_settlement_bills"
    assert select(here, states) == [("CREATED",)], "another amount, currency, status or instruction pays nothing"
    load_returns(here, tmp_path, f"F2,PAY-{second},T6,99.50,CNY,success", name="more.csv")
    paid = "select bill_no from settlement.fct_settlement_bills where state = 'paid'"
    assert select(here, paid) == [(second,)]

    before = every_row(here)
    for words in (("--from-batch", "1"), ("--from-order", "B"), ("--from-batch", "2", "--dry-run")):
        code, out, err = told("reset", *words)
        assert (code, out) == (4, ""), err
        assert err.splitlines() == [
            f"From batch {2 if 'B' in words or '2' in words else 1} on, 1 bill is paid; clearing again would change "
            "what was paid for. Nothing was changed.",
            f"  {second}  M  99.50 CNY  batch 2",
            "Reset from batch 3 on, or correct the orders by higher versions.",
        ]
    assert every_row(here) == before
    configure(here.config_dir, shop_config(ppm=3_000))
    run_reset(here, 3)
    build(here)
    assert select(here, paid) == [(second,)]
    nets = "select net_minor, state from settlement.fct_settlement_bills where participant_id = 'M' and batch_id > 1"
    payable_again = (10000, "CREATED")
    assert select(here, nets) == [payable_again, (9950, "paid"), (9970, "CREATED")], "the first bill's payout failed"


def test_reset_and_shadow_change_nothing_while_somebody_loads(here: Settings) -> None:
    before = every_row(here)
    with open_warehouse(here) as warehouse, warehouse.exclusive():
        for words in (("reset",), ("shadow", "--config", str(here.config_dir))):
            process = start(here, *words, "--from-batch", "1")
            _, err = process.communicate(timeout=120)
            assert process.returncode == 3, err
            assert "Nothing was changed" in err
    assert every_row(here) == before


def test_reset_is_all_or_nothing(here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> datetime:
        raise RuntimeError("the last statement of the reset fails")

    before = every_row(here)
    monkeypatch.setattr("settle.reset._now", fails)
    with pytest.raises(RuntimeError, match="last statement"):
        run_reset(here, 1)
    assert every_row(here) == before


def test_reset_of_what_an_earlier_version_built_asks_for_a_build(here: Settings) -> None:
    with open_warehouse(here) as warehouse:
        warehouse.execute("drop schema clearing_superseded cascade")
        if not warehouse.has_table("clearing", "fct_fee_allocations"):
            warehouse.execute("create view clearing.fct_fee_allocations as select 1 as one")
    code, _, err = told("reset", "--from-batch", "1")
    assert code == 2
    assert "the tables of schema clearing_superseded are missing" in err
    assert select(here, "select max(batch_id) from clearing_internal.int_clearing__lines_sorted") == [(3,)]
    build(here)
    run_reset(here, 1)


@pytest.mark.parametrize("engine", ["duckdb", "postgres"])
@pytest.mark.postgres_in_campaign
def test_reset_and_replay_is_the_straight_run(engine: str, request: pytest.FixtureRequest) -> None:
    """On random worlds, from the last batch, from the middle by two resets in a row, and from the first."""
    dates = calendar(FIRST_WORLD)[:3]
    settings: Settings = request.getfixturevalue("home" if engine == "duckdb" else "postgres_home")
    base = settings.warehouse_path.parent
    worlds = [make_world(seed, dates, full=True) for seed in range(FIRST_WORLD, FIRST_WORLD + WORLDS)]
    base.mkdir(parents=True, exist_ok=True)
    here = replace(settings, config_dir=base / "config")
    write_config(worlds, here.config_dir, leave_out=["business_days", "currencies"])
    load(here, worlds, base / "files")
    build(here)
    straight = mart_rows(here)
    superseded = 0
    for starts in ((3,), (3, 2), (1,)):
        for from_batch in starts:
            run_reset(here, from_batch)
        build(here)
        found = mart_rows(here)
        assert_same(valid(straight), valid(found))
        assert len(found[SUPERSEDED]) > superseded
        superseded = len(found[SUPERSEDED])
    numbers = select(here, "select reset_no, from_batch_id, up_to_batch_id from meta.resets")
    assert numbers == [(1, 3, 3), (2, 3, 3), (3, 2, 2), (4, 1, 3)]


def test_killed_between_reset_and_build_and_in_the_build_loses_nothing(home: Settings, demo: Demo) -> None:
    shutil.copyfile(demo.built, home.warehouse_path)
    raw = {name: rows for name, rows in every_row(home).items() if name.startswith("raw.")}
    process = start(home, "reset", "--from-batch", "4")
    process.communicate(timeout=120)
    assert process.returncode == 0
    log = state_folder(home) / "logs" / "dbt.log"
    log.unlink(missing_ok=True)
    process = start(home, "run", "--no-tests")
    wait_for_log(home, process, "START sql batch_by_batch model clearing_internal.int_clearing__grants")
    wait_for_commits(home, process, 2)
    kill(process)
    build(home)
    found = mart_rows(home)
    assert_same(valid(demo.marts), valid(found))
    assert {name: rows for name, rows in every_row(home).items() if name.startswith("raw.")} == raw
    header, *rows = demo.marts["clearing.fct_clearing_details"]
    before = [row for row in rows if int(cell(header, row, "batch_id")) >= 4]
    assert len(found[SUPERSEDED]) - 1 == len(before) > 0


def lineage(settings: Settings) -> dict[str, dict[str, Any]]:
    """dbt's own nodes by unique id."""
    assert run_dbt(settings, ["parse", "--write-json"], show_progress=False).success
    manifest = json.loads((state_folder(settings) / "target" / "manifest.json").read_text(encoding="utf-8"))
    nodes: dict[str, dict[str, Any]] = manifest["nodes"]
    return nodes


def above(nodes: dict[str, dict[str, Any]], unique_id: str) -> set[str]:
    """Every node that a node reads, directly or through others."""
    found, queue = set(), [unique_id]
    while queue:
        for parent in nodes.get(queue.pop(), {}).get("depends_on", {}).get("nodes", []):
            if parent not in found:
                found.add(parent)
                queue.append(parent)
    return found


def test_reset_takes_out_every_model_that_reads_what_clears(home: Settings) -> None:
    nodes = lineage(home)
    names = ("models_used", "rules_used", "tiers_used", "accounts_used", "lines_sorted")
    sorting = {f"model.settlement_warehouse.int_clearing__{name}" for name in names}
    by_batch = {key for key, node in nodes.items() if node["config"].get("materialized") == "batch_by_batch"}
    below = {key for key in by_batch if key in sorting or above(nodes, key) & sorting}
    reset = {nodes[key]["name"]: nodes[key]["schema"] for key in below}
    assert reset.keys() >= KEPT_AS_SENT
    assert cleared_again(CHECKOUT) == {name: schema for name, schema in reset.items() if name not in KEPT_AS_SENT}
    assert {nodes[key]["name"] for key in by_batch - below} == BUILT_BEFORE_SORTING | BUILT_BESIDE_SORTING

    # And the shadow copies every model with a state that its marts are built from.
    wanted = set().union(*(above(nodes, f"model.settlement_warehouse.{name}") for name in SHADOW_MARTS))
    assert {nodes[key]["name"] for key in by_batch & wanted} == set(clearing_models(home)) | BUILT_BEFORE_SORTING


def test_reset_kept_details_have_every_column_of_the_details() -> None:
    folder = CHECKOUT / "models" / "marts" / "clearing"

    def columns(name: str) -> list[tuple[str, str]]:
        content = yaml.safe_load((folder / f"{name}.yml").read_text(encoding="utf-8"))
        return [(column["name"], column["data_type"]) for column in content["models"][0]["columns"]]

    assert columns("fct_superseded_details") == [("reset_no", "bigint"), *columns("fct_clearing_details")]
    sql = (folder / "fct_fee_allocations.sql").read_text(encoding="utf-8").partition("union all")[2]
    for name, _ in columns("fct_fee_allocations"):
        assert name == "is_valid" or re.search(rf"\b{name}\b", sql), f"superseded rows lack {name}"
