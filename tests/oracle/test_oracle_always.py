"""What must always hold of the oracle's answers, on random worlds."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle.oracle import run_oracle
from tests.oracle.world import Output, as_int
from tests.oracle.worlds import calendar, make_world


def number(row: Output, column: str) -> int:
    """A column that holds a whole number."""
    value = row[column]
    assert isinstance(value, int)
    return value


@settings(derandomize=True, deadline=None, max_examples=25)
@given(st.integers(1, 10**6))
def test_always_true_of_random_worlds(seed_number: int) -> None:
    world = make_world(seed_number, calendar(seed_number))
    found = run_oracle(world)
    split_rules = {row["rule_code"] for row in world.table("billing_rules") if row["allocation_rule_code"]}
    granted: dict[tuple[object, object], int] = {}
    for row in found.allocations:
        key = (row["clearing_seq"], row["rule_code"])
        granted[key] = granted.get(key, 0) + number(row, "granted_minor")
        if row["cap_minor"] is not None:
            assert 0 <= number(row, "accumulated_minor") <= number(row, "cap_minor")
    for row in found.details:
        if row["rule_code"] in split_rules:
            assert granted.get((row["clearing_seq"], row["rule_code"]), 0) == row["fee_minor"]
        else:
            assert (row["clearing_seq"], row["rule_code"]) not in granted
    for row in found.accumulators:
        moved = number(row, "opening_minor") + number(row, "granted_minor") - number(row, "released_minor")
        assert moved == row["closing_minor"]
    _check_reconciliation(found.items, found.open_items)
    nets = {True: 0, False: 0}
    for row in found.entries:
        nets[bool(row["is_settleable"])] += number(row, "net_minor")
    carried = sum(number(row, "carried_out_minor") - number(row, "carried_in_minor") for row in found.bills)
    assert nets[True] == sum(number(row, "net_minor") for row in found.bills) + carried


def _check_reconciliation(items: list[Output], open_items: list[Output]) -> None:
    """Pools roll forward: what is open after a batch is what was, plus what came, less what left."""
    pools: dict[object, object] = {}
    by_batch: dict[object, set[object]] = {}
    for row in open_items:
        by_batch.setdefault(row["batch_id"], set()).add((row["item_key"], row["pool"]))
    for batch_id in range(1, 6):
        for row in items:
            if row["batch_id"] == batch_id:
                assert pools.get(row["item_key"]) is not None or row["previous_result"] is None
                pools[row["item_key"]] = row["pool"]
        assert by_batch.get(batch_id, set()) == {(key, pool) for key, pool in pools.items() if pool != "none"}


@settings(derandomize=True, deadline=None, max_examples=5)
@given(st.integers(1, 10**6))
def test_a_seed_always_gives_the_same_world(seed_number: int) -> None:
    world = make_world(seed_number, calendar(seed_number))
    assert world == make_world(seed_number, calendar(seed_number))
    assert all(
        as_int(row["cap_minor"]) is None or int(row["cap_minor"]) >= 0 for row in world.table("allocation_bearers")
    )
