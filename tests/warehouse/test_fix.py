"""`settle fix`: what it lists, refuses and writes, and what the next builds make of it, on both engines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import xlsxwriter

from settle.settings import Settings
from tests.oracle import hand
from tests.oracle.world import World
from tests.oracle.worlds import write_config
from tests.warehouse.company import build, configured
from tests.warehouse.marts import assert_same, mart_rows
from tests.warehouse.shop import run_reset, select, told
from tests.warehouse.test_oracle_agrees import load
from tests.warehouse.test_reset import valid

CONFIG = hand.config(products=[hand.seed("products", product_code="P", spv_code="V")])
FIRST = hand.batch(
    "2026-01-05",
    hand.order("A", "100.00", order_type="subscription"),
    hand.order("B", "50.00", order_type="subscription"),
    hand.report("T1", "A", "99.00"),
    hand.report("T2", "Z", "50.00"),
    hand.report("T3", "Y", "7.00", product_code="P"),
)
WHO = ("--reason", "SPV confirmed", "--by", "Li")
T1, T2, T3 = (f"V|subscription|T{number}" for number in (1, 2, 3))


def asked(key: str, field: str, old: str, new: str, *more: str) -> tuple[str, ...]:
    return (key, "--field", field, "--old", old, "--new", new, *more)


# What is asked, the exit code, and what the message must say.
REFUSED = (
    (asked("V|subscription|T9", "amount", "1", "2", *WHO), 2,
     "V|subscription|T9 is no row of spv_reports. Did you mean V|subscription|T"),
    (asked("T1", "amount", "99.00", "100.00", *WHO), 2, "A key is spv_code|report_kind|spv_txn_no."),
    (asked(T1, "spv_txn_no", "T1", "T7", *WHO), 2,
     "--field spv_txn_no is no field that may be corrected. Use one of order_no,"),
    (asked(T1, "amount", "98.00", "100.00", *WHO), 4,
     "--old 98.00 is not what stands there: amount of V|subscription|T1 is 99.00."),
    (asked(T1, "amount", "99", "99.0", *WHO), 2, "--new 99.0 is what stands there already."),
    (asked(T1, "amount", "99", "1e2", *WHO), 2, "--new 1e2 is in exponent notation. Write all its digits."),
    (asked(T1, "amount", "99", "100.001", *WHO), 2, "has more than two decimals for CNY."),
    (asked(T1, "amount", "99", "-100", *WHO), 2, "--new -100 is below zero."),
    (asked(T1, "amount", "99", "", *WHO), 2, "is empty, and amount must be filled."),
    (asked(T1, "status", "success", "done", *WHO), 2, "--new done is none of success, failed, pending."),
    (asked(T1, "currency", "CNY", "XXX", *WHO), 2, "--new XXX is no configured currency."),
    (asked(T1, "amount", "99", "100", "--by", "Li"), 2, "--reason is missing. Say why"),
    (asked(T1, "amount", "99", "100", "--reason", "so"), 2, "--by is missing. Say who corrects"),
    (asked(T1, "amount", "99", "100", "--dataset", "orders", *WHO), 2, "--dataset orders cannot be corrected."),
    ((T1, "--field", "amount", *WHO), 2, "A correction needs --field, --old"),
    (WHO, 2, "Say what to correct, once"),
)  # fmt: skip


def fixed(*words: str) -> str:
    """What the command says; it must succeed."""
    code, out, err = told("fix", *words)
    assert code == 0, err
    return out


def listed() -> list[tuple[str, str, bool]]:
    lines = json.loads(fixed("--list", "--json"))["lines"]
    return [(line["row_key"], line["error_code"], line["waits"]) for line in lines]


def next_batch(here: Settings, day: str, *rows: dict[str, str]) -> None:
    """Open a batch, with these rows in it, and build it with every test."""
    world = World(0, "", [hand.batch(day, *rows)], CONFIG)
    load(here, [world], here.warehouse_path.parent / f"files-{day}")
    build(here, with_tests=True)


@pytest.mark.postgres_in_campaign
def test_an_error_of_an_spv_is_found_fixed_and_gone(
    any_home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = configured(any_home)
    monkeypatch.setenv("SETTLE_CONFIG", str(here.config_dir))
    monkeypatch.delenv("SETTLE_ACTOR", raising=False)
    world = World(0, "", [FIRST], CONFIG)
    write_config([world], here.config_dir, leave_out=["business_days", "currencies"])
    load(here, [world], tmp_path / "files")
    build(here)

    errors = [(T1, "amount_differs", False), (T2, "unknown_order", False), (T3, "unknown_order", False)]
    assert listed() == errors
    assert f"  {T1}  amount_differs: The amount is not that of the order." in fixed("--list")
    for words, code, message in REFUSED:
        found, out, err = told("fix", *words)
        assert (found, out) == (code, "") and message in err, f"{words}: exit {found}: {out}{err}"
    plan = fixed(*asked(T1, "amount", "99.00", "100.00", *WHO), "--dry-run")
    assert plan.splitlines() == [
        f"Would be corrected: amount of {T1}, 99.00 → 100.00, by Li, from batch 2 on",
        "Nothing was written.",
    ]
    assert select(here, "select * from raw.corrections") == []
    first, raw = mart_rows(here), select(here, "select * from raw.spv_reports")

    table = (
        ("row_key", "field", "old", "new", "reason", "by"),
        (T1, "amount", "99.00", "100.00", "typed wrong", ""),
        (T2, "order_no", "Z", "B", "wrong number", "Wang"),
        (T2, "order_no", "Z", "A", "wrong number", "Wang"),
    )
    path = tmp_path / "corrections.csv"
    path.write_text("\n".join(",".join(row) for row in table), encoding="utf-8")
    code, out, err = told("fix", "--file", str(path), "--by", "Li")
    assert (code, out) == (4, "")
    assert err.splitlines() == [
        f"corrections.csv:4: column \"old\": 'Z' is not what stands there: order_no of {T2} is B. Look at the line "
        "again before you correct it: settle fix --list",
        "Nothing was written. 1 of 3 rows cannot be taken; mend or remove them.",
    ]
    with xlsxwriter.Workbook(str(tmp_path / "corrections.xlsx")) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(table[:3]):
            sheet.write_row(number, 0, row)
    monkeypatch.setenv("SETTLE_ACTOR", "Li")
    written = json.loads(fixed("--file", str(tmp_path / "corrections.xlsx"), "--json"))["corrections"]
    assert [(row["correction_no"], row["by"], row["effective_batch_id"]) for row in written] == [
        ("K-000001", "Li", 2), ("K-000002", "Wang", 2),
    ]  # fmt: skip
    assert mart_rows(here) == first, "a correction changes no batch that is built"
    assert listed() == [(T1, "amount_differs", True), (T2, "unknown_order", True), (T3, "unknown_order", False)]

    # The order that T3 waits for comes by itself; what was corrected and what came are no errors any more.
    next_batch(here, "2026-01-06", hand.order("Y", "7.00", order_type="subscription"))
    assert listed() == []
    columns = "spv_txn_no, order_no, line_kind, amount_minor, difference_minor, error_code, is_corrected"
    assert select(here, f"select {columns} from spv.rpt_spv_in where batch_id = 2") == [
        ("T1", "A", "corrected", 10000, 0, None, True),
        ("T2", "B", "corrected", 5000, 0, None, True),
    ]
    held = "select item_key, result from reconciliation.fct_reconciliation_items where relation = 'orders_spv' and "
    assert select(here, held + "batch_id = 2") == [
        ("V|A|subscription", "matched_late"), ("V|B|subscription", "matched_late"),
        ("V|Y|subscription", "matched_late"), ("V|Z|subscription", "matched_late"),
    ]  # fmt: skip
    assert select(here, "select * from raw.spv_reports") == raw, "what the file said stays"
    story = told("explain", "A")[1]
    assert "their T1, reported, 99.00 CNY; report V:in:subscription:2026-01-05 line 1, CREATED" in story
    assert "amount_differs: The amount is not that of the order." in story
    assert "their T1, corrected, 100.00 CNY; report V:in:subscription:2026-01-06 line 1, CREATED" in story
    assert "told V, new, 100.00 CNY; report V:out:subscription:2026-01-05 line 1, CREATED" in story
    assert f"corrected K-000001: amount of {T1}, 99.00 → 100.00 by Li, " in story
    assert "for batch 2 (2026-01-06): typed wrong" in story
    assert "wrong number" in told("explain", "Z")[1]

    # A correction that was wrong is corrected again; that it takes effect is an example of SPV-FIX.
    code, _, err = told("fix", *asked(T1, "amount", "99.00", "98.00", "--reason", "no"))
    assert code == 4 and f"amount of {T1} is 100.00." in err
    assert "100.00 → 98.00, by Li, from batch 3 on" in fixed(
        *asked(T1, "amount", "100", "98.00", "--reason", "after all")
    )

    # A report that was sent is what it was, whatever is cleared again.
    straight = mart_rows(here)
    run_reset(here, 2)
    assert mart_rows(here)["spv.fct_spv_report_lines"] == straight["spv.fct_spv_report_lines"]
    build(here, "--full-refresh")
    assert_same(valid(straight), valid(mart_rows(here)))
