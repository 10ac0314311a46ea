"""What must always hold of the oracle's answers on random full worlds."""

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle.features import number
from tests.oracle.oracle import Oracle, run_oracle
from tests.oracle.world import Batch, Output, Results, Row, World
from tests.oracle.worlds import calendar, make_world

SEEDS = st.integers(1, 10**6)
ACCUMULATOR = ("allocation_rule_code", "level", "parent_bearer", "bearer", "currency", "period_key")
Place = tuple[object, ...]


def full_world(seed: int) -> World:
    """The full world of a seed."""
    return make_world(seed, calendar(seed), full=True)


def fee_of_row(row: Output) -> Place:
    """Names one fee."""
    return (row["clearing_seq"], row["rule_code"])


@settings(derandomize=True, deadline=None, max_examples=40)
@given(SEEDS)
def test_grants_sum_to_the_fee_at_both_levels(seed: int) -> None:
    world = full_world(seed)
    found = run_oracle(world)
    rules = {row["rule_code"]: row["allocation_rule_code"] for row in world.table("billing_rules")}
    combinations = {row["model_code"]: row["combination"] for row in world.table("settlement_models")}
    shared: dict[Place, int] = defaultdict(int)
    below: dict[Place, dict[object, int]] = defaultdict(lambda: defaultdict(int))
    granted: dict[Place, int] = defaultdict(int)
    for row in found.allocations:
        key = fee_of_row(row)
        shared[key] += number(row, "granted_minor")
        if row["level"] == 2:
            below[key][row["parent_bearer"]] += number(row, "granted_minor")
        else:
            granted[(*key, row["bearer"])] += number(row, "granted_minor")
    for row in found.details:
        key, combination = fee_of_row(row), combinations[str(row["model_code"])]
        level_two = sum(below[key].values())
        if row["fee_type"] != "amount" and combination == "allocate_bill":
            assert shared[key] == row["fee_minor"], "the shares of both levels are leaves and sum to the fee"
        elif row["fee_type"] == "amount" or (rules[str(row["rule_code"])] and combination != "bill"):
            assert shared[key] - level_two == row["fee_minor"]
            for parent, amount in below[key].items():
                assert granted[(*key, parent)] == amount
        else:
            assert key not in shared


@settings(derandomize=True, deadline=None, max_examples=40)
@given(SEEDS)
def test_accumulators_stay_within_their_caps_and_roll_forward(seed: int) -> None:
    found = run_oracle(full_world(seed))
    before: dict[Place, int] = defaultdict(int)
    for row in found.allocations:
        if row["cap_minor"] is None:
            assert row["accumulated_minor"] is None
            continue
        key = tuple(row[name] for name in ACCUMULATOR)
        assert number(row, "accumulated_minor") == before[key] + number(row, "granted_minor")
        before[key] = number(row, "accumulated_minor")
        assert before[key] >= 0
        # A grant never passes the cap it met; a release may stay above a cap that was lowered.
        assert number(row, "granted_minor") < 0 or before[key] <= number(row, "cap_minor")
    closings: dict[Place, int] = defaultdict(int)
    for row in found.accumulators:
        key = tuple(row[name] for name in ACCUMULATOR)
        assert row["opening_minor"] == closings[key]
        closings[key] += number(row, "granted_minor") - number(row, "released_minor")
        assert row["closing_minor"] == closings[key]
    assert closings == before


@settings(derandomize=True, deadline=None, max_examples=40)
@given(SEEDS)
def test_what_clears_is_taken_back_whole_and_bases_never_go_below_zero(seed: int) -> None:
    found = run_oracle(full_world(seed))
    seen: dict[Place, Output] = {}
    bases: dict[Place, int] = defaultdict(int)
    for row in found.details:
        key = (row["order_no"], row["order_version"], row["line_no"], row["rule_code"])
        if row["entry_kind"] == "reversal":
            first = seen.pop(key)
            for name in ("base_minor", "fee_minor", "contract_fee_minor", "contract_base_minor"):
                assert first[name] is row[name] is None or number(first, name) + number(row, name) == 0
        elif row["entry_kind"] == "new":
            assert key not in seen
            seen[key] = row
        if row["base_before_minor"] is not None:
            place = (row["rule_code"], row["participant_id"], row["currency"], row["accumulate_period_key"])
            assert row["base_before_minor"] == bases[place]
            bases[place] += number(row, "base_minor")
            assert bases[place] >= 0
    _check_entries(found)


def _check_entries(found: Results) -> None:
    """A reversal's entries are the negative of its original's; only leaves are charged; bills hold what is billed."""
    nets: dict[Place, dict[object, int]] = defaultdict(dict)
    for row in found.entries:
        key = (row["order_no"], row["order_version"], row["participant_id"], row["model_code"])
        nets[key][row["entry_kind"]] = number(row, "net_minor")
    for kinds in nets.values():
        assert "reversal" not in kinds or kinds["reversal"] == -kinds["new"]
    billed = sum(number(row, "net_minor") for row in found.entries if row["is_settleable"])
    carried = sum(number(row, "carried_out_minor") - number(row, "carried_in_minor") for row in found.bills)
    assert billed == sum(number(row, "net_minor") for row in found.bills) + carried


def closings_of(oracle: Oracle) -> dict[Place, int]:
    """All accumulators and accumulated bases that are not empty."""
    balances: list[tuple[Place, int]] = [*oracle.clearer.allocator.balances.items(), *oracle.clearer.bases.items()]
    return {key: balance for key, balance in balances if balance}


@settings(derandomize=True, deadline=None, max_examples=40)
@given(SEEDS, st.sampled_from(["failed", "closed"]))
def test_an_order_and_its_reversal_leave_everything_as_it_was(seed: int, status: str) -> None:
    """Every order of the world once more under a new number, then all of them corrected to nothing."""
    world = full_world(seed)
    last = world.batches[-1].batch_date
    again = [row for batch in world.batches for row in batch.orders if row["order_type"] != "refund"]
    keys = {(row["order_no"], row["version"] or "1") for row in again}
    lines = [row for batch in world.batches for row in batch.order_lines if (row["order_no"], row["version"]) in keys]

    def renamed(row: Row, **values: str) -> Row:
        return {**row, "order_no": f"{row['order_no']}/{row['version'] or '1'}", "version": "1", **values}

    quiet = Batch(last + timedelta(days=1))
    more = Batch(last + timedelta(days=2), [renamed(row) for row in again], [renamed(row) for row in lines])
    back = Batch(last + timedelta(days=3), [renamed(row, version="2", status=status) for row in again])
    untouched = Oracle(replace(world, batches=[*world.batches, quiet]))
    untouched.run()
    undone = Oracle(replace(world, batches=[*world.batches, quiet, more, back]))
    found = undone.run()
    assert {row["entry_kind"] for row in found.entries if row["batch_id"] == len(world.batches) + 3} <= {"reversal"}
    assert closings_of(undone) == closings_of(untouched)
