"""Every fee computed again from what is recorded of it, in whole numbers; later configuration changes nothing."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from settle.dbt import run_dbt
from settle.settings import Settings
from settle.warehouse import Warehouse, open_warehouse
from tests.oracle import hand
from tests.oracle.world import Row, World
from tests.oracle.worlds import write_config
from tests.warehouse.company import configured
from tests.warehouse.test_oracle_agrees import load

pytestmark = pytest.mark.postgres_in_campaign

MONDAY, TUESDAY = "2026-01-05", "2026-01-06"
METHODS = (
    "rate",
    "fixed",
    "rate_plus_fixed",
    "package",
    "graduated",
    "volume",
    "cumulative_graduated",
    "cumulative_volume",
)
ROUNDINGS = ("half_up", "half_even", "down", "up")
COLUMNS = (
    "fee_no, parent_bearer, bearer, method, rule_key, base_minor, base_before_minor, tier_no, tier_from_minor, "
    "tier_to_minor, slice_minor, ppm, flat_minor, step_millionths, exact_millionths, rounding, rounded_minor, "
    "min_minor, max_minor, fee_minor"
)
Step = dict[str, Any]
Fees = dict[tuple[int, str, str], list[Step]]
SHARED, SPLIT = 5, 2
# The details of new business, and of each the fees of which it is the sum.
UNEXPLAINED = """
    select details.fee_no, details.fee_minor, sum(computed.fee_minor)
    from clearing.fct_clearing_details as details
    left join (
        select distinct fee_no, level, parent_bearer, bearer, fee_minor from clearing.fct_fee_computations
    ) as computed on computed.fee_no = details.fee_no
    where details.entry_kind = 'new'
    group by details.fee_no, details.fee_minor
    having sum(computed.fee_minor) is null or sum(computed.fee_minor) <> details.fee_minor
"""


def rounded(millionths: int, policy: str) -> int:
    """Millionths of a minor unit as whole minor units."""
    whole, rest = divmod(millionths, 1_000_000)
    up = {"down": False, "up": rest > 0, "half_up": rest >= 500_000}
    up["half_even"] = rest > 500_000 or (rest == 500_000 and whole % 2 == 1)
    return whole + int(up[policy])


def problems_of(steps: Sequence[Step]) -> list[str]:
    """What of one fee does not follow from its own rows; empty when all does."""
    fee = steps[0]
    found = [
        f"step {step['tier_no']}: {step['step_millionths']}"
        for step in steps
        if int(step["step_millionths"]) != step["slice_minor"] * step["ppm"] + step["flat_minor"] * 1_000_000
    ]
    exact = sum(int(step["step_millionths"]) for step in steps)
    if exact != int(fee["exact_millionths"]):
        found.append(f"the steps add up to {exact}")
    if rounded(exact, fee["rounding"]) != fee["rounded_minor"]:
        found.append(f"{exact} rounds to {rounded(exact, fee['rounding'])}")
    clamped = fee["rounded_minor"]
    if fee["min_minor"] is not None:
        clamped = max(clamped, fee["min_minor"])
    if fee["max_minor"] is not None:
        clamped = min(clamped, fee["max_minor"])
    if clamped != fee["fee_minor"]:
        found.append(f"within its limits it is {clamped}")
    priced = sum(step["slice_minor"] for step in steps)
    wanted = 0 if fee["method"] in ("fixed", "package") else fee["base_minor"]
    # The tiers of these worlds have no gap and no end, so every unit of the base is priced once.
    if priced != wanted:
        found.append(f"slices of {priced}")
    return [f"fee {fee['fee_no']} ({fee['method']}): {text}: {steps}" for text in found]


def fees_of(warehouse: Warehouse) -> Fees:
    """The steps of every fee by its number, and by whose share of an amount it is on."""
    names = COLUMNS.split(", ")
    fees: Fees = defaultdict(list)
    for row in warehouse.execute(f"select {COLUMNS} from clearing.fct_fee_computations order by fee_no, tier_no"):
        fees[row[:3]].append(dict(zip(names, row, strict=True)))
    return dict(fees)


def tier(code: str, number: int, low: int, high: int | None, ppm: int, flat: int, **values: object) -> Row:
    """A tier of a rule; without `high` it has no end."""
    bounds = {"from_minor": low, "to_minor": "" if high is None else high, "ppm": ppm, "flat_minor": flat}
    return hand.seed("billing_tiers", rule_code=code, tier_no=number, **bounds, **values)


def world_of_every_method() -> World:
    """One rule for each method and rounding, limits on some, tiers that change on Tuesday, and two days of orders.

    Product Q is split over two levels and its shares are billed, product V is only split.
    """
    rng = random.Random(20)
    rules, tiers = [], []
    for method in METHODS:
        for rounding in ROUNDINGS:
            code = f"{method}-{rounding}"
            values: dict[str, object] = {"rule_code": code, "method": method, "rounding": rounding, "ppm": 12_345}
            values |= {"fixed_minor": 7, "package_size_minor": 100, "package_price_minor": 3}
            if rounding in ("down", "up"):
                values |= {"min_minor": 5, "max_minor": 60}
            if method.startswith("cumulative"):
                values |= {"accumulate_period": rng.choice(("month", "quarter", "year", "lifetime"))}
            rules.append(hand.rule(**values))
            borders = sorted(rng.sample(range(50, 3_000), 3))
            for valid in ({"valid_to": TUESDAY}, {"valid_from": TUESDAY}):
                borders = [border + len(valid) * 7 for border in borders]
                for number, (low, high) in enumerate(zip([0, *borders], [*borders, None], strict=True), 1):
                    ppm, flat = rng.randint(0, 90_001), rng.choice((0, 1, 25))
                    tiers.append(tier(code, number, low, high, ppm, flat, **valid))
    codes = [row["rule_code"] for row in rules]
    on_shares = ";".join(code for code in codes if not code.startswith("cumulative"))
    split = {"allocation_rule_code": "A", "priority": 1}
    tables = hand.config(
        billing_rules=rules,
        billing_tiers=tiers,
        products=[hand.seed("products", product_code=code) for code in "PQV"],
        settlement_models=[
            hand.model(billing_rule_codes=";".join(codes)),
            hand.model(
                model_code="T", product_code="Q", combination="allocate_bill", billing_rule_codes=on_shares, **split
            ),
            hand.model(model_code="U", product_code="V", combination="allocate", billing_rule_codes="", **split),
        ],
        allocation_rules=[hand.split("ratio"), hand.split("sequence", level=2, parent_bearer="N")],
        allocation_bearers=[
            hand.bearer("N", 1, ppm=300_000),
            hand.bearer("rest", 2, ppm=700_000, is_residual="true"),
            hand.child("N", "bank", 1, cap_minor=700, cap_period="day"),
            hand.child("N", "fund", 2, is_residual="true"),
        ],
    )
    days = []
    for day in (MONDAY, TUESDAY):
        rows = [
            hand.order(
                f"{day}-{number}",
                f"{amount // 100}.{amount % 100:02}",
                participant_id=rng.choice("MN"),
                ordered_at=f"{day}T1{number % 10}:00:00+08:00",
            )
            for number, amount in enumerate([1, 100, *(rng.randint(1, 2_000) for _ in range(30)), 99_999_999_999_999])
        ]
        for number, product in enumerate("Q" * SHARED + "V" * SPLIT):
            amount = rng.randint(1, 2_000)
            order_no = f"{day}-{product}{number}"
            rows.append(hand.order(order_no, amount, product_code=product, ordered_at=f"{day}T20:00:00+08:00"))
        days.append(hand.batch(day, *rows))
    days[1] = replace(days[1], orders=[*days[1].orders, hand.refund("R", f"{MONDAY}-5", "0.01")])
    return World(0, "", days, tables)


def build(here: Settings, left_out: Sequence[str] = ("unit_test",)) -> Fees:
    outcome = run_dbt(here, ["build", "--exclude-resource-type", *left_out], show_progress=False)
    assert outcome.success, "\n".join(outcome.failures)
    with open_warehouse(here, read_only=True) as warehouse:
        assert warehouse.execute(UNEXPLAINED) == []
        return fees_of(warehouse)


def test_bill_steps_every_fee_follows_from_its_rows(any_home: Settings, tmp_path: Path) -> None:
    world = world_of_every_method()
    here = configured(any_home)
    write_config([world], here.config_dir, leave_out=["business_days", "currencies"])
    load(here, [replace(world, batches=world.batches[:1])], tmp_path / "files")
    first = build(here, ("unit_test", "test"))
    details = 33 * 32 + SHARED * (1 + 24) + SPLIT
    assert len({fee_no for fee_no, *_ in first}) == details
    assert {key[1:] for key in first} == {("", ""), ("", "rest"), ("N", "bank"), ("N", "fund")}
    # Other prices in every rule and tier: what was billed on Monday stays as it was, and follows from what is recorded.
    dearer = [{**row, "ppm": "77777"} for row in world.table("billing_tiers")]
    rules = [{**row, "ppm": "54321", "rounding": "up", "fixed_minor": "9"} for row in world.table("billing_rules")]
    changed = replace(world, config={**world.config, "billing_tiers": dearer, "billing_rules": rules})
    write_config([changed], here.config_dir, leave_out=["business_days", "currencies"])
    load(here, [replace(world, batches=world.batches[1:])], tmp_path / "more")
    both = build(here)
    assert {number: both[number] for number in first} == first
    assert len({fee_no for fee_no, *_ in both}) == 2 * details
    assert [text for steps in both.values() for text in problems_of(steps)] == []
    # What is split takes its whole amount as its fee, by no price.
    later = [steps for number, steps in both.items() if number not in first and steps[0]["ppm"] != 1_000_000]
    assert {step["rounding"] for steps in later for step in steps} == {"up"}
    assert {step["ppm"] for steps in later for step in steps if step["tier_no"]} == {77_777}
    crossed = [steps for steps in both.values() if len(steps) > 1]
    assert {steps[0]["method"] for steps in crossed} == {"graduated", "cumulative_graduated"}


def test_the_checks_notice_a_fee_of_one_unit_too_many() -> None:
    step = {"fee_no": 1, "method": "rate", "tier_no": 0, "base_minor": 150, "slice_minor": 150, "ppm": 10_000}
    step |= {"flat_minor": 0, "step_millionths": 1_500_000, "exact_millionths": 1_500_000, "rounding": "half_up"}
    step |= {"rounded_minor": 2, "min_minor": None, "max_minor": None, "fee_minor": 2}
    assert problems_of([step]) == []
    assert problems_of([{**step, "fee_minor": 3}]) != []
    assert problems_of([{**step, "rounding": "down"}]) != []
    assert problems_of([{**step, "slice_minor": 149}]) != []
