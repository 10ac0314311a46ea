"""`settle resolve`: what it lists, refuses and writes, and what the next builds make of it, on both engines."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import xlsxwriter

from settle.settings import Settings
from settle.warehouse import open_warehouse
from tests.oracle import hand
from tests.oracle.world import World
from tests.oracle.worlds import write_config
from tests.warehouse.company import build
from tests.warehouse.marts import Marts, assert_same, mart_rows
from tests.warehouse.shop import run_reset, select, told
from tests.warehouse.test_oracle_agrees import load
from tests.warehouse.test_reset import valid

FIRST = hand.batch(
    "2026-01-05",
    hand.order("A", "100.00", channel_code="C"),
    hand.payment("A", "99.99"),
    hand.order("B", "50.00", channel_code="C"),
    hand.payment("Z", "50.00"),
    hand.order("F", "100.00", channel_code="C"),
    hand.payment("F", "100.00"),
    hand.order("K", "30.00", channel_code="D"),
    hand.payment("", "30.00", channel_txn_no="T9"),
    hand.order("P", "100.00", channel_code="C", status="pending"),
    hand.payment("P", "100.00"),
    hand.payment("V", "19.00"),
    hand.order("W", "20.00", channel_code="C"),
    hand.order("X", "100.00", channel_code="C"),
    hand.payment("X", "90", currency="JPY"),
    hand.payment("Y", "5", currency="JPY"),
)
CONFIG = hand.config(
    channels=[hand.seed("channels", channel_code=code) for code in ("C", "D")],
    settlement_models=[hand.model(requires_channel_match="true")],
)
WHO = ("--reason", "agreed", "--by", "Li")
ITEMS = """
    select item_key, result, pool, match_kind, decision_no from reconciliation.fct_reconciliation_items
    where batch_id = {}
"""
# What is asked, the exit code, and what the message must say.
REFUSED = (
    (("C|AA", "--action", "level_out", *WHO), 2, "C|AA is no open item. Did you mean C|A"),
    (("C|F", "--action", "level_out", *WHO), 2, "C|F is not open: matched (auto) since batch 1. See: settle explain F"),
    (("C|A", "--action", "auto_fill", *WHO), 2,
     "--action auto_fill does not fit amount_mismatch; it is for status_mismatch. For C|A use level_out."),
    (("C|A", "--action", "forget", *WHO), 2, "--action forget is no action. Use one of level_out,"),
    (("C|A", "--action", "level_out", "--by", "Li"), 2,
     "--reason is missing. Say why: --reason TEXT Nothing was written."),
    (("C|A", "--action", "level_out", "--reason", " ", "--by", "Li"), 2, "--reason"),
    (("C|A", "--action", "level_out", "--reason", "agreed"), 2,
     "--by is missing. Say who decides: --by NAME, or SETTLE_ACTOR"),
    (("C|A", *WHO), 2, "--action is missing."),
    ((*WHO,), 2, "Say what to decide about, once"),
    (("C|X", "--action", "level_out", *WHO), 2, "does not fit currency_mismatch"),
    (("C|W", "--action", "write_off_match", *WHO), 2, "--with is missing. Name the item on the other side"),
    (("C|W", "--action", "write_off_match", "--with", "C|B", *WHO), 2,
     "--with C|B is platform_only and C|W is platform_only"),
    (("C|W", "--action", "write_off_match", "--with", "C|Y", *WHO), 4, "--with C|Y is in JPY, C|W in CNY"),
    (("C|Z", "--action", "reassign", *WHO), 2, "Name the order that the line belongs to"),
    (("C|Z", "--action", "reassign", "--with", "F", *WHO), 2, "--with F has a line already (matched)"),
    (("C|Z", "--action", "reassign", "--with", "K", *WHO), 2, "--with K is an order of channel D, the line is of C."),
    (("C|Z", "--action", "reassign", "--with", "Q", *WHO), 2, "--with Q is no order of a batch that is built."),
    (("C|Z", "--action", "reassign", "--with", "Z", *WHO), 2, "--with Z is no order"),
    (("C|Y", "--action", "reassign", "--with", "W", *WHO), 4, "--with W is in CNY, the line in JPY."),
    (("C|A", "--action", "reopen", *WHO), 2, "C|A has no decision in force"),
)  # fmt: skip


def begun(base: Settings) -> Settings:
    """The world's first batch, built."""
    here = replace(base, config_dir=base.warehouse_path.parent / "config")
    world = World(0, "", [FIRST], CONFIG)
    write_config([world], here.config_dir, leave_out=["business_days", "currencies"])
    load(here, [world], here.warehouse_path.parent / "files")
    build(here)
    return here


def next_batch(here: Settings, day: str, *arguments: str) -> None:
    """Open a batch in which nothing arrives, and build it with every test."""
    load(here, [replace(World(0, "", [hand.batch(day)], CONFIG))], here.warehouse_path.parent / f"files-{day}")
    build(here, *arguments, with_tests=True)


def resolved(*words: str) -> str:
    """What the command says; it must succeed."""
    code, out, err = told("resolve", *words)
    assert code == 0, err
    return out


def decisions(here: Settings) -> list[tuple[object, ...]]:
    return select(here, "select * from raw.decisions")


@pytest.fixture
def started(any_home: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The first batch, built, on one engine."""
    monkeypatch.delenv("SETTLE_ACTOR", raising=False)
    here = begun(any_home)
    monkeypatch.setenv("SETTLE_CONFIG", str(here.config_dir))
    return here


def test_resolve_refuses_what_does_not_fit_and_writes_nothing(started: Settings, tmp_path: Path) -> None:
    for words, code, message in REFUSED:
        found, out, err = told("resolve", *words)
        assert (found, out) == (code, "") and message in err, f"{words}: exit {found}: {out}{err}"
    path = tmp_path / "decisions.csv"
    path.write_text(
        "item_key,action,reason,with\nC|A,level_out,agreed,\nC|A,level_out,again,\nC|B,level_out,,\n"
        "C|Z,reassign,agreed,F\n\nC|V,level_out,agreed,\n",
        encoding="utf-8",
    )
    code, out, err = told("resolve", "--file", str(path), "--by", "Li")
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "decisions.csv:3: column \"item_key\": 'C|A' has a decision waiting already (this file), for batch 2. "
        "Build it first, or withdraw it: --action reopen",
        "decisions.csv:4: column \"reason\": '' is missing. Say why: --reason TEXT",
        "decisions.csv:5: column \"with\": 'F' has a line already (matched), and its channel takes one line an order: "
        "this one would only be a duplicate there. Level it out instead, or have it refunded.",
        "Nothing was written. 3 of 5 rows cannot be taken; mend or remove them.",
    ]
    for text, message in (
        ("item_key,reason\nC|A,x\n", "decisions.csv:1: the header lacks action."),
        ("item_key,action,reason,amount\nC|A,level_out,x,1\n", "decisions.csv:1: column 'amount' is unknown"),
        ("item_key,action,reason\nC|A,level_out,rounding, agreed\n", "decisions.csv:2: the row has 4 cells"),
        ("item_key,action,reason\n", "decisions.csv: has no decision in it."),
    ):
        path.write_text(text, encoding="utf-8")
        code, out, err = told("resolve", "--file", str(path), "--by", "Li")
        assert (code, out) == (2, "") and message in err, err
    plan = resolved("C|W", "--action", "write_off_match", "--with", "C|V", *WHO, "--dry-run")
    assert plan.splitlines() == [
        "Would be decided: write_off_match by Li",
        "  stands   C|W: platform_only in the buffer pool for 0 days, difference -20.00 CNY; "
        "C|V: channel_only in the error pool for 0 days, difference 19.00 CNY",
        "  becomes  from batch 2 on: both closed (manual), -1.00 CNY to be booked",
        "Nothing was written.",
    ]
    assert decisions(started) == []
    listed = {item["item_key"]: item["actions"] for item in json.loads(resolved("--list", "--json"))["items"]}
    assert listed["C|A"] == ["level_out"] and listed["C|X"] == [] and listed["C|P"] == ["level_out", "auto_fill"]
    assert listed["C||txn|T9"] == ["level_out", "write_off_match", "reassign"] and "C|F" not in listed
    assert "  C|A  amount_mismatch, error pool, 0 days, -0.01 CNY: level_out" in resolved("--list").splitlines()


@pytest.mark.postgres_in_campaign
def test_resolve_takes_effect_in_the_next_batch_and_is_taken_back_by_a_decision(
    started: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = mart_rows(started)
    assert json.loads(told("status", "--json")[1])["decisions_waiting"] == []
    table = (
        ("item_key", "action", "reason", "with", "by"),
        ("C|A", "level_out", "rounding", None, None),
        ("C|W", "write_off_match", "same customer", "C|V", "Wang"),
        ("C|Z", "reassign", "wrong number on the slip", "B", None),
        ("C|P", "auto_fill", "seen on the account", None, None),
    )
    with xlsxwriter.Workbook(str(tmp_path / "decisions.xlsx")) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(table):
            sheet.write_row(number, 0, row)
    monkeypatch.setenv("SETTLE_ACTOR", "Li")
    written = json.loads(resolved("--file", str(tmp_path / "decisions.xlsx"), "--json"))
    assert [(row["decision_no"], row["by"], row["effective_batch_id"]) for row in written["decisions"]] == [
        ("D-000001", "Li", 2), ("D-000002", "Wang", 2), ("D-000003", "Li", 2), ("D-000004", "Li", 2),
    ]  # fmt: skip
    code, _, err = told("resolve", "C|V", "--action", "level_out", "--reason", "again")
    assert code == 4 and "C|V has a decision waiting already (D-000002), for batch 2." in err
    code, _, err = told("resolve", "C|B", "--action", "level_out", "--reason", "again")
    assert code == 4 and "(D-000003)" in err
    # One that is not wanted any more is withdrawn before it takes effect, and another may be taken.
    resolved("C||txn|T9", "--action", "level_out", "--reason", "by mistake")
    assert "D-000005 is withdrawn before" in resolved("C||txn|T9", "--action", "reopen", "--reason", "not ours")
    waiting = json.loads(told("status", "--json")[1])["decisions_waiting"]
    assert [(row["decision_no"], row["item_key"], row["batch_id"]) for row in waiting] == [
        ("D-000001", "C|A", 2), ("D-000002", "C|V", 2), ("D-000003", "C|B", 2), ("D-000004", "C|P", 2),
    ]  # fmt: skip
    now = mart_rows(started)
    changed = {name for name in before if before[name] != now[name]}
    assert changed == {"reconciliation.fct_reconciliation_decisions"}, "a decision changes no batch that is built"

    next_batch(started, "2026-01-06")
    assert select(started, ITEMS.format(2)) == [
        ("C|A", "amount_mismatch", "none", "manual", "D-000001"),
        ("C|B", "matched_late", "none", "manual", "D-000003"),
        ("C|P", "matched", "none", "manual", "D-000004"),
        ("C|V", "channel_only", "none", "manual", "D-000002"),
        ("C|W", "platform_only", "none", "manual", "D-000002"),
        ("C|Z", "matched_late", "none", "manual", "D-000003"),
    ]
    settled = "select order_no from settlement.fct_settlement_entries where settled_batch_id = 2 and is_settleable"
    assert select(started, settled) == [("A",), ("B",), ("P",), ("W",)]
    states = "select decision_no, item_key, state, residual_minor from reconciliation.fct_reconciliation_decisions"
    assert select(started, states) == [
        ("D-000001", "C|A", "in force", -1),
        ("D-000002", "C|V", "in force", -100),
        ("D-000002", "C|W", "in force", -100),
        ("D-000003", "C|B", "in force", 0),
        ("D-000003", "C|Z", "in force", 0),
        ("D-000004", "C|P", "in force", 0),
        ("D-000005", "C||txn|T9", "withdrawn", None),
        ("D-000006", "C||txn|T9", "withdrawn", None),
    ]
    story = told("explain", "A")[1]
    assert "decided D-000001: level_out by Li, " in story and ", for batch 2 (2026-01-06), in force: rounding" in story
    assert "amount to be booked for C|A: -0.01 CNY" in story

    code, _, err = told("resolve", "C|P", "--action", "reopen", "--reason", "no")
    assert code == 2 and "order P has cleared in batch 2. Send a higher version of the order" in err
    for key in ("C|V", "C|B", "C|A"):
        resolved(key, "--action", "reopen", "--reason", "was wrong")
    next_batch(started, "2026-01-07")
    assert select(started, ITEMS.format(3)) == [
        ("C|A", "amount_mismatch", "error", None, "D-000009"),
        ("C|B", "platform_only", "buffer", None, "D-000008"),
        ("C|V", "channel_only", "error", None, "D-000007"),
        ("C|W", "platform_only", "buffer", None, "D-000007"),
        ("C|Z", "channel_only", "error", None, "D-000008"),
    ]
    resolved("C|A", "--action", "level_out", "--reason", "rounding after all")
    next_batch(started, "2026-01-08")
    assert [row[4] for row in select(started, ITEMS.format(4))] == ["D-000010"]
    assert len(decisions(started)) == 10, "nothing that was decided is ever taken out"
    story = told("explain", "B")[1]
    assert "      line T-Z of C, items C|B and C|Z" in story.splitlines(), story
    bill = str(select(started, "select bill_no from settlement.fct_settlement_bills")[0][0])
    for words in (("create", "bill", bill), ("approve", "bill", bill, "--by", "Wang")):
        assert told("audit", *words)[0] == 0
    straight = mart_rows(started)
    build(started, "--full-refresh")
    assert_same(straight, mart_rows(started))
    run_reset(started, 2)
    code, _, err = told("resolve", "--list")
    assert code == 2 and "Batch 4 is half built" in err
    build(started)
    assert_same(valid(straight), valid(mart_rows(started)))
    if started.target == "duckdb":
        assert_same(straight, made_again(started, tmp_path / "decisions"))


def made_again(here: Settings, folder: Path) -> Marts:
    """AUDIT-SEEDS: the marts of a warehouse made anew from its files and from what people decided, in one build."""
    assert told("audit", "export", "--as-seed", str(folder))[0] == 0
    here.warehouse_path.unlink()
    empty = [hand.batch(f"2026-01-0{day}") for day in (6, 7, 8)]
    load(here, [World(0, "", [FIRST, *empty], CONFIG)], folder / "files")
    code, out, err = told("audit", "import", str(folder))
    assert code == 0 and out.splitlines() == [
        "decisions: 10 rows", "corrections: 0 rows", "payout_files: 0 rows", "audit_journal: 2 rows",
    ], err  # fmt: skip
    build(here)
    assert told("audit", "verify")[0] == 0
    return mart_rows(here)


def test_resolve_waits_for_a_batch_that_is_half_built(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, err = told("resolve", "--list")
    assert code == 2 and "settle load orders FILE" in err
    here = begun(home)
    monkeypatch.setenv("SETTLE_CONFIG", str(here.config_dir))
    with open_warehouse(here) as warehouse:
        warehouse.execute("insert into meta.model_batches values ('int_reconciliation__pairs', 2, 'stopped')")
    code, _, err = told("resolve", "C|A", "--action", "level_out", *WHO)
    assert code == 2 and "Batch 2 is half built" in err and decisions(here) == []
