"""The oracle's orders with lines: their amount, and lines that come before or after their order."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle.hand import MONDAY, batch, config, order, order_line, payment, results, seed
from tests.oracle.oracle import run_oracle
from tests.oracle.test_oracle_self import pick
from tests.oracle.world import World
from tests.oracle.world_traffic import HALF_UNITS
from tests.oracle.worlds import calendar, make_world, with_early_lines, with_late_lines


def test_lines_that_are_whole_only_together_have_an_amount_and_do_not_clear() -> None:
    """Their sum is converted, once; but each line would be billed alone, and half a unit cannot be."""
    found = results(
        [
            batch(
                MONDAY,
                order("A", "20.00", channel_code="C"),
                order_line("A", 1, "10.005"),
                order_line("A", 2, "9.995"),
                payment("A", "20.00"),
                order("B", "", channel_code="C"),
                order_line("B", 1, "10.005"),
                order_line("B", 2, "9.99"),
                payment("B", "20.00"),
                order("F", "", channel_code="C", status="pending"),
                order_line("F", 1, "0.001"),
                order_line("F", 2, "0.009"),
                payment("F", "0.01"),
            )
        ],
        config(
            reconciliation_rules=[
                seed("reconciliation_rules", relation="orders_channel", channel_code="C", auto_fill="true")
            ]
        ),
    )
    assert pick(found.items, "order_no", "result", "left_minor", "right_minor", "match_kind") == [
        ("A", "matched", 2000, 2000, "auto"),
        ("B", "amount_mismatch", None, 2000, None),
        ("F", "matched", 1, 1, "auto_fill"),
    ]
    waiting = sorted(pick(found.exceptions, "order_no", "reason_code"), key=str)
    assert waiting == [(name, "bad_amount") for name in "ABF"]


@pytest.mark.parametrize("moved", [with_early_lines, with_late_lines])
@settings(derandomize=True, deadline=None, max_examples=10)
@given(st.integers(1, 10**6))
def test_lines_in_another_batch_than_their_order_change_nothing(moved: Callable[[World], World], seed: int) -> None:
    world = make_world(seed, calendar(seed))
    other = moved(world)
    assert run_oracle(other) == run_oracle(world)


@pytest.mark.parametrize(("moved", "earlier"), [(with_early_lines, True), (with_late_lines, False)])
def test_worlds_have_lines_in_another_batch_than_their_order(moved: Callable[[World], World], earlier: bool) -> None:
    found = 0
    for world in (moved(make_world(number, calendar(number))) for number in range(20)):
        places = {
            (row["order_no"], row["version"] or "1"): place
            for place, arrived in enumerate(world.batches)
            for row in arrived.orders
        }
        for place, arrived in enumerate(world.batches):
            for row in arrived.order_lines:
                home = places[(row["order_no"], row["version"] or "1")]
                found += place < home if earlier else place > home
    assert found > 20


def test_some_worlds_have_lines_that_are_whole_only_together() -> None:
    worlds = (make_world(number, calendar(number)) for number in range(100))
    rows = [row for world in worlds for arrived in world.batches for row in arrived.order_lines]
    assert sum(row["amount"] in HALF_UNITS.values() for row in rows) >= 2
