"""The demo's answer key and its known numbers, checked by the independent oracle without any warehouse."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from settle.demo import EXPECTED
from settle.generate.demo import DEMO_SEED, make_demo
from tests.oracle.oracle import Oracle
from tests.oracle.world import Batch, Results, Row, World

PROJECT = Path(__file__).resolve().parents[2]
SEEDS = (PROJECT / "seeds" / "packages" / "defaults" / "seeds", PROJECT / "seeds" / "config")
KEYS = {
    "orders": ("order_no", "version"),
    "order_lines": ("order_no", "version", "line_no"),
    "payments": ("channel_code", "channel_txn_no"),
}


def rows_of(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def first_of_each_key(rows: Iterable[Row], dataset: str, seen: set[tuple[str, ...]]) -> list[Row]:
    """What loading keeps: a row that comes again under its key is repeated or rejected."""
    kept = []
    for row in rows:
        key = (dataset, *(row[column] for column in KEYS[dataset]))
        if key not in seen:
            seen.add(key)
            kept.append(row)
    return kept


def oracle_of(folder: Path, seed: int) -> Results:
    """Make the demo of this seed and run it through the oracle."""
    world = make_demo(folder, seed)
    config = {path.stem: rows_of(path) for seeds in SEEDS for path in sorted(seeds.glob("*.csv"))}
    seen: set[tuple[str, ...]] = set()
    batches = []
    for day in world.days:
        parts = {
            dataset: first_of_each_key(rows_of(folder / f"{dataset}_{day.batch_date}.csv"), dataset, seen)
            for dataset in KEYS
        }
        batches.append(Batch(day.batch_date, **parts))
    return Oracle(World(seed, "", batches, config)).run()


@pytest.mark.parametrize("seed", [DEMO_SEED, 1, 2])
def test_every_planted_break_comes_to_its_answer(tmp_path: Path, seed: int) -> None:
    results = oracle_of(tmp_path, seed)
    items = {row["item_key"]: row for row in results.items}
    reasons = {row["order_no"]: row["reason_code"] for row in results.exceptions}
    cleared = {row["order_no"] for row in results.details}
    wrong: list[tuple[object, ...]] = []
    for answer in rows_of(tmp_path / "answers.csv"):
        item = items.get(answer["item_key"], {})
        found = (item.get("result"), item.get("pool"), item.get("match_kind") or "")
        if found != (answer["result"], answer["pool"], answer["match_kind"]):
            wrong.append((answer["kind"], answer["item_key"], found))
        if answer["reason"] and reasons.get(answer["order_no"]) != answer["reason"]:
            wrong.append((answer["kind"], answer["order_no"], reasons.get(answer["order_no"])))
        kinds = ("refund_", "pending_but", "late_", "several_v", "correction")
        if answer["kind"].startswith(kinds) and not answer["reason"]:
            assert answer["order_no"] in cleared, answer
    assert wrong == []


def test_the_correction_takes_back_the_first_version_and_the_refused_one_nothing(tmp_path: Path) -> None:
    results = oracle_of(tmp_path, DEMO_SEED)
    found = {
        answer["kind"]: [
            (row["entry_kind"], row["order_version"], row["participant_id"], row["base_minor"])
            for row in results.details
            if row["order_no"] == answer["order_no"] and row["fee_type"] == "commission"
        ]
        for answer in rows_of(tmp_path / "answers.csv")
        if answer["kind"].startswith("correction")
    }
    assert found == {
        "correction": [("new", 1, "M001", 7_500), ("reversal", 1, "M001", -7_500), ("new", 2, "M002", 7_500)],
        "correction_refused": [("new", 1, "M001", 8_200)],
    }


def test_nothing_but_the_planted_breaks_stays_open_or_excepted(tmp_path: Path) -> None:
    results = oracle_of(tmp_path, DEMO_SEED)
    answers = rows_of(tmp_path / "answers.csv")
    last = {row["item_key"]: row["pool"] for row in results.items}
    opened = {key for key, pool in last.items() if pool != "none"}
    assert opened == {row["item_key"] for row in answers if row["pool"] != "none"}
    excepted = {row["order_no"] for row in results.exceptions}
    assert excepted <= {row["order_no"] for row in answers}


def test_every_cap_of_the_demo_company_binds_within_the_ten_days(tmp_path: Path) -> None:
    results = oracle_of(tmp_path, DEMO_SEED)
    full = {
        (row["allocation_rule_code"], row["bearer"])
        for row in results.accumulators
        if row["cap_minor"] is not None and row["closing_minor"] == row["cap_minor"]
    }
    capped = {
        (row["allocation_rule_code"], row["bearer"])
        for row in rows_of(SEEDS[1] / "allocation_bearers.csv")
        if row["cap_minor"]
    }
    assert full == capped


def demo_numbers(results: Results) -> dict[str, int]:
    """The demo's numbers from the oracle's rows, by the names that `settle demo` prints."""
    found: Counter[str] = Counter()
    found["orders cleared"] = len({row["order_no"] for row in results.details})
    found["orders excepted at least once"] = len({row["order_no"] for row in results.exceptions})
    for row in results.details:
        found[f"fees {row['currency']}"] += int(str(row["fee_minor"]))
    for row in results.allocations:
        found[f"fees borne by {row['bearer']}"] += int(str(row["granted_minor"]))
    for item in {row["item_key"]: row for row in results.items}.values():
        found[f"items {item['result']}"] += 1
        if item["pool"] != "none":
            found[f"open in the {item['pool']} pool"] += 1
    for bill in results.bills:
        found["bills"] += 1
        found[f"billed net {bill['currency']}"] += int(str(bill["net_minor"]))
    return dict(found)


def test_the_numbers_that_the_demo_prints_are_the_oracles(tmp_path: Path) -> None:
    assert demo_numbers(oracle_of(tmp_path, DEMO_SEED)) == EXPECTED
