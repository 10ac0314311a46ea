"""Orders and SPV reports of random worlds, against a plain reading of the rules."""

from __future__ import annotations

import random
from datetime import date
from pathlib import Path

import pytest

from settle.settings import Settings
from settle.warehouse import open_warehouse
from tests.oracle import hand
from tests.oracle.reporting import spv_items
from tests.oracle.world import Row, World
from tests.oracle.worlds import write_config
from tests.rules.warehouse import write_corrections
from tests.warehouse.company import build, configured
from tests.warehouse.test_oracle_agrees import load

pytestmark = pytest.mark.postgres_in_campaign

DAYS = tuple(date(2026, 1, day) for day in (5, 6, 7, 12))
WORLDS = 60
FOUND = """
    select batch_id, item_key, result, pool, left_minor, right_minor, difference_minor, match_kind, opened_batch_id
    from {prefix}reconciliation.fct_reconciliation_items
    where relation = 'orders_spv'
"""
UNEXPLAINED = """
    select count(*) from {prefix}reconciliation.fct_reconciliation_totals
    where relation = 'orders_spv' and unexplained_minor <> 0
"""
TYPES = ("subscription", "subscription", "redemption", "repayment", "compensation", "sale")


def a_world(seed: int) -> World:
    """Three SPVs, one without a rule, products of each and of none, few numbers, and amounts that often meet."""
    draw = random.Random(seed)
    name = f"W{seed}-"
    spvs = [f"{name}{letter}" for letter in "UVW"]
    products = [hand.seed("products", product_code=f"{name}P{n}", spv_code=spv) for n, spv in enumerate((*spvs, ""))]
    rules = [
        hand.seed(
            "reconciliation_rules",
            relation="orders_spv",
            channel_code=spv,
            grouping=draw.choice(("single", "sum")),
            amount_tolerance_minor=draw.choice(("", 5)),
            buffer_days=draw.choice(("", 0, 1)),
        )
        for spv in spvs[:2]
    ]
    numbers = [f"{name}A{number}" for number in range(1, 8)]
    amounts = {number: draw.choice(("100", "50")) for number in numbers}
    versions = dict.fromkeys(numbers, 0)
    types = {number: draw.choice(TYPES) for number in numbers}
    batches = []
    came: list[Row] = []
    for place, day in enumerate(DAYS):
        rows: list[Row] = []
        for earlier in draw.sample(came, min(len(came), draw.choice((0, 0, 1, 2)))):
            field, value = draw.choice(
                (
                    ("order_no", draw.choice((*numbers, f"{name}Z", ""))),
                    ("amount", draw.choice(("100", "50", "30"))),
                    ("status", draw.choice(("success", "failed"))),
                )
            )
            key = f"{earlier['spv_code']}|{earlier['report_kind']}|{earlier['spv_txn_no']}"
            rows.append(hand.correction(key, field, earlier[field], value))
        for number in draw.sample(numbers, draw.randint(0, 4)):
            versions[number] += 1
            product = (
                draw.choice(products)["product_code"] if draw.random() < 0.3 else f"{name}P{numbers.index(number) % 4}"
            )
            rows.append(
                hand.order(
                    number,
                    amounts[number] if draw.random() < 0.8 else "70",
                    version=versions[number],
                    order_type=types[number],
                    product_code=product,
                    currency=draw.choice(("CNY",) * 5 + ("JPY",)),
                    status=draw.choice(("success",) * 4 + ("failed", "pending")),
                )
            )
        for line in range(draw.randint(0, 5)):
            number = draw.choice((*numbers, f"{name}Z", ""))
            kind = types.get(number, "subscription")
            currency = draw.choice(("CNY",) * 5 + ("JPY",))
            amount = draw.choice((amounts.get(number, "100"), amounts.get(number, "100"), "100.04", "30"))
            rows.append(
                hand.report(
                    f"{name}T{place}{line}",
                    number,
                    amount if currency == "CNY" else "100",
                    spv_code=draw.choice(spvs)
                    if draw.random() < 0.2
                    else spvs[numbers.index(number) % 3 if number in numbers else 0],
                    report_kind=draw.choice(
                        (("repayment" if kind == "compensation" else "subscription" if kind == "sale" else kind),) * 6
                        + ("redemption", "distribution")
                    ),
                    currency=currency,
                    status=draw.choice(("success",) * 5 + ("failed",)),
                    confirmed_on=draw.choice((day.isoformat(), "2026-01-02")),
                )
            )
        came += [row for row in rows if "spv_txn_no" in row]
        batches.append(hand.batch(day.isoformat(), *rows))
    tables = hand.config(products=products, reconciliation_rules=rules)
    return World(seed, name, [*batches], tables)


def test_random_spv_reports_stand_as_the_rules_say(any_home: Settings, tmp_path: Path) -> None:
    worlds = [a_world(seed) for seed in range(WORLDS)]
    here = configured(any_home)
    write_config(worlds, here.config_dir, leave_out=["business_days", "currencies"])
    load(here, worlds, tmp_path / "files")
    write_corrections(here, worlds)
    build(here)
    expected = sorted((row for world in worlds for row in spv_items(world)), key=str)
    with open_warehouse(here, read_only=True) as warehouse:
        found = sorted(warehouse.execute(FOUND.format(prefix=here.schema_prefix)), key=str)
        assert warehouse.execute(UNEXPLAINED.format(prefix=here.schema_prefix))[0][0] == 0
    missing = [row for row in expected if row not in found]
    strange = [row for row in found if tuple(row) not in expected]
    assert (missing, strange) == ([], [])
    assert {row[2] for row in expected} == {
        "matched", "matched_late", "amount_mismatch", "currency_mismatch", "status_mismatch", "platform_only",
        "channel_only", "duplicate_channel",
    }  # fmt: skip
    assert len(found) == len(expected) > 300
