"""Settlement batches and bank deposits of random worlds, against a plain reading of the rules."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from settle.settings import Settings
from settle.warehouse import open_warehouse
from tests.oracle import hand
from tests.oracle.banking import bank_items
from tests.oracle.world import Row, World
from tests.oracle.worlds import write_config
from tests.warehouse.company import build
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


def a_world(seed: int) -> World:
    """Two channels that are compared and one that is not, few numbers, and amounts that often meet."""
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
            buffer_days=draw.choice(("", 0, 1)),
        )
        for channel in channels[:2]
    ]
    tables = hand.config(
        channels=[hand.seed("channels", channel_code=channel) for channel in channels], reconciliation_rules=rules
    )
    batches = []
    for place, day in enumerate(DAYS):
        rows: list[Row] = []
        for line in range(draw.randint(0, 4)):
            rows.append(
                hand.payment(
                    f"{name}{place}{line}",
                    draw.choice(("100", "50", "30", "20")),
                    channel_txn_no=f"{name}T{place}{line}",
                    channel_code=draw.choice(channels),
                    fee=draw.choice(("", "0", "1")),
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
                    booked_on=day.isoformat(),
                    currency=draw.choice(("CNY", "CNY", "CNY", "JPY")),
                    direction=draw.choice(("credit", "credit", "credit", "debit")),
                    settlement_batch_no=draw.choice((*numbers, "")),
                )
            )
        batches.append(hand.batch(day.isoformat(), *rows))
    return World(seed, name, [*batches], tables)


def test_random_settlement_batches_stand_as_the_rules_say(any_home: Settings, tmp_path: Path) -> None:
    worlds = [a_world(seed) for seed in range(WORLDS)]
    here = replace(any_home, config_dir=tmp_path / "config")
    write_config(worlds, here.config_dir, leave_out=["business_days", "currencies"])
    load(here, worlds, tmp_path / "files")
    build(here)
    expected = sorted((row for world in worlds for row in bank_items(world)), key=str)
    with open_warehouse(here, read_only=True) as warehouse:
        found = sorted(warehouse.execute(FOUND.format(prefix=here.schema_prefix)), key=str)
        assert warehouse.execute(UNEXPLAINED.format(prefix=here.schema_prefix))[0][0] == 0
    results = {row[2] for row in expected}
    assert results >= {"matched", "matched_late", "amount_mismatch", "platform_only", "channel_only", "ambiguous"}
    missing = [row for row in expected if row not in found]
    strange = [row for row in found if tuple(row) not in expected]
    assert (missing, strange) == ([], [])
    assert len(found) == len(expected) > 300
