"""Settlement batches and bank deposits of random worlds, against a plain reading of the rules."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path

import pytest

from settle.settings import Settings
from settle.warehouse import open_warehouse
from tests.oracle import hand
from tests.oracle.banking import bank_items, net
from tests.oracle.world import Row, World
from tests.oracle.worlds import write_config
from tests.warehouse.company import build, configured
from tests.warehouse.test_oracle_agrees import load

pytestmark = pytest.mark.postgres_in_campaign

DAYS = tuple(date(2026, 1, day) for day in (5, 6, 7, 12))
WORLDS = 60
FOUND = """
    select batch_id, item_key, result, pool, left_minor, right_minor, difference_minor, match_kind, opened_batch_id
    from {prefix}reconciliation.fct_reconciliation_items
    where relation = 'channel_bank'
"""
UNEXPLAINED = """
    select count(*) from {prefix}reconciliation.fct_reconciliation_totals
    where relation = 'channel_bank' and unexplained_minor <> 0
"""

ASSIGNED = "select count(*) from {prefix}reconciliation.fct_deposit_assignments"


def a_world(seed: int) -> World:
    """Two channels that are compared and one that is not, few numbers, two accounts, and amounts that often meet."""
    draw = random.Random(seed)
    name = f"W{seed}-"
    channels = [f"{name}{letter}" for letter in "CDE"]
    numbers = [f"{name}S{number}" for number in range(1, 5)]
    rules = [
        hand.seed(
            "reconciliation_rules",
            relation="channel_bank",
            channel_code=channel,
            amount_tolerance_minor=draw.choice(("", 5)),
            date_window_days=draw.choice(("", 1, 4)),
            buffer_days=draw.choice(("", 0, 1)),
        )
        for channel in channels[:2]
    ]
    tables = hand.config(
        channels=[hand.seed("channels", channel_code=channel) for channel in channels], reconciliation_rules=rules
    )
    accounts = [f"{name}{letter}" for letter in "AB"]
    batches = []
    lines: list[Row] = []
    for place, day in enumerate(DAYS):
        # From the first day on both accounts are known: what an unknown one means would reach into other worlds.
        rows: list[Row] = [
            hand.deposit(f"{name}0", "7777", booked_on=day.isoformat(), account_no=account, currency="KWD")
            for account in accounts
            if place == 0
        ]
        for line in range(draw.randint(0, 4)):
            rows.append(
                hand.payment(
                    f"{name}{place}{line}",
                    draw.choice(("100", "50", "30", "20")),
                    channel_txn_no=f"{name}T{place}{line}",
                    channel_code=draw.choice(channels),
                    fee=draw.choice(("", "0", "1")),
                    account_no=draw.choice((*accounts[:1] * 4, accounts[1])),
                    currency=draw.choice(("CNY", "CNY", "CNY", "JPY")),
                    txn_type=draw.choice(("payment", "payment", "payment", "refund")),
                    status=draw.choice(("success",) * 5 + ("failed",)),
                    settlement_batch_no=draw.choice((*numbers, "")),
                )
            )
        for entry in range(draw.randint(0, 3)):
            rows.append(
                hand.deposit(
                    f"{name}{place}{entry}",
                    draw.choice(("100", "150", "50", "99", "30")),
                    account_no=draw.choice((*accounts[:1] * 4, accounts[1])),
                    booked_on=(day - timedelta(days=draw.choice((0, 0, 1)))).isoformat(),
                    currency=draw.choice(("CNY", "CNY", "CNY", "JPY")),
                    direction=draw.choice(("credit", "credit", "credit", "debit")),
                    settlement_batch_no=draw.choice((*numbers[:2], "")),
                )
            )
        lines += [row for row in rows if "txn_type" in row]
        rows += entries_like_nets(draw, f"{name}{place}", day, lines)
        batches.append(hand.batch(day.isoformat(), *rows))
    return World(seed, name, [*batches], tables)


def entries_like_nets(draw: random.Random, name: str, day: date, lines: list[Row]) -> list[Row]:
    """Entries without a number, of amounts that settlement batches came to, exactly or nearly."""
    sums: dict[tuple[str, str, str], int] = defaultdict(int)
    accounts: dict[tuple[str, str, str], str] = {}
    for line in lines:
        if line["status"] == "success" and line["settlement_batch_no"]:
            key = line["channel_code"], line["settlement_batch_no"], line["currency"]
            sums[key] += net(line)
            accounts[key] = line["account_no"]
    found: list[Row] = []
    for key, amount in sums.items():
        if draw.random() < 0.6:
            entered = amount + draw.choice((0, 0, 0, 3, -5, 6))
            found.append(
                hand.deposit(
                    f"{name}N{len(found)}",
                    abs(entered) if key[2] == "JPY" else f"{abs(entered) // 100}.{abs(entered) % 100:02d}",
                    account_no=accounts[key],
                    booked_on=(day - timedelta(days=draw.choice((0, 0, 1)))).isoformat(),
                    currency=key[2],
                    direction="debit" if entered < 0 else "credit",
                )
            )
    return [row for row in found if row["amount"] not in ("0", "0.00")]


def test_random_settlement_batches_stand_as_the_rules_say(any_home: Settings, tmp_path: Path) -> None:
    worlds = [a_world(seed) for seed in range(WORLDS)]
    here = configured(any_home)
    write_config(worlds, here.config_dir, leave_out=["business_days", "currencies"])
    load(here, worlds, tmp_path / "files")
    build(here)
    expected = sorted((row for world in worlds for row in bank_items(world)), key=str)
    with open_warehouse(here, read_only=True) as warehouse:
        found = sorted(warehouse.execute(FOUND.format(prefix=here.schema_prefix)), key=str)
        assert warehouse.execute(UNEXPLAINED.format(prefix=here.schema_prefix))[0][0] == 0
        assigned = warehouse.execute(ASSIGNED.format(prefix=here.schema_prefix))[0][0]
    results = {row[2] for row in expected}
    assert results >= {"matched", "matched_late", "amount_mismatch", "platform_only", "channel_only", "ambiguous"}
    missing = [row for row in expected if row not in found]
    strange = [row for row in found if tuple(row) not in expected]
    assert (missing, strange) == ([], [])
    assert len(found) == len(expected) > 300
    assert assigned > 20
